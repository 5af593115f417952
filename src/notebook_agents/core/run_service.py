"""The runs service: start, follow, decide on, cancel and recover runs.

Workers do the work in the background; this is the door to them.
"""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from notebook_agents.core.agents import Agent
from notebook_agents.core.approval_answers import checked, guard_after
from notebook_agents.core.approvals import decided
from notebook_agents.core.conversations import Conversation, StartConversation
from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound
from notebook_agents.core.events import Event
from notebook_agents.core.explicit_calls import explicit_call, is_call
from notebook_agents.core.following import FOLLOW_POLL_S, Following
from notebook_agents.core.messages import AttachmentPart
from notebook_agents.core.orders import Orders, RunOrder, Verb
from notebook_agents.core.ports import Insert, Page, Patch, Query, Replace
from notebook_agents.core.queued_runs import queued_event
from notebook_agents.core.run_approvals import kept_allowances, overdue
from notebook_agents.core.run_ends import interrupt, moved
from notebook_agents.core.run_prompts import RunPreview, preview
from notebook_agents.core.run_wishes import Place, new_run
from notebook_agents.core.run_work import RunWorker, WorkPorts
from notebook_agents.core.runs import ApprovalDecision, ListRuns, Run, StartRun, advance
from notebook_agents.core.spawn import RunStopped
from notebook_agents.core.states import OPEN_STATES
from notebook_agents.core.workflows import find_workflow

if TYPE_CHECKING:
    from notebook_agents.core.agents import Agents
    from notebook_agents.core.conversations import Conversations
    from notebook_agents.core.models import Models
    from notebook_agents.core.policy import OnBusy
    from notebook_agents.core.users import Actor

