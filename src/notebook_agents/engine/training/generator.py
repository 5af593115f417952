"""Makes training and evaluation conversations from a seed.

The three splits: `train` uses the training patterns and names; `vocabulary` the training patterns
and held-out names; `templates` held-out patterns and names. The same seed gives the same
conversations on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

from notebook_agents.engine.training import calculations, exchanges, questions, rankings, replies
from notebook_agents.engine.training.conversation import (
    TOOLS,
    Call,
    Conversation,
    Exchange,
    Step,
)  # fmt: skip
from notebook_agents.engine.training.fixtures import Names, Table
from notebook_agents.engine.training.follow_ups import follow_up
from notebook_agents.engine.training.pools import Picker
from notebook_agents.engine.training.questions import Question, Subject
from notebook_agents.engine.training.scene import Scene, failure, table_exchange

VERSION = "1"
"""Version of the generator; a change of its output changes it."""

SPLITS = ("train", "vocabulary", "templates")

QUESTIONS: tuple[tuple[Callable[[Subject], Question], int], ...] = (
    (questions.scalar, 20), (questions.grouped, 26), (questions.count_rows, 5),
    (questions.count_groups, 11), (questions.distinct_count, 4), (questions.distinct, 4),
    (questions.filter_count, 6), (questions.filter_rows, 5), (questions.filter_aggregate, 6),
    (questions.head_rows, 8), (questions.schema, 4), (questions.summary, 3),
    (questions.value_range, 3), (rankings.top_rows, 6), (rankings.sorted_rows, 3),
    (rankings.top_groups, 6), (rankings.arg_max, 5), (rankings.missing, 3),
    (rankings.related, 3), (rankings.selected, 3),
)  # fmt: skip
"""Kinds of questions about tables and their weights."""

NEED_A_NAME = (questions.count_rows, questions.head_rows, questions.schema)
"""Kinds of questions without a column: the context alone cannot say which table is meant."""

FAMILIES = ("table", "calculate", "run", "read", "list", "chain", "plot", "load", "talk",
            "refuse", "ask", "no tool")  # fmt: skip
WEIGHTS = (37, 16, 3, 10, 7, 5, 8, 2, 5, 9, 4, 4)

_ERRORS = (
    "Error: File '{p}' not found", "Error: {p} does not exist", "Error: no such file: {p}",
    "Error: NameError: name '{w}' is not defined", "Error: KeyError: '{w}'",
    "Error: Binder Error: Referenced column \"{w}\" not found in FROM clause!\nCandidate bindings: "
    "\"{w}\"", "Error: IO Error: No files found that match the pattern \"{p}\"",
    "Error: the code ran longer than {n} seconds", "Error: {w} {w} {w}",
    "Error: ModuleNotFoundError: No module named '{w}'", "Error: path {p} is outside the folder",
)  # fmt: skip


class Generator:
    """An endless, reproducible source of conversations of one split."""

    def __init__(self, seed: int, split: str = "train", pieces: tuple[str, ...] = ()) -> None:
        if split not in SPLITS:
            raise ValueError(f"Unknown split {split!r}; expected one of {SPLITS}")
        self.rng = random.Random(f"{seed}/{split}")  # noqa: S311
        self.split = split
        self.pieces = pieces

    def conversation(self) -> Conversation:
        """Make the next conversation."""
        held = self.split == "templates"
        while True:
            made = _Maker(self._scene(held=held)).conversation()
            if made.uses_held or not held:
                return made

    def __iter__(self) -> Iterator[Conversation]:
        while True:
            yield self.conversation()

    def copy_exercise(self) -> Conversation:
        """A request to repeat random text; only for training."""
        scene = self._scene(held=False)
        names, rng = scene.names, self.rng
        makers = (names.word, names.column, names.table_path, lambda: names.number(12), names.frame,
                  lambda: f"{rng.uniform(0, 1000):.{rng.randint(1, 8)}f}")  # fmt: skip
        text = " ".join(rng.choice(makers)() for _ in range(rng.choice((1, 2, 3, 5, 8))))
        return Conversation((Exchange("copy", f"repeat: {text}", (), text),))

    def _scene(self, *, held: bool) -> Scene:
        names = Names(self.rng, self.split != "train", self.pieces)
        return Scene(self.rng, names, Picker(self.rng, held=held))


class _Maker:
    """Makes one conversation in one scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def conversation(self) -> Conversation:
        scene = self.scene
        family = scene.rng.choices(FAMILIES, WEIGHTS)[0]
        if family == "no tool":
            return self._without_tool()
        found = self._family(family)
        while scene.chance(0.16) and len(found) < 3:
            found += self._family(scene.rng.choices(FAMILIES[:-2], WEIGHTS[:-2])[0], later=True)
        tools: tuple[str, ...] = TOOLS
        if scene.chance(0.25):
            tools = tuple(scene.rng.sample(TOOLS, len(TOOLS)))
        return self._made(tuple(self._maybe_failed(e) for e in found), tools)

    def _family(self, family: str, *, later: bool = False) -> list[Exchange]:
        if family == "table":
            return self._table(later=later)
        makers: dict[str, Callable[[Scene], Exchange]] = {
            "calculate": calculations.calculation, "run": calculations.run_code,
            "read": exchanges.read_file, "list": exchanges.list_files, "chain": exchanges.chain,
            "plot": exchanges.plot, "load": exchanges.load, "talk": exchanges.small_talk,
            "refuse": exchanges.refusal, "ask": exchanges.ask_back,
        }  # fmt: skip
        if later and family == "plot":
            return self._table(later=True)
        if family in ("calculate", "run", "chain", "talk", "refuse") and self.scene.chance(0.5):
            self.scene.clutter()
        return [makers[family](self.scene)]

    def _table(self, *, later: bool = False) -> list[Exchange]:
        scene = self.scene
        source = scene.add_file() if later else scene.source()
        if not later and scene.chance(0.08):
            return [self._unclear()]
        maker = scene.rng.choices([m for m, _ in QUESTIONS], [w for _, w in QUESTIONS])[0]
        if not source.said and maker in NEED_A_NAME:
            maker = questions.scalar
        if maker is rankings.missing:
            _drop_values(scene, source.table, source.is_frame, source.name)
            known = scene.frames if source.is_frame else scene.tables
            source = replace(source, table=known[source.name])
        question = maker(Subject(source.table, scene.picker))
        found = [table_exchange(scene, question, source)]
        second = follow_up(scene, question, source) if scene.chance(0.25) else None
        return [*found, second] if second else found

    def _unclear(self) -> Exchange:
        """A question about a table that nothing names: ask back."""
        scene = self.scene
        scene.frames.clear()
        scene.tables.clear()
        scene.hidden.clear()
        for _ in range(scene.rng.choice((0, 2, 2, 3))):
            scene.add_file()
        source = replace(scene.add_frame(), said="")
        scene.frames.clear()
        maker = scene.rng.choices([m for m, _ in QUESTIONS[:13]], [w for _, w in QUESTIONS[:13]])[0]
        question = maker(Subject(source.table, scene.picker))
        made = table_exchange(scene, question, source)
        return Exchange("ask back", made.request, (), replies.WHICH_TABLE)

    def _without_tool(self) -> Conversation:
        family = self.scene.rng.choices(FAMILIES[:7], WEIGHTS[:7])[0]
        exchange = self._family(family)[0]
        if not exchange.steps:
            return self._made((exchange,), TOOLS)
        needed = exchange.steps[0].call.name
        others = [tool for tool in TOOLS if tool != needed]
        tools = tuple(self.scene.rng.sample(others, self.scene.rng.choice((1, 2, 3))))
        if self.scene.chance(0.4):
            return self._made((exchange,), self._enough(exchange))
        answer = replies.NO_SUCH_TOOL.replace("{t}", needed)
        return self._made((Exchange("no tool", exchange.request, (), answer),), tools)

    def _enough(self, exchange: Exchange) -> tuple[str, ...]:
        used = {step.call.name for step in exchange.steps}
        return tuple(tool for tool in TOOLS if tool in used or self.scene.chance(0.4))

    def _maybe_failed(self, exchange: Exchange) -> Exchange:
        scene = self.scene
        if not exchange.steps or not scene.chance(0.04):
            return exchange
        text = scene.rng.choice(_ERRORS).replace("{p}", scene.names.table_path())
        text = text.replace("{n}", scene.names.number(3))
        while "{w}" in text:
            text = text.replace("{w}", scene.names.word(), 1)
        step = Step(exchange.steps[0].call, text)
        return replace(exchange, steps=(step,), answer=failure(text), category="error")

    def _made(self, found: tuple[Exchange, ...], tools: tuple[str, ...]) -> Conversation:
        scene = self.scene
        return Conversation(
            found, tools, dict(scene.frames), dict(scene.tables), dict(scene.texts),
            scene.shown_files(), scene.picker.used_held,
        )  # fmt: skip


def call_of(exchange: Exchange) -> Call | None:
    """The first call of an exchange, None when it is answered without a tool."""
    return exchange.steps[0].call if exchange.steps else None


def _drop_values(scene: Scene, table: Table, is_frame: bool, name: str) -> None:
    """Replace some numbers of a table by nothing, in the fixtures of the scene."""
    kept = [
        tuple(
            None if column.is_number and place and scene.chance(0.25) else cell
            for column, cell in zip(table.columns, row, strict=True)
        )
        for place, row in enumerate(table.rows)
    ]
    known = scene.frames if is_frame else scene.tables
    known[name] = Table(table.columns, tuple(kept))
