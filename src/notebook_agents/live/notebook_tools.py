"""The tools that act in the person's notebook: run code there, look at its variables.

The core's thread asks, the notebook's own thread does (``live/desk.py``). What code would do is
judged from the code itself; what it may change is kept before it runs, so that it can be undone.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from notebook_agents.core.assessments import Assessment
from notebook_agents.core.code_effects import assess_code
from notebook_agents.core.code_names import NAMED_SECRET, kinds_of
from notebook_agents.core.errors import InvalidRequest, NotFound, ToolFailed
from notebook_agents.core.figures import PLOTLY, Figure
from notebook_agents.core.masking import Masker
from notebook_agents.core.ports import ToolRunner
from notebook_agents.core.states import ToolStatus
from notebook_agents.core.tools import ToolInvocation, ToolResult, ToolSpec
from notebook_agents.live.desk import STOPPED, Desk
from notebook_agents.live.execution import Outcome, execute
from notebook_agents.live.inspecting import SPEC as INSPECT
from notebook_agents.live.inspecting import inspected
from notebook_agents.live.interrupts import Interrupts
from notebook_agents.live.result_texts import content_of
from notebook_agents.live.visibility import Visibility

RUN = "run_in_notebook"
PYTHON = "python_executor"
PAINT_EVERY_S = 0.1
PATIENCE = 10.0
"""So many times as long as telling of output took, the code runs before more is told."""
LONGEST_S = 3600.0
CANCEL_PATIENCE_S = 5.0
"""How long a call that the person stopped waits for the end of its run."""
RUN_SPEC = ToolSpec(
    name=RUN,
    title="Run in the notebook",
    description=(
        "Run Python code in the person's notebook, where their variables live; it is shown to them "
        "first. Returns what it prints and the value of its last expression."
    ),
    category="notebook",
    parameters={
        "type": "object",
        "properties": {"code": {"type": "string", "description": "Python code, as in a cell"}},
        "required": ["code"],
        "additionalProperties": False,
    },
    effect="write",
    timeout_s=LONGEST_S,
    module=__name__,
)


class Saver(Protocol):
    """Keeps what code may change, so that it can be taken back."""

    def before(self, *, code: str, conversation_id: str, call_id: str, tool: str = RUN) -> object:
        """Save what the code may change, right before it runs."""
        ...

    def after(self, *, call_id: str) -> str:
        """Compare, once it has ended; what it changed, in a line."""
        ...


@dataclass(frozen=True, kw_only=True)
class Notebook:
    """What the tools work with, and how this conversation wishes them to."""

    shell: Any
    desk: Desk
    saver: Saver
    visibility: Visibility
    is_live: bool = False
    """Whether ``python_executor`` runs here too."""
    is_tiny: bool = False
    """Whether the built-in model is asked, which knows ``inspect_variable`` of the tool kernel."""

    @property
    def names(self) -> dict[str, Any]:
        """The notebook's variables."""
        names: dict[str, Any] = self.shell.user_ns
        return names

    def masker(self) -> Masker:
        """Knows the secrets that are there now: the code may have made some."""
        return self.visibility.masker(self.names)


