"""Random names, tables, texts and folders for the training conversations.

Half of all names come from word lists, a third is glued from pieces of the tokenizer so that every
piece is a copy target, and the rest is made up from syllables. Names of held vocabulary come from a
disjoint word list and other random strings.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from notebook_agents.engine.training.words import ACCENTED, FOLDERS, STEMS, WORDS

KINDS_OF_NUMBERS = ("int", "float", "large")
_VOWELS = "aeiou"
_CONSONANTS = "bcdfghjklmnpqrstvwxyz"
_TEXT_ENDS = ("txt", "md", "txt", "md", "log", "py", "json", "yaml", "toml", "cfg", "csv")
_TABLE_ENDS = ("csv", "csv", "csv", "csv", "parquet")


@dataclass(frozen=True)
class Column:
    """A named column of a table."""

    name: str
    kind: str
    """`word`, `date`, `int`, `float` or `large`."""

    @property
    def is_number(self) -> bool:
        """Whether the column can be summed."""
        return self.kind in KINDS_OF_NUMBERS


@dataclass(frozen=True)
class Table:
    """A small table with typed columns; a missing number is None."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[object, ...], ...]

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    def index(self, name: str) -> int:
        """The place of a column."""
        return self.names.index(name)

    def values(self, name: str) -> list[object]:
        """All values of a column."""
        place = self.index(name)
        return [row[place] for row in self.rows]

    def pick(self, rng: random.Random, *, number: bool) -> str:
        """The name of a random column of numbers, or of words and dates."""
        return rng.choice([c.name for c in self.columns if c.is_number == number])


@dataclass
class Names:
    """Draws names; `pieces` are the letter pieces of the tokenizer, once it exists."""

    rng: random.Random
    held: bool = False
    pieces: tuple[str, ...] = ()
    recent: set[str] = field(default_factory=set)

    def word(self) -> str:
        """A lower-case word of a list, a glued one or a made-up one."""
        dice = self.rng.random()
        if dice < 0.5:
            return self.rng.choice(WORDS[self.held])
        if dice < 0.506:
            return self.rng.choice(ACCENTED[self.held])
        if dice < 0.85 and self.pieces:
            return "".join(self.rng.choices(self.pieces, k=self.rng.randint(1, 3)))[:16]
        return self._foreign() if dice > 0.99 else self._made_up()

    def column(self) -> str:
        """A column name not used in this conversation."""
        for _ in range(20):
            name = self._compound(("_", "_", " ", "", "-"))
            if name.lower() not in self.recent and not name[0].isdigit():
                break
        self.recent.add(name.lower())
        return name

    def value(self) -> str:
        """A word as it stands in a cell of a table."""
        word = self._compound((" ", "-", "_")) if self.rng.random() < 0.15 else self.word()
        return word.capitalize() if self.rng.random() < 0.35 else word

    def folder(self) -> str:
        """A folder, sometimes with a folder inside."""
        known = self.rng.random() < 0.5
        name = self.rng.choice(FOLDERS) if known else self._compound(("_", "-", ""))
        if self.rng.random() < 0.12:
            name += "/" + self.word()
        return name

    def path(self, end: str) -> str:
        """The path of a file, in four of ten cases inside a folder."""
        known = self.rng.random() < 0.35 and not self.held
        stem = self.rng.choice(STEMS) if known else self._compound(("_", "-", "_", " ", "."))
        folder = self.folder() + "/" if self.rng.random() < 0.4 else ""
        return f"{folder}{stem}.{end}"

    def table_path(self) -> str:
        """The path of a CSV or Parquet file."""
        return self.path(self.rng.choice(_TABLE_ENDS))

    def text_path(self) -> str:
        """The path of a text file."""
        if self.rng.random() < 0.12:
            folder = self.folder() + "/" if self.rng.random() < 0.3 else ""
            return folder + self.rng.choice(("README.md", "LICENSE", "Makefile", "notes.txt"))
        return self.path(self.rng.choice(_TEXT_ENDS))

    def frame(self) -> str:
        """The name of a dataframe."""
        if self.rng.random() < 0.4:
            return self.rng.choice(("df", "df", "data", "df1", "df2", "table", "frame"))
        word = self.word()
        return self.rng.choice(
            (word, word, f"df_{word}", f"{word}_df", f"{word}{_digit(self.rng)}")
        )

    def _compound(self, glues: tuple[str, ...]) -> str:
        word = self.word()
        dice = self.rng.random()
        if dice < 0.05:
            return word.capitalize() + self.word().capitalize()
        if dice < 0.27:
            word += self.rng.choice(glues) + self.word()
        elif dice < 0.34:
            word += self.rng.choice(("", "_", "-")) + self.number(4)
        style = self.rng.random()
        if style < 0.1:
            return word.capitalize()
        return word.upper() if style < 0.13 else word

    def _made_up(self) -> str:
        if self.rng.random() < 0.25:
            return "".join(self.rng.choices("abcdefghijklmnopqrstuvwxyz", k=self.rng.randint(2, 7)))
        syllables = self.rng.randint(1, 4)
        return "".join(
            self.rng.choice(_CONSONANTS)
            + self.rng.choice(_VOWELS)
            + self.rng.choice(("", "", "n", "r"))
            for _ in range(syllables)
        )

    def _foreign(self) -> str:
        ranges = ((0xC0, 0x17F), (0x391, 0x3C9), (0x410, 0x44F), (0xA1, 0xFF), (0x900, 0xFFF),
                  (0x1E00, 0x1FFF), (0x2010, 0x2BFF), (0x3040, 0xD7FF), (0xE000, 0xFFFD),
                  (0x10000, 0x10FFFF))  # fmt: skip
        low, high = (
            self.rng.choice(ranges[:4]) if self.rng.random() < 0.6 else self.rng.choice(ranges)
        )
        return "".join(chr(self.rng.randint(low, high)) for _ in range(self.rng.randint(1, 3)))

    def number(self, most_digits: int = 9) -> str:
        """A whole number of random length, sometimes with a run of one digit."""
        n_digits = self.rng.randint(1, most_digits)
        first = str(self.rng.randint(1, 9))
        if self.rng.random() < 0.15:
            return first + _digit(self.rng) * (n_digits - 1)
        return first + "".join(_digit(self.rng) for _ in range(n_digits - 1))


