"""What a tool gets beside its arguments: the call it serves and the conversation's tool kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from notebook_agents.core.errors import ToolFailed
from notebook_agents.core.ports import Sandbox
from notebook_agents.core.tools import SandboxCall, SandboxOutcome, ToolInvocation
from notebook_agents.tools.texts import one_line

RESULT_WORDS: Mapping[str, str] = {
    "PathDenied": "PATH_DENIED",
    "SqlDenied": "SQL_DENIED",
    "FileMissing": "FileNotFoundError",
    "FileUnreadable": "OSError",
    "FileUnwritable": "OSError",
    "EditDenied": "NO_UNIQUE_MATCH",
    "PatternDenied": "INVALID_ARGUMENTS",
    "CodeUnreadable": "INVALID_ARGUMENTS",
    "VariableMissing": "NameError",
    "SqlFailed": "SQL_ERROR",
    "TimeoutError": "TIMEOUT",
}
"""Exceptions of our own functions in the kernel: their message says everything."""


@dataclass(slots=True)
class ToolContext:
    """One use of a tool."""

    invocation: ToolInvocation
    sandbox: Sandbox
    may_write: bool = False
    """Whether the tool is one that changes files; its call was allowed."""
    outcomes: list[SandboxOutcome] = field(default_factory=list)
    """What ran in the kernel so far, for the figures of the result."""

    async def execute(self, code: str, *, timeout_s: float | None = None) -> SandboxOutcome:
        """Run a cell in the conversation's tool kernel; its failure is an outcome."""
        return await self._ask(self._call(timeout_s, code=code))

    async def call(self, function: str, **arguments: Any) -> Any:
        """Call ``"package.module:name"`` in the tool kernel.

        Raises:
            ToolFailed: the function failed, or its time or memory ran out.
        """
        call = self._call(None, function=function, arguments=arguments)
        outcome = await self._ask(replace(call, may_write=self.may_write))
        if outcome.reason:
            error_type, message = explain(outcome, self.invocation)
            if outcome.reason == "ERROR" and outcome.error_name in RESULT_WORDS:
                error_type = RESULT_WORDS[outcome.error_name]
                message = one_line(outcome.error_message)
            raise ToolFailed(message, tool=self.invocation.name, reason=error_type)
        return outcome.value

    async def _ask(self, call: SandboxCall) -> SandboxOutcome:
        outcome = await self.sandbox.execute(call)
        self.outcomes.append(outcome)
        return outcome

    def _call(self, timeout_s: float | None, **what: Any) -> SandboxCall:
        invocation = self.invocation
        return SandboxCall(
            key=invocation.conversation_id,
            owner_id=invocation.owner_id,
            workspace=invocation.workspace,
            level=invocation.level,
            timeout_s=min(timeout_s or invocation.timeout_s, invocation.timeout_s),
            memory_bytes=invocation.memory_bytes,
            # The folder of a direct call goes with it, and so would the file.
            keeps_output=invocation.conversation_id != invocation.call_id,
            on_output=invocation.on_output,
            **what,
        )


def explain(
    outcome: SandboxOutcome, invocation: ToolInvocation, timeout_s: float | None = None
) -> tuple[str, str]:
    """The error type and one line that says why code failed."""
    lost = "" if outcome.kernel_kept else "; its variables are lost"
    if outcome.reason == "ERROR":
        name, message = outcome.error_name, one_line(outcome.error_message)
        return name, f"{name}: {message}" if message else name
    seconds = min(timeout_s or invocation.timeout_s, invocation.timeout_s)
    megabytes = invocation.memory_bytes // (1024 * 1024)
    messages = {
        "TIMEOUT": f"the code ran longer than {seconds:g} seconds{lost}",
        "MEMORY_LIMIT": f"the code needed more than {megabytes} MB of memory{lost}",
        "OUTPUT_LIMIT": f"the code printed too much{lost}",
        "PROCESS_LIMIT": f"the code started too many processes{lost}",
        "DISK_LIMIT": f"the code wrote too many or too large files{lost}",
        "KERNEL_LOST": f"{outcome.error_message or 'the tool kernel ended'}{lost}",
    }
    return outcome.reason, messages[outcome.reason]
