"""Tool servers from a file and into one: what other programs of the protocol read and write.

A file has a map ``mcpServers`` (also ``mcp_servers`` or ``servers``) of names to servers, or a list
of servers with names. Each entry stands for itself: one that is wrong is reported and the others
are taken. Secrets leave masked; a masked value that comes back keeps the secret there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from notebook_agents.core.errors import InvalidRequest, NotebookAgentsError
from notebook_agents.core.tool_server_rules import MASKED, ToolServerKind
from notebook_agents.core.tool_servers import (
    RegisterToolServer,
    ToolServer,
    ToolServerChanges,
    ToolServers,
)

if TYPE_CHECKING:
    from notebook_agents.core.users import Actor

MAX_ENTRIES = 100
MAPS = ("mcpServers", "mcp_servers", "servers")
"""Under which of these names the servers may be."""
KINDS: Mapping[str, ToolServerKind] = {
    "stdio": "stdio",
    "sse": "sse",
    "http": "http",
    "streamablehttp": "http",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of the entries of a file."""

    n_imported: int
    skipped: tuple[str, ...]
    """Names that were there already and were not to be overridden."""
    errors: tuple[tuple[str, str], ...]
    """Names, and what is wrong with those entries."""


class Entry(BaseModel):
    """A server as files describe it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = ""
    description: str = ""
    kind: str | None = Field(
        None, validation_alias=AliasChoices("type", "server_type", "transport", "kind")
    )
    command: str = ""
    args: list[str] = Field(default_factory=list)
    env: dict[str, str] = Field(default_factory=dict)
    url: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    is_enabled: bool | None = Field(None, validation_alias=AliasChoices("is_enabled", "enabled"))
    disabled: bool | None = None
    is_global: bool = False

    @property
    def wish(self) -> RegisterToolServer:
        """The entry as a wish; InvalidRequest says what does not fit together."""
        word = self.kind or ("http" if self.url else "stdio")
        kind = KINDS.get(word.lower().replace("-", "").replace("_", ""))
        if kind is None:
            raise InvalidRequest(f"there is no type {word!r}; there are: stdio, sse, http")
        if self.env and kind != "stdio":
            raise InvalidRequest(f"a server of type {kind} has headers and no env")
        if self.headers and kind == "stdio":
            raise InvalidRequest("a stdio server has env and no headers")
        is_enabled = self.is_enabled if self.is_enabled is not None else not self.disabled
        return RegisterToolServer(
            name=self.name,
            kind=kind,
            description=self.description,
            command=self.command,
            args=tuple(self.args),
            url=self.url,
            secrets=self.env or self.headers,
            is_enabled=is_enabled,
            is_global=self.is_global,
        )


async def import_servers(
    servers: ToolServers, actor: Actor, content: bytes, *, override_existing: bool = False
) -> ImportReport:
    """Register what a file names.

    Raises InvalidRequest on the field ``file`` when it cannot be read or names no servers.
    """
    n_imported, skipped, errors = 0, [], []
    for name, value in _entries(await asyncio.to_thread(servers.host.read, content)):
        try:
            wish = _read(name, value).wish
            existing = await servers.find(actor, wish.name)
            if existing is not None and not override_existing:
                skipped.append(wish.name)
                continue
            await _put(servers, actor, wish, existing)
        except NotebookAgentsError as error:
            errors.append((name, error.message))
        else:
            n_imported += 1
    return ImportReport(n_imported=n_imported, skipped=tuple(skipped), errors=tuple(errors))


async def export_servers(
    servers: ToolServers, actor: Actor, format: Literal["json", "yaml"]
) -> str:
    """The actor's own servers as a file that `import_servers` takes back."""
    found = await servers.own(actor)
    value = {"mcpServers": {server.name: _exported(server) for server in found}}
    return servers.host.write(value, format)


async def _put(
    servers: ToolServers, actor: Actor, wish: RegisterToolServer, existing: ToolServer | None
) -> None:
    if existing is None:
        await servers.register(actor, wish)
        return
    if existing.kind != wish.kind:
        raise InvalidRequest(f"{wish.name!r} is of type {existing.kind}; delete it first")
    changes = ToolServerChanges(
        description=wish.description,
        command=wish.command,
        args=wish.args,
        url=wish.url,
        secrets=wish.secrets,
        is_enabled=wish.is_enabled,
        is_global=wish.is_global,
    )
    await servers.update(actor, existing.id, changes)


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        value = next((value[name] for name in MAPS if name in value), None)
    if isinstance(value, Mapping):
        found = [(str(name), entry) for name, entry in value.items()]
    elif isinstance(value, list):
        found = [("", entry) for entry in value]
    else:
        raise InvalidRequest(
            f"the file names no servers; expected a list, or a map under {' or '.join(MAPS)}",
            field="file",
        )
    if len(found) > MAX_ENTRIES:
        raise InvalidRequest(f"the file has more than {MAX_ENTRIES} servers", field="file")
    for n, (name, entry) in enumerate(found, start=1):
        named = entry.get("name") if isinstance(entry, Mapping) else None
        yield (name or (str(named)[:100] if named else f"entry {n}")), entry


def _read(name: str, value: Any) -> Entry:
    if not isinstance(value, Mapping):
        raise InvalidRequest("this is no server")
    try:
        entry = Entry.model_validate({"name": name, **value})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{where}: {first['msg']}") from None
    return entry


def _exported(server: ToolServer) -> dict[str, Any]:
    masked = dict.fromkeys(server.secret_names, MASKED)
    value: dict[str, Any] = {"type": server.kind}
    if server.description:
        value["description"] = server.description
    if server.kind == "stdio":
        value |= {"command": server.command, "args": list(server.args)}
        value |= {"env": masked} if masked else {}
    else:
        value["url"] = server.url
        value |= {"headers": masked} if masked else {}
    value["enabled"] = server.is_enabled
    if server.is_global:
        value["is_global"] = True
    return value
