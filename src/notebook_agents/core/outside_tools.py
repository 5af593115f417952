"""Tools of servers elsewhere, for one owner: the deployment's own first, then theirs.

What comes from outside is not trusted: a tool is called ``server__tool``, so that it can hide no
other; it counts as an effect outside, so that a person is asked by default; what it is described by
is pinned, and a description that changes takes the tool away until somebody approves it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from notebook_agents.core.errors import NotebookAgentsError, ToolFailed
from notebook_agents.core.events import Warned
from notebook_agents.core.tools import ToolInvocation, ToolResult, ToolSpec

if TYPE_CHECKING:
    from notebook_agents.core.assessments import Assessment
    from notebook_agents.core.ports import ToolRunner
    from notebook_agents.core.tool_servers import ToolServer, ToolServers

SEPARATOR = "__"
ANY_OUTSIDE = "*__*"
"""Among the tools of a run: all those of its owner's tool servers."""
NOT = "!"
"""In front of a pattern: these are not meant."""
NEAR = 0.75
"""How much of a name must be right; less, and words such as /help would be near /shell."""
CALL_TIMEOUT_S = 60.0
CHANGED = "CHANGED"
"""The tool is not what it was when it was approved."""
MISSING = (
    "no tool server offers {names} now; it may be disabled, fail, or wait for its tools' approval"
)
MAX_NAME_CHARS = 64
"""What providers allow."""
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")

OutsideToolState: TypeAlias = Literal["ready", "unapproved", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideTool:
    """A tool as its server lists it, and whether it may be used."""

    tool: str
    """What the server calls it."""
    name: str
    """What agents call it."""
    title: str = ""
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    digest: str = ""
    """Of everything that the server says about it."""
    state: OutsideToolState = "ready"
    reason: str = ""
    """Why it may not be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideResult:
    """What a tool elsewhere answered, within bounds."""

    text: str
    value: dict[str, Any] = field(default_factory=dict)
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHealth:
    """Whether a tool server can be reached."""

    is_running: bool = False
    """Whether there is a connection now; it is made at first need and ends when nobody uses it."""
    n_starts: int = 0
    is_stale: bool = False
    """Whether it said that its tools changed."""
    error: str = ""
    stderr: str = ""
    """The last that its process printed."""


class ToolServerHost(Protocol):
    """Keeps connections to tool servers: one for each server and user, made at first need."""

    @property
    def runs_here(self) -> bool:
        """Whether programs are started by this process; else whoever starts them decides which."""
        ...

    async def check_url(self, url: str) -> None:
        """InvalidRequest on the field ``url`` when nothing may be sent there."""
        ...

    def seal(self, values: Mapping[str, str]) -> str:
        """Secrets as they may be stored; Unsupported without a key of the server."""
        ...

    def renew(self, sealed: str) -> str:
        """The same secrets sealed with the newest key; as they are without a key."""
        ...

    def unseal(self, sealed: str) -> dict[str, str]:
        """The secrets; Unsupported when they were sealed with a key that is not here."""
        ...

    async def tools(self, server: ToolServer, user_id: str) -> Sequence[OutsideTool]:
        """What the server lists; ToolFailed says why it cannot be asked.

        Raises LimitExceeded when the user has too many connections.
        """
        ...

    async def call(
        self, server: ToolServer, tool: OutsideTool, invocation: ToolInvocation
    ) -> OutsideResult:
        """Use a tool; ToolFailed with the reason ``TIMEOUT``, ``CHANGED``, ``RESULT`` or none."""
        ...

    def validate(self, schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments; InvalidRequest names the wrong one."""
        ...

    def health(self, server: ToolServer, user_id: str) -> ServerHealth:
        """How the connection is; starts nothing."""
        ...

    def read(self, content: bytes) -> Any:
        """The value of a JSON or YAML text within bounds; InvalidRequest on the field ``file``."""
        ...

    def write(self, value: Any, format: Literal["json", "yaml"]) -> str:
        """The value as a text."""
        ...

    async def stop(self, server_id: str) -> None:
        """End the connections to a server, and its processes."""
        ...

    async def forget(self, server_id: str) -> None:
        """The same, and remove what its processes have left."""
        ...

    async def aclose(self) -> None:
        """End all of them."""
        ...


def slug_of(name: str) -> str:
    """A server's name as a part of the names of its tools; empty when nothing is left of it."""
    return _NOT_IN_NAMES.sub("_", name.lower()).strip("_")[:24].rstrip("_")


def is_outside(name: str) -> bool:
    """Whether a tool of this name comes from a tool server; a pattern such as ``time__*`` too."""
    return SEPARATOR in name


def offered(specs: Iterable[ToolSpec], names: Sequence[str]) -> tuple[ToolSpec, ...]:
    """The tools that are meant by the names.

    Among them patterns are for tools from outside; those behind a ``!`` are not meant.
    """
    patterns = [name for name in names if is_outside(name)]
    refused = [name.removeprefix(NOT) for name in patterns if name.startswith(NOT)]

    def is_meant(spec: ToolSpec) -> bool:
        if not is_outside(spec.name):
            return spec.name in names
        meant, unmeant = (
            any(fnmatchcase(spec.name, pattern) for pattern in some) for some in (patterns, refused)
        )
        return meant and not unmeant

    return tuple(spec for spec in specs if is_meant(spec))


def missing(names: Sequence[str], runner: ToolRunner) -> Warned | None:
    """What to say of names of tools from outside that mean nothing now."""
    there = [spec.name for spec in runner.specs()]
    absent = [
        name
        for name in names
        if is_outside(name) and name != ANY_OUTSIDE and not name.startswith(NOT)
        if not any(fnmatchcase(other, name) for other in there)
    ]
    if not absent:
        return None
    reasons = filter(None, (runner.why_absent(name) for name in absent[:8]))
    lines = (MISSING.format(names=", ".join(absent[:8])), *dict.fromkeys(reasons))
    return Warned(code="tools_missing", message="; ".join(lines))


def closest(name: str, names: Iterable[str]) -> str:
    """The name that was probably meant; empty when none is near."""
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=NEAR)
    return found[0] if found else ""


