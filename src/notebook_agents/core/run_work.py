"""Working on one run: take the conversation, drive the loop, keep every step, end it.

The order of writes is what makes a kill of the process harmless: an event is in the log before
anybody sees it, ``tool_started`` is on the disk before the tool runs, and the end of a run is in
the log before it is in the store, so that recovery can finish what was not written.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from notebook_agents.core import run_ends
from notebook_agents.core.approval_answers import rules_in_force
from notebook_agents.core.approvals import pending
from notebook_agents.core.begun_calls import BegunCalls
from notebook_agents.core.clock import SteadyClock
from notebook_agents.core.conversation_states import OPEN_STATES
from notebook_agents.core.conversations import Conversation, MessageNode
from notebook_agents.core.edited_calls import edited
from notebook_agents.core.errors import Conflict, NotebookAgentsError, NotFound
from notebook_agents.core.events import (
    ApprovalRequested,
    EventBody,
    ModelFinished,
    RunStarted,
    TextDelta,
    ToolFinished,
    ToolStarted,
)
from notebook_agents.core.explicit_calls import explicit_call
from notebook_agents.core.history import call_record, open_calls, recent, result_part, settle
from notebook_agents.core.ids import new_id
from notebook_agents.core.loop import LoopPorts, LoopTask, agent_loop, write_words
from notebook_agents.core.messages import (
    Message,
    ToolCallPart,
    ToolResultPart,
    assistant_message,
    system_message,
    user_message,
)
from notebook_agents.core.outside_tools import missing, offered
from notebook_agents.core.policy import Level, strictest
from notebook_agents.core.ports import Change, Insert, Patch, Replace
from notebook_agents.core.run_ends import interrupt, moved, source_of
from notebook_agents.core.run_guards import remembering, taints_of
from notebook_agents.core.run_prompts import instructions, told
from notebook_agents.core.runs import PendingApproval, Run, advance
from notebook_agents.core.spawn import RunStopped, StopSignal, unbroken
from notebook_agents.core.states import FinalState
from notebook_agents.core.users import Actor
from notebook_agents.core.workflows import WorkflowAnswer, WorkflowTask, find_workflow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_agents.core.agents import Agent
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.ports import Store
    from notebook_agents.core.spending import Spending
    from notebook_agents.core.tools import Tools
    from notebook_agents.core.workflows import Workflow
    from notebook_agents.core.workspaces import Workspaces

_log = logging.getLogger(__name__)
CLAIM_POLL_S = 0.1
"""How often a queued run looks whether a run of another process has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPorts:
    """What working on a run needs."""

    loop: LoopPorts
    store: Store
    journal: Journal
    tools: Tools
    workspaces: Workspaces
    level: Level
    workflows: Mapping[str, Workflow]
    spending: Spending


@dataclass(frozen=True, slots=True)
class _End:
    state: FinalState
    code: str = ""
    message: str = ""


