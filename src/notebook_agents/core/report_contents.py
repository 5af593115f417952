"""What a report of a conversation says: its messages, what its tools did, and its figures.

Messages are the record of what was said; the event log adds what was drawn and how long tools took.
Where the log no longer has it, the report says less and nothing wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from notebook_agents.core.agents import Agent
from notebook_agents.core.events import ToolFinished
from notebook_agents.core.messages import (
    AttachmentPart,
    Part,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from notebook_agents.core.models import Usage
from notebook_agents.core.ports import Query
from notebook_agents.core.report_documents import (
    Block,
    Enclosure,
    Entry,
    Fact,
    Grid,
    Picture,
    Plain,
    Prose,
    ReportDocument,
    Use,
)
from notebook_agents.core.runs import Run
from notebook_agents.core.states import RunState

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversation, MessageNode
    from notebook_agents.core.ports import Store
    from notebook_agents.core.recordings import RecordedLog

MAX_MESSAGES = 2000
"""Messages of a conversation that a report has; of more it has the newest."""
MAX_STREAMS = 20
"""Conversations that a fork comes from whose events are looked into."""
MAX_FIGURE_CHARS = 48 << 20
"""Of all figures together; the first ones are shown."""
MAX_TITLE_CHARS = 120
FIGURE_MARK = "[figure]"
STATES: Mapping[RunState, str] = {
    "queued": "waits",
    "running": "goes on",
    "waiting_approval": "waits for approval",
    "failed": "failed",
    "cancelled": "was stopped",
    "timed_out": "took too long",
    "interrupted": "was interrupted",
}
"""What is said of replies that did not simply succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a report has beside its title."""

    messages: bool = True
    tool_calls: bool = True
    metrics: bool = True


EVERYTHING = Parts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What is known of a conversation."""

    conversation: Conversation
    agent_name: str
    nodes: Sequence[MessageNode]
    runs: Mapping[str, Run]
    """By id, oldest first."""
    finished: Mapping[tuple[str, str], ToolFinished]
    """By run and call."""
    n_figures_left_out: int = 0


async def gather(store: Store, log: RecordedLog, conversation: Conversation) -> Material:
    """Everything that is known."""
    nodes = await store.chain(conversation.tip_id) if conversation.tip_id else []
    ids = tuple(dict.fromkeys(node.run_id for node in nodes if node.run_id))
    runs: list[Run] = []
    for first in range(0, len(ids), 500):
        query = Query(where={"id": ids[first : first + 500]}, limit=500)
        runs += (await store.find(Run, query)).items
    runs.sort(key=lambda run: (run.created_at, run.id))
    agent = await store.get(Agent, conversation.agent_id)
    streams = [conversation.id, *dict.fromkeys(n.conversation_id for n in reversed(nodes))]
    finished, n_left_out = await _finished(log, tuple(dict.fromkeys(streams))[:MAX_STREAMS])
    return Material(
        conversation=conversation,
        agent_name=agent.name if agent else "",
        nodes=nodes,
        runs={run.id: run for run in runs},
        finished=finished,
        n_figures_left_out=n_left_out,
    )


async def _finished(
    log: RecordedLog, streams: Collection[str]
) -> tuple[dict[tuple[str, str], ToolFinished], int]:
    """The ends of calls without their texts, and how many figures are too much to hold."""
    found: dict[tuple[str, str], ToolFinished] = {}
    room, n_left_out = MAX_FIGURE_CHARS, 0
    for end in await log.ends(streams):
        position, before = 0, -1
        while before < position < end.position:
            before, chunk = position, await log.read_on(end, position, ("tool_finished",))
            position = chunk.position
            for event in chunk.events:
                if not isinstance(event.body, ToolFinished):
                    continue
                figures = event.body.figures
                room -= sum(len(figure.content) for figure in figures)
                if room < 0:
                    n_left_out, figures = n_left_out + len(figures), ()
                key = (event.run_id, event.body.call_id)
                found[key] = replace(event.body, content="", figures=figures)
    return found, n_left_out


def conversation_document(material: Material, parts: Parts, now: datetime) -> ReportDocument:
    """The report's document."""
    nodes = material.nodes[-MAX_MESSAGES:]
    n_left_out = len(material.nodes) - len(nodes)
    notices = [f"The first {n_left_out:,} messages are left out."] if n_left_out else []
    if material.n_figures_left_out:
        notices.append(f"Figures left out: {material.n_figures_left_out:,}.")
    return ReportDocument(
        kind="conversation",
        title=_title(material),
        subject_id=material.conversation.id,
        made_at=now,
        facts=_facts(material),
        metrics=_metrics(material) if parts.metrics else (),
        details=_details(material) if parts.metrics and material.runs else None,
        entries=_entries(material, nodes, parts),
        notices=tuple(notices),
    )


def in_seconds(seconds: float) -> str:
    """A duration for people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def in_dollars(cost: float | None) -> str:
    """A price for people; what is not known is not nothing."""
    return "unknown" if cost is None else f"${cost:,.4f}"


def at_minute(moment: datetime) -> str:
    """A moment for people."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _title(material: Material) -> str:
    texts = [node.message.text for node in material.nodes if node.message.role == "user"]
    found = material.conversation.title or (texts[0] if texts else "") or "Conversation"
    line = " ".join(found.split())
    return line if len(line) <= MAX_TITLE_CHARS else f"{line[: MAX_TITLE_CHARS - 1]}…"


