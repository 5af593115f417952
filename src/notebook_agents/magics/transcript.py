"""What a run looks like so far: events in, blocks of text and tool calls out. Draws nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from notebook_agents.core.assessments import Finding
from notebook_agents.core.events import (
    ApprovalDecided,
    ApprovalRequested,
    EventBody,
    ModelFinished,
    ModelStarted,
    RunFinished,
    RunQueued,
    TextDelta,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    Warned,
)
from notebook_agents.core.figures import Figure
from notebook_agents.core.forecasts import Forecast
from notebook_agents.core.models import BUNDLED_MODEL, Usage
from notebook_agents.core.policy import ALLOW_POLICY
from notebook_agents.magics.flags import Format

BUNDLED_BADGE = "built-in demo model"
STILL_WORKING_S = 30.0
"""Without any news for so long, people want to know that it goes on."""
STILL_WORKING = " · still working; ■ or Ctrl-C stops it"
NO_ANSWER = "(the model answered nothing)"


@dataclass(slots=True, kw_only=True)
class TextBlock:
    """Text of one model step."""

    step: int
    text: str = ""


@dataclass(slots=True, kw_only=True)
class ToolBlock:
    """One tool call and what became of it."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    status: str = "running"
    """``waiting`` for approval, ``running``, or how it ended."""
    content: str = ""
    findings: tuple[Finding, ...] = ()
    """What it would do, while it waits for an answer."""
    forecast: Forecast | None = None
    """What such a call took before, while it waits too."""
    duration_ms: float = 0.0

    @property
    def is_done(self) -> bool:
        """Whether a result is there."""
        return self.status not in ("waiting", "running")


