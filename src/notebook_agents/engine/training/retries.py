"""Tool errors: one more try where the error names what was meant, a plain report otherwise.

The messages are those of the product's tools and of the libraries under them.
"""

from __future__ import annotations

import difflib
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from notebook_agents.core.formatting import more_line
from notebook_agents.engine.telling import failure
from notebook_agents.engine.training import questions, rankings
from notebook_agents.engine.training.conversation import (
    INSPECTOR,
    LISTER,
    PYTHON,
    READER,
    SQL,
    Call,
    Exchange,
    Step,
)
from notebook_agents.engine.training.fixtures import text_lines
from notebook_agents.engine.training.questions import Question, Subject
from notebook_agents.engine.training.reading import text_answer
from notebook_agents.engine.training.scene import (
    Scene,
    Source,
    table_answer,
    table_request,
    table_step,
)  # fmt: skip

CATEGORY = "retry"
FAILED = "error"
CATEGORIES = (CATEGORY, FAILED)
LEAST_LIKENESS = 0.45
"""Names less alike than this are other names, not slips."""

_MAKERS = (
    questions.scalar, questions.scalar, questions.grouped, questions.grouped,
    questions.count_groups, questions.distinct, questions.distinct_count, questions.summary,
    questions.value_range, rankings.top_rows, rankings.top_groups,
)  # fmt: skip
_ANY = (
    "{t} took longer than {n} seconds", "the tool kernel ended; its variables are lost",
    "unknown argument '{w}'; {t} takes {w}, {w}", "argument '{w}' is missing; {t} takes {w}",
)  # fmt: skip
_FILE = (
    "no file '{p}' in the working directory; files here: {F}",
    "no file '{p}' in the working directory; files here: {F}",
    "'{p}' is a folder", "'{p}' is not a regular file", "'{p}' is not a text file",
    "'{p}' is hidden; hidden files are not read", "'{p}' cannot be read: Permission denied",
    "'{p}' is outside the working directory; use a relative path",
    "'{p}' leads outside the working directory",
)  # fmt: skip
_ERRORS: dict[str, tuple[str, ...]] = {
    READER: _FILE,
    INSPECTOR: (
        "there is no variable '{p}'; variables here: {w}, {w}",
        "there is no variable '{p}'; variables here: {w}",
    ),
    LISTER: (
        "no folder '{p}' in the working directory",
        "no folder '{p}' in the working directory",
        "'{p}' is outside the working directory; use a relative path",
        "'{p}' is hidden; hidden files are not read",
    ),
    SQL: (
        "no file '{p}' in the working directory; files here: {F}",
        "there is no table '{w}'; files here: {F}",
        'Binder Error: Referenced column "{c}" not found in FROM clause! Candidate bindings: "{w}"',
        'Binder Error: Referenced column "{c}" not found in FROM clause! Candidate bindings: '
        '"{w}", "{w}", "{w}"',
        "Binder Error: No function matches the given name and argument types 'sum(VARCHAR)'. You "
        "might need to add explicit type casts. Candidate functions: sum(arg DECIMAL) -> DECIMAL "
        "sum(arg BOOLEAN, /) -> HUGEINT sum(arg SMALLINT, /) -> HUGEINT",
        "Binder Error: No function matches the given name and argument types 'avg(VARCHAR)'. You "
        "might need to add explicit type casts. Candidate functions: avg(arg DECIMAL) -> DECIMAL "
        "avg(arg SMALLINT, /) -> DOUBLE avg(arg INTEGER, /) -> DOUBLE",
        "Conversion Error: Could not convert string '{w}' to INT64",
        "Conversion Error: Could not convert string '{w}' to DOUBLE",
        'Conversion Error: date field value out of range: "{n}-13-01"',
        'Parser Error: syntax error at or near "{w}"',
        'Catalog Error: Scalar Function with name {w} does not exist! Did you mean "{w}"?',
        "Invalid Input Error: No magic bytes found at end of file '{p}'",
        "the query needs more than {n} MB", "the query ran longer than {n} seconds",
    ),
    PYTHON: (
        "KeyError: '{c}'", "KeyError: '{c}'", "KeyError: 'Column not found: {c}'",
        "NameError: name '{w}' is not defined", "NameError: name '{w}' is not defined",
        "AttributeError: 'DataFrame' object has no attribute '{w}'",
        "AttributeError: 'Series' object has no attribute '{w}'",
        "FileNotFoundError: [Errno 2] No such file or directory: '{p}'",
        "TypeError: Cannot perform reduction 'mean' with string dtype",
        "TypeError: can only concatenate str (not \"int\") to str",
        "TypeError: '>' not supported between instances of 'str' and 'int'",
        "TypeError: unsupported operand type(s) for +: 'int' and 'str'",
        "ValueError: could not convert string to float: '{w}'",
        "ValueError: invalid literal for int() with base 10: '{w}'",
        "ValueError: Value of 'x' is not the name of a column in 'data_frame'. Expected one of "
        "['{w}', '{w}', '{w}'] but received: {c}",
        "ZeroDivisionError: division by zero", "ZeroDivisionError: division by zero",
        "ValueError: math domain error", "IndexError: list index out of range",
        "OverflowError: (34, 'Numerical result out of range')",
        "SyntaxError: invalid syntax (<string>, line {n})", "SyntaxError: '(' was never closed",
        "ModuleNotFoundError: No module named '{w}'",
        "PermissionError: [Errno 13] Permission denied: '{p}'",
        "the code ran longer than {n} seconds", "the code needed more than {n} MB of memory",
        "the code ran longer than {n} seconds; its variables are lost", "{w} {w} {w} {w}",
    ),
}  # fmt: skip


