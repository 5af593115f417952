"""The agent loop: model step, tool step, budgets, approval. Yields event bodies, nothing else.

The loop has no state of its own: it looks at the end of the history. An assistant message with
tool calls that nobody has answered asks for a tool step, anything else for a model step. So a run
that waited for approval, in this process or in one before it, goes on by calling the loop again.
Whoever consumes the events stores them; the loop goes on only when an event has been consumed,
which is why ``tool_started`` is on disk before the tool runs. Cancelling and timing out is done
by cancelling the consuming task.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from notebook_agents.core.approvals import (
    Bench,
    Judgement,
    allowed_by,
    denial,
    judge,
    questions,
    verdict,
    violation,
)
from notebook_agents.core.assessments import Allowance
from notebook_agents.core.budgets import (
    CALLS_WARNING,
    MAX_CALLS_A_STEP,
    bounded,
    check_budget,
    check_questions,
    step_tokens,
)
from notebook_agents.core.deltas import Deltas
from notebook_agents.core.edited_calls import as_decided, told_of_edit
from notebook_agents.core.errors import InvalidRequest, NotebookAgentsError
from notebook_agents.core.events import (
    ApprovalRequested,
    EventBody,
    ModelFinished,
    TextDelta,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    Warned,
)
from notebook_agents.core.explicit_calls import result_in_words
from notebook_agents.core.guardrails import repetition, tools_warning
from notebook_agents.core.history import distinct, open_calls, result_part
from notebook_agents.core.messages import (
    Message,
    ToolCallPart,
    ToolResultPart,
    assistant_message,
    tool_message,
)
from notebook_agents.core.models import (
    GenerateFinished,
    GenerateText,
    GenerateToolCall,
    ModelInfo,
    Models,
    Usage,
)
from notebook_agents.core.policy import Level, strictest
from notebook_agents.core.provenance import origin_of, tainted_by
from notebook_agents.core.run_guards import left_with
from notebook_agents.core.run_prompts import begun, request_of
from notebook_agents.core.tool_bodies import result_bodies
from notebook_agents.core.tools import ToolInvocation, ToolResult, ToolSpec

if TYPE_CHECKING:
    from notebook_agents.core.forecasts import Forecasts
    from notebook_agents.core.ports import Clock, Engine, Sandbox, ToolRunner
    from notebook_agents.core.runs import Run
    from notebook_agents.core.spawn import Supervisor

TOOL_OUTPUT_EVENTS = 500
"""Live output events of one tool step; what comes beyond is only in the result."""
DENIALS = {"taint": "APPROVAL_REQUIRED", "approval-invalid": "APPROVAL_INVALID"}
"""What results say of calls that a rule refuses; others are just denied."""
LOW_LEVEL_WARNING = "tools ran with process isolation only, which is not a sandbox"
CONTEXT_WARNING = "the first {n} messages do not fit the model and were left out of its prompt"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopPorts:
    """What the loop works with."""

    engine: Engine
    tools: ToolRunner
    sandbox: Sandbox
    clock: Clock
    supervisor: Supervisor
    forecasts: Forecasts


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopTask:
    """What the loop works on: the run, its history and its tools."""

    run: Run
    history: tuple[Message, ...]
    specs: tuple[ToolSpec, ...]
    workspace: str
    level: Level
    memory_bytes: int
    allowances: tuple[Allowance, ...] = ()
    """What a person allowed for the rest of the conversation."""
    tainted_by: tuple[str, ...] = ()
    """What of strangers is known to be in the conversation, beside what its history tells."""
    rules: str = ""
    """A name for the rules in force; answers of a person are bound to it."""
    repetitions: Mapping[str, str] = field(default_factory=dict)
    """By call id, why a call of this step is not made; the loop fills it in."""
    judgements: Mapping[str, Judgement] = field(default_factory=dict)
    """By call id, what the policy says of the others; the loop fills it in too."""


async def agent_loop(task: LoopTask, ports: LoopPorts) -> AsyncGenerator[EventBody, None]:
    """Work until the model answers without a tool call, or until approval is needed.

    Raises LimitExceeded when a budget is used up and whatever the engine raises.
    """
    model = await Models(ports.engine).get(task.run.model)
    progress = _Progress(task)
    ports.forecasts.prepare(task.run, task.specs)
    if not task.run.n_steps and (warning := tools_warning(model, task.specs, task.history)):
        yield warning
    while True:
        calls = as_decided(open_calls(progress.history), task.run)
        reasons = {
            call.call_id: reason
            for call in calls
            if (reason := repetition(model, call, progress.history))
        }
        made = [call for call in calls if call.call_id not in reasons]
        judgements = await judge(made, _bench(task, ports, progress))
        task = replace(task, repetitions=reasons, judgements=judgements)
        waiting = await _questions(made, task, ports)
        for request in waiting:
            yield request
        if waiting:
            return
        if words := result_in_words(model, progress.history):
            yield TextDelta(step=progress.n_steps, text=words)
            return
        step = (
            _tool_step(calls, task, ports) if calls else _model_step(progress, task, model, ports)
        )
        async with aclosing(step) as bodies:
            async for body in bodies:
                yield body
                if isinstance(body, ToolFinished):
                    ports.forecasts.outdate(task.run.owner_id)
                if warning := progress.absorb(body):
                    yield warning
        if progress.is_answered:
            return


async def _questions(
    calls: Sequence[ToolCallPart], task: LoopTask, ports: LoopPorts
) -> list[ApprovalRequested]:
    """What a person is to decide, with what such calls took before."""
    waiting = questions(calls, task.run, task.judgements, task.rules)
    if not waiting:
        return []
    check_questions(task.run, ports.clock.now())
    return await ports.forecasts.told(waiting, task.run.owner_id)


async def write_words(
    run: Run, messages: Sequence[Message], ports: LoopPorts
) -> AsyncGenerator[EventBody, None]:
    """One model step without tools, under the run's limits; for workflows."""
    model = await Models(ports.engine).get(run.model)
    task = LoopTask(
        run=run, history=tuple(messages), specs=(), workspace="", level="low", memory_bytes=0
    )
    progress = _Progress(task)
    async with aclosing(_model_step(progress, task, model, ports)) as bodies:
        async for body in bodies:
            yield body
            if warning := progress.absorb(body):
                yield warning