class RunWorker:
    """Works on one run in this process."""

    def __init__(self, run: Run, agent: Agent, ports: WorkPorts, *, run_seq: int) -> None:
        self.run = run
        self.signal = StopSignal()
        self.done = asyncio.Event()
        """Set when the run is final or waits for approval."""
        self.is_kept = False
        """Whether that was written down too; if not, its records still say that it runs."""
        self._agent = agent
        self._ports = ports
        self._run_seq = run_seq
        self._source = source_of(run)
        self._tip_id = ""
        self._message_count = 0
        self._partial = ""
        self._open: dict[str, ToolCallPart] = {}
        self._results: list[ToolResultPart] = []
        self._begun = BegunCalls(ports.loop.clock)
        self._pending: list[PendingApproval] = []
        self._clock = SteadyClock(ports.loop.clock, since=run.created_at)

    def record(self, body: EventBody) -> None:
        """Keep and show the next event of the run."""
        self._run_seq += 1
        self._ports.journal.record(body, self._source, run_seq=self._run_seq)

    async def work(self, turn: asyncio.Lock | None) -> None:
        """Bring the run to a final state or to its next approval.

        ``turn`` keeps the runs of a conversation in order within the process; a run that goes on
        after an approval still has the conversation and needs none.
        """
        end: _End | None = _End("failed", "internal", "internal error")
        try:
            async with self.signal:
                if turn is None:
                    await self._drive()
                else:
                    async with turn:
                        await self._claim()
                        await self._begin()
                        await self._drive()
            end = None if self._pending else _End("succeeded")
        except RunStopped as stop:
            code = "limit_exceeded" if stop.state == "timed_out" else "cancelled"
            end = _End(stop.state, code, stop.reason)
        except TimeoutError:
            limit = f"{self.run.limits.timeout_s:g} s"
            end = _End("timed_out", "limit_exceeded", f"the run reached its time limit of {limit}")
        except NotebookAgentsError as error:
            end = _End("failed", error.code, error.message)
        except asyncio.CancelledError:
            end = _End("interrupted", "interrupted", "the server was stopped")
            raise
        finally:
            try:
                await (self._wait_for_approval() if end is None else self._finish(end))
                self.is_kept = True
            finally:
                self.done.set()

    async def _claim(self) -> None:
        claim = Patch(
            kind=Conversation,
            id=self.run.conversation_id,
            fields={"active_run_id": self.run.id, "state": "processing"},
            expected={"active_run_id": "", "state": OPEN_STATES},
        )
        while True:
            try:
                await self._ports.store.commit(claim)
            except Conflict:
                await self._free_from_dead_run()
                await asyncio.sleep(CLAIM_POLL_S)
            else:
                return

    async def _free_from_dead_run(self) -> None:
        store = self._ports.store
        conversation = await self._conversation()
        conversation.require_open()  # it may have been archived while the run was queued
        active_id = conversation.active_run_id
        active = await store.get(Run, active_id)
        if active is None or active.state == "waiting_approval":
            return
        if not await store.is_alive(active.holder):
            with suppress(Conflict):  # another process does it
                await interrupt(active, self._ports.store, self._ports.journal)

    async def _begin(self) -> None:
        store, now = self._ports.store, self._clock.now()
        conversation = await self._conversation()
        history = [node.message for node in await store.chain(conversation.tip_id)]
        changes: list[Change] = []
        self._tip_id = previous = conversation.tip_id
        if calls := open_calls(history):
            changes.append(self._add_message(settle(calls)))
        changes.append(self._add_message(self.run.input))
        self.run = replace(
            advance(self.run, "running"),
            input_id=self._tip_id,
            previous_tip_id=previous,
            started_at=now,
        )
        await store.commit(*changes, self._replaced(), self._point_to_tip())
        queued = (now - self.run.created_at).total_seconds() * 1000
        self.record(RunStarted(queue_ms=queued))

    async def _drive(self) -> None:
        conversation = await self._conversation()
        self._tip_id = conversation.tip_id
        chain = await self._ports.store.chain(conversation.tip_id)
        self._open = {call.call_id: call for call in open_calls([n.message for n in chain])}
        history = recent(told(chain, conversation), self.run.limits.max_history)
        async with asyncio.timeout(self.run.limits.timeout_s):
            if self.run.workflow:
                await self._drive_workflow(history)
            else:
                await self._drive_loop(conversation, history)

    async def _drive_loop(self, conversation: Conversation, history: list[Message]) -> None:
        tools = await self._ports.tools.runner_for(self.run.owner_id, self.run.conversation_id)
        specs = offered(tools.specs(), self.run.tools)
        if not self.run.n_steps and (warning := missing(self.run.tools, tools)):
            self.record(warning)
        if call := explicit_call(history, tools, self.run.tools):
            await self._begin_with(call)
            history.append(assistant_message("", (call,)))
        files, place = self._ports.workspaces, conversation.workspace
        if system := await instructions(self._agent, self.run, files, place):
            history.insert(0, system_message(system))
        task = LoopTask(
            run=self.run,
            history=tuple(history),
            specs=specs,
            workspace=conversation.workspace,
            level=strictest(self._agent.security_level, self._ports.level),
            memory_bytes=self._agent.max_memory_mb << 20,
            allowances=conversation.settings.allowances,
            tainted_by=await taints_of(conversation, self._ports.store),
            rules=await rules_in_force(self.run, self._ports.store),
        )
        async with aclosing(agent_loop(task, replace(self._ports.loop, tools=tools))) as bodies:
            async for body in bodies:
                await self._absorb(body)

    async def _begin_with(self, call: ToolCallPart) -> None:
        """Keep the call that the user wrote, as if the model had made it."""
        self._open = {call.call_id: call}
        await self._keep_message(assistant_message("", (call,)))

    async def _drive_workflow(self, history: list[Message]) -> None:
        workflow = find_workflow(self._ports.workflows, self.run.workflow)
        owner = Actor(user_id=self.run.owner_id, username="", dialect=self.run.dialect)
        task = WorkflowTask(
            run=self.run,
            actor=owner,
            parameters=self.run.parameters,
            history=tuple(history),
            write=self._write,
        )
        answer: WorkflowAnswer | None = None
        async with aclosing(workflow.work(task)) as steps:
            async for step in steps:
                assert answer is None, f"workflow {workflow.name!r} goes on after its answer"
                if isinstance(step, WorkflowAnswer):
                    answer = step
                else:
                    await self._absorb(step)
        assert answer is not None, f"workflow {workflow.name!r} ended without an answer"
        self.run = replace(self.run, text=answer.text, result=answer.result)
        await self._keep_message(assistant_message(answer.text))

    async def _write(self, instructions: str, facts: str) -> str:
        """A model step of a workflow; only the answer of the workflow stays as a message."""
        messages = (system_message(instructions), user_message(facts))
        text = ""
        async with aclosing(write_words(self.run, messages, self._ports.loop)) as bodies:
            async for body in bodies:
                await self._absorb(body)
                if isinstance(body, ModelFinished):
                    text = body.text
        return text

    async def _absorb(self, body: EventBody) -> None:
        await unbroken(self._keep(body))  # half of it would leave the run without an end

    async def _keep(self, body: EventBody) -> None:
        match body:
            case TextDelta():
                self._partial += body.text
            case ModelFinished():
                await self._keep_answer(body)
            case ToolFinished():
                await self._keep_result(body)
            case ApprovalRequested():
                self._keep_approval(body)
        self.run = remembering(self.run, body, self._ports.loop.clock)
        self._begun.absorb(body)
        self.record(body)
        if isinstance(body, ToolStarted):
            await self._ports.journal.sync(self._source.conversation_id)
        for warning in self._ports.spending.warnings(body, self.run.owner_id):
            self.record(warning)

    async def _keep_answer(self, body: ModelFinished) -> None:
        self._partial, self._results = "", []
        self._open = {call.call_id: call for call in body.tool_calls}
        self.run = replace(self.run, usage=self.run.usage + body.usage, n_steps=body.step)
        if not self.run.workflow:
            self.run = replace(self.run, text=body.text)
            await self._keep_message(assistant_message(body.text, body.tool_calls))

    async def _keep_result(self, body: ToolFinished) -> None:
        call = self._open[body.call_id]
        record = call_record(body, edited(body.call_id, self.run) or call.arguments)
        self.run = replace(self.run, tool_calls=(*self.run.tool_calls, record))
        self._results.append(result_part(body))
        if len(self._results) == len(self._open):
            await self._settle()

    async def _settle(self) -> None:
        calls, self._open = tuple(self._open.values()), {}
        await self._keep_message(settle(calls, self._results))

    def _keep_approval(self, body: ApprovalRequested) -> None:
        call, now = self._open[body.call_id], self._ports.loop.clock.now()
        self._pending.append(pending(body, call, now))

    async def _keep_message(self, message: Message) -> None:
        if message.parts:
            added = self._add_message(message)
            await self._ports.store.commit(added, self._replaced(), self._point_to_tip())

    def _replaced(self) -> Replace:
        """The run as it is now, unless it was taken from this process."""
        self.run = replace(self.run, last_seq=self._run_seq)
        return Replace(record=self.run, expected={"holder": self.run.holder})

    def _add_message(self, message: Message) -> Insert:
        node = MessageNode(
            id=new_id(),
            parent_id=self._tip_id,
            conversation_id=self.run.conversation_id,
            run_id=self.run.id,
            created_at=self._ports.loop.clock.now(),
            message=message,
        )
        self._tip_id = node.id
        self._message_count += 1
        return Insert(record=node)

    async def _conversation(self) -> Conversation:
        found = await self._ports.store.get(Conversation, self.run.conversation_id)
        if found is None or found.deleted_at is not None:
            raise NotFound("conversation", self.run.conversation_id)
        self._message_count = found.message_count
        return found

    def _point_to_tip(self) -> Patch:
        return Patch(
            kind=Conversation,
            id=self.run.conversation_id,
            fields={
                "tip_id": self._tip_id,
                "message_count": self._message_count,
                "updated_at": self._ports.loop.clock.now(),
            },
        )

    async def _wait_for_approval(self) -> None:
        self.run = replace(
            advance(self.run, "waiting_approval"), pending=tuple(self._pending), decisions=()
        )
        await self._ports.journal.sync(self._source.conversation_id)
        await self._ports.store.commit(self._replaced(), moved(self.run, "waiting"))

    async def _finish(self, end: _End) -> None:
        if await run_ends.is_lost(self.run, self._ports.store):
            _log.warning("run %s was taken over by another process; it ends there", self.run.id)
            return
        if self._partial:
            self.run = replace(self.run, text=self._partial)
            await self._keep_message(assistant_message(self._partial))
        for body in self._begun.broken_off():
            await self._absorb(body)
        if self._open:
            await self._settle()
        now = self._clock.now()
        self.run = replace(
            advance(self.run, end.state),
            pending=(),
            ended_at=now,
            error_code=end.code,
            error_message=self._ports.journal.redactor.text(end.message),
        )
        self._run_seq += 1
        self.run = replace(self.run, last_seq=self._run_seq)
        last = run_ends.finished_event(self.run, self._message_count or None)
        event = self._ports.journal.append(last, self._source, run_seq=self._run_seq)
        await self._ports.journal.sync(self._source.conversation_id)
        await run_ends.close(self.run, self._ports.store)
        self._ports.journal.publish(event)
