"""Where a run is shown: one updatable output in a notebook, plain text in a terminal.

A notebook output is replaced, at most ten times a second, and ends as the final answer; that is
what gets saved, with each figure as an output of its own below it. A terminal gets text as it
comes and cannot take anything back.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol

from notebook_agents.magics.figures import show as show_figure
from notebook_agents.magics.figures import terminal_lines
from notebook_agents.magics.formats import html_frame, pretty_json
from notebook_agents.magics.markdown import as_markdown, brief_arguments, plain
from notebook_agents.magics.transcript import TextBlock, ToolBlock, Transcript

UPDATE_INTERVAL_S = 0.1
"""Between two updates of an output; a browser redraws the whole of it each time."""
TICK_S = 1.0
"""Between two updates when only the elapsed time has changed."""
TERMINAL_RESULT_LINES = 10


class Screen(Protocol):
    """Shows a transcript as it grows."""

    def show(
        self, transcript: Transcript, *, has_news: bool = True, is_urgent: bool = False
    ) -> None:
        """Draw, or decide that it is too early to.

        ``has_news`` is False when only time has passed, ``is_urgent`` when a question follows.
        """
        ...

    def end(self, transcript: Transcript) -> None:
        """Draw the final state."""
        ...


class NotebookScreen:
    """One output of a cell, replaced as the run goes on, and below it the figures."""

    def __init__(
        self, *, is_streaming: bool = True, is_captured: bool = False, handle: Any = None
    ) -> None:
        """``handle`` is an output to take over."""
        self._is_streaming = is_streaming
        self._is_captured = is_captured
        """Whether outputs are collected (``%%capture``), where an update would be one more."""
        self._handle = handle
        self._n_figures = 0
        self._drawn_at = 0.0
        self._is_dirty = True

    def show(
        self, transcript: Transcript, *, has_news: bool = True, is_urgent: bool = False
    ) -> None:
        """Replace the output unless the last time was a moment ago."""
        if self._is_captured:
            return
        self._is_dirty = self._is_dirty or has_news
        age = time.monotonic() - self._drawn_at
        if is_urgent or age >= (UPDATE_INTERVAL_S if self._is_dirty else TICK_S):
            self._draw(transcript)

    def end(self, transcript: Transcript) -> None:
        """Replace the output by the final one."""
        self._draw(transcript)
        if transcript.format == "html" and transcript.state == "succeeded":
            _show_html(transcript)

    def _draw(self, transcript: Transcript) -> None:
        from IPython.display import display

        bundle = {"text/plain": as_text(transcript)}
        if transcript.format != "text":
            bundle["text/markdown"] = as_markdown(transcript, has_text=self._is_streaming)
        if self._handle is None:
            self._handle = display(  # type: ignore[no-untyped-call]
                bundle, raw=True, display_id=True, metadata=transcript.recording
            )
        else:
            self._handle.update(bundle, raw=True, metadata=transcript.recording)
        for figure in transcript.figures[self._n_figures :]:
            show_figure(figure)
        self._n_figures = len(transcript.figures)
        self._drawn_at, self._is_dirty = time.monotonic(), False


def _show_html(transcript: Transcript) -> None:
    """The HTML of the answer as an output of its own."""
    from IPython.display import display

    texts = [block.text for block in transcript.blocks if isinstance(block, TextBlock)]
    if text := next((text for text in reversed(texts) if text.strip()), ""):
        bundle = {"text/html": html_frame(text), "text/plain": plain(text)}
        display(bundle, raw=True)  # type: ignore[no-untyped-call]


class TerminalScreen:
    """Text on stdout, written once."""

    def __init__(self, *, is_streaming: bool = True) -> None:
        self._is_streaming = is_streaming
        self._written: dict[int, int] = {}
        self._has_status = False
        self._last = "\n"

    def show(
        self, transcript: Transcript, *, has_news: bool = True, is_urgent: bool = False
    ) -> None:
        """Write what is new; until there is something, the phase on a line that is erased."""
        if self._is_streaming and has_news:
            self._write_blocks(transcript, is_over=False)
        if transcript.phase and self._last == "\n" and sys.stdout.isatty() and not is_urgent:
            sys.stdout.write(f"\r\x1b[K{plain(transcript.phase)}{transcript.waiting}")
            self._has_status = True
        sys.stdout.flush()

    def end(self, transcript: Transcript) -> None:
        """Write the rest and the warnings."""
        self._write_blocks(transcript, is_over=True)
        for line in terminal_lines(transcript.figures):
            self._write(f"{'' if self._last == chr(10) else chr(10)}{line}\n")
        if transcript.state == "cancelled":
            self._write("\n[stopped]\n" if self._last != "\n" else "[stopped]\n")
        for note in transcript.notes:
            self._write(f"{'' if self._last == chr(10) else chr(10)}! {plain(note)}\n")
        if self._last != "\n":
            self._write("\n")
        self._write("")
        sys.stdout.flush()

    def _write_blocks(self, transcript: Transcript, *, is_over: bool) -> None:
        for number, block in enumerate(transcript.blocks):
            n_written = self._written.get(number, 0)
            if isinstance(block, TextBlock):
                if transcript.format == "json" and not is_over:
                    break  # Whether there is a fence around it is known at the end.
                text = _text(block, transcript)[n_written:]
            elif block.is_done or is_over:
                text = "" if n_written else _tool_text(block) + "\n"
            else:
                break
            if text:
                starts_block = n_written == 0 and self._last != "\n"
                self._write(("\n" if starts_block else "") + text)
                self._written[number] = n_written + len(text)

    def _write(self, text: str) -> None:
        if self._has_status:
            sys.stdout.write("\r\x1b[K")
            self._has_status = False
        if text:
            sys.stdout.write(text)
            self._last = text[-1]


def _text(block: TextBlock, transcript: Transcript) -> str:
    """What a model wrote as plain text; JSON without a fence once it is over."""
    is_json = transcript.format == "json" and transcript.state
    return plain(pretty_json(block.text) if is_json else block.text)


def as_text(transcript: Transcript) -> str:
    """The whole run as plain text."""
    parts: list[str] = []
    for block in transcript.blocks:
        text = _text(block, transcript) if isinstance(block, TextBlock) else _tool_text(block)
        if text.strip():
            parts.append(text)
    if transcript.state == "cancelled":
        parts.append("[stopped]")
    parts += [f"! {plain(note)}" for note in transcript.notes]
    summary = f"[{transcript.summary}]" if transcript.summary else ""
    parts.append(summary if transcript.state else transcript.phase)
    return "\n".join(part for part in parts if part)


def _tool_text(block: ToolBlock) -> str:
    lines = [f"[{plain(block.name)}] {plain(brief_arguments(block))}"]
    if block.is_done and block.status != "succeeded":
        lines[0] += f" ({block.status.replace('_', ' ')})"
    content = plain(block.content).strip("\n").split("\n")
    lines += [f"  {line}" for line in content[:TERMINAL_RESULT_LINES]]
    if len(content) > TERMINAL_RESULT_LINES:
        lines.append(f"  … {len(content) - TERMINAL_RESULT_LINES} more lines")
    return "\n".join(lines).rstrip()
