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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from IPython.core.error import StdinNotImplementedError

from notebook_agents.core.runs import ApprovalDecision
from notebook_agents.magics.markdown import plain

if TYPE_CHECKING:
    from notebook_agents.core.events import ApprovalRequested
    from notebook_agents.magics.waiting import Waits

NOBODY_THERE = "nobody is there to allow it; the owner can pass --yes"


class PersonAsker:
    """Puts the question to whoever sits at the kernel."""

    def __init__(self, *, is_kernel: bool) -> None:
        self._is_kernel = is_kernel

    def __call__(self, requests: Sequence[ApprovalRequested]) -> Waits[list[ApprovalDecision]]:
        """The person's answers, with what they wrote instead of yes as feedback."""
        return [self._ask(asked) for asked in requests]
        yield

    def _ask(self, asked: ApprovalRequested) -> ApprovalDecision:
        if not self._is_kernel and not sys.stdin.isatty():
            return _denial(asked, NOBODY_THERE)
        try:
            with _interruptible():
                answer = input(question(asked))
        except (StdinNotImplementedError, EOFError):
            return _denial(asked, NOBODY_THERE)
        answer = answer.strip()
        if answer.lower() in ("y", "yes"):
            return ApprovalDecision(call_id=asked.call_id, is_approved=True)
        return _denial(asked, "" if answer.lower() in ("", "n", "no") else answer)


def question(asked: ApprovalRequested) -> str:
    """What the person is asked: the tool and everything it would be given."""
    lines = [f"Allow {plain(asked.name)}?"]
    for name, value in asked.arguments.items():
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        indented = plain(text).replace("\n", "\n      ")
        lines.append(f"  {plain(name)}: {indented}")
    lines.append("[y]es / [N]o, or say what to do instead: ")
    return "\n".join(lines)


def _denial(asked: ApprovalRequested, feedback: str) -> ApprovalDecision:
    return ApprovalDecision(call_id=asked.call_id, is_approved=False, feedback=feedback)


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
