"""Makes training and evaluation conversations from a seed.

The three splits: `train` uses the training patterns and names; `vocabulary` the training patterns
and held-out names; `templates` held-out patterns and names. The same seed gives the same
conversations on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

from notebook_agents.engine.training import (
    calculations,
    conditions,
    contexts,
    inspecting,
    joins,
    listings,
    pivots,
    plotting,
    questions,
    rankings,
    reading,
    replies,
    retries,
    talk,
    timelines,
)
from notebook_agents.engine.training.conversation import (
    LISTER,
    TOOLS,
    Conversation,
    Exchange,
)  # fmt: skip
from notebook_agents.engine.training.fixtures import Names, Table
from notebook_agents.engine.training.follow_ups import follow_up
from notebook_agents.engine.training.pools import Picker
from notebook_agents.engine.training.questions import Question, Subject
from notebook_agents.engine.training.reading_on import reading_on
from notebook_agents.engine.training.scene import Scene, table_exchange

VERSION = "4"
"""Version of the generator; a change of its output changes it."""

SPLITS = ("train", "vocabulary", "templates")

Makers = tuple[tuple[Callable[[Scene], Exchange], int], ...]

Kinds = tuple[tuple[Callable[[Subject], Question], int], ...]

QUESTIONS: Kinds = (
    *questions.KINDS, *rankings.KINDS, *conditions.KINDS,
)  # fmt: skip
"""Kinds of questions about tables and their weights."""

CHANGED: Kinds = ((questions.scalar, 4), (questions.grouped, 7), (questions.count_groups, 2),
                  (rankings.value_counts, 1))  # fmt: skip
"""Kinds of questions that a second request can change, and their weights as first ones."""

NEED_A_NAME = (
    questions.count_rows, questions.head_rows, questions.schema,
    rankings.duplicates, rankings.missing_by_column, rankings.incomplete_rows,
    questions.tail_rows, questions.described,
)  # fmt: skip
"""Kinds of questions without a column: the context alone cannot say which table is meant."""

MAKERS: dict[str, Makers] = {
    "calculate": calculations.ALL_KINDS,
    "run": ((calculations.run_code, 1),),
    "read": reading.KINDS,
    "list": listings.KINDS,
    "plot": plotting.KINDS,
    "inspect": inspecting.KINDS,
    "join": joins.KINDS,
    "pivot": pivots.KINDS,
    "dates": timelines.KINDS,
    "talk": ((talk.small_talk, 1),),
    "refuse": ((talk.refusal, 1),),
    "ask": ((talk.ask_back, 1),),
}
"""Makers of single exchanges by family; `_family` makes those of the others."""

WEIGHTS = {
    "table": 35, "calculate": 18, "run": 2, "read": 9, "list": 8, "plot": 8, "inspect": 3,
    "join": 3, "pivot": 1, "dates": 4, "retry": 3, "talk": 8, "refuse": 9, "ask": 3, "no tool": 4,
    "context": 14, "follow": 10,
}  # fmt: skip
"""How often a conversation begins with each family."""
LATER = tuple(family for family in WEIGHTS if family not in ("ask", "no tool", "context"))
"""Families that a conversation can go on with."""
UNSAID = {"table": 62, "plot": 20, "dates": 9, "pivot": 4, "follow": 15}
"""Families whose table the context alone can tell, and how often it has to."""
FROM_NOTHING = ("join", "pivot", "dates")
"""Families that choose their tables themselves, and so only begin a conversation."""
ANSWERED_BY_TOOLS = ("table", "calculate", "run", "read", "list", "plot", "inspect")
"""Families whose tool can be missing."""


class Generator:
    """An endless, reproducible source of conversations of one split."""

    def __init__(self, seed: int | str, split: str = "train", pieces: tuple[str, ...] = ()) -> None:
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
            unsaid = (e for e in made.exchanges if e.category == contexts.CATEGORY)
            is_clear = all(contexts.is_decided(made, exchange) for exchange in unsaid)
            if is_clear and (made.uses_held or not held):
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
        scene = Scene(self.rng, names, Picker(self.rng, held=held))
        scene.shows_columns = scene.chance(0.7)
        return scene


class _Maker:
    """Makes one conversation in one scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def conversation(self) -> Conversation:
        scene = self.scene
        family = self._drawn(tuple(WEIGHTS))
        if family == "no tool":
            return self._without_tool()
        found = self._family(family)
        while scene.chance(0.3) and len(found) < 4:
            found += self._family(self._drawn(LATER), later=True)
        tools: tuple[str, ...] = TOOLS
        if scene.chance(0.25):
            tools = tuple(scene.rng.sample(TOOLS, len(TOOLS)))
        found = [self._maybe_failed(e) for e in found]
        return self._made((*found, *self._about(found)), tools)

    def _drawn(self, families: tuple[str, ...]) -> str:
        return self.scene.rng.choices(families, [WEIGHTS[family] for family in families])[0]

    def _family(self, family: str, *, later: bool = False) -> list[Exchange]:
        scene = self.scene
        if family == "context":
            return self._from_context()
        if family == "follow":
            return self._table(later=later, kinds=CHANGED)
        if family == "table" or (later and family in FROM_NOTHING):
            return self._table(later=later)
        if family == "retry":
            return self._table(later=True)[:1] if later else retries.conversation(scene)
        if later and family == "plot":
            return [plotting.plot_of(scene, scene.known_source())]
        if family in ("calculate", "run", "talk", "refuse") and scene.chance(0.5):
            scene.clutter()
        if family == "inspect" and scene.chance(0.2):
            return list(inspecting.inspect_defined(scene))
        makers, weights = zip(*MAKERS[family], strict=True)
        first: Exchange = scene.rng.choices(makers, weights)[0](scene)
        asks_more = family == "read" and scene.chance(0.3)
        return [first, *(reading_on(scene, first) if asks_more else [])]

    def _from_context(self) -> list[Exchange]:
        """A request without a table, mostly among several that share columns."""
        scene = self.scene
        scene.shows_columns = scene.never_said = True
        found = self._family(scene.rng.choices(list(UNSAID), list(UNSAID.values()))[0])
        if scene.chance(0.9):
            contexts.add_rivals(scene, found[0])
        scene.never_said = False
        return found

    def _table(self, *, later: bool = False, kinds: Kinds = QUESTIONS) -> list[Exchange]:
        scene = self.scene
        source = scene.known_source() if later else scene.source()
        if not (later or scene.never_said or kinds is CHANGED) and scene.chance(0.08):
            return [self._unclear()]
        fit = [
            (maker, weight) for maker, weight in kinds
            if (source.said or maker not in NEED_A_NAME)
            and not (later and maker in rankings.WITH_GAPS)
        ]  # fmt: skip
        maker = scene.rng.choices([m for m, _ in fit], [w for _, w in fit])[0]
        if maker is questions.described and source.is_frame:
            return [inspecting.describe_frame(scene, source)]
        if maker in rankings.WITH_GAPS:
            _drop_values(scene, source.table, source.is_frame, source.name)
            known = scene.frames if source.is_frame else scene.tables
            source = replace(source, table=known[source.name])
        question = maker(Subject(source.table, scene.picker))
        found = [table_exchange(scene, question, source)]
        is_changed = kinds is CHANGED or scene.chance(0.6)
        second = follow_up(scene, question, source) if is_changed else None
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
        family = self._drawn(ANSWERED_BY_TOOLS)
        exchange = self._family(family)[0]
        if not exchange.steps:
            return self._made((exchange,), TOOLS)
        needed = exchange.steps[0].call.name
        others = [tool for tool in TOOLS if tool != needed]
        tools = tuple(self.scene.rng.sample(others, self.scene.rng.choice((1, 2, 3))))
        if self.scene.chance(0.4):
            return self._made((exchange,), self._enough(exchange))
        answer = replies.NO_SUCH_TOOL.replace("{a}", needed)
        return self._made((Exchange("no tool", exchange.request, (), answer),), tools)

    def _enough(self, exchange: Exchange) -> tuple[str, ...]:
        used = {step.call.name for step in exchange.steps}
        return tuple(tool for tool in TOOLS if tool in used or self.scene.chance(0.4))

    def _maybe_failed(self, exchange: Exchange) -> Exchange:
        scene = self.scene
        is_tried = exchange.steps and exchange.category not in retries.CATEGORIES
        return retries.failed(scene, exchange) if is_tried and scene.chance(0.04) else exchange

    def _about(self, found: list[Exchange]) -> list[Exchange]:
        """Now and then a question about the last call, more often after a failure."""
        scene = self.scene
        if any(e.category == retries.FAILED for e in found) and scene.chance(0.25):
            return [talk.why_failed(scene, found)]
        if scene.chance(0.02):
            asked = scene.rng.choice((talk.explained, talk.explained, talk.why_failed))
            return [asked(scene, found)]
        return []

    def _made(self, found: tuple[Exchange, ...], tools: tuple[str, ...]) -> Conversation:
        scene = self.scene
        if scene.chance(0.6):
            scene.show_listed(path for exchange in found for path in _listed(exchange))
        return Conversation(
            found, tools, dict(scene.frames), dict(scene.tables), dict(scene.texts),
            scene.shown_files(), scene.picker.used_held,
        )  # fmt: skip


def _listed(exchange: Exchange) -> Iterator[str]:
    """The files that a listing shows: a context names most of them, too."""
    for step in exchange.steps:
        if step.call.name == LISTER and step.result != listings.NOTHING:
            lines = step.result.split("\n")
            yield from (line for line in lines if not line.endswith("/") and "." in line)


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