def _facts(material: Material) -> tuple[Fact, ...]:
    conversation = material.conversation
    models = ", ".join(dict.fromkeys(run.model for run in material.runs.values()))
    found = {
        "Agent": material.agent_name,
        "Model": models,
        "Started": at_minute(conversation.created_at),
        "Last change": at_minute(conversation.updated_at),
        "Conversation": conversation.slug or conversation.id,
    }
    return tuple(Fact(name=name, value=value) for name, value in found.items() if value)


def _metrics(material: Material) -> tuple[Fact, ...]:
    runs, nodes = material.runs.values(), material.nodes
    usage = sum((run.usage for run in runs), Usage())
    calls = [result for node in nodes for result in node.message.tool_results]
    n_failed = sum(result.is_error for result in calls)
    work = timedelta(milliseconds=sum(run.work_ms for run in runs))
    said = sum(n.message.role in ("user", "assistant") and bool(n.message.text) for n in nodes)
    is_partly = usage.cost_usd is not None and any(run.usage.cost_usd is None for run in runs)
    return (
        Fact(name="Messages", value=f"{said:,}"),
        Fact(
            name="Tool calls",
            value=f"{len(calls):,}",
            hint=f"{n_failed:,} failed" if n_failed else "",
        ),
        Fact(name="Tokens read", value=f"{usage.input_tokens:,}"),
        Fact(name="Tokens written", value=f"{usage.output_tokens:,}"),
        Fact(name="Working time", value=in_seconds(work.total_seconds())),
        Fact(name="Cost", value=in_dollars(usage.cost_usd), hint="of a part" if is_partly else ""),
    )


def _details(material: Material) -> Grid:
    rows = [
        (
            str(number),
            run.model,
            run.state,
            in_seconds(run.work_ms / 1000),
            f"{run.n_steps}",
            f"{len(run.tool_calls)}",
            f"{run.usage.input_tokens:,}",
            f"{run.usage.output_tokens:,}",
            in_dollars(run.usage.cost_usd),
        )
        for number, run in enumerate(material.runs.values(), start=1)
    ]
    columns = ("Reply", "Model", "State", "Time", "Steps", "Tools", "Read", "Written", "Cost")
    return Grid(columns=columns, rows=tuple(rows))


def _entries(material: Material, nodes: Sequence[MessageNode], parts: Parts) -> tuple[Entry, ...]:
    """One entry for what a person says, and one for all that a run makes of it."""
    results = {
        (node.run_id, result.call_id): result
        for node in nodes
        for result in node.message.tool_results
    }
    entries: list[Entry] = []
    by_run = ""
    for node in nodes:
        if node.message.role == "tool":
            continue
        blocks = _blocks(material, node, results, parts)
        is_answer = node.message.role == "assistant"
        if is_answer and entries and node.run_id and by_run == node.run_id:
            last = entries.pop()
            blocks, at = (*last.blocks, *blocks), last.at
        else:
            at = node.created_at
        by_run = node.run_id if is_answer else ""
        note = _note(material.runs.get(node.run_id)) if is_answer and parts.metrics else ""
        role = "assistant" if is_answer else node.message.role
        if blocks:
            entries.append(Entry(role=role, at=at, blocks=blocks, note=note))
        else:
            by_run = ""
    return tuple(entries)


def _blocks(
    material: Material,
    node: MessageNode,
    results: Mapping[tuple[str, str], ToolResultPart],
    parts: Parts,
) -> tuple[Block, ...]:
    found: list[Block] = []
    for part in node.message.parts:
        if isinstance(part, ToolCallPart):
            if parts.tool_calls:
                key = (node.run_id, part.call_id)
                found.append(_use(part, results.get(key), material.finished.get(key)))
        elif parts.messages and (block := _said(part, node)) is not None:
            found.append(block)
    return tuple(found)


def _said(part: Part, node: MessageNode) -> Block | None:
    if isinstance(part, TextPart):
        is_typed = node.message.role == "user"
        return Prose(text=part.text, keeps_breaks=is_typed) if part.text.strip() else None
    if isinstance(part, AttachmentPart):
        name = part.name or "attachment"
        return Enclosure(name=name, kind=part.kind, size_bytes=len(part.content.encode()))
    return None


def _use(call: ToolCallPart, result: ToolResultPart | None, finished: ToolFinished | None) -> Use:
    answer: list[Plain | Picture] = []
    figures = finished.figures if finished else ()
    text = result.content if result is not None else ""
    if figures:  # What a model reads in place of a figure says nothing beside the figure.
        text = "\n".join(line for line in text.split("\n") if line.strip() != FIGURE_MARK)
    if result is not None and text.strip():
        answer.append(Plain(text=text, is_error=result.is_error))
    answer += [
        Picture(media_type=figure.media_type, content=figure.content, label=figure.label)
        for figure in figures
    ]
    status = "failed" if result is not None and result.is_error else "succeeded"
    return Use(
        name=call.name,
        arguments=call.arguments,
        status=finished.status if finished else (status if result else ""),
        duration_ms=finished.duration_ms if finished else None,
        answer=tuple(answer),
    )


def _note(run: Run | None) -> str:
    if run is None:
        return ""
    usage = run.usage
    words = [
        run.model,
        in_seconds(run.work_ms / 1000),
        f"{usage.input_tokens:,} tokens read, {usage.output_tokens:,} written",
    ]
    if run.state in STATES:
        reason = f": {run.error_message}" if run.error_message else ""
        words.append(f"the reply {STATES[run.state]}{reason}")
    return " · ".join(words)
