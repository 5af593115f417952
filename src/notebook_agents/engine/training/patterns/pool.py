"""A pool of phrasings and the fixed split of its patterns.

A pool is written as text with one pattern per line. `[a|b]` is a choice, `[a|]` an optional word
and `{name}` a slot. At least 15 % of the patterns of every pool are held out: they are chosen by a
hash of their text, before any training, and the generator never uses them for training data. A line
that begins with `!` always stays in training (the documented example requests).
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from dataclasses import dataclass
from functools import cache

from notebook_agents.engine.training.patterns.wider import WIDER

HELD_OUT_SHARE = 0.15
"""Least share of the patterns of a pool that training never sees."""

_CHOICE = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True)
class Pool:
    """The patterns of one kind of phrase."""

    name: str
    train: tuple[str, ...]
    held: tuple[str, ...]


def make_pool(name: str, text: str) -> Pool:
    """Make a pool from a text and, where there is one, its wider part, each split on its own."""
    pool = _split(name, text)
    if name not in WIDER:
        return pool
    wider = _split(name, WIDER[name])
    held = tuple(dict.fromkeys((*pool.held, *wider.held)))
    return Pool(name, tuple(p for p in (*pool.train, *wider.train) if p not in held), held)


def _split(name: str, text: str) -> Pool:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    free = sorted((line for line in lines if not line.startswith("!")), key=_digest)
    n_held = math.ceil(len(lines) * HELD_OUT_SHARE) if len(free) > 1 else 0
    held = tuple(free[:n_held])
    kept = [line.removeprefix("!") for line in lines if line not in held]
    return Pool(name, tuple(dict.fromkeys(kept)), held)


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

    def pick(self, pool: Pool) -> str:
        """Draw one surface form; with `held`, mostly from the held-out patterns."""
        source = pool.train
        if self.held and pool.held and self.rng.random() < 0.6:
            source = pool.held
            self.used_held = True
        return self.rng.choice(expansions(self.rng.choice(source)))


def _digest(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()
