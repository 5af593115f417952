"""Who is served next: one request is read in, all that are read in take one step together.

Requests wait in order of arrival. Long prompts are read in pieces, so that the answers of others
go on meanwhile and a cancelled request never costs more than one piece.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.core.models import GenerateChunk
from notebook_agents.engine.answer import AnswerReader
from notebook_agents.engine.model import LoadedModel
from notebook_agents.engine.sampling import Sampler

PREFILL_TOKENS = 512
"""The longest piece of a prompt read in one step."""
MAX_ROWS = 16
"""Requests that work at the same time; others wait."""

Emission = GenerateChunk | NotebookAgentsError


@dataclass(slots=True, eq=False, kw_only=True)
class Row:
    """One request at work. Only the inference thread changes it, but for ``is_cancelled``."""

    model: LoadedModel
    prompt_ids: list[int]
    sampler: Sampler
    reader: AnswerReader
    max_tokens: int
    """How many tokens the answer may have; prompt and answer fit the model together."""
    emit: Callable[[Emission], None]
    """Hands a chunk, or the error that ends the request, to whoever asked."""
    n_dropped: int = 0
    """Messages at the beginning of the conversation that did not fit."""
    is_cancelled: bool = False
    tokens: list[int] = field(default_factory=list)
    """The answer so far."""
    n_read: int = 0
    """Tokens of the prompt that are in the cache."""
    submitted_at: float = field(default_factory=time.monotonic)
    started_at: float = 0.0
    first_token_at: float = 0.0
    last_token_at: float = 0.0
    gpu_s: float | None = None
    """Its share of the time of the GPU so far; None where the model is on none."""

    @property
    def is_read(self) -> bool:
        """Whether the whole prompt is in the cache."""
        return self.n_read == len(self.prompt_ids)


@dataclass(frozen=True, slots=True)
class Step:
    """What to compute now."""

    read: Row | None
    """The request whose prompt goes on being read."""
    n_tokens: int
    """How much of it."""
    decode: tuple[Row, ...]
    """The requests that get their next token."""


class Scheduler(Protocol):
    """Decides what each step computes."""

    @property
    def running(self) -> Sequence[Row]:
        """Requests that have begun."""
        ...

    @property
    def waiting(self) -> Sequence[Row]:
        """Requests that have not."""
        ...

    def add(self, row: Row) -> None:
        """Take a new request."""
        ...

    def remove(self, row: Row) -> bool:
        """Forget a request that has ended; False when it is forgotten already."""
        ...

    def next_step(self) -> Step | None:
        """What to compute, or None when there is nothing to do."""
        ...


class FifoScheduler:
    """First come, first served, up to a number of requests at once."""

    def __init__(self, max_rows: int = MAX_ROWS, prefill_tokens: int = PREFILL_TOKENS) -> None:
        self._max_rows = max_rows
        self._prefill_tokens = prefill_tokens
        self._waiting: deque[Row] = deque()
        self._running: list[Row] = []

    @property
    def running(self) -> Sequence[Row]:
        """Requests that have begun, oldest first."""
        return self._running

    @property
    def waiting(self) -> Sequence[Row]:
        """Requests that have not, oldest first."""
        return self._waiting

    def add(self, row: Row) -> None:
        """Put a new request at the end."""
        self._waiting.append(row)

    def remove(self, row: Row) -> bool:
        """Make room for the next."""
        for rows in (self._running, self._waiting):
            if row in rows:
                rows.remove(row)
                return True
        return False

    def next_step(self) -> Step | None:
        """One piece of one prompt, and one token of everybody else."""
        decode = tuple(row for row in self._running if row.is_read)
        read = next((row for row in self._running if not row.is_read), None)
        if read is None and self._waiting and len(self._running) < self._max_rows:
            read = self._waiting.popleft()
            self._running.append(read)
        if read is None:
            return Step(None, 0, decode) if decode else None
        piece = self._prefill_tokens if read.model.has_plain_cache else len(read.prompt_ids)
        return Step(read, min(piece, len(read.prompt_ids) - read.n_read), decode)
