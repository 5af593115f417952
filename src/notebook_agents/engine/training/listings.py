"""Exchanges about folders: list files, all or those of a pattern, and use the one that is meant."""

# The SQL is training text about made-up tables; nothing here reaches a database of anybody.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from notebook_agents.core.formatting import MAX_ROWS, format_table, more_line
from notebook_agents.engine.telling import failure
from notebook_agents.engine.training.conversation import LISTER, READER, SQL, Call, Exchange, Step
from notebook_agents.engine.training.fixtures import make_table
from notebook_agents.engine.training.reading import (
    number_word,
    said_path,
    some_lines,
    text_answer,
)
from notebook_agents.engine.training.scene import Scene

NOTHING = "No files found."
"""What the tool says when nothing matches."""

_ENDS = ("csv", "csv", "txt", "md", "parquet", "json", "py", "log", "ipynb", "yaml", "xlsx", "tsv")
_TEXT_ENDS = ("txt", "txt", "md", "log", "json", "yaml", "py", "toml")
_KIND_WORDS = {
    "txt": ("text file",),
    "ipynb": ("notebook", "jupyter notebook"),
    "py": ("python script", "python file", "script"),
    "md": ("markdown file", "markdown document"),
    "log": ("log",),
    "xlsx": ("excel file", "excel sheet"),
    "parquet": ("parquet table",),
}
_TYPES = {"word": "VARCHAR", "date": "DATE", "float": "DOUBLE"}


@dataclass(frozen=True)
class _Choice:
    """Which file of a listing is meant: the words, the pattern and the listing."""

    said: str
    slots: dict[str, str]
    pattern: str
    paths: list[str]
    picked: str


def list_files(scene: Scene) -> Exchange:
    """List a folder, all of it or the files of one kind or name."""
    scene.clutter()
    folder, x, w = scene.names.folder(), scene.rng.choice(_ENDS), _name_part(scene)
    pool, where, pattern = scene.rng.choices(
        (
            ("list", ".", ""),
            ("list_folder", folder, ""),
            ("list_kind", ".", f"*.{x}"),
            ("list_kind_folder", folder, f"*.{x}"),
            ("list_deep", ".", f"**/*.{x}"),
            ("list_starts", ".", f"{w}*"),
            ("list_contains", ".", f"*{w}*"),
        ),
        (6, 6, 5, 5, 3, 2, 3),
    )[0]
    phrase = _kind_words(scene, scene.picker.pick(pool), x)
    upper = "{x} file" in phrase and ".{x}" not in phrase and scene.chance(0.2)
    d = said_path(scene, folder + "/" if scene.chance(0.12) else folder)
    text = scene.words(phrase, {"d": d, "x": x.upper() if upper else x, "w": w})
    result = _listed(scene, where, pattern, x, w)
    arguments = {"path": where, **({"pattern": pattern} if pattern else {})}
    step = Step(Call(LISTER, {**arguments}), result)
    return Exchange("list files", text, (step,), listing_answer(where, result))


def listing_answer(folder: str, result: str) -> str:
    """The answer that shows a listing."""
    if result.startswith("Error: "):
        return failure(result)
    place = "the working directory" if folder == "." else folder
    if not result or result.startswith("No "):
        return f"There are no matching files in {place}."
    lines = [line if line.startswith("... ") else f"- {line}" for line in result.split("\n")]
    return "\n".join([f"Files in {place}:", *lines])


