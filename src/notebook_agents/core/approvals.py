"""Which tool calls a person is asked about, and which are refused.

The policy of the run decides by effect: that of the tool, or of the very call where its code says
more (``core/assessments.py``). The same rules serve the notebook, REST, MCP and schedules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from notebook_agents.core.assessments import Assessment
from notebook_agents.core.events import ApprovalRequested
from notebook_agents.core.runs import ApprovalDecision, PendingApproval, Run

if TYPE_CHECKING:
    from notebook_agents.core.messages import ToolCallPart
    from notebook_agents.core.policy import Decision
    from notebook_agents.core.ports import ToolRunner
    from notebook_agents.core.tools import ToolSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the policy says of one call."""

    decision: Decision
    assessment: Assessment


async def judge(
    calls: Sequence[ToolCallPart], run: Run, specs: Sequence[ToolSpec], runner: ToolRunner
) -> dict[str, Judgement]:
    """What the run's policy says of each call that can be made, by call id."""
    effects = {spec.name: spec.effect for spec in specs}
    judgements = {}
    for call in calls:
        if call.invalid or call.name not in effects:
            continue
        found = await runner.assess(call.name, call.arguments)
        assessment = found or Assessment(effect=effects[call.name])
        decision = run.policy.decide(assessment.effect)
        judgements[call.call_id] = Judgement(decision=decision, assessment=assessment)
    return judgements


def questions(
    calls: Sequence[ToolCallPart], run: Run, judgements: Mapping[str, Judgement]
) -> list[ApprovalRequested]:
    """The calls that a person must be asked about and was not yet."""
    decided = {decision.call_id for decision in run.decisions}
    return [
        _question(call, run, judgements[call.call_id].assessment)
        for call in calls
        if call.call_id in judgements
        and judgements[call.call_id].decision == "ask"
        and call.call_id not in decided
    ]


def pending(asked: ApprovalRequested, call: ToolCallPart, now: datetime) -> PendingApproval:
    """The question as the run keeps it."""
    return PendingApproval(
        call=call,
        reason=asked.reason,
        requested_at=now,
        effect=asked.effect,
        findings=asked.findings,
    )


def denial(call: ToolCallPart, run: Run, judgement: Judgement) -> str:
    """Why a call may not be made; empty when it may."""
    effect = judgement.assessment.effect
    if judgement.decision == "deny":
        return f"the policy {run.policy.name!r} does not allow tools with the effect {effect!r}"
    if judgement.decision == "ask":
        answer = _answer(call.call_id, run.decisions)
        if not answer.is_approved:
            feedback = f": {answer.feedback}" if answer.feedback else ""
            return f"the user did not allow this call{feedback}"
    return ""


def _question(call: ToolCallPart, run: Run, assessment: Assessment) -> ApprovalRequested:
    effect = assessment.effect
    because = f" ({assessment.reason})" if assessment.findings else ""
    return ApprovalRequested(
        call_id=call.call_id,
        name=call.name,
        arguments=call.arguments,
        reason=f"policy {run.policy.name!r} asks before tools of effect {effect!r}{because}",
        effect=effect,
        findings=assessment.findings,
    )


def _answer(call_id: str, decisions: Sequence[ApprovalDecision]) -> ApprovalDecision:
    return next(decision for decision in decisions if decision.call_id == call_id)
