"""What a session tells the person below an answer, each thing once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from notebook_agents.core.guardrails import TOOLS_WARNING
from notebook_agents.core.models import BUNDLED_MODEL

if TYPE_CHECKING:
    from notebook_agents.magics.transcript import Transcript

BUILT_IN = (
    "This is the built-in demo model: it can misread a request; check the call and the result. "
    "Another model: %agent model NAME"
)
START_AFRESH = (
    "two answers in a row ended with a tool call that failed; to start afresh: %agent reset"
)
FAILURES_IN_A_ROW = 2
_NOT_TOLD_OF = TOOLS_WARNING.partition("{")[0]


class Advice:
    """Remembers what was said, and how the last answers of the conversation ended."""

    def __init__(self) -> None:
        self._is_introduced = False
        self._n_failures = 0
        self._has_suggested = False
        self._not_told_of: set[str] = set()

    def reset(self) -> None:
        """Forget the conversation; what the model is need not be said again."""
        self._n_failures = 0
        self._has_suggested = False
        self._not_told_of = set()

    def unsaid(self, notes: Sequence[str]) -> list[str]:
        """The notes without those on tools that were below an answer before."""
        fresh = [note for note in notes if note not in self._not_told_of]
        self._not_told_of |= {note for note in notes if note.startswith(_NOT_TOLD_OF)}
        return fresh

    def after(self, transcript: Transcript) -> Iterator[str]:
        """What to say below an answer."""
        if transcript.model == BUNDLED_MODEL and transcript.has_worked and not self._is_introduced:
            self._is_introduced = True
            yield BUILT_IN
        has_failed = transcript.tools and transcript.tools[-1].status in ("failed", "timed_out")
        self._n_failures = self._n_failures + 1 if has_failed else 0
        if self._n_failures >= FAILURES_IN_A_ROW and not self._has_suggested:
            self._has_suggested = True
            yield START_AFRESH