def chain(scene: Scene) -> Exchange:
    """List the files of one kind or name in a folder and use the one that is meant."""
    rng = scene.rng
    pool = rng.choice(("list_then_read", "list_then_lines", "list_then_count",
                       "list_then_head", "list_then_columns", "which_and_count"))  # fmt: skip
    is_table = pool not in ("list_then_read", "list_then_lines")
    x = rng.choice(("csv", "csv", "csv", "parquet") if is_table else _TEXT_ENDS)
    folder = scene.names.folder() if scene.chance(0.7) else "."
    choice = (_nth if pool == "which_and_count" else _choice)(scene, x, folder)
    place = scene.picker.pick("place_here" if folder == "." else "place_folder")
    phrase = scene.picker.pick(pool).replace("{Q}", choice.said).replace("{P}", place)
    n = rng.choice((1, 2, 3, 3, 4, 5, 5, 6, 8, 10, 12, 15, 20))
    slots = {"d": said_path(scene, folder), "x": x, "n": number_word(rng, n), **choice.slots}
    text = scene.words(_kind_words(scene, phrase, x), slots)
    call = Call(LISTER, {"path": folder, "pattern": choice.pattern})
    first, path = Step(call, "\n".join(choice.paths)), choice.picked
    if is_table:
        second, answer = _table_step(scene, path, pool)
    else:
        second, answer = _text_step(scene, path, n if pool == "list_then_lines" else 0)
    return Exchange("chain", text, (first, second), answer)


def _choice(scene: Scene, x: str, folder: str) -> _Choice:
    """The only file of a kind, the first or last of several, or the one with a name."""
    dice, w = scene.rng.random(), _name_part(scene)
    name, slots = f"{_before(scene)}{w}{_after(scene)}.{x}", {"w": w}
    pool, pattern = "chosen_name", f"*{w}*"
    if dice < 0.3:
        name, slots, pool, pattern = _file_name(scene, x), {}, "chosen_only", f"*.{x}"
    elif dice > 0.87:
        name, pool, pattern = f"{w}{_after(scene)}.{x}", "chosen_start", f"{w}*"
    if 0.3 <= dice < 0.65 or _known(scene, folder, pattern):
        return _nth(scene, x, folder)
    path = _start(folder) + name
    return _Choice(scene.picker.pick(pool), slots, pattern, [path], path)


def _nth(scene: Scene, x: str, folder: str) -> _Choice:
    count = scene.rng.choice((2, 2, 3, 3, 4, 5, 6, 8, 10, 12, 15))
    new = {_start(folder) + _file_name(scene, x) for _ in range(count)}
    paths = sorted(new | _known(scene, folder, f"*.{x}"))
    is_first = scene.chance(0.65)
    slots = {"o": "first" if is_first else "last"}
    picked = paths[0] if is_first else paths[-1]
    return _Choice(scene.picker.pick("chosen_nth"), slots, f"*.{x}", paths, picked)


def _text_step(scene: Scene, path: str, n: int) -> tuple[Step, str]:
    if not n:
        result = some_lines(scene, scene.rng.randint(1, 6), cut=False)
        return Step(Call(READER, {"path": path}), result), text_answer(path, result)
    result = some_lines(scene, min(n, 7), cut=True)
    step = Step(Call(READER, {"path": path, "max_lines": n}), result)
    return step, text_answer(path, result)


def _table_step(scene: Scene, path: str, pool: str) -> tuple[Step, str]:
    """The query of a table that is chosen from a listing."""
    if path not in scene.tables:
        scene.tables[path] = make_table(scene.names, scene.rng)
        if scene.chance(0.7):
            scene.hidden.add(path)
    table = scene.tables[path]
    if pool == "list_then_head":
        result = format_table(table.names, table.rows[:5])
        step = Step(Call(SQL, {"query": f"SELECT * FROM '{path}' LIMIT 5"}), result)
        return step, f"First 5 rows of {path}:\n```\n{result}\n```"
    if pool == "list_then_columns":
        types = [(c.name, _TYPES.get(c.kind, "BIGINT")) for c in table.columns]
        lines = ["column_name, column_type", *(f"{name}, {kind}" for name, kind in types)]
        query = f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '{path}')"
        items = [f"- {name}: {kind}" for name, kind in types]
        step = Step(Call(SQL, {"query": query}), "\n".join(lines))
        return step, "\n".join([f"Columns of {path}:", *items])
    call = Call(SQL, {"query": f"SELECT COUNT(*) FROM '{path}'"})
    answer = f"The number of rows in {path} is {len(table.rows)}."
    return Step(call, f"count_star()\n{len(table.rows)}"), answer