def conversation(scene: Scene) -> list[Exchange]:
    """A request that fails at first: a second try, a report, or a name that the user gives."""
    return used_instead(scene) if scene.chance(0.15) else [retried(scene)]


def retried(scene: Scene) -> Exchange:
    """A request with a name that is not there: a second try with the name that was meant."""
    maker: Callable[[Scene], Exchange] = scene.rng.choice((_column, _column, _table, _text))
    return maker(scene)


def used_instead(scene: Scene) -> list[Exchange]:
    """A failure, and then the user says which column or file to take."""
    source, question, name = _about_columns(scene)
    wrong = _stranger(scene, source.table.names)
    good = table_step(question, source)
    first = _failed_once(scene, question, source, name, wrong)
    text = scene.words(scene.picker.pick("use_column"), {"c": name})
    answer = table_answer(question, source, good.result)
    return [first, Exchange(CATEGORY, text, (good,), answer)]


def failed(scene: Scene, exchange: Exchange) -> Exchange:
    """The same exchange, its first call ending in an error that names nothing useful."""
    call = exchange.steps[0].call
    text = "Error: " + _message(scene, call)
    if call.name == PYTHON and scene.chance(0.15):
        printed = text_lines(scene.names, scene.rng, scene.rng.randint(1, 4))
        text += "\nPrinted before:\n" + "\n".join(printed)
    steps, answer = (Step(call, text),), failure(text)
    return replace(exchange, steps=steps, answer=answer, category=FAILED)


def slip(rng: random.Random, name: str) -> str:
    """A name as somebody remembers it: plural, a letter off, a part or a separator missing."""
    place = rng.randrange(1, max(2, len(name) - 1))
    forms = [
        name[:-1] if name.endswith("s") else f"{name}s",
        name[:place] + name[place + 1 :],
        name[:place] + name[place] + name[place:] if place < len(name) else f"{name}s",
        *_other_parts(name),
    ]
    found = [f for f in forms if f.strip("_- .") == f and f and f.lower() != name.lower()]
    return rng.choice(found) if found else f"{name}s"


def _other_parts(name: str) -> list[str]:
    parts = re.split(r"[_ -]", name)
    if len(parts) < 2 or not all(parts):
        return []
    glue = " " if "_" in name or "-" in name else "_"
    return [glue.join(parts), max(parts, key=len)]


def _column(scene: Scene) -> Exchange:
    source, question, name = _about_columns(scene)
    wrong = slip(scene.rng, name)
    if scene.chance(0.25) or _misleads(wrong, name, source.table.names):
        wrong = _stranger(scene, source.table.names)
        return _failed_once(scene, question, source, name, wrong)
    first = _failed_once(scene, question, source, name, wrong)
    good = table_step(question, source)
    return _then(scene, first, good, table_answer(question, source, good.result))


def _about_columns(scene: Scene) -> tuple[Source, Question, str]:
    """A question about a file whose columns the context does not name, and one of the columns."""
    source = scene.add_file()
    scene.hidden.add(source.name)
    scene.clutter()
    question = scene.rng.choice(_MAKERS)(Subject(source.table, scene.picker))
    said = [v for k, v in question.slots.items() if k in "cg" and v in source.table.names]
    return source, question, scene.rng.choice(said)


def _failed_once(
    scene: Scene, question: Question, source: Source, name: str, wrong: str
) -> Exchange:
    """The question with a wrong column and the error that it ends in."""
    slots = {k: wrong if v == name else v for k, v in question.slots.items()}
    text = table_request(scene, replace(question, slots=slots), source)
    good = table_step(question, source).call
    query = str(good.arguments["query"]).replace(f'"{name}"', f'"{wrong}"')
    others = [column for column in source.table.names if column != name]
    scene.rng.shuffle(others)
    near = [name, *others[: scene.rng.randint(0, 3)]]
    if not _is_alike(name, wrong):
        scene.rng.shuffle(near)
    bindings = ", ".join(f'"{column}"' for column in near)
    error = f'Error: Binder Error: Referenced column "{wrong}" not found in FROM clause! '
    step = Step(Call(SQL, {"query": query}), f"{error}Candidate bindings: {bindings}")
    return Exchange(FAILED, text, (step,), failure(step.result))


