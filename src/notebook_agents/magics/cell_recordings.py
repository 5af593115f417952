"""Recordings of prompts, kept with the output of their cell, and how they are read back.

A notebook that is saved carries what is needed to show it again without a model: the prompt, the
model and its sampling, every tool call with its result, the answer. It stands in the metadata of
the cell's output, the only place of a notebook that a kernel can write to in every front end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from notebook_agents.core.events import EventBody, TextDelta, ToolFinished, ToolOutput, ToolStarted
from notebook_agents.core.models import Sampling, Usage
from notebook_agents.core.runs import Run
from notebook_agents.core.states import FinalState
from notebook_agents.core.tools import ToolCall

METADATA_KEY = "notebook_agents"
"""Of an output's metadata."""
VERSION = 1
LIVE_TOOLS = ("run_in_notebook", "python_executor")
"""Tools that may run their code in the notebook."""
NEVER_RAN = frozenset({"DENIED", "INVALID_ARGUMENTS", "REPEATED_CALL", "UNKNOWN_TOOL", "NOT_SHOWN"})
"""What a call ends with that was not made."""
MAX_BYTES = 1 << 20
"""Of one recording; beyond it the figures are left out, and if need be the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRecording:
    """One prompt and everything that came of it."""

    version: int = VERSION
    prompt: str
    """As it was written, before variables were put in."""
    digest: str
    """Of the prompt."""
    run_id: str
    model: str
    sampling: Sampling = Sampling()
    """With the seed, where one was given."""
    asked_at: datetime
    state: FinalState
    text: str = ""
    error_code: str = ""
    error_message: str = ""
    usage: Usage = Usage()
    tool_calls: tuple[ToolCall, ...] = ()
    events: tuple[EventBody, ...] = ()
    """What the cell showed, without the pieces that the text came in."""


_ADAPTER: TypeAdapter[CellRecording] = TypeAdapter(CellRecording)


def digest_of(prompt: str) -> str:
    """What a prompt is found by."""
    return hashlib.sha256(prompt.strip().encode()).hexdigest()[:32]


def recording_of(prompt: str, run: Run, bodies: Iterable[EventBody]) -> CellRecording:
    """The recording of a run that is over."""
    return CellRecording(
        prompt=prompt,
        digest=digest_of(prompt),
        run_id=run.id,
        model=run.model,
        sampling=run.sampling,
        asked_at=run.created_at,
        state=run.state,  # type: ignore[arg-type]
        text=run.text,
        error_code=run.error_code,
        error_message=run.error_message,
        usage=run.usage,
        tool_calls=run.tool_calls,
        events=tuple(body for body in bodies if not isinstance(body, TextDelta | ToolOutput)),
    )


def as_metadata(recording: CellRecording) -> dict[str, Any]:
    """For an output's metadata; empty when it is too large even without its figures."""
    for kept in (recording, _without_figures(recording)):
        data = _ADAPTER.dump_json(kept)
        if len(data) <= MAX_BYTES:
            return {METADATA_KEY: json.loads(data)}
    return {}


def recordings_in(notebook: Path) -> Iterator[CellRecording]:
    """Those of a notebook file, in the order of its cells; what cannot be read is left out."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    for cell in cells:
        for output in _outputs(cell):
            told = output.get("metadata")
            try:
                yield _ADAPTER.validate_python(told[METADATA_KEY])  # type: ignore[index]
            except (ValidationError, KeyError, TypeError):
                continue


def live_code(recording: CellRecording) -> dict[str, str]:
    """By call, the code that ran in the notebook itself: no sandbox says that it was there."""
    ran: set[str] = set()
    for body in recording.events:
        if isinstance(body, ToolFinished) and body.name in LIVE_TOOLS:
            has_run = body.error_type not in NEVER_RAN and not body.enforced_level
            ran |= {body.call_id} if has_run else set()
    return {
        body.call_id: str(body.arguments.get("code", ""))
        for body in recording.events
        if isinstance(body, ToolStarted)
        if body.call_id in ran
    }


def run_of(recording: CellRecording) -> Run:
    """The run as it ended."""
    from notebook_agents.core.messages import user_message

    return Run(
        id=recording.run_id,
        owner_id="",
        agent_id="",
        conversation_id="",
        state=recording.state,
        model=recording.model,
        input=user_message(recording.prompt),
        sampling=recording.sampling,
        text=recording.text,
        tool_calls=recording.tool_calls,
        usage=recording.usage,
        error_code=recording.error_code,
        error_message=recording.error_message,
        created_at=recording.asked_at,
    )


def differences(recording: CellRecording, run: Run) -> list[str]:
    """Where a live run departs from the recording: its calls, their ends, its answer."""
    found = []
    if run.state != recording.state:
        found.append(f"it ended as {run.state}, recorded was {recording.state}")
    pairs = zip(recording.tool_calls, run.tool_calls, strict=False)
    for number, (was, now) in enumerate(pairs, start=1):
        found += _call_differences(number, was, now)
    n_was, n_now = len(recording.tool_calls), len(run.tool_calls)
    if n_was != n_now:
        found.append(f"it made {n_now} tool calls, recorded are {n_was}")
    if run.text.strip() != recording.text.strip():
        found.append(f"it answered {_brief(run.text)}, recorded is {_brief(recording.text)}")
    return found


def _call_differences(number: int, was: ToolCall, now: ToolCall) -> list[str]:
    if was.name != now.name:
        return [f"call {number} was of {now.name}, recorded is {was.name}"]
    return [
        f"call {number} of {was.name} has {what} {_brief(b)}, recorded is {_brief(a)}"
        for what, a, b in (
            ("the arguments", was.arguments, now.arguments),
            ("the status", was.status, now.status),
            ("the result", was.content, now.content),
        )
        if a != b
    ]


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = " ".join(text.split())
    return repr(text if len(text) <= 120 else f"{text[:119]}…")


def _without_figures(recording: CellRecording) -> CellRecording:
    bodies: Sequence[EventBody] = recording.events
    plain = (replace(b, figures=()) if isinstance(b, ToolFinished) else b for b in bodies)
    return replace(recording, events=tuple(plain))


def _outputs(cell: Any) -> Iterator[Mapping[str, Any]]:
    outputs = cell.get("outputs") if isinstance(cell, dict) else None
    if isinstance(outputs, list):
        yield from (output for output in outputs if isinstance(output, dict))
