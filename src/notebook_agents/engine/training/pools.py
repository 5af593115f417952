"""The phrasings of requests and the fixed split of their patterns.

`patterns/*.txt` hold one pool under each `== name`, one pattern per line. `[a|b]` is a choice,
`[a|]` an optional word and `{name}` a slot. At least 15 % of the patterns of every pool are held
out: they are chosen by a hash of their text, before any training, and the generator never uses them
for training data. A line that begins with `!` always stays in training (the documented example
requests); a line that begins with `#` is a comment.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources

HELD_OUT_SHARE = 0.15
"""Least share of the patterns of a pool that training never sees."""

_CHOICE = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True)
class Pool:
    """The patterns of one kind of phrase."""

    name: str
    train: tuple[str, ...]
    held: tuple[str, ...]

    @cached_property
    def held_forms(self) -> tuple[tuple[str, ...], ...]:
        """The forms of every held-out pattern that no training pattern can write."""
        trained = {form for pattern in self.train for form in expansions(pattern)}
        forms = (tuple(f for f in expansions(p) if f not in trained) for p in self.held)
        return tuple(found for found in forms if found)


def pool(name: str) -> Pool:
    """The pool of a name; KeyError for a name that no file has."""
    return all_pools()[name]


@cache
def all_pools() -> Mapping[str, Pool]:
    """Read and split every pool."""
    folder = resources.files(__package__) / "patterns"
    found: dict[str, Pool] = {}
    for file in sorted((f for f in folder.iterdir() if f.name.endswith(".txt")), key=str):
        for name, lines in _sections(file.read_text("utf-8")):
            if name in found:
                raise ValueError(f"{file.name}: there is already a pool named {name!r}")
            found[name] = split_pool(name, lines)
    return found


def split_pool(name: str, lines: Iterable[str]) -> Pool:
    """Hold out the patterns with the smallest hashes."""
    patterns = list(dict.fromkeys(" ".join(line.split()) for line in lines))
    free = sorted((p for p in patterns if not p.startswith("!")), key=_digest)
    held = free[: math.ceil(len(patterns) * HELD_OUT_SHARE)] if len(free) > 1 else []
    train = [p.removeprefix("!") for p in patterns if p not in held]
    return Pool(name, tuple(dict.fromkeys(train)), tuple(held))


@cache
def expansions(pattern: str) -> tuple[str, ...]:
    """List every surface form of a pattern, its slots still open."""
    match = _CHOICE.search(pattern)
    if match is None:
        return (" ".join(pattern.split()),)
    head, tail = pattern[: match.start()], pattern[match.end() :]
    forms = [f for option in match[1].split("|") for f in expansions(head + option + tail)]
    return tuple(dict.fromkeys(forms))


class Picker:
    """Draws phrases for one conversation and remembers whether a held-out one was used."""

    def __init__(self, rng: random.Random, *, held: bool) -> None:
        self.rng = rng
        self.held = held
        self.used_held = False

    def pick(self, name: str) -> str:
        """Draw one surface form of a pool; with `held`, of its held-out patterns, if it has any."""
        source = pool(name)
        if self.held and source.held_forms:
            self.used_held = True
            return self.rng.choice(self.rng.choice(source.held_forms))
        return self.rng.choice(expansions(self.rng.choice(source.train)))


def _sections(text: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("== "):
            found.append((line.removeprefix("== ").strip(), []))
        elif line and not line.startswith("#"):
            found[-1][1].append(line)
    return found


def _digest(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()
