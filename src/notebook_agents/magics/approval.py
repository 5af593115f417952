"""Asks the person at the notebook whether a tool may be called.

The question goes through ``input()``, which front ends show as a field below the cell. Where
nobody can answer (papermill, nbclient, a script) the answer is no: a headless run must never get
more than its policy allows.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from IPython.core.error import StdinNotImplementedError
from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import TerminalFormatter  # type: ignore[import-untyped]
from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

from notebook_agents.core.events import ApprovalRequested
from notebook_agents.core.forecasts import words_of
from notebook_agents.core.policy import FRESH
from notebook_agents.core.runs import ApprovalDecision
from notebook_agents.core.visible_text import escaped
from notebook_agents.magics.markdown import plain

if TYPE_CHECKING:
    from notebook_agents.magics.waiting import Waits

EFFECT_WORDS = {
    "write": "would change variables or files",
    "network": "would use the network",
    "external": "could do anything you can do",
}
CHOICES = "[y]es / [N]o / [a]lways in this conversation, or say what to do instead"
CHOICES_ONCE = "[y]es, once / [N]o, or say what to do instead"
NOBODY_THERE = "nobody is there to allow it; the owner can pass --yes"


class Shown(Protocol):
    """What a dry run of a call showed."""

    def lines(self) -> list[str]:
        """In plain text."""
        ...


Previewer = Callable[[ApprovalRequested], "Waits[Shown | None]"]


class PersonAsker:
    """Puts the question to whoever sits at the kernel."""

    def __init__(self, *, is_kernel: bool, previewer: Previewer | None = None) -> None:
        self._is_kernel = is_kernel
        self._previewer = previewer

    def __call__(self, requests: Sequence[ApprovalRequested]) -> Waits[list[ApprovalDecision]]:
        """The person's answers, with what they wrote instead of yes as feedback."""
        decisions: list[ApprovalDecision] = []
        for asked in requests:
            shown = None
            if self._previewer is not None and self._can_ask:
                shown = yield from self._previewer(asked)
            decisions.append(self._ask(asked, shown))
        return decisions

    @property
    def _can_ask(self) -> bool:
        return self._is_kernel or sys.stdin.isatty()

    def _ask(self, asked: ApprovalRequested, shown: Shown | None) -> ApprovalDecision:
        if not self._can_ask:
            return _unasked(asked)
        text = question(asked, shown, has_colors=not self._is_kernel)
        try:
            with _interruptible():
                answer = input(text).strip()
        except (StdinNotImplementedError, EOFError):
            return _unasked(asked)
        word = answer.lower()
        if word in ("y", "yes"):
            return _allowed(asked)
        if word in ("a", "always"):
            return replace(_allowed(asked), scope="conversation")
        feedback = "" if word in ("", "n", "no") else answer
        return ApprovalDecision(call_id=asked.call_id, is_approved=False, feedback=feedback)


def question(
    asked: ApprovalRequested, shown: Shown | None = None, *, has_colors: bool = False
) -> str:
    """What the person is asked: the tool, everything it would be given, and what makes it risky."""
    lines = [f"Allow {escaped(asked.name)}?{_effect(asked)}"]
    if asked.warning:
        lines.append(f"  ! {escaped(asked.warning)}")
    for finding in asked.findings:
        where = f"line {finding.line}: " if finding.line else ""
        lines.append(f"  ! {where}{escaped(finding.text)}")
    if asked.forecast is not None:
        lines.append(f"  ~ expect {words_of(asked.forecast)}")
    for name, value in asked.arguments.items():
        lines += _argument(name, value, has_colors=has_colors)
    if shown is not None:
        lines += [plain(line) for line in shown.lines()]
    is_once = asked.warning or asked.effect in FRESH
    lines.append(f"{CHOICES_ONCE if is_once else CHOICES}: ")
    return "\n".join(lines)


def _effect(asked: ApprovalRequested) -> str:
    words = EFFECT_WORDS.get(asked.effect, "")
    return f" It {words}." if words else ""


def _argument(name: str, value: Any, *, has_colors: bool) -> list[str]:
    text = escaped(value if isinstance(value, str) else json.dumps(value, default=str))
    if name != "code":
        indented = text.replace("\n", "\n      ")
        return [f"  {escaped(name)}: {indented}"]
    shown = _colored(text) if has_colors else text
    return [f"  {number:>4} | {line}" for number, line in enumerate(shown.split("\n"), start=1)]


def _colored(code: str) -> str:
    """Python in the colours of a terminal; the code has no control characters of its own here."""
    return str(highlight(code, PythonLexer(stripnl=False), TerminalFormatter())).removesuffix("\n")


def _allowed(asked: ApprovalRequested) -> ApprovalDecision:
    return ApprovalDecision(call_id=asked.call_id, is_approved=True, digest=asked.digest)


def _unasked(asked: ApprovalRequested) -> ApprovalDecision:
    return ApprovalDecision(
        call_id=asked.call_id, is_approved=False, feedback=NOBODY_THERE, via="nobody"
    )


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Stop end the question: a kernel that awaits a cell only notes the signal for later."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
