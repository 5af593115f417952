"""Measures the shipped model on the project's own synthetic data and on requests written by hand.

Teacher forcing gives the exact matches of many turns of any exported folder. Everything else goes
through the product: its engine, parser, loop, tools and sandbox, with the model that it ships.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from notebook_agents.engine.training import prompts
from notebook_agents.engine.training.conversation import CALL_OPEN, Conversation, Exchange
from notebook_agents.engine.training.execution import Workspace
from notebook_agents.engine.training.fixtures import Names
from notebook_agents.engine.training.generator import SPLITS, Generator
from notebook_agents.engine.training.judging import (
    ERROR,
    about_earlier,
    contains,
    judged,
    judged_natural,
    judged_refusal,
)
from notebook_agents.engine.training.natural import Request, natural_sets
from notebook_agents.engine.training.product import Product, Reply, Setting, open_product
from notebook_agents.engine.training.python_calls import OF_THE_DAY
from notebook_agents.engine.training.report import Report, Scores
from notebook_agents.engine.training.retries import FAILED
from notebook_agents.engine.training.settings import generated_setting, written_setting
from notebook_agents.engine.training.tokenizer import encode, letter_pieces, load_tokenizer

EVALUATION_SEED = 77_000_001
"""A seed that no training run uses."""
MADE_UP = frozenset({FAILED, OF_THE_DAY})
"""Categories with results that no tool gives again."""
AT_ONCE = 2
"""Conversations of the product that go on at the same time."""


@dataclass(frozen=True)
class EvaluationPlan:
    """What to measure and where to write it."""

    model: Path
    output: Path
    n_forced: int = 1000
    n_executed: int = 500
    """Conversations per split."""
    n_copies: int = 200
    natural: bool = True
    threads: int = 1


@dataclass(frozen=True)
class Item:
    """One conversation with the product: what it finds, and what is asked."""

    setting: Setting
    requests: tuple[str, ...]


@dataclass(frozen=True)
class Turn:
    """The tokens of one turn of the assistant: those the model finds best, and the right ones."""

    tokenizer: Tokenizer
    best: list[int]
    wanted: list[int]

    def token(self, text: str) -> int:
        """The token of a tag or of the name of a tool."""
        found = self.tokenizer.token_to_id(text)
        assert found is not None, "tags and names of tools are single tokens"
        return found


def evaluate(plan: EvaluationPlan) -> Report:
    """Run all measurements and write `evaluation.json` and `evaluation.md`."""
    torch.set_num_threads(plan.threads)
    report = Report(sizes=_sizes(plan))
    for split in SPLITS if plan.n_forced else ():
        report.add(f"exact match, {split}", forced_scores(plan, split))
    asyncio.run(_measure_product(plan, report))
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
    pieces = letter_pieces(tokenizer) if split == "train" else ()
    scores: Scores = defaultdict(lambda: defaultdict(list))
    for conversation in islice(Generator(EVALUATION_SEED, split, pieces), plan.n_forced):
        ids, written = encode(tokenizer, conversation)
        with torch.inference_mode():
            best = model(torch.tensor([ids])).logits[0, :-1].argmax(-1).tolist()
        expected = [
            (e, number) for e in conversation.exchanges for number in range(len(e.steps) + 1)
        ]
        spans = written_spans(written[1:])
        for (begin, end), (exchange, number) in zip(spans, expected, strict=True):
            turn = Turn(tokenizer, best[begin:end], ids[begin + 1 : end + 1])
            _score_turn(scores[exchange.category], exchange, number, turn)
    return scores


async def executed_scores(product: Product, split: str, count: int, failures: list[str]) -> Scores:
    """Whole conversations answered by the product; a unit is one exchange."""
    made = list(islice(reproducible(Generator(EVALUATION_SEED + 1, split)), count))
    items = [Item(generated_setting(c), tuple(e.request for e in c.exchanges)) for c, _ in made]
    scores: Scores = defaultdict(lambda: defaultdict(list))
    number = 0
    async for replies in answered(product, items):
        conversation, results = made[number]
        number += 1
        for place, (exchange, reply) in enumerate(
            zip(conversation.exchanges, replies, strict=True)
        ):
            wanted = about_earlier(exchange, replies[:place])
            found = judged(wanted, results[place], reply)
            _add(scores[exchange.category], found)
            if not found["end to end"]:
                failures.append(f"{exchange.category}: {exchange.request!r} -> {shown(reply)}")
    return scores


async def copy_scores(product: Product, count: int, failures: list[str]) -> Scores:
    """Whether a path, a column and a number of a request arrive unchanged in a call, by length."""
    names = Names(Generator(EVALUATION_SEED + 2, "vocabulary").rng, held=True)
    makers = (_path_copy, _path_copy, _column_copy, _number_copy)
    made = [makers[place % len(makers)](names) for place in range(count)]
    scores: Scores = defaultdict(lambda: defaultdict(list))
    index = 0
    async for (reply,) in answered(product, [item for _, _, item in made]):
        kind, text, item = made[index]
        index += 1
        given = " ".join(str(v) for call in reply.calls[:1] for v in call.arguments.values())
        is_right = re.search(rf"(?<![\w.]){re.escape(text)}(?!\w|\.\w)", given) is not None
        bucket = f"{kind}, {len(text) // 10 * 10:02d} to {len(text) // 10 * 10 + 9:02d} characters"
        scores[bucket]["copied exactly"].append(is_right)
        if not is_right:
            failures.append(f"copy: {item.requests[0]!r} -> {shown(reply)}")
    return scores


def _path_copy(names: Names) -> tuple[str, str, Item]:
    path = names.path(names.rng.choice(("txt", "md", "log")))
    request = f"read the first 3 lines of {path}"
    return "path", path, Item(Setting({path: b"one\ntwo\nthree\nfour"}), (request,))


def _column_copy(names: Names) -> tuple[str, str, Item]:
    column, file = names.column(), names.path("csv")
    setting = Setting({file: f'"{column}",other\n3,1\n5,2\n'.encode()})
    return "column", column, Item(setting, (f"what is the average {column} in {file}",))


def _number_copy(names: Names) -> tuple[str, str, Item]:
    number = names.number(12)
    return "number", number, Item(Setting({}), (f"what is {number} * 3",))


async def natural_scores(
    product: Product, failures: list[str], every: int = 1
) -> tuple[Scores, Scores]:
    """Requests written without sight of the phrasings: inside the domain, and outside of it.

    With ``every`` only each so many of them.
    """
    inside: Scores = defaultdict(lambda: defaultdict(list))
    outside: Scores = defaultdict(lambda: defaultdict(list))
    for found in natural_sets():
        setting = written_setting(found.files, found.frames)
        inner, outer = found.requests[::every], found.out_of_domain[::every]
        items = [Item(setting, request.turns) for request in inner]
        items += [Item(setting, (text,)) for text in outer]
        wanted: list[Request | str] = [*inner, *outer]
        index = 0
        async for replies in answered(product, items):
            request, reply = wanted[index], replies[-1]
            index += 1
            if isinstance(request, str):
                _add(outside[found.name], judged_refusal(reply))
                if not judged_refusal(reply)["refused"]:
                    failures.append(f"out of domain: {request!r} -> {shown(reply)}")
                continue
            verdict = judged_natural(request, reply)
            _add(inside[f"{found.name}: {request.category}"], verdict)
            if not verdict["end to end"]:
                failures.append(f"natural {found.name}: {request.turns} -> {shown(reply)}")
    return inside, outside


async def demo_scores(product: Product, failures: list[str]) -> Scores:
    """The documented demo requests and paraphrases of them by the author of the phrasings."""
    items = [Item(prompts.setting(), (request.text,)) for request in prompts.REQUESTS]
    scores: Scores = defaultdict(lambda: defaultdict(list))
    index = 0
    async for (reply,) in answered(product, items):
        request = prompts.REQUESTS[index]
        index += 1
        tool = reply.calls[0].name if reply.calls else ""
        is_right = all(contains(reply.answer, text) for text in request.expected)
        found = {"tool": tool == request.tool, "end to end": is_right and tool == request.tool}
        _add(scores[request.category], found)
        if not found["end to end"]:
            failures.append(f"demo: {request.text!r} -> {shown(reply)}")
    return scores


async def answered(product: Product, items: Sequence[Item]) -> AsyncIterator[list[Reply]]:
    """The replies to every item, in order, a few conversations at the same time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: Item) -> list[Reply]:
        async with gate:
            return await product.ask(item.setting, item.requests)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
        for task in tasks:
            yield await task