class NotebookTools:
    """Answers the ToolRunner port for one notebook; ``base`` has the tools that stay elsewhere."""

    def __init__(self, notebook: Notebook, base: ToolRunner) -> None:
        self._notebook = notebook
        self._base = base
        self._specs = {spec.name: spec for spec in _specs(notebook, base)}

    def specs(self) -> Sequence[ToolSpec]:
        """The tools that act in the notebook."""
        return tuple(self._specs.values())

    def validate(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with defaults filled in; InvalidRequest names the wrong one."""
        if name == PYTHON:
            return self._base.validate(name, arguments)
        if name not in self._specs:
            raise NotFound("tool", name)
        [takes] = self._specs[name].parameters["properties"]
        for given in arguments:
            if given != takes:
                raise InvalidRequest(
                    f"unknown argument {given!r}; {name} takes {takes}", field=given
                )
        if not isinstance(arguments.get(takes), str):
            raise InvalidRequest(f"argument {takes!r} of {name} must be a text", field=takes)
        return dict(arguments)

    async def assess(self, name: str, arguments: Mapping[str, Any]) -> Assessment | None:
        """What the code would do; None for tools that only look."""
        code = arguments.get("code")
        if name not in (RUN, PYTHON) or not isinstance(code, str):
            return None
        names = self._notebook.names
        kinds = kinds_of(names)
        for secret in self._notebook.visibility.secrets(names):
            kinds[secret] = f"{NAMED_SECRET}{kinds.get(secret, '')}"
        return assess_code(code, names=kinds, folder=str(Path.cwd()))

    def why_absent(self, name: str) -> str:
        """Nothing is known of others."""
        del name
        return ""

    async def run(self, invocation: ToolInvocation) -> ToolResult:
        """Use the tool on the notebook's thread; failures are results."""
        if invocation.name == INSPECT.name:
            return await self._inspect(invocation)
        started = time.monotonic()
        limit_s = float(invocation.arguments.get("timeout") or LONGEST_S)
        try:
            async with asyncio.timeout(limit_s):
                return await self._execute(invocation)
        except TimeoutError:
            return _failure("TIMEOUT", f"the code ran longer than {limit_s:g} seconds", started)
        except ToolFailed as error:
            if error.reason == "STOPPED":  # the run will be too, and must not go on before
                await asyncio.sleep(CANCEL_PATIENCE_S)
            return _failure(error.reason or "ToolFailed", error.message, started)

    async def release(self, conversation_id: str) -> None:
        """Nothing is kept for a conversation."""

    async def aclose(self) -> None:
        """Nothing is open."""

    async def _execute(self, invocation: ToolInvocation) -> ToolResult:
        loop, desk, id = asyncio.get_running_loop(), self._notebook.desk, invocation.conversation_id
        notebook = self._notebook
        printed = _Printed(
            tell=lambda text: loop.call_soon_threadsafe(
                invocation.on_output, notebook.masker().masked(text)
            ),
            paint=lambda: desk.paint(id),
            interrupts=Interrupts(),
        )
        work = partial(self._run_here, invocation, printed)
        outcome, changes = await desk.do(id, work, printed.interrupts)
        return _result(outcome, changes)

    def _run_here(self, invocation: ToolInvocation, printed: _Printed) -> tuple[Outcome, str]:
        """On the notebook's thread; KeyboardInterrupt goes on to whoever shows the run."""
        notebook, code = self._notebook, invocation.arguments["code"]
        notebook.saver.before(
            code=code,
            conversation_id=invocation.conversation_id,
            call_id=invocation.call_id,
            tool=invocation.name,
        )
        changes = ""
        try:
            check = printed.interrupts.check
            outcome = execute(notebook.shell, code, on_output=printed.add, check=check)
        finally:
            printed.flush()
            changes = notebook.saver.after(call_id=invocation.call_id)
        if outcome.is_stopped:
            raise KeyboardInterrupt
        masked = notebook.masker().masked
        outcome = replace(outcome, memory_bytes=_resident_bytes())
        return without_secrets(outcome, masked), masked(changes)

    async def _inspect(self, invocation: ToolInvocation) -> ToolResult:
        notebook, name, started = self._notebook, invocation.arguments["name"], time.monotonic()
        if name not in notebook.names and _has(self._base, INSPECT.name):
            return await self._base.run(invocation)
        try:
            text = await notebook.desk.do(
                invocation.conversation_id,
                lambda: inspected(notebook.names, name, visible=notebook.visibility),
            )
        except ToolFailed as error:
            return _failure(error.reason or "ToolFailed", error.message, started)
        return ToolResult(
            status="succeeded",
            content=text,
            value={"name": name, "description": text},
            duration_ms=(time.monotonic() - started) * 1000,
        )


def without_secrets(outcome: Outcome, masked: Callable[[str], str]) -> Outcome:
    """What may be told and recorded; the code may have made secrets, too."""
    return replace(
        outcome,
        output=masked(outcome.output),
        error_message=masked(outcome.error_message),
        traceback=masked(outcome.traceback),
        figures=tuple(
            replace(figure, label=masked(figure.label), content=_words_masked(figure, masked))
            for figure in outcome.figures
        ),
    )


def _words_masked(figure: Figure, masked: Callable[[str], str]) -> str:
    """The content of a figure; that of a picture has no words."""
    if figure.media_type != PLOTLY:
        return figure.content
    content = _texts_masked(json.loads(figure.content), masked)
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _texts_masked(part: Any, masked: Callable[[str], str]) -> Any:
    """Titles, labels and the like; arrays that plotly packs as base64 are numbers."""
    if isinstance(part, str):
        return masked(part)
    if isinstance(part, list):
        return [_texts_masked(one, masked) for one in part]
    if isinstance(part, dict):
        return {
            key: one if key == "bdata" else _texts_masked(one, masked) for key, one in part.items()
        }
    return part


class _Printed:
    """Passes on what code prints, a line or a tenth of a second at a time."""

    def __init__(
        self, *, tell: Callable[[str], object], paint: Callable[[], None], interrupts: Interrupts
    ) -> None:
        self.interrupts = interrupts
        self._tell = tell
        self._paint = paint
        self._pieces: list[str] = []
        self._told_at, self._pause_s = 0.0, PAINT_EVERY_S

    def add(self, text: str) -> None:
        self._pieces.append(text)
        if time.monotonic() - self._told_at >= self._pause_s:
            self.flush()

    def flush(self) -> None:
        started = time.monotonic()
        if self._pieces:
            text, self._pieces = "".join(self._pieces), []
            self._tell(text)
            self._paint()
        self._told_at = time.monotonic()
        # Secrets are looked up each time: where there are many, the code must not wait for it.
        self._pause_s = max(PAINT_EVERY_S, PATIENCE * (self._told_at - started))


def _specs(notebook: Notebook, base: ToolRunner) -> list[ToolSpec]:
    specs = [RUN_SPEC]
    if notebook.is_live:
        # Of another module: what was allowed for good in the sandbox is not thereby allowed here.
        live = (s for s in base.specs() if s.name == PYTHON)
        specs += [replace(s, effect="write", module=__name__) for s in live]
    if notebook.is_live or not notebook.is_tiny:
        specs.append(INSPECT)
    return specs


def _has(runner: ToolRunner, name: str) -> bool:
    return any(spec.name == name for spec in runner.specs())


def _resident_bytes() -> int | None:
    """What the notebook's process holds now, as after a recorded cell; None if nobody can tell."""
    # Here, since this file is imported when the first prompt is sent.
    import psutil

    try:
        return int(psutil.Process().memory_info().rss)
    except (psutil.Error, OSError):
        return None


def _result(outcome: Outcome, changes: str) -> ToolResult:
    status: ToolStatus = "failed" if outcome.error_name else "succeeded"
    value: dict[str, Any] = {
        "output": outcome.output,
        "exit_code": 1 if outcome.error_name else 0,
        "execution_time_ms": round(outcome.duration_ms, 3),
    }
    if outcome.error_name:
        value |= {"error": outcome.error_message, "traceback": outcome.traceback}
    if changes:
        value["changes"] = changes
    return ToolResult(
        status=status,
        content=content_of(outcome),
        value=value,
        figures=outcome.figures,
        duration_ms=outcome.duration_ms,
        memory_bytes=outcome.memory_bytes,
        error_type=outcome.error_name,
    )


def _failure(error_type: str, message: str, started: float) -> ToolResult:
    return ToolResult(
        status="timed_out" if error_type == "TIMEOUT" else "failed",
        content=f"Error: {message}",
        value={"error": message},
        duration_ms=(time.monotonic() - started) * 1000,
        error_type="CANCELLED" if message == STOPPED else error_type,
    )
