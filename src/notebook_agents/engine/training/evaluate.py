"""Measures an exported model folder on the project's own synthetic data and writes a report.

Teacher forcing gives the exact matches of many turns; the end-to-end part executes the calls. All
numbers come from the exported files, never from the training code.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from notebook_agents.engine.training import prompts
from notebook_agents.engine.training.conversation import (
    PYTHON,
    READER,
    Conversation,
    Exchange,
    messages,
)  # fmt: skip
from notebook_agents.engine.training.dialogue import Dialogue, Reply
from notebook_agents.engine.training.execution import Workspace
from notebook_agents.engine.training.fixtures import Names
from notebook_agents.engine.training.generator import SPLITS, Generator
from notebook_agents.engine.training.tokenizer import encode, load_tokenizer

EVALUATION_SEED = 77_000_001
"""A seed that no training run uses."""

Scores = dict[str, dict[str, list[bool]]]


@dataclass(frozen=True)
class EvaluationPlan:
    """What to measure and where to write it."""

    model: Path
    output: Path
    n_forced: int = 1000
    n_executed: int = 200
    n_copies: int = 200
    threads: int = 1


@dataclass
class Report:
    """Shares of right answers in per cent, by measure and category, with the number of items."""

    tables: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, title: str, scores: Scores) -> None:
        """Add one table: a row per category, a column per measure, and a row for all."""
        everything: dict[str, list[bool]] = defaultdict(list)
        for measures in scores.values():
            for measure, found in measures.items():
                everything[measure] += found
        rows = {**dict(sorted(scores.items())), "all": everything}
        self.tables[title] = {name: _shares(measures) for name, measures in rows.items()}

    def markdown(self) -> str:
        """All tables as markdown."""
        return "\n".join(_markdown(title, rows) for title, rows in self.tables.items())


def evaluate(plan: EvaluationPlan) -> Report:
    """Run all measurements and write `evaluation.json` and `evaluation.md`."""
    torch.set_num_threads(plan.threads)
    report = Report()
    for split in SPLITS:
        report.add(f"exact match, {split}", forced_scores(plan, split))
    dialogue = Dialogue(plan.model)
    for split in SPLITS[1:]:
        scores = executed_scores(dialogue, split, plan.n_executed, report.failures)
        report.add(f"end to end, {split}", scores)
    report.add("copying of names", copy_scores(dialogue, plan.n_copies, report.failures))
    report.add("hand-written requests", hand_written_scores(dialogue, report.failures))
    report.add("out of domain", refusal_scores(dialogue, report.failures))
    plan.output.mkdir(parents=True, exist_ok=True)
    found = {"tables": report.tables, "failures": report.failures}
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    (plan.output / "evaluation.json").write_text(text, encoding="utf-8")
    (plan.output / "evaluation.md").write_text(report.markdown(), encoding="utf-8")
    return report


def forced_scores(plan: EvaluationPlan, split: str) -> Scores:
    """Exact match of every turn given the right turns before: tool, call and answer."""
    tokenizer = load_tokenizer(plan.model)
    model = AutoModelForCausalLM.from_pretrained(plan.model, local_files_only=True).float().eval()
    scores: Scores = defaultdict(lambda: defaultdict(list))
    for conversation in islice(Generator(EVALUATION_SEED, split), plan.n_forced):
        ids, written = encode(tokenizer, conversation)
        with torch.inference_mode():
            best = model(torch.tensor([ids])).logits[0, :-1].argmax(-1).tolist()
        right = [a == b for a, b in zip(best, ids[1:], strict=True)]
        turns = written_spans(written[1:])
        expected = [
            (e, number) for e in conversation.exchanges for number in range(len(e.steps) + 1)
        ]
        for (begin, end), (exchange, number) in zip(turns, expected, strict=True):
            _score_turn(scores[exchange.category], exchange, number, right[begin:end])
    return scores


def executed_scores(dialogue: Dialogue, split: str, count: int, failures: list[str]) -> Scores:
    """Requests answered with executed calls; a unit is one exchange after the right history."""
    scores: Scores = defaultdict(lambda: defaultdict(list))
    for conversation in islice(Generator(EVALUATION_SEED + 1, split), count):
        for number, exchange in enumerate(conversation.exchanges):
            if exchange.category == "error":
                continue
            found = _executed(dialogue, conversation, number, failures)
            for measure, value in found.items():
                scores[exchange.category][measure].append(value)
    return scores


def copy_scores(dialogue: Dialogue, count: int, failures: list[str]) -> Scores:
    """Whether the path of a request arrives unchanged in the call, by the length of its name."""
    rng = Generator(EVALUATION_SEED + 2, "vocabulary").rng
    names = Names(rng, held=True)
    scores: Scores = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder, Workspace(Path(folder)) as workspace:
        for _ in range(count):
            path = names.path(rng.choice(("txt", "md", "log")))
            text = f"read the first 3 lines of {path}"
            reply = dialogue.ask([{"role": "user", "content": text}], workspace)
            call = reply.calls[0] if reply.calls else None
            is_right = call is not None and call.arguments == {"path": path, "max_lines": 3}
            bucket = f"{len(path) // 10 * 10:02d} to {len(path) // 10 * 10 + 9:02d} characters"
            scores[bucket]["path exact"].append(is_right)
            if not is_right:
                failures.append(f"copy: {text} -> {call}")
    return scores


def hand_written_scores(dialogue: Dialogue, failures: list[str]) -> Scores:
    """Requests written by hand, executed; the answer must contain the expected texts."""
    scores: Scores = defaultdict(lambda: defaultdict(list))
    for request in prompts.REQUESTS:
        with (
            tempfile.TemporaryDirectory() as folder,
            prompts.workspace(Path(folder)) as workspace,
        ):
            reply = dialogue.ask(prompts.start(request.text), workspace)
        is_right = all(text in reply.answer for text in request.expected)
        tool = reply.calls[0].name if reply.calls else ""
        scores[request.category]["tool"].append(tool == request.tool)
        scores[request.category]["end to end"].append(is_right and tool == request.tool)
        if not is_right:
            failures.append(f"hand: {request.text} -> {_shown(reply)}")
    return scores


def refusal_scores(dialogue: Dialogue, failures: list[str]) -> Scores:
    """Requests outside the domain: a fixed reply is right, own words are an invention."""
    scores: Scores = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder:
        for text in prompts.OUT_OF_DOMAIN:
            with Workspace(Path(folder)) as workspace:
                reply = dialogue.ask(prompts.start(text), workspace)
            fixed = reply.answer in prompts.FIXED_REPLIES and not reply.calls
            invented = not reply.calls and reply.answer not in prompts.FIXED_REPLIES
            scores["all prompts"]["refused"].append(fixed and reply.answer in prompts.REFUSALS)
            scores["all prompts"]["other fixed reply"].append(
                fixed and reply.answer not in prompts.REFUSALS
            )
            scores["all prompts"]["needless call"].append(bool(reply.calls))
            scores["all prompts"]["invention"].append(invented)
            if not fixed:
                failures.append(f"out of domain: {text} -> {_shown(reply)}")
    return scores


def _executed(
    dialogue: Dialogue, conversation: Conversation, number: int, failures: list[str]
) -> dict[str, bool]:
    exchange = conversation.exchanges[number]
    before = Conversation(
        conversation.exchanges[:number], conversation.tools, conversation.frames,
        shown_files=conversation.shown_files,
    )  # fmt: skip
    history: list[dict[str, object]] = [
        *messages(before),
        {"role": "user", "content": exchange.request},
    ]
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        expected = []
        for step in exchange.steps:
            with Workspace(Path(first), conversation) as workspace:
                expected.append(workspace.run(step.call))
        with Workspace(Path(second), conversation) as workspace:
            reply = dialogue.ask(history, workspace, conversation.tools)
    found = judged(exchange, expected, reply)
    if not found["end to end"]:
        failures.append(f"{exchange.category}: {exchange.request!r} -> {_shown(reply)}")
    return found


def judged(exchange: Exchange, expected: list[str], reply: Reply) -> dict[str, bool]:
    """Judge a reply: valid calls, the right tool and result, and the values in the answer."""
    calls = tuple(step.call for step in exchange.steps)
    tool = [c.name for c in reply.calls[:1]] == [c.name for c in calls[:1]]
    found = {"valid": reply.is_valid, "tool": tool}
    if not calls:
        return {**found, "end to end": not reply.calls and reply.answer == exchange.answer}
    same = reply.calls == calls
    draws = calls[-1].name == PYTHON and "plt.show()" in str(calls[-1].arguments)
    result = same if draws else bool(reply.results) and reply.results[-1] == expected[-1]
    found = {**found, "call": same, "result": result}
    copied = draws or _values(expected[-1], calls[-1].name) <= _words(reply.answer)
    if result:
        found["copied, given the result"] = copied
    return {**found, "end to end": result and copied}


def _values(result: str, tool: str) -> set[str]:
    lines = result.split("\n")
    if result.startswith("Error: "):
        return _words(lines[0].removeprefix("Error: "))
    is_table = tool not in (READER, PYTHON) and len(lines) > 1 and ", " in lines[0]
    return _words("\n".join(lines[1:] if is_table or lines[0].endswith(")") else lines))


def _words(text: str) -> set[str]:
    return {word.strip(".:") for word in re.split(r"[\s,:`]+", text)} | {""}


def _score_turn(
    scores: dict[str, list[bool]], exchange: Exchange, number: int, right: list[bool]
) -> None:
    if number == len(exchange.steps):
        scores["answer" if exchange.steps else "reply"].append(all(right))
        if not exchange.steps:
            scores["tool"].append(right[0])
        return
    scores["tool"].append(all(right[:4]))
    scores["call"].append(all(right))


def written_spans(written: list[bool]) -> list[tuple[int, int]]:
    """The places of the turns that the model writes."""
    changes = [i for i in range(len(written)) if i == 0 or written[i] != written[i - 1]]
    borders = [*changes, len(written)]
    return [(begin, end) for begin, end in pairwise(borders) if written[begin]]


def _shares(measures: dict[str, list[bool]]) -> dict[str, float]:
    shares = {k: round(100 * sum(v) / len(v), 1) for k, v in measures.items() if v}
    return {"n": max((len(v) for v in measures.values()), default=0), **shares}


def _markdown(title: str, rows: dict[str, dict[str, float]]) -> str:
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = [f"### {title}", "", f"| category | {' | '.join(columns)} |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(str(row.get(c, "")) for c in columns) + " |")
    return "\n".join([*lines, ""])


def _shown(reply: Reply) -> str:
    calls = "; ".join(call.json() for call in reply.calls)
    return f"{calls} => {reply.answer[:200]!r}"