def make_table(names: Names, rng: random.Random, *, n_rows: int | None = None) -> Table:
    """Make a table with one or two columns of words and one to three columns of numbers."""
    n_words, n_numbers = rng.choice((1, 1, 2)), rng.choice((2, 2, 3))
    if rng.random() < 0.08:
        n_words, n_numbers = rng.randint(1, 4), rng.randint(2, 6)
    columns = [Column(names.column(), "word")]
    columns += [Column(names.column(), rng.choice(("word", "date"))) for _ in range(n_words - 1)]
    columns += [Column(names.column(), rng.choice(KINDS_OF_NUMBERS)) for _ in range(n_numbers)]
    if rng.random() < 0.12:
        similar = f"{rng.choice(('unit', 'total', 'net', names.word()))}_{columns[-2].name}"
        columns[-1] = Column(similar, columns[-1].kind)
    if rng.random() < 0.3:
        rng.shuffle(columns)
    pools = {c.name: _cells(c, names, rng) for c in columns}
    count = n_rows or rng.choice((2, 3, 3, 3, 4, 4, 4, 5, 5, 6, 6, 8, 8, 12, 20))
    rows = tuple(tuple(rng.choice(pools[c.name]) for c in columns) for _ in range(count))
    return Table(tuple(columns), rows)


def text_lines(names: Names, rng: random.Random, count: int) -> list[str]:
    """Lines of a text file: sentences, settings, log lines, CSV rows or code."""
    kind = rng.randrange(7)
    gap = rng.choice((0.0, 0.0, 0.2))
    return ["" if i and rng.random() < gap else _line(kind, names, rng) for i in range(count)]


def _line(kind: int, names: Names, rng: random.Random) -> str:
    word = names.word
    if kind == 0:
        return " ".join(word() for _ in range(rng.randint(2, 7))).capitalize() + rng.choice(
            (".", "", "!")
        )
    if kind == 1:
        return f"{word()}{rng.choice((' = ', ': ', '='))}{rng.choice((word(), names.number(5)))}"
    if kind == 2:
        return f"{rng.choice(('- ', '# ', '* ', '## ', '1. '))}{word()} {word()}"
    if kind == 3:
        return f"{random_date(rng)} {rng.choice(('INFO', 'ERROR', 'WARNING'))} {word()} {word()}"
    if kind == 4:
        return f"{names.value()},{names.number(4)},{_float(rng)}"
    if kind == 5:
        marks = "~!@#$%^&*()[]{}<>|;:'\",./?+=_-`\\\t"
        glues = [rng.choice(marks) + rng.choice(("", "", " ")) for _ in range(rng.randint(1, 5))]
        return "".join(word() + glue for glue in glues) + word()
    return rng.choice(
        (f"import {word()}", f"def {word()}():", f"    return {word()}", f"x = {word()}(2)")
    )


def random_date(rng: random.Random) -> str:
    """A date such as 2026-03-09."""
    return f"{rng.randint(1980, 2035)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def _cells(column: Column, names: Names, rng: random.Random) -> list[object]:
    if column.kind == "word":
        cells = list(dict.fromkeys(names.value() for _ in range(rng.choice((1, 2, 3, 3, 4, 5, 7)))))
        return [*cells]
    if column.kind == "date":
        return [random_date(rng) for _ in range(4)]
    if column.kind == "float":
        return [float(_float(rng)) for _ in range(8)]
    most = 6 if column.kind == "large" else 3
    return [int(names.number(most)) for _ in range(8)]


def _float(rng: random.Random) -> str:
    places = rng.choice((1, 2, 2, 3))
    return f"{rng.uniform(0, rng.choice((1, 10, 100, 10000))):.{places}f}"


def _digit(rng: random.Random) -> str:
    return rng.choice("0123456789")
