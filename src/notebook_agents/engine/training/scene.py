"""One conversation in the making: its dice, names, fixtures and sources.

A scene chooses which table a question is about, how the user says it (by name, by the stem of a
file, or not at all) and what the context lines show, and it turns phrases into the words of a user.
"""

from __future__ import annotations

import keyword
import random
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from notebook_agents.core.formatting import MAX_ROWS, clip_text, format_table, more_line
from notebook_agents.core.outlines import outline
from notebook_agents.engine.telling import failure
from notebook_agents.engine.training import relations as rel
from notebook_agents.engine.training.conversation import PYTHON, SQL, Call, Exchange, Step
from notebook_agents.engine.training.fixtures import Names, Table, make_table
from notebook_agents.engine.training.pools import Picker
from notebook_agents.engine.training.questions import Question

_SLOT = re.compile(r"(\{\w+\})")
_TABLE_ENDS = (".csv", ".tsv", ".parquet")
_DATA_ENDS = (*_TABLE_ENDS, ".json", ".jsonl", ".txt", ".md", ".xlsx", ".log")
"""Files that the product names in the context."""
MOST_CHARS = 1500
"""What a model gets to see of one result."""
MOST_FILES = 12
"""Items of the line of files."""
_FRAME_NOUNS = ("dataframe", "dataframe", "df", "frame", "data frame", "table")
_FILE_NOUNS = ("file", "file", "table", "csv file", "csv", "data file", "dataset")


@dataclass(frozen=True)
class Source:
    """A table as the user and the tools name it."""

    name: str
    """The path of a file or the name of a dataframe."""
    said: str
    """What the user says; empty when the context alone must decide."""
    is_frame: bool
    table: Table


