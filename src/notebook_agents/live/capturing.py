"""Collects what code in the notebook says and shows, and lets the person see it.

Printed text is collected; whoever shows the run draws it. What only a notebook can show (tables,
widgets, formulas) becomes an output of the running cell as well. Only the code itself is listened
to: other tasks and threads of the kernel print as ever while it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TextIO

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher

from notebook_agents.live.drawings import Drawings

MAX_CHARS = 1 << 20
"""Text that is listened to; what comes beyond it is counted."""
TEXT = "text/plain"
Listener = Callable[[str], None]


@dataclass(slots=True)
class Capture:
    """What one piece of code said and drew."""

    on_output: Listener
    drawings: Drawings = field(default_factory=Drawings)
    is_shown: bool = True
    """Whether the person sees what a notebook alone can show; not of a dry run."""
    error: tuple[str, str, list[str]] | None = None
    """Name, message and lines of the traceback that IPython would have shown."""
    n_dropped: int = 0
    _pieces: list[str] = field(default_factory=list)
    _n_chars: int = 0

    @property
    def text(self) -> str:
        """Everything printed and shown as text, in order."""
        text = "".join(self._pieces)
        return text + (f"\n... {self.n_dropped} more characters" if self.n_dropped else "")

    def write(self, text: str) -> None:
        """Take printed text."""
        kept = text[: max(MAX_CHARS - self._n_chars, 0)]
        self.n_dropped += len(text) - len(kept)
        if kept:
            self._pieces.append(kept)
            self._n_chars += len(kept)
            with silence():
                self.on_output(kept)

    def show(self, data: dict[str, Any], publish: Callable[[], None]) -> None:
        """Take something displayed; ``publish`` makes it an output of the cell."""
        is_figure = self.drawings.take(data)
        text = str(data.get(TEXT, ""))
        if text and not (is_figure and text.startswith("<")):
            is_inside_line = bool(self._pieces) and not self._pieces[-1].endswith("\n")
            self.write(("\n" if is_inside_line else "") + text + "\n")
        if self.is_shown and not is_figure and set(data) - {TEXT}:
            publish()


_listening: ContextVar[Capture | None] = ContextVar("listening", default=None)


@contextmanager
def silence() -> Iterator[None]:
    """In it nothing is collected: for what is shown about the code while it runs."""
    token = _listening.set(None)
    try:
        yield
    finally:
        _listening.reset(token)


@contextmanager
def listening(shell: Any, capture: Capture, code: str) -> Iterator[Capture]:
    """Collect what the code in this scope says; the shell is as before afterwards."""
    streams, pub, hook = (sys.stdout, sys.stderr), shell.display_pub, sys.displayhook
    trap_hook = shell.display_trap.hook
    own_hook = _hook(shell, hook if shell.display_trap.is_active else trap_hook, code)
    token = _listening.set(capture)
    sys.stdout, sys.stderr = _Stream(streams[0]), _Stream(streams[1])
    shell.display_pub = _Publisher(pub)
    shell.display_trap.hook = own_hook
    if shell.display_trap.is_active:
        sys.displayhook = own_hook
    shell._showtraceback = _error_taker(capture)
    try:
        yield capture
    finally:
        del shell._showtraceback
        shell.display_pub, sys.displayhook = pub, hook
        shell.display_trap.hook = trap_hook
        sys.stdout, sys.stderr = streams
        _listening.reset(token)


class _Stream:
    """Stands in for stdout or stderr."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        capture = _listening.get()
        if capture is None:
            return self._stream.write(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        capture.write(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def isatty(self) -> bool:
        return _listening.get() is None and self._stream.isatty()

    def flush(self) -> None:
        if _listening.get() is None:
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Publisher(DisplayPublisher):
    """Stands in for what displays."""

    def __init__(self, publisher: DisplayPublisher) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._publisher = publisher

    def publish(self, data: Any, metadata: Any = None, **options: Any) -> None:  # type: ignore[override]
        def pass_on() -> None:
            self._publisher.publish(data, metadata, **options)

        capture = _listening.get()
        if capture is None or (options.get("update") and capture.is_shown):
            pass_on()
        else:
            capture.show(data, pass_on)

    def clear_output(self, wait: bool = False) -> None:
        if _listening.get() is None:  # else it would take the answer away
            self._publisher.clear_output(wait)  # type: ignore[no-untyped-call]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._publisher, name)


def _ends_in_semicolon(code: str) -> bool:
    is_silent: Any = DisplayHook.semicolon_at_end_of_expression
    return bool(is_silent(code))


def _hook(shell: Any, otherwise: Any, code: str) -> Callable[[Any], None]:
    """What happens to the value of the last expression; Out and ``_`` stay the cell's."""

    def take(value: Any = None) -> None:
        capture = _listening.get()
        if capture is None:
            otherwise(value)
            return
        if value is None or _ends_in_semicolon(code):
            return
        data, metadata = shell.display_formatter.format(value)
        if data:
            shell.display_pub.publish(data, metadata)

    return take


def _error_taker(capture: Capture) -> Callable[[Any, Any, Any], None]:
    def take(kind: Any, error: Any, lines: Any) -> None:
        texts = lines if isinstance(lines, list) else [str(lines)]
        capture.error = (getattr(kind, "__name__", "Error"), str(error), texts)

    return take
