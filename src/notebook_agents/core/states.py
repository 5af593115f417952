"""The states of runs and tool calls: closed sets, and the one table of steps between them.

    queued ──► running ◄──► waiting_approval
      │           │               │
      └───────────┴───────────────┴──► succeeded | failed | cancelled | timed_out | interrupted

``interrupted`` means that the process holding the run died. This table is the only place that
knows which step is allowed; dialects translate the words, never the rules.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

RunState: TypeAlias = Literal[
    "queued",
    "running",
    "waiting_approval",
    "succeeded",
    "failed",
    "cancelled",
    "timed_out",
    "interrupted",
]
FinalState: TypeAlias = Literal["succeeded", "failed", "cancelled", "timed_out", "interrupted"]

FINAL_STATES: tuple[RunState, ...] = (
    "succeeded",
    "failed",
    "cancelled",
    "timed_out",
    "interrupted",
)
OPEN_STATES: tuple[RunState, ...] = ("queued", "running", "waiting_approval")
"""Of runs that go on."""
ToolStatus: TypeAlias = Literal["succeeded", "failed", "timed_out", "cancelled", "denied"]

TRANSITIONS: dict[RunState, tuple[RunState, ...]] = {
    "queued": ("running", "failed", "cancelled", "timed_out", "interrupted"),
    "running": ("waiting_approval", *FINAL_STATES),
    "waiting_approval": ("running", "failed", "cancelled", "timed_out", "interrupted"),
    "succeeded": (),
    "failed": (),
    "cancelled": (),
    "timed_out": (),
    "interrupted": (),
}