@dataclass
class Scene:
    """Dice, names and fixtures of one conversation."""

    rng: random.Random
    names: Names
    picker: Picker
    frames: dict[str, Table] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    shows_columns: bool = True
    """Whether the line of files names the columns of tables."""
    never_said: bool = False
    """Whether the user leaves out every table, and the context alone must decide."""

    def chance(self, share: float) -> bool:
        """Whether a thing that happens with this share happens now."""
        return self.rng.random() < share

    def add_file(self, table: Table | None = None) -> Source:
        """Put a new table file into the working directory."""
        path = self.names.table_path()
        while path in self.tables or (self.never_said and not is_named(path)):
            path = self.names.table_path()
        self.tables[path] = table or make_table(self.names, self.rng)
        return Source(path, path, False, self.tables[path])

    def knows_columns(self, source: Source) -> bool:
        """Whether the context names the columns of a table."""
        is_shown = is_named(source.name) and source.name not in self.hidden
        return source.is_frame or (self.shows_columns and is_shown)

    def add_frame(self) -> Source:
        """Put a new dataframe into the kernel."""
        name = self.names.frame()
        while name in self.frames or not _is_usable(name):
            name = "df" + self.names.number(2)
        self.frames[name] = make_table(self.names, self.rng)
        return Source(name, name, True, self.frames[name])

    def clutter(self) -> None:
        """Add dataframes and files that the conversation is not about."""
        for _ in range(self.rng.choice((0, 0, 0, 0, 0, 1, 1, 2))):
            self.add_frame()
        for _ in range(self.rng.choice((0, 0, 0, 1, 1, 2, 4))):
            self.add_file()
        self.clutter_texts()

    def show_listed(self, paths: Iterable[str]) -> None:
        """Name files of a listing in the context, where there is room."""
        for path in paths:
            if is_named(path) and path not in self.tables:
                self.texts.setdefault(path, "")

    def clutter_texts(self) -> None:
        """Add text files that the conversation is not about."""
        for _ in range(self.rng.choice((0, 0, 0, 1, 2, 4))):
            path = self.names.text_path()
            if not path.endswith(".csv"):
                self.texts[path] = ""

    def known_source(self) -> Source:
        """A table that the conversation has already, named in full; a new one where it has none."""
        known = [Source(name, name, True, table) for name, table in self.frames.items()]
        known += [Source(path, path, False, table) for path, table in self.tables.items()]
        whole = [s for s in known if all(cell is not None for row in s.table.rows for cell in row)]
        return self.rng.choice(whole) if whole else self.add_file()

    def source(self) -> Source:
        """Choose a table and how it is named."""
        dice = self.rng.random()
        if dice < 0.14 or self.never_said:
            return self._unsaid()
        if dice < 0.36:
            found = self.add_frame()
            self.clutter()
            return found
        found = self.add_file()
        if dice < 0.42 and "/" in found.name + " ":
            stem = found.name.rsplit("/", 1)[-1]
            stem = stem if dice < 0.38 else stem.rsplit(".", 1)[0]
            self.clutter_texts()
            return Source(found.name, stem, False, found.table)
        if self.chance(0.2):
            self.hidden.add(found.name)
        elif self.chance(0.12):
            self.add_file(Table(found.table.columns, found.table.rows[::-1]))
        self.clutter()
        return found

    def _unsaid(self) -> Source:
        """A table that the context alone decides: by its columns, or because it is the only one."""
        frame, never_said = self.chance(0.5), self.never_said
        # The context has to name it, whatever else it names.
        self.never_said = True
        found = self.add_frame() if frame else self.add_file()
        self.never_said = never_said
        if self.shows_columns:
            self.clutter()
        elif frame:
            for _ in range(self.rng.choice((0, 0, 1, 2, 3, 4))):
                self.add_file()
            for _ in range(self.rng.choice((0, 0, 1))):
                self.add_frame()
        self.clutter_texts()
        return Source(found.name, "", found.is_frame, found.table)

    def shown_files(self) -> tuple[str, ...]:
        """The items of the line of files: tables first, each group in random order."""
        paths = dict.fromkeys((*self.tables, *self.texts))
        found = [path for path in paths if is_named(path) and path not in self.hidden]
        self.rng.shuffle(found)
        found.sort(key=lambda path: not path.endswith(_TABLE_ENDS))
        return tuple(filter(None, map(self._item, found[:MOST_FILES])))

    def _item(self, path: str) -> str:
        table = self.tables.get(path) if self.shows_columns else None
        return outline(path, table.names if table else ())

    def as_seen(self, name: str, source: Source) -> str:
        """A column that the context names as users say it, more freely without a table."""
        share = 0.16 if source.said else 0.4
        return self.loosely(name) if self.knows_columns(source) and self.chance(share) else name

    def loosely(self, name: str) -> str:
        """A column as users say it who see its name: other case, spaces, a plural."""
        spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
        spaced = re.sub(r"[_-]+", " ", spaced).strip()
        other = name[:-1] if name.endswith("s") else f"{name}s"
        forms = (spaced, spaced, spaced.lower(), name.lower(), name.capitalize(), name.upper(),
                 other if name.isalpha() else spaced.lower())  # fmt: skip
        return self.rng.choice(forms) or name

    def source_phrase(self, source: Source) -> str:
        """Words such as `in the file sales.csv`, empty when the source is not said."""
        if not source.said:
            return ""
        nouns = _FRAME_NOUNS if source.is_frame else _FILE_NOUNS
        return self.picker.pick("source").replace("{kind}", self.rng.choice(nouns))

    def words(self, phrase: str, slots: dict[str, str], *, plain: bool = False) -> str:
        """Write a phrase as a user would: openers, case, typos, punctuation; slots are exact."""
        if not plain and self.chance(0.22):
            phrase = f"{self.picker.pick('openers')} {phrase}"
        ends_in_slot = phrase.endswith("}")
        if not plain and self.chance(0.1):
            phrase = f"{phrase} {self.picker.pick('closers')}".replace(" ,", ",")
            ends_in_slot = False
        parts = [p for p in _SLOT.split(" ".join(phrase.split())) if p]
        written = [slots[p[1:-1]] if _SLOT.fullmatch(p) else self._typed(p) for p in parts]
        style = self.rng.random()
        if style < 0.5 and not _SLOT.fullmatch(parts[0]):
            written[0] = written[0][0].upper() + written[0][1:]
        text = "".join(written).strip()
        digit_end = ends_in_slot and text[-1].isdigit()
        end = self.rng.choice(("", "", "", "?", "?", "." if not digit_end else "", "!"))
        return text if plain or text[-1] in "?!." else text + (end if end != "!" else "")

    def _typed(self, text: str) -> str:
        if len(text) < 6 or not self.chance(0.06):
            return text
        place = self.rng.randrange(1, len(text) - 2)
        a, b = text[place], text[place + 1]
        if not (a.isalpha() and b.isalpha()):
            return text
        swap = (b + a, a, a + a + b)[self.rng.randrange(3)]
        return text[:place] + swap + text[place + 2 :]


def is_named(path: str) -> bool:
    """Whether the product names a file: data, not hidden, and at most one folder deep."""
    parts = path.split("/")
    is_near = len(parts) < 3 and not any(part.startswith((".", "_")) for part in parts)
    return is_near and path.lower().endswith(_DATA_ENDS)


