"""What can happen to what an agent did: a checkpoint of the notebook, an undo, a person's opinion.

The names of variables and files are recorded, never their contents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Rating: TypeAlias = Literal["good", "bad", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointMade:
    """A tool call changed variables, files or cells of a notebook, and what it changed was kept."""

    number: int
    """Counts the changes of one kernel."""
    name: str = ""
    """The tool."""
    call_id: str = ""
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    """Where code was put into a cell."""
    unsaved: tuple[str, ...] = ()
    """Variables that may have changed inside and cannot be put back."""
    size_bytes: int = 0
    """What the copies need in memory."""
    type: Literal["checkpoint_made"] = "checkpoint_made"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUndone:
    """A person took a change back, or took that back again (``redone``)."""

    number: int
    call_id: str = ""
    status: Literal["undone", "redone"] = "undone"
    restored: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    """What the person changed since, which stayed."""
    failures: tuple[str, ...] = ()
    type: Literal["run_undone"] = "run_undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRated:
    """A person said what they think of a run's answer, or took that back (``none``)."""

    rating: Rating
    type: Literal["answer_rated"] = "answer_rated"
