"""Exchanges about texts of files: read them, parts of them, count and find in them, load tables."""

from __future__ import annotations

import random
from collections.abc import Callable

from notebook_agents.core.formatting import more_line
from notebook_agents.engine.telling import failure
from notebook_agents.engine.training import relations as rel
from notebook_agents.engine.training.conversation import PYTHON, READER, Call, Exchange, Step
from notebook_agents.engine.training.fixtures import text_lines
from notebook_agents.engine.training.plotting import loader
from notebook_agents.engine.training.scene import Scene

_COUNTS = (1, 2, 3, 3, 4, 5, 5, 6, 7, 8, 10, 10, 12, 15, 20, 25, 30, 40, 50, 100)
_WORDS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_LENGTHS = (1, 2, 3, 4, 5, 9, 10, 19, 20)


def read_file(scene: Scene) -> Exchange:
    """Read a whole file, its first lines, or lines from a place."""
    scene.clutter()
    rng, path = scene.rng, scene.names.text_path()
    n, m = rng.choice(_COUNTS), rng.choice((rng.randint(2, 20), rng.randint(2, 200), 10, 50, 100))
    length = rng.choice(_LENGTHS)
    pool, arguments, most = rng.choices(
        (
            ("read", {}, rng.choice((1, 2, 3, 4, 5, 6, 8, 12, 20))),
            ("read_first", {"max_lines": 5}, 5),
            ("read_n", {"max_lines": n}, n),
            ("read_from", {"start_line": m}, rng.randint(1, 8)),
            ("read_range", {"start_line": m, "max_lines": n}, n),
            ("read_lines", {"start_line": m, "max_lines": length + 1}, length + 1),
        ),
        (10, 6, 9, 3, 3, 2),
    )[0]
    phrase = scene.picker.pick(pool)
    # Without the word "lines" a request about a CSV file is one about its rows.
    while path in scene.tables or (path.endswith(".csv") and "line" not in phrase):
        path = scene.names.text_path()
    if scene.chance(0.6):
        scene.texts[path] = ""
    slots = {"f": said_path(scene, path), "n": number_word(rng, n), "m": str(m)}
    text = scene.words(phrase, {**slots, "z": str(m + length)})
    result = some_lines(scene, min(most, 20 if scene.chance(0.07) else 7), cut=pool != "read")
    call = Call(READER, {"path": path, **arguments})
    return Exchange("read file", text, (Step(call, result),), text_answer(path, result))


def read_raw(scene: Scene) -> Exchange:
    """Read a CSV file as text."""
    path = scene.names.path("csv")
    source = scene.add_file()
    scene.tables[path] = scene.tables.pop(source.name)
    scene.clutter()
    text = scene.words(scene.picker.pick("read_raw"), {"f": said_path(scene, path)})
    result = rel.csv_text(source.table.names, source.table.rows)
    call = Call(READER, {"path": path})
    return Exchange("read file", text, (Step(call, result),), text_answer(path, result))


def text_answer(path: str, result: str) -> str:
    """The answer that shows the text of a file."""
    if result.startswith("Error: "):
        return failure(result)
    return f"Text of {path}:\n```\n{result}\n```" if result else f"{path} is empty."


def count_lines(scene: Scene) -> Exchange:
    """How many lines a file has."""
    path, text = _text_file(scene, "")
    number = text.count("\n") + (not text.endswith("\n"))
    code = f"print(sum(1 for _ in open('{path}')))"
    answer = f"The number of lines in {path} is {number}."
    return _searched(scene, "line_count", {"f": path}, _printed(code, str(number)), answer)


def count_word(scene: Scene) -> Exchange:
    """How often a word stands in a file."""
    word = scene.names.word()
    path, text = _text_file(scene, word)
    code = f"print(open('{path}').read().count('{word}'))"
    number = str(text.count(word))
    answer = f"The number of times {word} occurs in {path} is {number}."
    return _searched(scene, "find_count", {"f": path, "w": word}, _printed(code, number), answer)


