"""Tool servers: programs and addresses elsewhere that offer tools, by the Model Context Protocol.

A server belongs to whoever registered it; one of an administrator may be for everybody. Each user
has connections of their own. Variables and headers are kept sealed and never shown. Which programs
may be started is decided here: any by an administrator, by others those that the deployment lists.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from notebook_agents.core.errors import (
    Conflict,
    LimitExceeded,
    NotebookAgentsError,
    NotFound,
    NotPermitted,
    Unsupported,
)
from notebook_agents.core.ids import new_id
from notebook_agents.core.outside_tools import Offer, OutsideTool, OwnedTools, pinned, slug_of
from notebook_agents.core.ports import Delete, Insert, Page, Patch, Query
from notebook_agents.core.tool_server_rules import (
    Commands,
    ToolServerKind,
    check_place,
    check_texts,
    filled_in,
)

if TYPE_CHECKING:
    from notebook_agents.core.outside_tools import ServerHealth, ToolServerHost
    from notebook_agents.core.ports import Clock, Store, ToolRunner
    from notebook_agents.core.users import Actor

MAX_SERVERS = 50
"""Tool servers that one user may have."""
MAX_USED = 200
"""Servers, with those for everybody, that a run looks at."""
ALL = 1_000_000
ToolServerStatus: TypeAlias = Literal["disabled", "new", "ready", "needs_approval", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolServer:
    """Where tools are, and what is known of them."""

    id: str
    owner_id: str
    name: str
    slug: str
    """The first part of the names of its tools."""
    description: str = ""
    kind: ToolServerKind
    command: str = ""
    args: tuple[str, ...] = ()
    url: str = ""
    secret_names: tuple[str, ...] = ()
    """Of environment variables, or of headers."""
    sealed: str = field(default="", repr=False)
    """Their values, encrypted with the server's own key."""
    is_enabled: bool = True
    is_global: bool = False
    """Whether everybody's agents have its tools."""
    is_trusted: bool = False
    """Whether an administrator wrote its command: then the deployment's list does not matter."""
    tools: tuple[OutsideTool, ...] = ()
    """As they were listed last."""
    listed_at: datetime | None = None
    last_error: str = ""
    created_at: datetime
    updated_at: datetime
    """When somebody changed it last; connections made before are made anew."""

    @property
    def status(self) -> ToolServerStatus:
        """How it stands."""
        if not self.is_enabled:
            return "disabled"
        if self.last_error:
            return "failed"
        if self.listed_at is None:
            return "new"
        waits = any(tool.state == "unapproved" for tool in self.tools)
        return "needs_approval" if waits else "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterToolServer:
    """The wish for a tool server."""

    name: str
    kind: ToolServerKind
    description: str = ""
    command: str = ""
    args: tuple[str, ...] = ()
    url: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Environment variables of a program, headers for an address."""
    is_enabled: bool = True
    is_global: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolServerChanges:
    """A partial update: only the fields that are not None change."""

    name: str | None = None
    description: str | None = None
    command: str | None = None
    args: tuple[str, ...] | None = None
    url: str | None = None
    secrets: Mapping[str, str] | None = field(default=None, repr=False)
    """All of them; a masked value keeps the one there is."""
    is_enabled: bool | None = None
    is_global: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolServerPorts:
    """What tool servers work with; a process without a host has none."""

    store: Store
    clock: Clock
    runner: ToolRunner
    """The deployment's own tools, whose names no other may have."""
    host: ToolServerHost | None
    commands: tuple[str, ...] = ()
    """What others than administrators may start, see `Commands`."""


