"""What an agent may do without asking: effects of tools, approval policies, sandbox levels.

Deny by default: an effect that a policy does not name is denied. The levels are defined in
``docs/security.md``; the model never sees or sets them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from notebook_agents.core.errors import InvalidRequest

Effect: TypeAlias = Literal["read", "compute", "write", "network", "external", "privileged"]
Decision: TypeAlias = Literal["allow", "ask", "deny"]
Level: TypeAlias = Literal["low", "medium", "high"]
OnBusy: TypeAlias = Literal["reject", "enqueue", "interrupt", "rollback"]

EFFECTS: tuple[Effect, ...] = get_args(Effect)
"""Least first."""
FRESH: frozenset[Effect] = frozenset({"network", "external", "privileged"})
"""What is allowed once at a time: no answer stands for the next call too.

What comes back from the network is strangers' words, after which the next call must be asked about
anyway (``core/provenance.py``).
"""
LEVELS: tuple[Level, ...] = ("low", "medium", "high")
"""Weakest first. ``low`` is process isolation, not a sandbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalPolicy:
    """A decision for each effect class of a tool."""

    name: str = "default"
    read: Decision = "allow"
    compute: Decision = "allow"
    write: Decision = "ask"
    network: Decision = "ask"
    external: Decision = "ask"
    privileged: Decision = "deny"
    is_attended: bool = True
    """Whether somebody can be asked where the policy itself would not ask."""

    def decide(self, effect: Effect) -> Decision:
        """The decision for one effect."""
        decisions: dict[str, Decision] = {
            "read": self.read,
            "compute": self.compute,
            "write": self.write,
            "network": self.network,
            "external": self.external,
        }
        return decisions.get(effect, self.privileged)

    @property
    def may_ask(self) -> bool:
        """Whether there is a tool that somebody would be asked about."""
        return self.is_attended and any(self.decide(effect) == "ask" for effect in EFFECTS)


DEFAULT_POLICY = ApprovalPolicy()
"""The mode ``ask``: what only looks runs, whatever changes something asks."""
ASK_POLICY = ApprovalPolicy(name="ask-always", read="ask", compute="ask")
"""Asks before every call."""
ALLOW_POLICY = ApprovalPolicy(name="full", write="allow", network="allow", external="allow")
ACCEPT_EDITS_POLICY = ApprovalPolicy(name="auto-edit", write="allow")
"""Lets variables change and files of the working folder be written; a shell is more, and asks."""
PLAN_POLICY = ApprovalPolicy(
    name="plan", compute="deny", write="deny", network="deny", external="deny"
)
"""Only looks."""
PLAN_WORDS = (
    "You are planning: look at whatever you need, but change nothing. Answer with the steps that"
    " you propose, and wait until they are agreed to."
)
"""Told to the model where the policy only lets it look."""
HEADLESS_POLICY = ApprovalPolicy(
    name="headless", write="deny", network="deny", external="deny", is_attended=False
)
"""For callers that nobody can answer: what would ask is denied."""

Mode: TypeAlias = Literal["ask", "auto-edit", "plan", "full"]
MODES: Mapping[Mode, ApprovalPolicy] = {
    "ask": DEFAULT_POLICY,
    "auto-edit": ACCEPT_EDITS_POLICY,
    "plan": PLAN_POLICY,
    "full": ALLOW_POLICY,
}
"""What people choose from; see ``docs/approval.md``."""


def strictest(*levels: Level) -> Level:
    """The highest of the levels that caller, tool, agent and deployment require.

    Raises:
        InvalidRequest: one of them is no level.
    """
    for level in levels:
        if level not in LEVELS:
            told = f"security level {level!r} is not one of {', '.join(LEVELS)}"
            raise InvalidRequest(told, field="security_level")
    return max(levels, key=LEVELS.index)


def unattended(policy: ApprovalPolicy, effects: Collection[Effect]) -> ApprovalPolicy:
    """A policy for where nobody can answer: what would ask is denied.

    But for the effects of tools that somebody named one by one: naming them was the answer.
    """
    asked = {name: getattr(policy, name) == "ask" for name in get_args(Effect)}
    decisions: dict[str, Decision] = {
        name: "allow" if name in effects else "deny" for name, is_asked in asked.items() if is_asked
    }
    name = f"{policy.name}, unattended"
    return replace(policy, name=name, is_attended=False, **decisions)
