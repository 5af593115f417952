"""Tools: named capabilities with a JSON schema, and what one use of a tool came to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from notebook_agents.core.assessments import Assessment
from notebook_agents.core.call_effects import assess, refuse_unattended
from notebook_agents.core.errors import InvalidRequest, LimitExceeded, NotFound
from notebook_agents.core.events import SYSTEM_STREAM, ToolStarted
from notebook_agents.core.figures import Figure
from notebook_agents.core.ids import new_id
from notebook_agents.core.joined_tools import JoinedTools
from notebook_agents.core.journal import Source
from notebook_agents.core.models import ToolSchema
from notebook_agents.core.policy import Effect, Level, strictest
from notebook_agents.core.states import ToolStatus
from notebook_agents.core.tool_bodies import finished_body

if TYPE_CHECKING:
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.ports import Sandbox, Store, ToolRunner
    from notebook_agents.core.tool_servers import ToolServers
    from notebook_agents.core.users import Actor
    from notebook_agents.core.workspaces import Workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """What a tool is: its name, what it takes, what it may do."""

    name: str
    title: str
    description: str
    category: str
    parameters: dict[str, Any]
    """JSON schema (2020-12) of an object, made from the tool's typed function."""
    effect: Effect
    security_level: Level = "low"
    """The lowest sandbox level this tool may run at."""
    timeout_s: float = 30.0
    module: str = ""
    """The Python module it is made in; empty when nobody said."""

    @property
    def is_built_in(self) -> bool:
        """Whether it comes with this package."""
        return self.module.startswith("notebook_agents.")

    @property
    def schema(self) -> ToolSchema:
        """What a model is told."""
        return ToolSchema(name=self.name, description=self.description, parameters=self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolInvocation:
    """One use of a tool, ready to run: arguments validated, level decided."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    owner_id: str
    conversation_id: str
    """Names the tool kernel: one per conversation, never shared between owners."""
    workspace: str
    """Absolute folder the tool works in."""
    level: Level
    timeout_s: float
    memory_bytes: int
    on_output: Callable[[str], None] = field(default=lambda _text: None)
    """Called on the event loop with text as it is printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What one use of a tool came to."""

    status: ToolStatus
    content: str
    """The text for the model; cut to the tool's budget."""
    value: dict[str, Any] = field(default_factory=dict)
    """The same as data, for programs: ``output``, ``exit_code``, ``columns``, ``rows`` …"""
    figures: tuple[Figure, ...] = ()
    """What it drew, for people."""
    thought: str = ""
    """What the model wrote down with it, for people to read."""
    duration_ms: float = 0.0
    cpu_ms: float | None = None
    memory_bytes: int | None = None
    """Peak of the tool kernel; of code in a notebook, what its kernel held afterwards."""
    error_type: str = ""
    """``TIMEOUT``, ``MEMORY_LIMIT``, ``KERNEL_LOST``, ``PATH_DENIED``, ``SQL_DENIED``,
    ``INVALID_ARGUMENTS``, ``UNKNOWN_TOOL``, ``REPEATED_CALL``, ``DENIED``, ``APPROVAL_REQUIRED``,
    ``APPROVAL_INVALID``, ``BUDGET``, or the class name of a Python error."""
    enforced_level: Level | None = None
    memory_enforcement: str = ""
    origin: str = ""
    """Where the content comes from; see ``core/provenance.py``."""
    security_events: tuple[str, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether the model must be told that the call failed."""
        return self.status != "succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """The record of one use of a tool, in a run or direct."""

    id: str
    name: str
    arguments: dict[str, Any]
    status: ToolStatus
    content: str
    duration_ms: float = 0.0
    error_type: str = ""


SANDBOX_CALLS = "sandbox_calls"
"""The limit of what one user's calls may occupy: running and waiting ones."""

SandboxReason: TypeAlias = Literal[
    "",
    "ERROR",
    "TIMEOUT",
    "MEMORY_LIMIT",
    "OUTPUT_LIMIT",
    "PROCESS_LIMIT",
    "DISK_LIMIT",
    "KERNEL_LOST",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxCall:
    """Something to execute in the tool kernel of a conversation.

    Exactly one of ``code`` (cell source) and ``function`` (``"package.module:name"``, called with
    ``arguments``; must return something JSON can hold) is given.
    """

    key: str
    """The conversation (or direct execution) the kernel belongs to."""
    owner_id: str
    workspace: str
    level: Level
    timeout_s: float
    memory_bytes: int
    code: str = ""
    function: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    may_write: bool = False
    """Whether ``function`` may change the workspace, which code may not: that of a tool made for
    it, whose call was allowed. It runs in a kernel of its own, which no code reaches."""
    keeps_output: bool = True
    """Whether a file in the workspace may hold what is too long to tell: it outlives the call."""
    on_output: Callable[[str], None] = field(default=lambda _text: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOutcome:
    """What came out of a SandboxCall. A failure of the user's code is an outcome, not an error."""

    reason: SandboxReason
    """Empty when all went well."""
    output: str = ""
    """stdout, stderr and the last expression's text, in order; capped, with a marker."""
    output_file: str = ""
    """The file in the workspace that holds all of a long output."""
    value: Any = None
    """What ``function`` returned."""
    figures: tuple[Figure, ...] = ()
    """What it drew, as far as it fits the budget of a call."""
    n_figures_left_out: int = 0
    error_name: str = ""
    error_message: str = ""
    traceback: str = ""
    duration_ms: float = 0.0
    cpu_ms: float | None = None
    memory_bytes: int | None = None
    enforced_level: Level = "low"
    memory_enforcement: str = ""
    """``cgroup``, ``sealed-rlimit`` or ``watchdog``."""
    backend: str = ""
    """The mechanism that enforced the level."""
    kernel_kept: bool = True
    truncated_bytes: int = 0
    security_events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MechanismReport:
    """What one mechanism of a level did on this machine when it was tried."""

    backend: str
    is_available: bool
    enforces: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    evidence: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelReport:
    """Whether one sandbox level can be enforced on this machine."""

    level: Level
    is_available: bool
    backend: str = ""
    """The mechanism in use: the first that works."""
    has_children: bool = True
    """Whether what runs there may start other programs."""
    mechanisms: tuple[MechanismReport, ...] = ()
    """Everything that was tried, in order."""
    enforces: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    evidence: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteTool:
    """The wish to use a tool directly, without an agent."""

    name: str
    arguments: dict[str, Any]
    level: Level | None = None
    """The caller may ask for more than the deployment's level, never for less."""
    timeout_s: float | None = None
    memory_bytes: int = 2048 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPorts:
    """What the tools service works with."""

    store: Store
    runner: ToolRunner
    sandbox: Sandbox
    journal: Journal
    workspaces: Workspaces
    level: Level = "medium"
    """The level where nobody asked for one; also the least that a direct call gets."""
    servers: ToolServers | None = None
    """Where further tools of single users come from."""


class Tools:
    """What tools there are, and using one directly."""

    def __init__(self, ports: ToolPorts) -> None:
        self._ports = ports
        self._lent: dict[str, ToolRunner] = {}

    @property
    def base(self) -> ToolRunner:
        """The deployment's own."""
        return self._ports.runner

    def lend(self, runner: ToolRunner, conversation_id: str = "") -> None:
        """Offer tools of this process, such as a notebook's, to a conversation's runs, or to all.

        A tool of a name that there is already stands in its place.
        """
        self._lent[conversation_id] = runner

    def take_back(self, conversation_id: str) -> None:
        """Offer a conversation no lent tools any more."""
        self._lent.pop(conversation_id, None)

    def lent_names(self) -> tuple[str, ...]:
        """The names of those tools."""
        return tuple(dict.fromkeys(s.name for lent in self._lent.values() for s in lent.specs()))

    def specs(self) -> tuple[ToolSpec, ...]:
        """Every tool, by name."""
        return tuple(self._with_lent(self._ports.runner).specs())

    def names(self) -> tuple[str, ...]:
        """The names of all tools."""
        return tuple(spec.name for spec in self.specs())

    def check(self, names: Iterable[str]) -> None:
        """Raise InvalidRequest on the field ``tools`` when a name is unknown.

        A name or pattern such as ``time__*`` means what tool servers offer when it is used.
        """
        known = tuple(dict.fromkeys((*self.names(), *self.lent_names())))
        for name in names:
            if name not in known and not (self.has_outside and "__" in name):
                raise InvalidRequest(
                    f"there is no tool {name!r}; available: {', '.join(known)}",
                    field="tools",
                    reason="Tool not found",
                )

    @property
    def has_outside(self) -> bool:
        """Whether tool servers can be used here."""
        return self._ports.servers is not None and self._ports.servers.is_offered

    async def runner_for(self, user_id: str, conversation_id: str = "") -> ToolRunner:
        """The tools of one user: the deployment's, those of the servers they enabled, and lent."""
        runner = self._ports.runner
        if self._ports.servers is not None:
            runner = await self._ports.servers.runner_for(user_id)
        return self._with_lent(runner, conversation_id)

    async def specs_for(self, actor: Actor) -> tuple[ToolSpec, ...]:
        """What those tools are, by name."""
        return tuple((await self.runner_for(actor.user_id)).specs())

    def get(self, name: str) -> ToolSpec:
        """One tool; NotFound when there is none of that name."""
        for spec in self.specs():
            if spec.name == name:
                return spec
        raise NotFound("tool", name)

    async def resolve(self, level: Level) -> Level:
        """The level at which tools run for somebody who asks for ``level``.

        Raises SandboxUnavailable when it cannot be enforced here.
        """
        return await self._ports.sandbox.resolve(strictest(level, self._ports.level))

    async def execute(self, actor: Actor, wish: ExecuteTool) -> tuple[str, ToolResult]:
        """Use a tool in a kernel of its own; returns the execution's id and the result.

        Raises NotFound, InvalidRequest on the arguments, NotPermitted when policy forbids it and
        SandboxUnavailable when the level cannot be enforced; LimitExceeded when too many calls of
        theirs wait. A tool that fails is a result.
        """
        ports = self._ports
        spec = await self._outside(actor, wish.name) or self.get(wish.name)
        execution_id = new_id()
        source = Source(user_id=actor.user_id, dialect=actor.dialect)
        if spec.effect != "compute":
            of_any = Assessment(effect=spec.effect)
            refuse_unattended(spec, of_any, ports.journal, source, execution_id)
        arguments = ports.runner.validate(spec.name, wish.arguments)
        wanted = strictest(wish.level or ports.level, ports.level, spec.security_level)
        level = await ports.sandbox.resolve(wanted)
        found = await assess(spec, arguments, ports.runner, level)
        refuse_unattended(spec, found, ports.journal, source, execution_id)
        invocation = ToolInvocation(
            call_id=execution_id,
            name=spec.name,
            arguments=arguments,
            owner_id=actor.user_id,
            conversation_id=execution_id,
            workspace=ports.workspaces.path(execution_id),
            level=level,
            timeout_s=min(wish.timeout_s or spec.timeout_s, spec.timeout_s),
            memory_bytes=wish.memory_bytes,
        )
        result = await self._run(invocation, source, found)
        if result.error_type == SANDBOX_CALLS:
            raise LimitExceeded(result.value["error"], limit=SANDBOX_CALLS, retry_after_s=1.0)
        return execution_id, result

    def _with_lent(self, runner: ToolRunner, conversation_id: str = "") -> ToolRunner:
        for key in dict.fromkeys(("", conversation_id)):
            if lent := self._lent.get(key):
                runner = JoinedTools(lent, runner)
        return runner

    async def _outside(self, actor: Actor, name: str) -> ToolSpec | None:
        if "__" not in name:
            return None
        return next((spec for spec in await self.specs_for(actor) if spec.name == name), None)

    async def _run(
        self, invocation: ToolInvocation, source: Source, found: Assessment
    ) -> ToolResult:
        ports, call_id, name = self._ports, invocation.call_id, invocation.name
        started = ToolStarted(
            call_id=call_id,
            name=name,
            arguments=invocation.arguments,
            allowed_by="policy",
            effect=found.effect,
            findings=found.findings,
        )
        ports.journal.record(started, source)
        await ports.journal.sync(SYSTEM_STREAM)
        await ports.workspaces.lend(invocation.workspace, ports.store.holder())
        result = ToolResult(status="failed", content="Error: interrupted", error_type="INTERNAL")
        try:
            result = await ports.runner.run(invocation)
        finally:
            ports.journal.record(finished_body(call_id, name, result), source)
            await ports.runner.release(call_id)
            await ports.workspaces.remove(invocation.workspace)
        return result