@dataclass(slots=True, kw_only=True)
class Transcript:
    """The visible state of one run."""

    model: str = ""
    phase: str = "Starting…"
    """What is happening now, for the line below the text."""
    is_loading: bool = False
    """Whether the model has to be loaded first, which takes most of the time of a first answer."""
    blocks: list[TextBlock | ToolBlock] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    """What tools drew, in the order in which they ended."""
    notes: list[str] = field(default_factory=list)
    """Warnings, each once."""
    pending: list[ApprovalRequested] = field(default_factory=list)
    """Tool calls that wait for the person's answer."""
    _answered: set[str] = field(default_factory=set)
    """Calls that the person answered before the events about them arrived."""
    usage: Usage = Usage()
    decode_ms: float = 0.0
    policy: str = ""
    """The name of what decides about tool calls."""
    gpu: str = ""
    """What the engine's GPU holds, where it has one."""
    format: Format = "markdown"
    """In which form the answer was wished for."""
    has_footer: bool = True
    """Whether the last line of an answer says what it took."""
    heard_at: float = field(default_factory=time.monotonic)
    """When the last event came."""
    state: str = ""
    """How the run ended; empty while it goes on."""
    error: str = ""
    error_code: str = ""
    recording: dict[str, Any] = field(default_factory=dict)
    """What the output keeps, so that the cell can be replayed."""
    has_gpu: bool = True
    """Whether the engine had a part in it."""
    started_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None

    @property
    def tools(self) -> list[ToolBlock]:
        """The tool calls in order."""
        return [block for block in self.blocks if isinstance(block, ToolBlock)]

    @property
    def _waiting_phase(self) -> str:
        return f"Loading model {self.model}…" if self.is_loading else "Thinking…"

    @property
    def summary(self) -> str:
        """The last line of a run that is over: what it took, or how it failed."""
        if not self.has_footer and self.state == "succeeded":
            return BUNDLED_BADGE if self.model == BUNDLED_MODEL else ""
        mark = "" if self.state in ("succeeded", "cancelled") else f"✗ {self.state} · "
        return mark + self.footer if self.has_worked else f"{mark}no answer"

    @property
    def has_worked(self) -> bool:
        """Whether the model has written something or called a tool."""
        return self.usage != Usage() or any(
            isinstance(block, ToolBlock) or block.text for block in self.blocks
        )

    @property
    def seconds(self) -> float:
        """Time since the request, until the end of the run."""
        return (self.ended_at or time.monotonic()) - self.started_at

    @property
    def footer(self) -> str:
        """``model · 3.2 s · 120 in / 31 out · 42 tok/s · 1 tool``."""
        parts = [self.model + (f" ({BUNDLED_BADGE})" if self.model == BUNDLED_MODEL else "")]
        parts.append(f"{self.seconds:.1f} s")
        if self.usage != Usage():  # unknown of a step that was stopped
            parts.append(f"{self.usage.input_tokens:,} in / {self.usage.output_tokens:,} out")
        if self.decode_ms > 0:
            parts.append(f"{self.usage.output_tokens / self.decode_ms * 1000:.0f} tok/s")
        if self.gpu:
            parts.append(self.gpu)
        n_tools = len(self.tools)
        if n_tools:
            parts.append(f"{n_tools} tool{'s' if n_tools > 1 else ''}")
        if self.usage.cost_usd is not None:
            parts.append(f"${self.usage.cost_usd:.4f}")
        if self.policy == ALLOW_POLICY.name:
            parts.append("⚠ full: nothing is asked")
        return " · ".join(parts)

    @property
    def waiting(self) -> str:
        """How long it takes so far, for the line that says what is happening; at first nothing."""
        if self.seconds < 1:
            return ""
        is_quiet = time.monotonic() - self.heard_at >= STILL_WORKING_S
        return f" {self.seconds:.0f} s{STILL_WORKING if is_quiet else ''}"

    def load(self) -> None:
        """Say that the model is being loaded."""
        self.is_loading = True
        self.phase = self._waiting_phase

    def apply(self, body: EventBody) -> None:
        """Take one event in."""
        self.heard_at = time.monotonic()
        match body:
            case ModelStarted():
                self.model = body.model
                self.phase = self._waiting_phase
                self.blocks.append(TextBlock(step=body.step))
            case TextDelta():
                self._text_block(body.step).text += body.text
                self.is_loading = False
                self.phase = "Writing…"
            case ModelFinished():
                self._text_block(body.step).text = body.text
                self.is_loading = False
                self.usage = self.usage + body.usage
                self.decode_ms += body.decode_ms
            case ApprovalRequested() | ApprovalDecided():
                self._apply_approval(body)
            case ToolStarted() | ToolOutput() | ToolFinished():
                self._apply_tool(body)
            case Warned():
                self.note(body.message)
            case RunFinished():
                self._finish(body)
            case RunQueued():
                self.policy = body.policy
            case _:
                pass

    def fail(self, message: str, *, state: str = "failed") -> None:
        """End without a run: it could not be started."""
        self.state, self.error, self.phase = state, message, ""
        self.ended_at = time.monotonic()

    def note(self, text: str) -> None:
        """Add a warning, once."""
        if text not in self.notes:
            self.notes.append(text)

    def answer(self, call_ids: Sequence[str]) -> None:
        """Take note that the person has answered; nobody is asked about these again."""
        self._answered |= set(call_ids)
        self.pending = [asked for asked in self.pending if asked.call_id not in self._answered]
        self.phase = self._waiting_phase

    def _text_block(self, step: int) -> TextBlock:
        for block in reversed(self.blocks):
            if isinstance(block, TextBlock) and block.step == step:
                return block
        self.blocks.append(TextBlock(step=step))
        return self.blocks[-1]  # type: ignore[return-value]

    def _tool_block(self, call_id: str, name: str, arguments: dict[str, Any]) -> ToolBlock:
        for block in self.tools:
            if block.call_id == call_id:
                return block
        added = ToolBlock(call_id=call_id, name=name, arguments=arguments)
        self.blocks.append(added)
        return added

    def _apply_approval(self, body: ApprovalRequested | ApprovalDecided) -> None:
        others = [asked for asked in self.pending if asked.call_id != body.call_id]
        if isinstance(body, ApprovalDecided):
            self._answered.discard(body.call_id)
            self.pending = others
        elif body.call_id not in self._answered:
            block = self._tool_block(body.call_id, body.name, body.arguments)
            block.status, block.findings = "waiting", body.findings
            block.forecast = body.forecast
            self.pending = [*others, body]
            self.phase = "Waiting for your approval…"

    def _apply_tool(self, body: ToolStarted | ToolOutput | ToolFinished) -> None:
        if isinstance(body, ToolStarted):
            block = self._tool_block(body.call_id, body.name, body.arguments)
            # The person may have changed them while it waited.
            block.status, block.arguments = "running", body.arguments
            self.phase = f"Running {body.name}…"
        elif isinstance(body, ToolOutput):
            self._tool_block(body.call_id, "", {}).content += body.text
        else:
            block = self._tool_block(body.call_id, body.name, {})
            block.status, block.content = body.status, body.content
            block.duration_ms = body.duration_ms
            self.figures += body.figures

    def _finish(self, body: RunFinished) -> None:
        self.state = body.state
        self.usage = body.usage
        self.error, self.error_code = body.error_message, body.error_code
        self.phase = ""
        self.ended_at = time.monotonic()
        has_shown = any(isinstance(b, ToolBlock) or b.text.strip() for b in self.blocks)
        if self.state == "succeeded" and not has_shown and not body.text.strip():
            self.notes.append(NO_ANSWER)
        for block in self.tools:
            if not block.is_done:
                block.status = "cancelled"
