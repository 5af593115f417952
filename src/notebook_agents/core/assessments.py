"""What one call of a tool would do, where that depends on its arguments.

A tool has one effect; code has the effect of what it says. An assessment is made before the call,
decides what the policy asks about, and tells the person why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from notebook_agents.core.policy import EFFECTS, FRESH, Effect

Risk: TypeAlias = Literal[
    "reads", "binds", "mutates", "writes_files", "network", "shell", "deletes"
]
RISKS: tuple[Risk, ...] = (
    "reads", "binds", "mutates", "writes_files", "network", "shell", "deletes",
)  # fmt: skip
"""Least first. ``binds`` makes new variables, ``mutates`` changes what is there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a call would do, and where it says so."""

    risk: Risk
    text: str
    """For people: ``rebinds df``, ``writes out.csv``."""
    line: int = 0
    """Of the code, from 1; 0 when it is not in a line."""


Via: TypeAlias = Literal["person", "policy", "conversation", "nobody", "timeout"]
"""Who decided about a call: a person, the policy, what a person allowed for the conversation, and
where a person was needed, nobody who could be asked or who answered in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a person allows for the rest of a conversation: calls of a tool up to an effect."""

    tool: str
    effect: Effect
    by: str = ""
    """Who allowed it."""
    module: str = ""
    """Where the tool that was allowed is made: one of the same name elsewhere is another."""

    def covers(self, tool: str, effect: Effect, module: str = "") -> bool:
        """Whether a call is no more than what was allowed; an external one never is."""
        is_same = (self.tool, self.module) == (tool, module)
        rank = EFFECTS.index(effect)
        return is_same and effect not in FRESH and rank <= EFFECTS.index(self.effect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The effect of one call, and what it follows from."""

    effect: Effect
    findings: tuple[Finding, ...] = ()

    @property
    def risk(self) -> Risk:
        """The greatest of its risks."""
        return max((found.risk for found in self.findings), key=RISKS.index, default="reads")

    @property
    def reason(self) -> str:
        """What is found, in one line without repetition."""
        return ", ".join(dict.fromkeys(found.text for found in self.findings))
