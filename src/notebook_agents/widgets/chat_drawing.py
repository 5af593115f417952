"""What a run looks like in a chat panel: a transcript in, blocks for the views out.

The same for a run that goes on and for one that is read from the record, so that what a person saw
is what they find again. Nothing here is HTML; the views make every text harmless themselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_agents.core.assessments import RISKS
from notebook_agents.core.events import ApprovalDecided, ApprovalRequested, EventBody
from notebook_agents.core.figures import PLOTLY, Figure
from notebook_agents.core.forecasts import words_of
from notebook_agents.core.policy import FRESH
from notebook_agents.live import notebook_tools
from notebook_agents.magics.markdown import brief_arguments
from notebook_agents.magics.transcript import TextBlock, ToolBlock, Transcript
from notebook_agents.widgets.chat_diffs import edit_diff

if TYPE_CHECKING:
    from notebook_agents.widgets.chat_board import Record

MAX_OUTPUT_CHARS = 20_000
"""Of a tool's result; what is beyond it stays in the record."""
LANGUAGES = {"code": "python", "query": "sql", "command": "bash"}
"""Arguments that hold code, and what it is written in."""
NOT_DRAWN = (
    "This front end draws no interactive figures in a panel. Where panel = agents.chat() shows this"
    " conversation: plotly.graph_objects.Figure(panel.figures[-1])"
)
IN_SANDBOX = frozenset({notebook_tools.PYTHON, "shell"})
LATE = "nobody answered within"
"""How the answer begins that a question gets when nobody gives one."""
LABELS = {
    "python_executor": "Run Python",
    "run_in_notebook": "Run in the notebook",
    "database_query": "Query data",
    "file_reader": "Read a file",
    "file_writer": "Write a file",
    "file_editor": "Edit a file",
    "list_files": "List files",
    "search_files": "Search files",
    "inspect_variable": "Look at a variable",
    "shell": "Run a command",
    "code_analyzer": "Analyze code",
}


@dataclass(slots=True, kw_only=True)
class Question:
    """A call that a person was asked about."""

    asked: ApprovalRequested
    expires_at: float | None = None
    """Seconds since the epoch; unanswered then, it is denied."""
    decision: str | None = None
    """``once``, ``conversation``, ``denied`` or ``expired``; None while it waits."""
    feedback: str = ""
    preview: Record | None = None
    """What came of a dry run."""
    not_saved: list[Record] = field(default_factory=list)
    """What could not be taken back afterwards."""
    diff: str = ""
    """What it would change in a file."""
    edited: Record | None = None
    """Arguments that the person put in place of the model's."""


def take(questions: dict[str, Question], body: EventBody) -> None:
    """Keep what an event says of a question."""
    if isinstance(body, ApprovalRequested):
        questions.setdefault(body.call_id, Question(asked=body))
    elif isinstance(body, ApprovalDecided) and body.call_id in questions:
        question = questions[body.call_id]
        question.feedback = question.feedback or body.feedback
        question.decision = question.decision or _decision(body)
        question.edited = question.edited or body.edited


def _decision(body: ApprovalDecided) -> str:
    if not body.is_approved:
        return "expired" if body.via == "timeout" or body.feedback.startswith(LATE) else "denied"
    return "conversation" if body.scope == "conversation" else "once"


def blocks_of(
    transcript: Transcript, questions: Mapping[str, Question], key: str
) -> list[dict[str, Any]]:
    """The blocks of an answer; their ids begin with ``key`` or are those of calls."""
    blocks: list[Record] = []
    for block in transcript.blocks:
        if isinstance(block, TextBlock):
            if block.text.strip():
                blocks.append({"id": f"{key}:t{block.step}", "type": "text", "text": block.text})
            continue
        if (question := questions.get(block.call_id)) is not None:
            blocks.append(_approval(question, is_over=bool(transcript.state)))
        if question is None or block.status != "waiting":
            blocks.append(_tool(block))
    blocks += [_figure(f, f"{key}:f{n}") for n, f in enumerate(transcript.figures)]
    blocks += [note_block(f"{key}:n{n}", text) for n, text in enumerate(transcript.notes)]
    return blocks


def note_block(id: str, text: str) -> Record:
    """A warning below an answer."""
    return {"id": id, "type": "note", "level": "warning", "text": text}


def footer_of(transcript: Transcript) -> Record:
    """What an answer took."""
    usage = transcript.usage
    rate = usage.output_tokens / transcript.decode_ms * 1000 if transcript.decode_ms > 0 else None
    return {
        "model": transcript.model,
        "seconds": round(transcript.seconds, 2),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "tokens_per_s": rate and round(rate, 1),
        "cost_usd": usage.cost_usd,
        "n_tools": len(transcript.tools),
        "text": transcript.summary,
    }


def label_of(name: str) -> str:
    """What people call a tool."""
    return LABELS.get(name, name.replace("_", " "))


def code_of(arguments: Mapping[str, Any]) -> Record | None:
    """The code among a call's arguments, with its language."""
    for name, language in LANGUAGES.items():
        if isinstance(text := arguments.get(name), str):
            return {"language": language, "text": text}
    return None


def _tool(block: ToolBlock) -> Record:
    output = block.content
    if (n_more := len(output) - MAX_OUTPUT_CHARS) > 0:
        output = f"{output[:MAX_OUTPUT_CHARS]}\n… {n_more:,} more characters"
    return {
        "id": block.call_id,
        "type": "tool",
        "name": block.name,
        "label": label_of(block.name),
        "status": block.status,
        "arguments": _plain(block.arguments),
        "summary": brief_arguments(block) if block.arguments else "",
        "code": code_of(block.arguments),
        "diff": edit_diff(block.name, block.arguments),
        "output": output,
        "duration_ms": block.duration_ms,
    }


def _approval(question: Question, *, is_over: bool) -> Record:
    asked = question.asked
    decision = question.decision or ("denied" if is_over else None)
    return {
        "id": f"{asked.call_id}:ask",
        "type": "approval",
        "call_id": asked.call_id,
        "name": asked.name,
        "label": label_of(asked.name),
        "where": _where(asked),
        "risk": max((f.risk for f in asked.findings), key=RISKS.index, default=""),
        "effect": asked.effect,
        "reason": asked.reason,
        "warning": asked.warning,
        "is_once": bool(asked.warning) or asked.effect in FRESH,
        "findings": [asdict(finding) for finding in asked.findings],
        "forecast": words_of(asked.forecast) if asked.forecast else "",
        "arguments": _plain(asked.arguments),
        "code": code_of(asked.arguments),
        "diff": question.diff or edit_diff(asked.name, asked.arguments),
        "preview": question.preview,
        "not_saved": question.not_saved,
        "expires_at": question.expires_at,
        "decision": decision,
        "is_edited": question.edited is not None,
        "feedback": question.feedback,
    }


def _where(asked: ApprovalRequested) -> str:
    """Where the code of a call would run; empty where the tool says it all."""
    if asked.module == notebook_tools.__name__:
        return "in this notebook, on your variables"
    return "in a sandbox, apart from your variables" if asked.name in IN_SANDBOX else ""


def _figure(figure: Figure, id: str) -> Record:
    block: Record = {"id": id, "type": "figure", "label": figure.label}
    if figure.media_type == PLOTLY:
        block["output_note"] = NOT_DRAWN
    return {**block, "media_type": figure.media_type, "content": figure.content}


def _plain(arguments: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(arguments, default=str))
