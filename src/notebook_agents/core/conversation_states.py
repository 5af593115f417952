"""The states of a conversation: a closed set, and the one table of steps between them.

    created ──► processing ◄──► waiting
                  │    ▲
                  ▼    │
       active | failed | completed ──► archived

A conversation is ``processing`` while a run holds it, ``waiting`` while that run waits for a
person, and then what the run leaves it as: ``active``, ``failed`` when no answer came, or
``completed`` when it was there for one answer only (mode ``background``). None of these ends it:
the next message goes on. Whoever takes or gives back a conversation sets its state in the same
write, so that a process that dies leaves no state behind which its run does not have; recovery
ends the run and with it the state. ``connecting``, ``paused`` and ``terminated`` are words of
clients: nothing here connects or pauses, and what is deleted is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from notebook_agents.core.errors import Conflict, LimitExceeded
from notebook_agents.core.states import RunState

ConversationMode: TypeAlias = Literal["interactive", "forked", "background"]
ConversationState: TypeAlias = Literal[
    "created", "connecting", "active", "paused", "waiting", "processing",
    "completed", "failed", "terminated", "archived",
]  # fmt: skip

STEPS: Mapping[ConversationState, tuple[ConversationState, ...]] = {
    "created": ("connecting", "processing", "terminated", "archived"),
    "connecting": ("active", "processing", "failed", "terminated", "archived"),
    "active": ("processing", "paused", "completed", "failed", "terminated", "archived"),
    "processing": ("waiting", "active", "completed", "failed", "terminated"),
    "waiting": ("processing", "active", "failed", "terminated"),
    "paused": ("active", "terminated", "archived"),
    "completed": ("processing", "terminated", "archived"),
    "failed": ("processing", "terminated", "archived"),
    "terminated": ("archived",),
    "archived": (),
}
HELD_STATES: tuple[ConversationState, ...] = ("processing", "waiting")
"""A run has the conversation; the next one waits for its turn."""
OPEN_STATES: tuple[ConversationState, ...] = tuple(
    state for state, steps in STEPS.items() if "processing" in steps or state in HELD_STATES
)
"""In these something can be said."""
ARCHIVABLE_STATES: tuple[ConversationState, ...] = tuple(
    state for state, steps in STEPS.items() if "archived" in steps
)


def check_step(state: ConversationState, wanted: ConversationState) -> None:
    """Conflict when the table does not allow the step."""
    if wanted not in STEPS[state]:
        raise Conflict(f"the conversation is {state} and cannot become {wanted}", state=state)


def left_as(run: RunState, error_code: str, mode: ConversationMode) -> ConversationState:
    """What a run that has ended leaves its conversation as.

    One that a person stopped or that used up its own limits is an answer, if a short one.
    """
    if run == "interrupted" or (run == "failed" and error_code != LimitExceeded.code):
        return "failed"
    return "completed" if mode == "background" and run == "succeeded" else "active"