def _is_usable(name: str) -> bool:
    """Whether Python keeps a name as it is written."""
    is_name = name.isidentifier() and not keyword.iskeyword(name)
    return is_name and unicodedata.normalize("NFKC", name) == name


def table_request(scene: Scene, question: Question, source: Source) -> str:
    """The words of a question about a table."""
    phrase = question.phrase.replace("{src}", scene.source_phrase(source))
    if not source.said:
        fallback = "the dataframe" if source.is_frame else "the file"
        phrase = phrase.replace("{S}", fallback)
    phrase = phrase.replace(" ,", ",").lstrip(" ,:").replace(" :", ":")
    slots = {name: _said(scene, name, text, source) for name, text in question.slots.items()}
    return scene.words(phrase, {**slots, "S": source.said})


def _said(scene: Scene, slot: str, text: str, source: Source) -> str:
    """A slot as the user writes it: columns loosely, large numbers with separators."""
    if text in source.table.names:
        return scene.as_seen(text, source)
    if slot != "n" and text.isdigit() and int(text) >= 1000:
        if text.endswith("000") and scene.chance(0.25):
            return f"{text[:-3]}k"
        return f"{int(text):,}" if scene.chance(0.25) else text
    return text


def table_step(question: Question, source: Source, left_out: str = "") -> Step:
    """The call of a question and its result; `left_out` is the last line of a cut table."""
    if source.is_frame:
        code = question.code.replace("{S}", source.name)
        # Whatever code prints is lines to the tool, the header one of them.
        result = as_shown(frame_result(question), "lines")
        return Step(Call(PYTHON, {"code": code}), _ended(result, left_out))
    query = question.sql.replace("{S}", source.name)
    columns = [column.replace("{S}", source.name) for column in question.columns]
    whole = format_table(columns, question.rows, max_rows=len(question.rows))
    result = as_shown(whole, "rows", MAX_ROWS + 1)
    return Step(Call(SQL, {"query": query}), _ended(result, left_out))


def as_shown(text: str, noun: str, max_lines: int = MAX_ROWS) -> str:
    """What the product's tools leave of a result, as their own function cuts it.

    A test compares the two: nothing but the execution of calls may import a tool.
    """
    lines = text.split("\n")
    room = MOST_CHARS - len(more_line(len(lines), noun)) - 1
    kept: list[str] = []
    for line in lines[:max_lines]:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    kept = kept or [clip_text(lines[0], max_chars=MOST_CHARS // 2)]
    n_left_out = len(lines) - len(kept)
    return "\n".join([*kept, *([more_line(n_left_out, noun)] if n_left_out else [])])


def _ended(result: str, left_out: str) -> str:
    """A result with the last line of a cut one, unless it is cut already."""
    return result if "\n... " in result else result + left_out


def frame_result(question: Question) -> str:
    """What the pandas code of a question prints."""
    if "csv" in question.details:
        return question.details["csv"]
    if question.form == "value":
        return str(question.rows[0][0])
    return rel.csv_text(question.csv_columns or question.columns, question.rows)


def table_answer(question: Question, source: Source, result: str) -> str:
    """The final sentence or list: every value of the result is copied."""
    head = question.head.replace("{S}", source.name)
    lines = result.split("\n")
    if result.startswith("Error: "):
        return failure(result)
    if question.form == "value":
        return f"{head}{lines[-1]}" + ("" if head.endswith(": ") else ".")
    if question.form == "rows":
        return f"{head}\n```\n{result}\n```"
    return "\n".join([head, *(_item(line, source.is_frame) for line in lines[1:])])


def table_exchange(scene: Scene, question: Question, source: Source) -> Exchange:
    """A whole exchange about a table."""
    left_out = ""
    is_list = question.form in ("pairs", "rows", "items")
    if is_list and len(question.rows) > 2 and scene.chance(0.06):
        noun = "lines" if source.is_frame else "rows"
        left_out = "\n" + more_line(scene.rng.randint(1, 900), noun)
    step = table_step(question, source, left_out)
    kind = "frame" if source.is_frame else "file"
    category = f"{kind} {question.kind}" if source.said else "from context"
    answer = table_answer(question, source, step.result)
    return Exchange(category, table_request(scene, question, source), (step,), answer)


def _item(line: str, is_frame: bool) -> str:
    if line.startswith("... "):
        return line
    return "- " + line.replace("," if is_frame else ", ", ": ", 1)
