"""Which tool calls a person is asked about, and which are refused.

The policy of the run decides by effect: that of the tool, or of the very call where its code says
more (``core/assessments.py``). The same rules serve the notebook, REST, MCP and schedules. What a
tool computes inside a sandbox stays in it, so there its code is only told of and does not decide.

Some rules come before any policy and any standing answer: what a person refused is refused to
other tools of that effect too, whoever has read strangers' words asks before anything can leave,
and an answer is to exactly the call that was asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from notebook_agents.core.approval_digests import digest_of
from notebook_agents.core.assessments import Allowance, Assessment, Via
from notebook_agents.core.budgets import MAX_QUESTIONS, size_of
from notebook_agents.core.call_effects import assess, leaving
from notebook_agents.core.errors import InvalidRequest, SandboxUnavailable
from notebook_agents.core.events import ApprovalDecided, ApprovalRequested, SecurityViolation
from notebook_agents.core.policy import EFFECTS, FRESH, MODES, Level, strictest
from notebook_agents.core.provenance import LEAVING
from notebook_agents.core.runs import ApprovalDecision, PendingApproval, Run

if TYPE_CHECKING:
    from notebook_agents.core.messages import ToolCallPart
    from notebook_agents.core.policy import ApprovalPolicy, Decision
    from notebook_agents.core.ports import Sandbox, ToolRunner
    from notebook_agents.core.tools import ToolSpec

Rule: TypeAlias = Literal[
    "", "taint", "refused-effect", "approval-invalid", "bytes-out", "throttle"
]
NOT_ASKED = "the answer was to another call, or the rules have changed since; ask again"
REFUSED = (
    "the user refused a call that reaches as far; nothing of effect {effect!r} or beyond is done"
    " by another way until they say so"
)
TOO_MUCH = "more than {limit} bytes would leave in this run"
TOO_MANY = f"more than {MAX_QUESTIONS} calls at once would need a person; make fewer"
TAINTED = (
    "this conversation has read {read}: what strangers wrote there may be what asks for this call,"
    " so it needs your answer whatever was allowed before"
)
NOBODY_TO_ASK = (
    "this conversation has read {read}, and nobody is there to allow tools of effect {effect!r}"
    " after that"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the policy says of one call."""

    decision: Decision
    assessment: Assessment
    via: Via = "policy"
    by: str = ""
    """The person whose standing answer it is."""
    rule: Rule = ""
    """The rule that comes before the policy, where one decided."""
    because: str = ""
    """What that rule says of the call."""
    module: str = ""
    """Where the tool is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What is needed to judge the calls of a run."""

    run: Run
    specs: Sequence[ToolSpec]
    runner: ToolRunner
    sandbox: Sandbox
    level: Level
    allowances: tuple[Allowance, ...] = ()
    tainted_by: tuple[str, ...] = ()
    """What of strangers the model has read."""
    rules: str = ""
    """A name for the rules in force; see ``core/approval_digests.py``."""
    bytes_out: int = 0
    """What has left already."""


async def judge(calls: Sequence[ToolCallPart], bench: Bench) -> dict[str, Judgement]:
    """What the run's policy says of each call that can be made, by call id."""
    specs = {spec.name: spec for spec in bench.specs}
    judgements: dict[str, Judgement] = {}
    for call in calls:
        if call.invalid or call.name not in specs or not _is_valid(call, bench.runner):
            continue
        spec = specs[call.name]
        level = await _enforced(bench.sandbox, strictest(bench.level, spec.security_level))
        found = await assess(spec, call.arguments, bench.runner, level)
        if bench.tainted_by and bench.sandbox.reaches_network:
            found = leaving(found)
        judged = replace(_judged(call, spec, found, bench), module=spec.module)
        judgements[call.call_id] = _throttled(judged, judgements)
        if found.effect in LEAVING:
            bench = replace(bench, bytes_out=bench.bytes_out + size_of(call.arguments))
    return judgements


def questions(
    calls: Sequence[ToolCallPart],
    run: Run,
    judgements: Mapping[str, Judgement],
    rules: str = "",
) -> list[ApprovalRequested]:
    """The calls that a person must be asked about and was not yet."""
    decided = {decision.call_id for decision in run.decisions}
    return [
        _question(call, run, judgements[call.call_id], rules)
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
        module=asked.module,
        warning=asked.warning,
        digest=asked.digest,
        forecast=asked.forecast,
    )


def denial(call: ToolCallPart, run: Run, judgement: Judgement) -> str:
    """Why a call may not be made; empty when it may."""
    effect = judgement.assessment.effect
    if judgement.decision == "deny" and judgement.rule:
        return judgement.because
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
    is_fresh = asked is not None and asked.effect in FRESH
    return ApprovalDecided(
        call_id=decision.call_id,
        is_approved=decision.is_approved,
        by=by if decision.via == "person" else "",
        feedback=decision.feedback,
        edited=decision.edited if decision.is_approved else None,
        via=decision.via,
        scope=decision.scope if decision.is_approved and not is_fresh else "once",
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
        Allowance(tool=entry.call.name, effect=entry.effect, by=by, module=entry.module)  # type: ignore[arg-type]
        for entry in run.pending
        if entry.call.call_id in standing and entry.effect and entry.effect not in FRESH
    ]
    return tuple(dict.fromkeys((*before, *new)))


