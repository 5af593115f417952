"""The effect of one call of a tool, and what becomes of calls that nobody can be asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from notebook_agents.core.assessments import RISKS, Assessment
from notebook_agents.core.errors import NotPermitted
from notebook_agents.core.events import ApprovalDecided, SecurityViolation
from notebook_agents.core.policy import HEADLESS_POLICY, Level

if TYPE_CHECKING:
    from notebook_agents.core.journal import Journal, Source
    from notebook_agents.core.ports import ToolRunner
    from notebook_agents.core.tools import ToolSpec

STAYS_INSIDE = "mutates"
"""The greatest risk of code that ends with the process it runs in, also where nothing holds it."""


async def assess(
    spec: ToolSpec, arguments: Mapping[str, Any], runner: ToolRunner, level: Level
) -> Assessment:
    """The effect of one call of a tool at a sandbox level, and what it follows from."""
    found = await runner.assess(spec.name, arguments)
    if found is None:
        return Assessment(effect=spec.effect)
    if spec.effect != "compute" or found.effect == "read":
        return found
    is_small = RISKS.index(found.risk) <= RISKS.index(STAYS_INSIDE) and found.effect != "external"
    is_inside = level != "low" or is_small
    return replace(found, effect="compute") if is_inside else found


def leaving(found: Assessment) -> Assessment:
    """The same, where a sandbox lets code reach some hosts: what uses them, or hides it, leaves."""
    may_leave = any(finding.risk in {"network", "shell"} for finding in found.findings)
    return replace(found, effect="network") if may_leave and found.effect == "compute" else found


def refuse_unattended(
    spec: ToolSpec, found: Assessment, journal: Journal, source: Source, call_id: str
) -> None:
    """Record and raise NotPermitted when a call would need a person, whom nobody can ask here."""
    if HEADLESS_POLICY.decide(found.effect) == "allow":
        return
    denied = ApprovalDecided(
        call_id=call_id,
        is_approved=False,
        via="policy",
        name=spec.name,
        effect=found.effect,
        findings=found.findings,
    )
    journal.record(denied, source)
    journal.record(SecurityViolation(rule="headless-policy", action=f"execute {spec.name}"), source)
    because = f" ({found.reason})" if found.findings else ""
    raise NotPermitted(
        f"tools of effect {found.effect!r} cannot be used without a person to ask{because}"
    )