def _listed(scene: Scene, folder: str, pattern: str, x: str, w: str) -> str:
    """What the tool finds: sorted, folders with a slash, the path of the folder before each."""
    rng, found = scene.rng, _known(scene, folder, pattern or "*")
    if scene.chance(0.08):
        return _cut(found)
    count = rng.choice((1, 1, 2, 2, 3, 4, 5, 6, 7, 9, 12, 14, 17, 20, 26))
    return _cut(found | {_start(folder) + _matching(scene, pattern, x, w) for _ in range(count)})


def _cut(found: set[str]) -> str:
    lines = sorted(found)
    if len(lines) > MAX_ROWS:
        lines[MAX_ROWS:] = [more_line(len(lines) - MAX_ROWS, "files")]
    return "\n".join(lines) or NOTHING


def _known(scene: Scene, folder: str, pattern: str) -> set[str]:
    """The files of the conversation that a pattern finds, and their folders."""
    start = _start(folder)
    inside = [p.removeprefix(start) for p in (*scene.tables, *scene.texts) if p.startswith(start)]
    if pattern.startswith("**/"):
        base = pattern.removeprefix("**/")
        return {start + path for path in inside if fnmatchcase(path, base)}
    tops = [(top, "/" if rest else "") for top, rest, _ in (p.partition("/") for p in inside)]
    return {start + top + mark for top, mark in tops if fnmatchcase(top, pattern)}


def _matching(scene: Scene, pattern: str, x: str, w: str) -> str:
    """A name that a pattern finds."""
    if not pattern:
        is_folder = scene.chance(0.2)
        return (
            f"{_folder_name(scene)}/" if is_folder else _file_name(scene, scene.rng.choice(_ENDS))
        )
    if pattern.startswith("**/"):
        inside = f"{_folder_name(scene)}/" if scene.chance(0.65) else ""
        return inside + _file_name(scene, x)
    if pattern.startswith("*."):
        return _file_name(scene, x)
    end = "/" if scene.chance(0.08) else f".{scene.rng.choice(_ENDS)}"
    before = _before(scene) if pattern.startswith("*") else ""
    return f"{before}{w}{_after(scene)}{end}"


def _start(folder: str) -> str:
    return "" if folder == "." else f"{folder}/"


def _file_name(scene: Scene, x: str) -> str:
    while not (name := scene.names.path(x).rsplit("/", 1)[-1]).isprintable():
        pass  # The tool writes other names with escapes.
    return name


def _folder_name(scene: Scene) -> str:
    while not (name := scene.names.folder().split("/", maxsplit=1)[0]).isprintable():
        pass
    return name


def _word(scene: Scene) -> str:
    while not (word := scene.names.word()).isprintable():
        pass
    return word


def _name_part(scene: Scene) -> str:
    """A part of a name: a word, a year or a number."""
    if scene.chance(0.2):
        return str(scene.rng.randint(1995, 2029))
    return scene.names.number(4) if scene.chance(0.05) else _word(scene)


def _before(scene: Scene) -> str:
    glue = scene.rng.choice(("_", "-", "", " "))
    return _word(scene) + glue if scene.chance(0.7) else ""


def _after(scene: Scene) -> str:
    if scene.chance(0.3):
        return ""
    glue = scene.rng.choice(("_", "-", "", "."))
    return glue + scene.rng.choice((_word(scene), scene.names.number(4)))


def _kind_words(scene: Scene, phrase: str, x: str) -> str:
    """Sometimes say `notebooks` for `{x} files`."""
    words = _KIND_WORDS.get(x)
    if not words or ".{x}" in phrase or not scene.chance(0.45):
        return phrase
    word = scene.rng.choice(words)
    return phrase.replace("{x} files", f"{word}s").replace("{x} file", word)


KINDS: tuple[tuple[Callable[[Scene], Exchange], int], ...] = ((list_files, 8), (chain, 7))
"""Kinds of exchanges about folders and their weights."""