def _table(scene: Scene) -> Exchange:
    source = _at_the_top(scene, scene.add_file())
    question = scene.rng.choice(_MAKERS)(Subject(source.table, scene.picker))
    wrong, is_near = _wrong_path(scene, source.name)
    text = table_request(scene, question, replace(source, said=wrong))
    known = _missing(scene, wrong, source.name if is_near else "")
    first = Step(table_step(question, replace(source, name=wrong)).call, known)
    exchange = Exchange(FAILED, text, (first,), failure(known))
    if not is_near:
        return exchange
    good = table_step(question, source)
    return _then(scene, exchange, good, table_answer(question, source, good.result))


def _text(scene: Scene) -> Exchange:
    path = scene.names.text_path().rsplit("/", 1)[-1]
    wrong, is_near = _wrong_path(scene, path)
    if is_near and scene.chance(0.5):
        scene.texts[path] = ""
    scene.clutter()
    pool, n = scene.rng.choice((("read", 0), ("read_first", 5), ("read_n", 3), ("read_n", 10)))
    text = scene.words(scene.picker.pick(pool), {"f": wrong, "n": str(n)})
    arguments = {"max_lines": n} if n else {}
    error = _missing(scene, wrong, path if is_near else "")
    first = Step(Call(READER, {"path": wrong, **arguments}), error)
    exchange = Exchange(FAILED, text, (first,), failure(error))
    if not is_near:
        return exchange
    lines = text_lines(scene.names, scene.rng, scene.rng.randint(1, n or 6))
    if n and len(lines) == n:
        lines.append(more_line(scene.rng.randint(1, 90), "lines"))
    good = Step(Call(READER, {"path": path, **arguments}), "\n".join(lines))
    return _then(scene, exchange, good, text_answer(path, good.result))


def _then(scene: Scene, first: Exchange, good: Step, answer: str) -> Exchange:
    """The second try; now and then it fails as well, and that is the end."""
    if scene.chance(0.1):
        error = "Error: " + _message(scene, good.call)
        steps = (*first.steps, Step(good.call, error))
        return replace(first, steps=steps, answer=failure(error))
    return Exchange(CATEGORY, first.request, (*first.steps, good), answer)


def _at_the_top(scene: Scene, source: Source) -> Source:
    """The same table with a name without a folder; the context may hide it."""
    name = source.name.rsplit("/", 1)[-1]
    table = scene.tables.pop(source.name)
    scene.tables[name] = table
    if scene.chance(0.6):
        scene.hidden.add(name)
    scene.clutter()
    return Source(name, name, False, table)


def _wrong_path(scene: Scene, path: str) -> tuple[str, bool]:
    """Another path for a file, and whether it is like the right one."""
    stem, dot, end = path.rpartition(".")
    if scene.chance(0.25):
        while _is_alike(other := scene.names.path(end or "txt"), path):
            pass
        return other, False
    return (f"{slip(scene.rng, stem)}{dot}{end}" if stem else slip(scene.rng, path)), True


def _missing(scene: Scene, wrong: str, right: str) -> str:
    names = {path.split("/")[0] + "/" * ("/" in path) for path in (*scene.tables, *scene.texts)}
    names |= {scene.names.text_path().rsplit("/", 1)[-1] for _ in range(scene.rng.randint(0, 4))}
    names = {n for n in names if n == right or not _is_alike(n, wrong)} | ({right} - {""})
    shown = ", ".join(sorted(names)) or "none"
    return f"Error: no file '{wrong}' in the working directory; files here: {shown}"


def _stranger(scene: Scene, names: Sequence[str]) -> str:
    """A column that is like none of these."""
    while any(_likeness(found := scene.names.column(), name) > LEAST_LIKENESS for name in names):
        pass
    return found


def _misleads(wrong: str, name: str, names: Sequence[str]) -> bool:
    """Whether a slip is another column, or at least as much like another one."""
    least = max(LEAST_LIKENESS, *(_likeness(wrong, n) for n in names if n != name))
    return _likeness(wrong, name) <= least


def _is_alike(a: str, b: str) -> bool:
    return _likeness(a, b) > LEAST_LIKENESS


def _likeness(a: str, b: str) -> float:
    return difflib.SequenceMatcher(None, a.lower(), b.lower()).ratio()


def _message(scene: Scene, call: Call) -> str:
    """An error of the tool of a call."""
    known = _ERRORS.get(call.name, _ANY)
    text = scene.rng.choice(_ANY if scene.chance(0.06) else known).replace("{t}", call.name)
    said = str(next(iter(call.arguments.values()), ""))
    paths, columns = (
        re.findall(r"'([^']*\.\w+)'", said),
        re.findall(r"\"([^\"]+)\"|\['([^']+)'", said),
    )
    path = (
        said
        if call.name in (READER, LISTER, INSPECTOR)
        else (paths or [scene.names.table_path()])[0]
    )
    column = next((a or b for a, b in columns), scene.names.word())
    files = ", ".join(sorted(scene.names.text_path() for _ in range(scene.rng.randint(1, 5))))
    text = text.replace("{p}", path).replace("{c}", column).replace("{F}", files)
    text = text.replace("{n}", str(scene.rng.choice((1, 2, 5, 10, 30, 60, 256, 512))))
    while "{w}" in text:
        text = text.replace("{w}", scene.names.word(), 1)
    return text