class _Progress:
    """How far the loop has come: the history as the model sees it, and what was used up."""

    def __init__(self, task: LoopTask) -> None:
        self.history: list[Message] = list(task.history)
        self.usage: Usage = task.run.usage
        self.n_steps: int = task.run.n_steps
        self.n_calls: int = len(task.run.tool_calls)
        self.bytes_out: int = task.run.guard.bytes_out
        self.is_answered = False
        self._results: list[ToolResultPart] = []
        self._warned: set[str] = set()

    def absorb(self, body: EventBody) -> Warned | None:
        """Take note of an event; returns a warning that it gives cause for."""
        match body:
            case ModelFinished():
                self.n_steps, self.usage = body.step, self.usage + body.usage
                self.history.append(assistant_message(body.text, body.tool_calls))
                self.is_answered = not body.tool_calls
                if self.is_answered and body.finish_reason == "length":
                    return Warned(code="length", message="the answer was cut at the token limit")
                if body.n_dropped:
                    return self._warn_once("context", CONTEXT_WARNING.format(n=body.n_dropped))
            case ToolStarted():
                self.bytes_out += left_with(body)
            case ToolFinished():
                self.n_calls += 1
                self._absorb_result(body)
                if body.enforced_level == "low":
                    return self._warn_once("sandbox_low", LOW_LEVEL_WARNING)
        return None

    def _warn_once(self, code: str, message: str) -> Warned | None:
        if code in self._warned:
            return None
        self._warned.add(code)
        return Warned(code=code, message=message)

    def _absorb_result(self, body: ToolFinished) -> None:
        self._results.append(result_part(body))
        order = [call.call_id for call in open_calls(self.history)]
        if len(self._results) == len(order):
            self._results.sort(key=lambda result: order.index(result.call_id))
            self.history.append(tool_message(self._results))
            self._results = []


async def _model_step(
    progress: _Progress, task: LoopTask, model: ModelInfo, ports: LoopPorts
) -> AsyncGenerator[EventBody, None]:
    run, clock, step = task.run, ports.clock, progress.n_steps + 1
    check_budget(run, progress.usage, n_steps=progress.n_steps, n_calls=progress.n_calls)
    max_tokens = step_tokens(run, progress.usage)
    request = request_of(run, progress.history, task.specs, model, max_tokens)
    yield begun(step, run, len(progress.history), model)
    started = clock.monotonic()
    calls: list[ToolCallPart] = []
    deltas, end = Deltas(step, clock), GenerateFinished(finish_reason="stop")
    async with aclosing(ports.engine.generate(request)) as chunks:
        async for chunk in chunks:
            match chunk:
                case GenerateText():
                    if delta := deltas.add(chunk):
                        yield delta
                case GenerateToolCall() if len(calls) <= MAX_CALLS_A_STEP:
                    calls.append(distinct(bounded(chunk.call), calls, progress.history))
                case GenerateFinished():
                    end = chunk
    if delta := deltas.flush():
        yield delta
    if len(calls) > MAX_CALLS_A_STEP:
        calls = calls[:MAX_CALLS_A_STEP]
        yield Warned(code="calls_left_out", message=CALLS_WARNING)
    yield ModelFinished(
        step=step,
        model=run.model,
        text=deltas.text,
        tool_calls=tuple(calls),
        finish_reason=end.finish_reason,
        usage=end.usage,
        n_dropped=end.n_dropped,
        queue_ms=end.queue_ms,
        ttft_ms=end.ttft_ms,
        decode_ms=end.decode_ms,
        duration_ms=(clock.monotonic() - started) * 1000,
    )


