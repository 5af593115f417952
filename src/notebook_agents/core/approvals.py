"""Which tool calls a person is asked about, and which are refused.

The policy of the run decides by effect: that of the tool, or of the very call where its code says
more (``core/assessments.py``). The same rules serve the notebook, REST, MCP and schedules. What a
tool computes inside a sandbox stays in it, so there its code is only told of and does not decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from notebook_agents.core.assessments import Allowance, Assessment, Via
from notebook_agents.core.call_effects import assess
from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.core.events import ApprovalDecided, ApprovalRequested
from notebook_agents.core.policy import MODES, Level, strictest
from notebook_agents.core.runs import ApprovalDecision, PendingApproval, Run

if TYPE_CHECKING:
    from notebook_agents.core.messages import ToolCallPart
    from notebook_agents.core.policy import ApprovalPolicy, Decision
    from notebook_agents.core.ports import Sandbox, ToolRunner
    from notebook_agents.core.tools import ToolSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the policy says of one call."""

    decision: Decision
    assessment: Assessment
    via: Via = "policy"
    by: str = ""
    """The person whose standing answer it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What is needed to judge the calls of a run."""

    run: Run
    specs: Sequence[ToolSpec]
    runner: ToolRunner
    sandbox: Sandbox
    level: Level
    allowances: tuple[Allowance, ...] = ()


async def judge(calls: Sequence[ToolCallPart], bench: Bench) -> dict[str, Judgement]:
    """What the run's policy says of each call that can be made, by call id."""
    specs = {spec.name: spec for spec in bench.specs}
    judgements = {}
    for call in calls:
        if call.invalid or call.name not in specs:
            continue
        spec = specs[call.name]
        level = await _enforced(bench.sandbox, strictest(bench.level, spec.security_level))
        found = await assess(spec, call.arguments, bench.runner, level)
        judgements[call.call_id] = _judged(call, found, bench)
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
        because = f" ({judgement.assessment.reason})" if judgement.assessment.findings else ""
        return (
            f"the policy {run.policy.name!r} does not allow tools with the effect"
            f" {effect!r}{because}"
        )
    if judgement.decision == "ask":
        answer = _answer(call.call_id, run.decisions)
        if not answer.is_approved:
            feedback = f": {answer.feedback}" if answer.feedback else ""
            who = (
                "nobody allowed"
                if answer.via in {"nobody", "timeout"}
                else "the user did not allow"
            )
            return f"{who} this call{feedback}"
    return ""


def allowed_by(call: ToolCallPart, run: Run, judgement: Judgement) -> Via | None:
    """Who lets a call be made; None when nobody does."""
    if denial(call, run, judgement):
        return None
    return "person" if judgement.decision == "ask" else judgement.via


def verdict(call: ToolCallPart, judgement: Judgement) -> ApprovalDecided | None:
    """The event of what was decided without asking; what the policy allows, the start tells."""
    is_standing = judgement.via == "conversation"
    if not is_standing and judgement.decision != "deny":
        return None
    return ApprovalDecided(
        call_id=call.call_id,
        is_approved=judgement.decision == "allow",
        by=judgement.by,
        via=judgement.via,
        scope="conversation" if is_standing else "once",
        name=call.name,
        effect=judgement.assessment.effect,
        findings=judgement.assessment.findings,
    )


def decided(decision: ApprovalDecision, run: Run, by: str) -> ApprovalDecided:
    """The event of an answer to a question that the run kept."""
    asked = next((e for e in run.pending if e.call.call_id == decision.call_id), None)
    return ApprovalDecided(
        call_id=decision.call_id,
        is_approved=decision.is_approved,
        by=by if decision.via == "person" else "",
        feedback=decision.feedback,
        edited=decision.edited if decision.is_approved else None,
        via=decision.via,
        scope=decision.scope if decision.is_approved else "once",
        name=asked.call.name if asked else "",
        effect=asked.effect if asked else "",
        findings=asked.findings if asked else (),
    )


def allowances_of(
    before: Sequence[Allowance], run: Run, decisions: Sequence[ApprovalDecision], by: str
) -> tuple[Allowance, ...]:
    """What is allowed for the rest of the conversation once these answers are given."""
    standing = {
        decision.call_id
        for decision in decisions
        if decision.is_approved and decision.scope == "conversation" and decision.via == "person"
    }
    new = [
        Allowance(tool=entry.call.name, effect=entry.effect, by=by)  # type: ignore[arg-type]
        for entry in run.pending
        if entry.call.call_id in standing and entry.effect
    ]
    return tuple(dict.fromkeys((*before, *new)))


def _judged(call: ToolCallPart, found: Assessment, bench: Bench) -> Judgement:
    decision = bench.run.policy.decide(found.effect)
    # What a person answered about this very call comes before any standing answer.
    is_answered = any(answer.call_id == call.call_id for answer in bench.run.decisions)
    if decision == "ask" and not is_answered:
        for allowance in bench.allowances:
            if allowance.covers(call.name, found.effect):
                return Judgement(
                    decision="allow", assessment=found, via="conversation", by=allowance.by
                )
    return Judgement(decision=decision, assessment=found)


async def _enforced(sandbox: Sandbox, level: Level) -> Level:
    """The level that holds; the lowest where none does, and then the call fails anyway."""
    try:
        return await sandbox.resolve(level)
    except SandboxUnavailable:
        return "low"


def _question(call: ToolCallPart, run: Run, assessment: Assessment) -> ApprovalRequested:
    effect = assessment.effect
    because = f" ({assessment.reason})" if assessment.findings else ""
    return ApprovalRequested(
        call_id=call.call_id,
        name=call.name,
        arguments=call.arguments,
        reason=f"{_in_words(run.policy)} asks before tools of effect {effect!r}{because}",
        effect=effect,
        findings=assessment.findings,
    )


def _in_words(policy: ApprovalPolicy) -> str:
    """A policy as the person chose it: a mode where it is one."""
    mode = next((mode for mode, known in MODES.items() if known.name == policy.name), "")
    return f"the mode {mode.capitalize()}" if mode else f"the policy {policy.name!r}"


def _answer(call_id: str, decisions: Sequence[ApprovalDecision]) -> ApprovalDecision:
    return next(decision for decision in decisions if decision.call_id == call_id)
