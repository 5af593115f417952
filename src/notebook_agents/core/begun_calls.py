"""Tool calls that have begun, so that one that is broken off leaves what it has printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notebook_agents.core.events import EventBody, ToolFinished, ToolOutput, ToolStarted
from notebook_agents.core.history import INTERRUPTED_RESULT

if TYPE_CHECKING:
    from notebook_agents.core.ports import Clock

MAX_OUTPUT_CHARS = 20_000
"""Of what a call that is broken off has printed; the end is kept."""


@dataclass(slots=True)
class _Begun:
    name: str
    started: float
    output: str = ""


class BegunCalls:
    """The calls of a run that have begun and not ended."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun: dict[str, _Begun] = {}

    def absorb(self, body: EventBody) -> None:
        """Take note of an event."""
        match body:
            case ToolStarted():
                self._begun[body.call_id] = _Begun(body.name, self._clock.monotonic())
            case ToolOutput() if call := self._begun.get(body.call_id):
                call.output = (call.output + body.text)[-MAX_OUTPUT_CHARS:]
            case ToolFinished():
                self._begun.pop(body.call_id, None)

    def broken_off(self) -> tuple[ToolFinished, ...]:
        """How they end when they are not let go on."""
        now = self._clock.monotonic()
        return tuple(
            ToolFinished(
                call_id=id,
                name=call.name,
                status="cancelled",
                content="\n".join(filter(None, (call.output.rstrip("\n"), INTERRUPTED_RESULT))),
                duration_ms=(now - call.started) * 1000,
                error_type="CANCELLED",
            )
            for id, call in self._begun.items()
        )