def pinned(server: ToolServer, tools: Sequence[OutsideTool]) -> tuple[OutsideTool, ...]:
    """The tools as they are listed now, without those that differ from what was approved.

    What a server says the first time counts as approved by whoever registered it.
    """
    if server.listed_at is None:
        return tuple(tools)
    known = {tool.tool: tool for tool in server.tools}
    return tuple(_compared(known.get(tool.tool), tool) for tool in tools)


def _compared(before: OutsideTool | None, now: OutsideTool) -> OutsideTool:
    if now.state == "refused":
        return now
    if before is None or before.state == "refused":
        return replace(now, state="unapproved", reason="it is new; approve it to use it")
    if before.digest == now.digest:
        return before
    return replace(now, state="unapproved", reason="its description changed; approve it again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A tool of a server, ready to be used."""

    server: ToolServer
    tool: OutsideTool

    @property
    def spec(self) -> ToolSpec:
        """What agents are told."""
        return ToolSpec(
            name=self.tool.name,
            title=self.tool.title or self.tool.tool,
            description=f"[{self.server.name}] {self.tool.description}".strip(),
            category="MCP",
            parameters=self.tool.parameters,
            effect="external",
            timeout_s=CALL_TIMEOUT_S,
        )


class OwnedTools:
    """Answers the ToolRunner port for one user: the deployment's tools and those of the servers."""

    def __init__(
        self, runner: ToolRunner, servers: ToolServers, user_id: str, listed: Iterable[ToolServer]
    ) -> None:
        self._runner = runner
        self._servers = servers
        self._user_id = user_id
        # One's own come last and so win over those for everybody.
        self._listed = sorted(listed, key=lambda server: server.owner_id == user_id)
        taken = {spec.name for spec in runner.specs()}
        self._offers = {
            tool.name: Offer(server=server, tool=tool)
            for server in self._listed
            for tool in server.tools
            if tool.state == "ready" and tool.name not in taken
        }

    def why_absent(self, name: str) -> str:
        """Why there is no tool of that name, or none that fits the pattern; empty if unknown."""
        for server in reversed(self._listed):
            if server.slug != name.partition(SEPARATOR)[0]:
                continue
            if server.last_error:
                # What a server for everybody says is for whoever may change it.
                said = f": {server.last_error}" if server.owner_id == self._user_id else ""
                return f"server {server.name!r} failed{said}"
            for tool in server.tools:
                if fnmatchcase(tool.name, name) and tool.state == "unapproved":
                    place = f"POST …/mcp-servers/{server.id}/tools/approve"
                    return f"{tool.name} waits for approval ({tool.reason}): {place}"
                if fnmatchcase(tool.name, name) and tool.state == "refused":
                    return f"{tool.name} cannot be used: {tool.reason}"
        return ""

    def specs(self) -> Sequence[ToolSpec]:
        """Every tool, by name."""
        return (*self._runner.specs(), *(offer.spec for offer in self._offers.values()))

    def validate(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with defaults filled in; InvalidRequest names the wrong one."""
        if offer := self._offers.get(name):
            return self._servers.host.validate(offer.tool.parameters, arguments)
        return self._runner.validate(name, arguments)

    async def assess(self, name: str, arguments: Mapping[str, Any]) -> Assessment | None:
        """What the call would do; of tools elsewhere nothing more is known than their effect."""
        return None if name in self._offers else await self._runner.assess(name, arguments)

    async def run(self, invocation: ToolInvocation) -> ToolResult:
        """Use the tool; failures are results."""
        offer = self._offers.get(invocation.name)
        if offer is None:
            return await self._runner.run(invocation)
        result = await run_outside(self._servers.host, offer, invocation)
        if result.error_type == CHANGED:
            await self._servers.note_change(offer, invocation.owner_id)
        return result

    async def release(self, conversation_id: str) -> None:
        """End the conversation's tool kernel."""
        await self._runner.release(conversation_id)

    async def aclose(self) -> None:
        """Nothing of its own is open."""


async def run_outside(host: ToolServerHost, offer: Offer, invocation: ToolInvocation) -> ToolResult:
    """One use of a tool elsewhere; the loop marks its words as what they are."""
    try:
        answer = await host.call(offer.server, offer.tool, invocation)
    except ToolFailed as error:
        reason = error.reason or "UNAVAILABLE"
        return ToolResult(
            status="timed_out" if reason == "TIMEOUT" else "failed",
            content=f"Error: {error.message}",
            error_type=reason,
        )
    except NotebookAgentsError as error:
        return ToolResult(
            status="failed", content=f"Error: {error.message}", error_type=type(error).__name__
        )
    if answer.is_error:
        return ToolResult(
            status="failed", content=f"Error: {answer.text}", value=answer.value, error_type="TOOL"
        )
    return ToolResult(status="succeeded", content=answer.text, value=answer.value)