async def _tool_step(
    calls: Sequence[ToolCallPart], task: LoopTask, ports: LoopPorts
) -> AsyncGenerator[EventBody, None]:
    for call in calls:
        judgement = task.judgements.get(call.call_id)
        if judgement is not None and (event := verdict(call, judgement)):
            yield event
        if judgement is not None and (refused := violation(call, judgement)):
            yield refused
        yield _started(call, task.run, judgement)
    # Not bounded by itself, so that a result always fits; ``show`` bounds the output.
    bodies: asyncio.Queue[EventBody] = asyncio.Queue()
    workers = [
        ports.supervisor.spawn(
            _one_call(call, task, ports, bodies), name=f"tool {call.name} {call.call_id}"
        )
        for call in calls
    ]
    n_open = len(workers)
    try:
        while n_open:
            body = await bodies.get()
            n_open -= isinstance(body, ToolFinished)
            yield body
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


def _started(call: ToolCallPart, run: Run, judgement: Judgement | None) -> ToolStarted:
    """The event that a call begins, which tells what it does and who allowed it."""
    started = ToolStarted(call_id=call.call_id, name=call.name, arguments=call.arguments)
    if judgement is None:
        return started
    return replace(
        started,
        allowed_by=allowed_by(call, run, judgement) or "",
        effect=judgement.assessment.effect,
        findings=judgement.assessment.findings,
    )


def _bench(task: LoopTask, ports: LoopPorts, progress: _Progress) -> Bench:
    return Bench(
        run=task.run,
        specs=task.specs,
        runner=ports.tools,
        sandbox=ports.sandbox,
        level=task.level,
        allowances=task.allowances,
        tainted_by=tainted_by(progress.history, task.tainted_by),
        rules=task.rules,
        bytes_out=progress.bytes_out,
    )


async def _one_call(
    call: ToolCallPart, task: LoopTask, ports: LoopPorts, bodies: asyncio.Queue[EventBody]
) -> None:
    def show(text: str) -> None:
        if bodies.qsize() < TOOL_OUTPUT_EVENTS:
            bodies.put_nowait(ToolOutput(call_id=call.call_id, text=text))

    result = _failure("INTERNAL", "internal error")
    try:
        result = await _checked_call(call, task, ports, show)
        told = told_of_edit(call.call_id, task.run, result.content)
        result = replace(result, content=told)
    except NotebookAgentsError as error:
        result = _failure(error.code.upper(), error.message)
    finally:
        for body in result_bodies(call.call_id, call.name, result):
            bodies.put_nowait(body)


async def _checked_call(
    call: ToolCallPart, task: LoopTask, ports: LoopPorts, show: Callable[[str], None]
) -> ToolResult:
    specs = {spec.name: spec for spec in task.specs}
    if call.name not in specs:
        names = ", ".join(sorted(specs)) or "none"
        return _failure("UNKNOWN_TOOL", f"there is no tool {call.name!r}; available: {names}")
    if call.invalid:
        return _failure("INVALID_ARGUMENTS", call.invalid)
    if reason := task.repetitions.get(call.call_id):
        return _failure("REPEATED_CALL", reason)
    spec = specs[call.name]
    try:
        arguments = ports.tools.validate(call.name, call.arguments)
    except InvalidRequest as error:
        return _failure("INVALID_ARGUMENTS", error.message)
    judgement = task.judgements[call.call_id]
    if why := denial(call, task.run, judgement):
        error_type = DENIALS.get(judgement.rule, "DENIED")
        return ToolResult(status="denied", content=f"Error: {why}", error_type=error_type)
    result = await ports.tools.run(
        ToolInvocation(
            call_id=call.call_id,
            name=call.name,
            arguments=arguments,
            owner_id=task.run.owner_id,
            conversation_id=task.run.conversation_id,
            workspace=task.workspace,
            level=await ports.sandbox.resolve(strictest(task.level, spec.security_level)),
            timeout_s=min(spec.timeout_s, task.run.limits.timeout_s),
            memory_bytes=task.memory_bytes,
            on_output=show,
        )
    )
    is_open = ports.sandbox.reaches_network
    found, error_type = judgement.assessment, result.error_type
    origin = origin_of(spec, found, is_open=is_open, error_type=error_type)
    return replace(result, origin=origin)


def _failure(error_type: str, message: str) -> ToolResult:
    return ToolResult(status="failed", content=f"Error: {message}", error_type=error_type)