def find_lines(scene: Scene) -> Exchange:
    """The lines of a file that have a word."""
    word = scene.names.word()
    path, text = _text_file(scene, word)
    code = f"print(*[x.rstrip() for x in open('{path}') if '{word}' in x], sep='\\n')"
    found = "\n".join(line.rstrip() for line in text.split("\n") if word in line).strip()
    answer = f"Lines with {word} in {path}:\n```\n{found}\n```"
    if not found:
        answer = f"No line of {path} has {word}."
    return _searched(scene, "find_lines", {"f": path, "w": word}, _printed(code, found), answer)


def load(scene: Scene) -> Exchange:
    """Load a file into a dataframe."""
    source = scene.add_file()
    scene.clutter()
    named = scene.chance(0.6)
    frame = scene.names.frame() if named else "df"
    frame = frame if frame.isidentifier() else "df"
    pool = "load" if named else "load_plain"
    slots = {"S": said_path(scene, source.name), "d": frame}
    text = scene.words(scene.picker.pick(pool), slots)
    module, reader = loader(source.name)
    code = f"import {module}\n{frame} = {reader}\nprint({frame}.shape)"
    shape = f"({len(source.table.rows)}, {len(source.table.columns)})"
    answer = f"{source.name} is loaded into {frame}, rows and columns: {shape}"
    return Exchange("load", text, (Step(Call(PYTHON, {"code": code}), shape),), answer)


def said_path(scene: Scene, path: str) -> str:
    """A path as users write it: in quotes, from the folder on, with the slashes of Windows."""
    if scene.chance(0.08) and "`" not in path:
        path = f"./{path}"
    elif "/" in path and scene.chance(0.15):
        path = path.replace("/", "\\")
    mark = scene.rng.choice("'\"`")
    return f"{mark}{path}{mark}" if scene.chance(0.25 if " " in path else 0.08) else path


def number_word(rng: random.Random, n: int) -> str:
    """A count as digits, a small one sometimes as a word."""
    return _WORDS[n] if 1 < n <= 10 and rng.random() < 0.2 else str(n)


def some_lines(scene: Scene, count: int, *, cut: bool) -> str:
    """Lines of a made-up file, perhaps with the mark of a cut."""
    lines = text_lines(scene.names, scene.rng, max(1, count))
    if cut and scene.chance(0.6):
        lines.append(more_line(scene.rng.randint(1, 400), "lines"))
    return "\n".join(lines)


def _text_file(scene: Scene, word: str) -> tuple[str, str]:
    """A new file whose text is known; some of its lines have the word."""
    scene.clutter()
    while (path := scene.names.text_path()).endswith(".csv"):
        pass  # Lines of a table are its rows.
    lines = text_lines(scene.names, scene.rng, scene.rng.choice((1, 2, 3, 5, 8, 12, 20)))
    if word:
        for _ in range(scene.rng.choice((0, 1, 1, 2, 3, 5))):
            place = scene.rng.randrange(len(lines))
            lines[place] = scene.rng.choice((f"{lines[place]} {word}", f"{word} {lines[place]}"))
    scene.texts[path] = "\n".join(lines)
    if scene.chance(0.4):
        scene.hidden.add(path)
    return path, scene.texts[path]


def _searched(scene: Scene, pool: str, slots: dict[str, str], step: Step, answer: str) -> Exchange:
    slots = {**slots, "f": said_path(scene, slots["f"])}
    if "w" in slots and scene.chance(0.2):
        mark = scene.rng.choice("'\"")
        slots["w"] = f"{mark}{slots['w']}{mark}"
    text = scene.words(scene.picker.pick(pool), slots)
    return Exchange("file text", text, (step,), answer)


def _printed(code: str, result: str) -> Step:
    return Step(Call(PYTHON, {"code": code}), result)


KINDS: tuple[tuple[Callable[[Scene], Exchange], int], ...] = (
    (read_file, 22), (read_raw, 1), (count_lines, 3), (count_word, 3), (find_lines, 3), (load, 4),
)  # fmt: skip
"""Kinds of exchanges about texts of files and their weights."""