def violation(call: ToolCallPart, judgement: Judgement) -> SecurityViolation | None:
    """The event of a call that a rule refuses whatever the policy says."""
    if not judgement.rule or judgement.decision != "deny":
        return None
    return SecurityViolation(
        rule=judgement.rule, action=f"call {call.name}", detail=judgement.because
    )


def _judged(call: ToolCallPart, spec: ToolSpec, found: Assessment, bench: Bench) -> Judgement:
    run = bench.run
    decision = run.policy.decide(found.effect)
    if decision == "deny":
        return Judgement(decision=decision, assessment=found)
    # What a person answered about this very call comes before any standing answer.
    if answer := next((each for each in run.decisions if each.call_id == call.call_id), None):
        return _answered(call, found, answer, bench)
    if ruled := _ruled(call, found, bench):
        return ruled
    if decision == "ask":
        for allowance in bench.allowances:
            if allowance.covers(call.name, found.effect, spec.module):
                return Judgement(
                    decision="allow", assessment=found, via="conversation", by=allowance.by
                )
    return Judgement(decision=decision, assessment=found)


def _answered(
    call: ToolCallPart, found: Assessment, answer: ApprovalDecision, bench: Bench
) -> Judgement:
    """What a person said, if it was said of this very call."""
    asked = Judgement(decision="ask", assessment=found)
    if not answer.is_approved or answer.digest == digest_of(call, bench.run, bench.rules):
        return asked
    return replace(asked, decision="deny", rule="approval-invalid", because=NOT_ASKED)


def _ruled(call: ToolCallPart, found: Assessment, bench: Bench) -> Judgement | None:
    """What comes before the policy and before any standing answer."""
    run, effect = bench.run, found.effect
    denied = Judgement(decision="deny", assessment=found)
    if run.guard.refused in EFFECTS and is_no_less(effect, run.guard.refused):
        return replace(denied, rule="refused-effect", because=REFUSED.format(effect=effect))
    if effect not in LEAVING:
        return None
    if bench.bytes_out + size_of(call.arguments) > run.limits.max_bytes_out:
        because = TOO_MUCH.format(limit=run.limits.max_bytes_out)
        return replace(denied, rule="bytes-out", because=because)
    if not bench.tainted_by:
        return None
    read = ", ".join(bench.tainted_by)
    if not run.policy.is_attended or run.policy.decide(effect) == "deny":
        return replace(denied, rule="taint", because=NOBODY_TO_ASK.format(read=read, effect=effect))
    because = TAINTED.format(read=read)
    return Judgement(decision="ask", assessment=found, rule="taint", because=because)


def is_no_less(effect: str, than: str) -> bool:
    """Whether an effect reaches as far as another."""
    names: list[str] = list(EFFECTS)
    return names.index(effect) >= names.index(than)


def _throttled(judged: Judgement, before: Mapping[str, Judgement]) -> Judgement:
    """No more questions at once than a person reads."""
    n_asked = sum(each.decision == "ask" for each in before.values())
    if judged.decision != "ask" or n_asked < MAX_QUESTIONS:
        return judged
    return replace(judged, decision="deny", rule="throttle", because=TOO_MANY)


def _is_valid(call: ToolCallPart, runner: ToolRunner) -> bool:
    """Whether the tool takes the arguments; nobody is asked about a call that cannot be made."""
    try:
        runner.validate(call.name, call.arguments)
    except InvalidRequest:
        return False
    return True


async def _enforced(sandbox: Sandbox, level: Level) -> Level:
    """The level that holds; the lowest where none does, and then the call fails anyway."""
    try:
        return await sandbox.resolve(level)
    except SandboxUnavailable:
        return "low"


def _question(call: ToolCallPart, run: Run, judgement: Judgement, rules: str) -> ApprovalRequested:
    assessment = judgement.assessment
    effect = assessment.effect
    because = f" ({assessment.reason})" if assessment.findings else ""
    effects = f"tools of effect {effect!r}"
    return ApprovalRequested(
        call_id=call.call_id,
        name=call.name,
        arguments=call.arguments,
        reason=judgement.because or f"{_in_words(run.policy)} asks before {effects}{because}",
        effect=effect,
        findings=assessment.findings,
        module=judgement.module,
        warning=judgement.because,
        digest=digest_of(call, run, rules),
    )


def _in_words(policy: ApprovalPolicy) -> str:
    """A policy as the person chose it: a mode where it is one."""
    mode = next((mode for mode, known in MODES.items() if known.name == policy.name), "")
    return f"the mode {mode.capitalize()}" if mode else f"the policy {policy.name!r}"


def _answer(call_id: str, decisions: Sequence[ApprovalDecision]) -> ApprovalDecision:
    return next(decision for decision in decisions if decision.call_id == call_id)