def reproducible(generator: Generator) -> Iterator[tuple[Conversation, list[list[str]]]]:
    """Conversations that real tools can have, with the real results of the reference calls."""
    for conversation in generator:
        if any(e.category in MADE_UP for e in conversation.exchanges):
            continue
        results = expected_results(conversation)
        if all(map(_is_real, conversation.exchanges, results)):
            yield conversation, results


def expected_results(conversation: Conversation) -> list[list[str]]:
    """What the reference calls of every exchange really give."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Workspace(Path(folder), conversation) as workspace,
    ):
        return [[workspace.run(s.call) for s in e.steps] for e in conversation.exchanges]


def written_spans(written: list[bool]) -> list[tuple[int, int]]:
    """The places of the turns that the model writes."""
    changes = [i for i in range(len(written)) if i == 0 or written[i] != written[i - 1]]
    borders = [*changes, len(written)]
    return [(begin, end) for begin, end in pairwise(borders) if written[begin]]


def shown(reply: Reply) -> str:
    """A reply on one line, for the list of failures."""
    calls = "; ".join(call.json() for call in reply.calls)
    return f"{calls} => {reply.answer[:200]!r}"


def _sizes(plan: EvaluationPlan) -> str:
    return (
        f"Exact matches: {plan.n_forced} conversations of each split, with all their exchanges. "
        f"End to end: {plan.n_executed} of each."
    )


async def _measure_product(plan: EvaluationPlan, report: Report) -> None:
    with tempfile.TemporaryDirectory() as home:
        async with open_product(Path(home)) as product:
            for split in SPLITS[1:]:
                scores = await executed_scores(product, split, plan.n_executed, report.failures)
                report.add(f"end to end, {split}", scores)
            if plan.n_copies:
                copies = await copy_scores(product, plan.n_copies, report.failures)
                report.add("copying", copies)
            report.add("demo requests", await demo_scores(product, report.failures))
            if plan.natural:
                inside, outside = await natural_scores(product, report.failures)
                report.add("natural requests", inside)
                report.add("out of domain", outside)


def _add(scores: dict[str, list[bool]], found: dict[str, bool]) -> None:
    for measure, value in found.items():
        scores[measure].append(value)


def _is_real(exchange: Exchange, results: Sequence[str]) -> bool:
    """Whether the reference calls fail where they should, and lead to the last one as they should.

    What the last one gives may differ: of a long file training shows a part.
    """
    steps = [step.result for step in exchange.steps]
    failed = [text.startswith(ERROR) for text in steps]
    if failed != [text.startswith(ERROR) for text in results]:
        return False
    between = zip(steps[:-1], results[:-1], failed[:-1], strict=True)
    return all(has_failed or wanted == found for wanted, found, has_failed in between)


def _score_turn(scores: dict[str, list[bool]], exchange: Exchange, number: int, turn: Turn) -> None:
    is_right = turn.best == turn.wanted
    if number < len(exchange.steps):
        place = turn.wanted.index(turn.token(exchange.steps[number].call.name)) + 1
        scores["tool"].append(turn.best[:place] == turn.wanted[:place])
        scores["call"].append(is_right)
        return
    scores["answer" if exchange.steps else "reply"].append(is_right)
    if not exchange.steps:
        scores["tool"].append(turn.best[0] != turn.token(CALL_OPEN))