class ToolServers:
    """Register, read, change and remove tool servers, and use what they offer."""

    def __init__(self, ports: ToolServerPorts) -> None:
        self._ports = ports
        self._commands = Commands(ports.commands)

    @property
    def is_offered(self) -> bool:
        """Whether this process can use tool servers."""
        return self._ports.host is not None

    @property
    def host(self) -> ToolServerHost:
        """Whoever keeps the connections."""
        if self._ports.host is None:
            raise Unsupported("this process does not use tool servers")
        return self._ports.host

    async def register(self, actor: Actor, wish: RegisterToolServer) -> ToolServer:
        """Keep a new tool server; it is started when its tools are needed.

        Raises InvalidRequest naming the field, NotPermitted for a command that is not listed or a
        server for everybody, Conflict when the name is taken.
        """
        mine = Query(where={"owner_id": actor.user_id}, limit=1)
        if (await self._ports.store.find(ToolServer, mine)).total >= MAX_SERVERS:
            raise LimitExceeded(
                f"you have {MAX_SERVERS} tool servers; delete one first", limit="tool_servers"
            )
        now = self._ports.clock.now()
        server = ToolServer(
            id=new_id(),
            owner_id=actor.user_id,
            name=wish.name.strip(),
            slug=slug_of(wish.name),
            description=wish.description,
            kind=wish.kind,
            command=wish.command,
            args=wish.args,
            url=wish.url.strip(),
            secret_names=tuple(wish.secrets),
            is_enabled=wish.is_enabled,
            is_global=wish.is_global,
            created_at=now,
            updated_at=now,
        )
        server = await self._checked(actor, server)
        sealed = self._sealed(filled_in(wish.kind, wish.secrets, {}))
        server = replace(server, sealed=sealed)
        await self._ports.store.commit(Insert(record=server))
        return server

    async def get(self, actor: Actor, id: str) -> ToolServer:
        """One of the actor's servers, or one for everybody; NotFound for any other."""
        server = await self._ports.store.get(ToolServer, id)
        if server is None or not (server.is_global or _may_change(actor, server)):
            raise NotFound("mcp server", id)
        return server

    async def usable(self, actor: Actor, id: str) -> ToolServer:
        """One whose tools the actor's runs may have; administrators have no others than all."""
        server = await self.get(actor, id)
        if not server.is_enabled or not (server.is_global or server.owner_id == actor.user_id):
            raise NotFound("mcp server", id)
        self._commands.require(server)
        return server

    async def find(self, actor: Actor, name: str) -> ToolServer | None:
        """The actor's own server of that name."""
        query = Query(where={"owner_id": actor.user_id, "name": name.strip()}, limit=1)
        found = (await self._ports.store.find(ToolServer, query)).items
        return found[0] if found else None

    async def own(self, actor: Actor) -> tuple[ToolServer, ...]:
        """All of the actor's own servers, oldest first."""
        query = Query(where={"owner_id": actor.user_id}, limit=MAX_SERVERS, oldest_first=True)
        return (await self._ports.store.find(ToolServer, query)).items

    async def list(self, actor: Actor, *, limit: int = 100, offset: int = 0) -> Page[ToolServer]:
        """The actor's servers and those for everybody, newest first."""
        any_of = ({"owner_id": actor.user_id}, {"is_global": True})
        query = Query(any_of=any_of, limit=limit, offset=offset)
        return await self._ports.store.find(ToolServer, query)

    async def update(self, actor: Actor, id: str, changes: ToolServerChanges) -> ToolServer:
        """Change the given fields; what was known of the tools is forgotten when the place changes.

        Switching a server on or off keeps what was approved.
        """
        server = await self._get_to_change(actor, id)
        given = {
            name: value
            for name in ("description", "command", "args", "is_enabled", "is_global")
            if (value := getattr(changes, name)) is not None
        }
        if changes.name is not None:
            given |= {"name": changes.name.strip(), "slug": slug_of(changes.name)}
        if changes.url is not None:
            given["url"] = changes.url.strip()
        if changes.secrets is not None:
            values = filled_in(server.kind, changes.secrets, self._unsealed(server))
            given |= {"secret_names": tuple(values), "sealed": self._sealed(values)}
        changed = await self._checked(actor, replace(server, **given), before=server)
        if _place(changed) != _place(server) or changed.slug != server.slug:
            given |= {"tools": (), "listed_at": None}
        given |= {"is_trusted": changed.is_trusted, "last_error": ""}
        given["updated_at"] = self._ports.clock.now()
        await self._ports.store.commit(Patch(kind=ToolServer, id=id, fields=given))
        await self.host.stop(id)
        return replace(server, **given)

    async def delete(self, actor: Actor, id: str) -> ToolServer:
        """Forget a server and end its processes."""
        server = await self._get_to_change(actor, id)
        await self._ports.store.commit(Delete(kind=ToolServer, id=id))
        await self.host.forget(id)
        return server

    async def renew_secrets(self) -> None:
        """Seal with the server's newest key what an older one has sealed."""
        if self._ports.host is None:
            return
        query = Query(but={"sealed": ("",)}, limit=ALL)
        for server in (await self._ports.store.find(ToolServer, query)).items:
            if (sealed := self.host.renew(server.sealed)) != server.sealed:
                patch = Patch(
                    kind=ToolServer,
                    id=server.id,
                    fields={"sealed": sealed},
                    expected={"sealed": server.sealed},
                )
                with suppress(Conflict, NotFound):
                    await self._ports.store.commit(patch)

    # -- what they offer -----------------------------------------------------------------------

    async def refresh(self, actor: Actor, id: str) -> ToolServer:
        """Ask a server for its tools now; what went wrong is in ``last_error``."""
        server = await self.get(actor, id)
        if not server.is_enabled:
            raise Conflict("the server is disabled; enable it first", status="disabled")
        return await self._listed(server, actor.user_id)

    async def approve(self, actor: Actor, id: str) -> ToolServer:
        """Allow the tools of a server as they are described now."""
        server = await self._get_to_change(actor, id)
        tools = tuple(
            replace(tool, state="ready", reason="") if tool.state == "unapproved" else tool
            for tool in server.tools
        )
        await self._ports.store.commit(Patch(kind=ToolServer, id=id, fields={"tools": tools}))
        return replace(server, tools=tools)

    async def health(self, actor: Actor, id: str) -> tuple[ToolServer, ServerHealth]:
        """Connect if need be, and say how it went."""
        server = await self.get(actor, id)
        if server.is_enabled:
            server = await self._listed(server, actor.user_id)
        return server, self.host.health(server, actor.user_id)

    async def runner_for(self, user_id: str) -> ToolRunner:
        """The deployment's tools and those of the servers that the user has enabled.

        A server that was never asked is asked now; one that does not answer is left out.
        """
        ports = self._ports
        if ports.host is None:
            return ports.runner
        any_of = ({"owner_id": user_id}, {"is_global": True})
        query = Query(where={"is_enabled": True}, any_of=any_of, limit=MAX_USED, oldest_first=True)
        servers = (await ports.store.find(ToolServer, query)).items
        if not servers:
            return ports.runner
        listed = await asyncio.gather(*(self._known(server, user_id) for server in servers))
        return OwnedTools(ports.runner, self, user_id, listed)

    async def note_change(self, offer: Offer, user_id: str) -> None:
        """Look again at a server that describes a tool differently than before."""
        await self._listed(offer.server, user_id)

    async def _known(self, server: ToolServer, user_id: str) -> ToolServer:
        is_new = server.listed_at is None or bool(server.last_error)
        if is_new or self.host.health(server, user_id).is_stale:
            with suppress(LimitExceeded):
                return await self._listed(server, user_id)
            return replace(server, tools=())
        return server

    async def _listed(self, server: ToolServer, user_id: str) -> ToolServer:
        try:
            if self.host.runs_here:
                self._commands.require(server)
            tools = await self.host.tools(server, user_id)
        except LimitExceeded:
            raise  # says something of the user, and nothing of a server that others use too
        except NotebookAgentsError as error:
            fields: dict[str, Any] = {"last_error": error.message}
        else:
            merged = pinned(server, tools)
            fields = {"tools": merged, "listed_at": self._ports.clock.now(), "last_error": ""}
        patch = Patch(
            kind=ToolServer, id=server.id, fields=fields, expected={"updated_at": server.updated_at}
        )
        try:
            await self._ports.store.commit(patch)
        except (Conflict, NotFound):
            return replace(server, tools=())  # changed or deleted meanwhile: the next run sees it
        return replace(server, **fields)

    # -- rules ---------------------------------------------------------------------------------

    async def _get_to_change(self, actor: Actor, id: str) -> ToolServer:
        server = await self.get(actor, id)
        if not _may_change(actor, server):
            raise NotPermitted("only its owner and administrators change a server for everybody")
        return server

    async def _checked(
        self, actor: Actor, server: ToolServer, before: ToolServer | None = None
    ) -> ToolServer:
        check_texts(server)
        check_place(server)
        if server.is_global and not (before and before.is_global) and not actor.is_admin:
            raise NotPermitted("only administrators register servers for everybody")
        if server.url and (before is None or before.url != server.url):
            await self.host.check_url(server.url)
        is_same = (
            before is not None
            and before.sealed == server.sealed
            and _place(before) == _place(server)
        )
        server = replace(server, is_trusted=bool(before and is_same and before.is_trusted))
        if not is_same and actor.is_admin:
            server = replace(server, is_trusted=True)
        self._commands.require(server)
        query = Query(where={"owner_id": server.owner_id, "slug": server.slug}, limit=2)
        others = (await self._ports.store.find(ToolServer, query)).items
        if any(other.id != server.id for other in others):
            raise Conflict(f"you have a tool server {server.name!r} already", field="name")
        return server

    def _sealed(self, values: Mapping[str, str]) -> str:
        return self.host.seal(values) if values else ""

    def _unsealed(self, server: ToolServer) -> dict[str, str]:
        return self.host.unseal(server.sealed) if server.sealed else {}


def _place(server: ToolServer) -> tuple[Any, ...]:
    return (server.kind, server.command, server.args, server.url, server.secret_names)


def _may_change(actor: Actor, server: ToolServer) -> bool:
    return server.owner_id == actor.user_id or actor.is_admin
