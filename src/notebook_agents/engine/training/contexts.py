"""Requests that name columns and no table: among several tables the context tells which is meant.

The tables that are not meant share columns with the one that is, but none of them has all the
columns that the user says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from notebook_agents.core.outlines import outline
from notebook_agents.engine.focus import is_said, key
from notebook_agents.engine.training.conversation import Conversation, Exchange
from notebook_agents.engine.training.fixtures import Column, Table, make_table
from notebook_agents.engine.training.scene import Scene

CATEGORY = "from context"
MOST_SHARED = 3
"""Columns that a table has in common with the one that is meant."""


def add_rivals(scene: Scene, exchange: Exchange) -> None:
    """Add tables that have some of the columns of the one that is meant, never all that are said.

    Nothing is added where no column is said: then only the number of tables decides.
    """
    meant = _used({**scene.frames, **scene.tables}, exchange)
    if len(meant) != 1:
        return
    ((name, table),) = meant.items()
    said = said_columns(exchange, table)
    if not said:
        return
    # Half of the time all are of the same kind, and only the columns can decide.
    is_frame, mixed = name in scene.frames, scene.chance(0.5)
    for _ in range(scene.rng.choice((1, 1, 2, 2, 3, 4))):
        rival = _rival(scene, table, said)
        if scene.chance(0.5) if mixed else is_frame:
            scene.frames[scene.add_frame().name] = rival
        else:
            scene.add_file(rival)
    _shuffle_frames(scene)


def is_decided(conversation: Conversation, exchange: Exchange) -> bool:
    """Whether exactly one thing that the context names fits, and the call uses that one."""
    known = _told(conversation)
    fixtures = {**conversation.frames, **conversation.tables}
    used = _used(fixtures, exchange)
    if len(used) != 1:
        return False
    ((name, table),) = used.items()
    said = {key(column) for column in said_columns(exchange, table)}
    fits = [n for n, columns in known.items() if columns and said <= set(map(key, columns))]
    # A file whose columns nobody sees is meant only when nothing else can be.
    open_files = [n for n, columns in known.items() if not columns]
    return (fits or open_files) == [name]


def said_columns(exchange: Exchange, table: Table) -> list[str]:
    """The columns that the calls use and the request says, also with other case or spaces."""
    calls = _calls(exchange)
    used = [n for n in table.names if f'"{n}"' in calls or f"'{n}'" in calls]
    return [name for name in used if is_said(name, exchange.request.lower())]


def _rival(scene: Scene, meant: Table, said: Sequence[str]) -> Table:
    """A table of its own with columns of another one; one that is said it does not get."""
    rng, own = scene.rng, make_table(scene.names, scene.rng)
    left_out = rng.choice(said)
    others = [column for column in meant.columns if key(column.name) != key(left_out)]
    rng.shuffle(others)
    if scene.chance(0.6):
        others.sort(key=lambda column: column.name not in said)
    columns = list(own.columns)
    for column in others[: rng.randint(1, MOST_SHARED)]:
        # In place of one of its own kind: questions need a column of words and two of numbers.
        alike = [c for c in own.columns if c in columns and _are_alike(c, column)]
        if alike:
            columns[columns.index(rng.choice(alike))] = column
    if scene.chance(0.2):
        kind = next(column.kind for column in meant.columns if column.name == left_out)
        columns.append(Column(f"{scene.names.word()}_{left_out}", kind))
    rng.shuffle(columns)
    rows = tuple(
        tuple(_cell(column, own, meant, left_out, place) for column in columns)
        for place in range(len(own.rows))
    )
    return Table(tuple(columns), rows)


def _are_alike(one: Column, other: Column) -> bool:
    return one.kind == other.kind or (one.is_number and other.is_number)


def _cell(column: Column, own: Table, meant: Table, left_out: str, place: int) -> object:
    table, name = (own, column.name) if column in own.columns else (meant, column.name)
    values = table.values(name if name in table.names else left_out)
    return values[place % len(values)]


def _shuffle_frames(scene: Scene) -> None:
    """The one that is meant is not always the first."""
    found = list(scene.frames.items())
    scene.rng.shuffle(found)
    scene.frames = dict(found)


def _told(conversation: Conversation) -> dict[str, Sequence[str]]:
    """What the context names, with the columns that it tells of."""
    frames = {n: t.names for n, t in conversation.frames.items() if outline(n, t.names)}
    found: dict[str, Sequence[str]] = {
        n: columns if outline(n, columns) != n else () for n, columns in frames.items()
    }
    for path, table in conversation.tables.items():
        whole = outline(path, table.names)
        if whole in conversation.shown_files:
            found[path] = table.names if whole != path else ()
        elif path in conversation.shown_files:
            found[path] = ()
    return found


def _used(tables: Mapping[str, Table], exchange: Exchange) -> dict[str, Table]:
    """The tables that the calls of an exchange name."""
    calls = _calls(exchange)
    in_code = r"(?<![\w'\"]){}(?=[\[.,)])"
    return {
        name: table
        for name, table in tables.items()
        if f"'{name}'" in calls
        or (name.isidentifier() and re.search(in_code.format(re.escape(name)), calls))
    }


def _calls(exchange: Exchange) -> str:
    return "\n".join(str(v) for step in exchange.steps for v in step.call.arguments.values())