MAX_RUNS = 10_000
"""More runs than a conversation has that wait for their turn."""
TITLE_CHARS = 80
"""A conversation is named after the beginning of its first message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPorts:
    """What the runs service works with."""

    work: WorkPorts
    agents: Agents
    conversations: Conversations
    models: Models


class Runs:
    """Start, follow, decide on and cancel runs."""

    def __init__(self, ports: RunPorts) -> None:
        self._ports = ports
        self._workers: dict[str, RunWorker] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._orders = Orders(ports.work.store, ports.work.loop.clock)
        self._serving: asyncio.Task[None] | None = None
        self._ending: set[str] = set()
        self._held: set[str] = set()
        """Runs that this process works on or, when they wait for approval, would go on with."""

    async def start(self, actor: Actor, wish: StartRun) -> Run:
        """Accept an input; the run then works in the background.

        Raises NotFound, InvalidRequest (unknown model, tool or workflow, or a call that cannot be
        made) and, when ``on_busy`` is ``reject``, Conflict. What is refused leaves nothing.
        """
        ports = self._ports
        if not wish.message.text.strip() and len(wish.message.parts) <= 1:
            raise InvalidRequest("the message must not be empty", field="message")
        run, place = await self._draft(actor, wish)
        conversation = place.conversation
        if not wish.conversation_id:
            await ports.conversations.begin(conversation)
        files = [part for part in wish.message.parts if isinstance(part, AttachmentPart)]
        await ports.work.workspaces.save(conversation.workspace, files)
        queued = await queued_event(run, place, wish.notebook, ports.work.store)
        await self._make_room(actor, conversation, wish.on_busy)
        worker = RunWorker(run, place.agent, ports.work, run_seq=0)
        # Known from here on, with no await since the look whether the conversation is free.
        self._workers[run.id] = worker
        try:
            await self._accept(run)
        except BaseException:
            del self._workers[run.id]
            raise
        worker.record(queued)
        self._spawn(worker, self._turn(wish.turn or conversation.id))
        return run

    async def preview(self, actor: Actor, wish: StartRun) -> RunPreview:
        """What the model would read first if this were started; raises what ``start`` raises."""
        run, place = await self._draft(actor, wish)
        return await preview(run, place, self._ports.work, self._ports.models)

    async def get(self, actor: Actor, id: str) -> Run:
        """One of the actor's runs."""
        run = await self._ports.work.store.get(Run, id)
        is_seen = run is not None and (run.owner_id == actor.user_id or actor.is_admin)
        if run is None or run.deleted_at is not None or not is_seen:
            raise NotFound("run", id)
        return run

    async def list(self, actor: Actor, wish: ListRuns) -> Page[Run]:
        """The actor's runs, newest first; to an administrator those of anybody's conversation."""
        where: dict[str, object] = {"owner_id": actor.user_id, "deleted_at": None}
        if wish.conversation_id and actor.is_admin:
            del where["owner_id"]
        for name in ("conversation_id", "agent_id", "workflow"):
            if value := getattr(wish, name):
                where[name] = value
        if wish.states:
            where["state"] = wish.states
        query = Query(where=where, limit=wish.limit, offset=wish.offset)
        return await self._ports.work.store.find(Run, query)

    async def wait(self, actor: Actor, id: str) -> Run:
        """The run once it is final or waits for approval."""
        run = await self.get(actor, id)
        while not run.is_final and run.state != "waiting_approval":
            worker = self._workers.get(id)
            if worker is not None:
                await worker.done.wait()
            else:
                await asyncio.sleep(FOLLOW_POLL_S)
            run = await self.get(actor, id)
        return run

    async def events(self, actor: Actor, id: str, *, after: int = 0) -> AsyncGenerator[Event, None]:
        """The run's events numbered above ``after``, kept ones first, then live ones.

        Ends after ``run_finished``. Works for runs of other processes too.
        """
        following = Following(
            run_id=id,
            journal=self._ports.work.journal,
            look=lambda: self.get(actor, id),
            is_worked_on=lambda: id in self._workers,
        )
        async with aclosing(following.events(after)) as events:
            async for event in events:
                yield event

    def watch(
        self, actor: Actor, *, agent_id: str = "", conversation_id: str = ""
    ) -> AsyncGenerator[Event, None]:
        """Live events of all the actor's runs that match, without end."""

        def accepts(event: Event) -> bool:
            return (
                bool(event.run_id)
                and event.user_id == actor.user_id
                and agent_id in {"", event.agent_id}
                and conversation_id in {"", event.conversation_id}
            )

        return self._ports.work.journal.watch(accepts)

    async def cancel(self, actor: Actor, id: str) -> Run:
        """Stop a run within one decode step; the partial answer stays. Final runs are left alone.

        A run of another process is stopped there; Conflict when that one does not answer.
        """
        run = await self.get(actor, id)
        if not run.is_final:
            await self._cancel(run)
        return await self.get(actor, id)

    async def _cancel(self, run: Run) -> None:
        if await self._ask_holder(run, "cancel"):
            return
        worker, stop = self._workers.get(run.id), RunStopped("cancelled", "cancelled by the user")
        if run.state == "waiting_approval":
            await self._resume(run, stop=stop)
        elif worker is not None:
            worker.signal.stop(stop)
            await worker.done.wait()
        elif not await self._ports.work.store.is_alive(run.holder):
            await interrupt(run, self._ports.work.store, self._ports.work.journal)
        elif run.holder != self._ports.work.store.holder():
            raise Conflict("the process that works on this run does not answer; try again")

    async def _ask_holder(
        self, run: Run, verb: Verb, decisions: tuple[ApprovalDecision, ...] = (), by: str = ""
    ) -> bool:
        """Whether another process that holds the run did what is wanted."""
        store = self._ports.work.store
        if run.holder == store.holder() or not await store.is_alive(run.holder):
            return False
        return await self._orders.give(run, verb, decisions, by)

    async def _carry_out(self, order: RunOrder) -> None:
        """Do what another process asks."""
        run = await self._ports.work.store.get(Run, order.run_id)
        if run is None or run.is_final:
            return
        if order.verb == "cancel":
            await self._cancel(run)
        else:
            await self._resume(replace(run, decisions=order.decisions), by=order.username)

    def stop(self, id: str, stop: RunStopped) -> None:
        """Ask a run that this process works on to end so; nothing happens to another."""
        if worker := self._workers.get(id):
            worker.signal.stop(stop)

    async def cancel_all(self, actor: Actor, conversation_id: str) -> None:
        """Stop every run of a conversation, also those that wait for their turn."""
        wish = ListRuns(conversation_id=conversation_id, states=OPEN_STATES, limit=MAX_RUNS)
        # The newest first: none of them gets its turn because an older one ends.
        for run in (await self.list(actor, wish)).items:
            await self.cancel(actor, run.id)

    async def cancel_here(self, actor: Actor) -> builtins.list[Run]:
        """Stop every run of the actor that this process has, and say which those were."""
        holder, wish = self._ports.work.store.holder(), ListRuns(states=OPEN_STATES, limit=MAX_RUNS)
        here = [run for run in (await self.list(actor, wish)).items if run.holder == holder]
        return [await self.cancel(actor, run.id) for run in here]

    async def decide(self, actor: Actor, id: str, decisions: Sequence[ApprovalDecision]) -> Run:
        """Answer the pending tool calls of a run and let it go on.

        Every pending call needs an answer; a call without one counts as denied. What an answer
        must be to count is in ``core/approval_answers.py``.
        """
        run, work = await self.get(actor, id), self._ports.work
        given = await checked(run, decisions, actor, work.store, work.loop.clock.now())
        if not await self._ask_holder(run, "decide", given, actor.username):
            await self._resume(replace(run, decisions=given), by=actor.username)
        return await self.get(actor, id)

    async def recover(self) -> int:
        """Mark the runs of dead processes interrupted; returns how many there were."""
        store, n = self._ports.work.store, 0
        query = Query(where={"state": ("queued", "running")}, limit=10_000)
        for run in (await store.find(Run, query)).items:
            if run.id in self._ending or not await store.is_alive(run.holder):
                self._ending.add(run.id)  # stays when this fails half way: then it is ours to end
                with suppress(Conflict):  # another process was faster
                    await interrupt(run, store, self._ports.work.journal)
                    n += 1
                self._ending.discard(run.id)
        for run in await overdue(store, self._ports.work.loop.clock.now()):
            with suppress(Conflict):  # a person was faster
                await self._resume(run)
        await self._orders.sweep()
        await self._let_go()
        return n

    async def _let_go(self) -> None:
        """Forget the waiting runs that another process went on with."""
        store = self._ports.work.store
        for id in self._held - set(self._workers):
            run = await store.get(Run, id)
            waits = run is not None and run.state == "waiting_approval"
            if id not in self._workers and not (run and waits and run.holder == store.holder()):
                self._held.discard(id)

    def is_busy(self) -> bool:
        """Whether this process works on a run now."""
        return bool(self._workers)

    def owners(self) -> set[str]:
        """Whose runs this process works on now."""
        return {worker.run.owner_id for worker in self._workers.values()}

    async def _accept(self, run: Run) -> None:
        used = {"last_used": run.created_at, "status": "active"}
        await self._ports.work.store.commit(
            Insert(record=run), Patch(kind=Agent, id=run.agent_id, fields=used)
        )

    async def _draft(self, actor: Actor, wish: StartRun) -> tuple[Run, Place]:
        conversation, agent = await self._place(actor, wish)
        place = Place(actor=actor, conversation=conversation, agent=agent)
        if wish.lent is not None:
            self._ports.work.tools.lend(wish.lent, conversation.id)
        run = new_run(wish, place, self._ports.work)
        await self._check(actor, wish, run)
        return run, place

    async def _check(self, actor: Actor, wish: StartRun, run: Run) -> None:
        work = self._ports.work
        if wish.workflow:
            await find_workflow(work.workflows, wish.workflow).check(actor, wish.parameters)
        await self._ports.models.check(run.model)
        work.tools.check(wish.tools or ())
        if not run.workflow and is_call(run.input):
            runner = await work.tools.runner_for(run.owner_id, run.conversation_id)
            explicit_call([run.input], runner, run.tools)

    async def _place(self, actor: Actor, wish: StartRun) -> tuple[Conversation, Agent]:
        """Where it happens; a new conversation is not kept yet."""
        ports = self._ports
        if wish.conversation_id:
            conversation = await ports.conversations.get(actor, wish.conversation_id)
            conversation.require_open()
            conversation.require_room(wish.max_messages)
            return conversation, await ports.agents.get(
                actor, wish.agent_id or conversation.agent_id
            )
        agent = await ports.agents.get(actor, wish.agent_id)
        start = StartConversation(
            agent_id=agent.id,
            title=wish.message.text[:TITLE_CHARS],
            workspace=wish.workspace,
            context=wish.context or {},
        )
        return await ports.conversations.draft(actor, start), agent

    async def _make_room(self, actor: Actor, conversation: Conversation, on_busy: OnBusy) -> None:
        queued = [
            worker.run.id
            for worker in self._workers.values()
            if worker.run.conversation_id == conversation.id
        ]
        active_id = conversation.active_run_id or (queued[0] if queued else "")
        if not active_id or on_busy == "enqueue":
            return
        if on_busy == "reject":
            raise Conflict("the conversation is busy with another run", run_id=active_id)
        cancelled = await self.cancel(actor, active_id)
        if on_busy == "rollback" and cancelled.state == "cancelled" and cancelled.input_id:
            chain = await self._ports.work.store.chain(cancelled.previous_tip_id)
            fields = {"tip_id": cancelled.previous_tip_id, "message_count": len(chain)}
            await self._ports.work.store.commit(
                Patch(kind=Conversation, id=conversation.id, fields=fields)
            )

    async def _resume(self, run: Run, *, by: str = "", stop: RunStopped | None = None) -> None:
        work = self._ports.work
        agent = await work.store.get(Agent, run.agent_id)
        if agent is None:
            raise NotFound("agent", run.agent_id)
        events = (await work.journal.gather(run.conversation_id, run_id=run.id)).events
        run_seq = max(run.last_seq, events[-1].run_seq if events else 0)
        guard, holder = guard_after(run, run.decisions), work.store.holder()
        resumed = replace(advance(run, "running"), pending=(), holder=holder, guard=guard)
        # Only one process may answer: the stored state is compared and changed in one step.
        await work.store.commit(
            Replace(record=resumed, expected={"state": "waiting_approval"}),
            moved(resumed, "processing"),
            *await kept_allowances(run, by, work.store),
        )
        worker = RunWorker(resumed, agent, work, run_seq=run_seq)
        for decision in run.decisions:
            worker.record(decided(decision, run, by))
        if stop is not None:
            worker.signal.stop(stop)
        self._spawn(worker, None)
        if stop is not None:
            await worker.done.wait()

    def _spawn(self, worker: RunWorker, turn: asyncio.Lock | None) -> None:
        self._workers[worker.run.id] = worker
        self._held.add(worker.run.id)
        self._serve_orders()
        task = self._ports.work.loop.supervisor.spawn(
            worker.work(turn), name=f"run {worker.run.id}"
        )
        task.add_done_callback(lambda _task: self._forget(worker))

    def _forget(self, worker: RunWorker) -> None:
        # After an approval a new worker may already have taken the place of this one.
        if self._workers.get(worker.run.id) is worker:
            del self._workers[worker.run.id]
            self._ports.work.journal.let_go(worker.run.id)
            if not worker.is_kept:
                self._ending.add(worker.run.id)  # a round of recovery ends it
            if worker.run.state != "waiting_approval":
                self._held.discard(worker.run.id)

    def _serve_orders(self) -> None:
        if self._serving is None or self._serving.done():
            serving = self._orders.serve(lambda: bool(self._held), self._carry_out)
            self._serving = self._ports.work.loop.supervisor.spawn(serving, name="orders")

    def _turn(self, conversation_id: str) -> asyncio.Lock:
        return self._turns.setdefault(conversation_id, asyncio.Lock())
