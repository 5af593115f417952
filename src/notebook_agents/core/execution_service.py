"""The executions service: start, follow, cancel, go on with and recover executions of tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from notebook_agents.core.agents import ASSISTANT
from notebook_agents.core.conversations import Conversation, StartConversation
from notebook_agents.core.errors import Conflict, NotFound
from notebook_agents.core.events import Event
from notebook_agents.core.execution_following import ExecutionFollowing
from notebook_agents.core.execution_work import (
    ExecutionWorker,
    ExecutionWorkPorts,
    end_interrupted,
    end_unbegun,
    follower_of,
    queued_event,
    source_of,
)
from notebook_agents.core.executions import (
    OPEN_EXECUTIONS,
    RESUMABLE,
    Artifact,
    Execution,
    ListExecutions,
    StartExecution,
)
from notebook_agents.core.ids import new_id
from notebook_agents.core.outside_tools import ANY_OUTSIDE, NOT, is_outside
from notebook_agents.core.policy import unattended
from notebook_agents.core.ports import Insert, Page, Patch, Query
from notebook_agents.core.reports import CreateReport
from notebook_agents.core.substitution import substitute
from notebook_agents.core.tasks import Task, as_text, check_variables, require_own_notebooks
from notebook_agents.core.users import Actor, User

if TYPE_CHECKING:
    from notebook_agents.core.agents import Agents
    from notebook_agents.core.conversations import Conversations
    from notebook_agents.core.executions import KernelWay, TaskRunner
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.ports import Store
    from notebook_agents.core.replays import PacingClock
    from notebook_agents.core.report_documents import ReportFormat
    from notebook_agents.core.reports import Reports
    from notebook_agents.core.spawn import Supervisor
    from notebook_agents.core.tasks import Tasks
    from notebook_agents.core.tools import Tools

MAX_OPEN = 100
"""Executions of one owner that wait or work."""
KEPT = 100
"""The newest executions of a task, whose files are kept."""
WAIT_POLL_S = 0.25
"""How often an execution of another process is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionPorts:
    """What the executions service works with."""

    store: Store
    journal: Journal
    clock: PacingClock
    supervisor: Supervisor
    tasks: Tasks
    agents: Agents
    conversations: Conversations
    tools: Tools
    runner: TaskRunner | None = None
    is_server: bool = False
    """Whether this process takes what others left behind."""


class Executions:
    """Start, follow and end executions."""

    def __init__(self, ports: ExecutionPorts) -> None:
        self._ports = ports
        self._workers: dict[str, ExecutionWorker] = {}
        self._way: KernelWay | None = None
        self._reports: Reports | None = None
        self._may_begin = asyncio.Event()
        """Of a server, once kernels can find it."""
        if not ports.is_server:
            self._may_begin.set()
        places = ports.runner.places if ports.runner else None
        self._places = None if places is None else asyncio.Semaphore(places)

    def lead_kernels(self, way: KernelWay) -> None:
        """From now on the kernels of executions find the server this way."""
        self._way = way
        self._may_begin.set()

    def report_with(self, reports: Reports) -> None:
        """Where the reports of executions are made."""
        self._reports = reports

    async def start(self, actor: Actor, wish: StartExecution) -> Execution:
        """Accept an execution; it then works in the background.

        Raises NotFound, InvalidRequest naming a variable that is missing or unknown, and Conflict
        when the task is not active or an execution of that id is there already.
        """
        ports = self._ports
        task = await ports.tasks.get(actor, wish.task_id)
        _ = ports.tasks.runner
        if not task.is_active:
            raise Conflict(f"task {task.name!r} is not active; activate it first")
        if task.notebook:
            require_own_notebooks(actor)
        if wish.id and await ports.store.get(Execution, wish.id) is not None:
            raise Conflict("this execution has been started already", id=wish.id)
        await self._require_room(task.owner_id)
        parameters = await self._parameters(task, wish)
        conversation = await self._converse(actor, task)
        execution = Execution(
            id=wish.id or new_id(),
            task_id=task.id,
            owner_id=task.owner_id,
            dialect=actor.dialect,
            trigger=wish.trigger,
            scheduled_for=wish.scheduled_for,
            notebook=task.notebook,
            variables={**task.settings.variables, **wish.variables},
            parameters=parameters,
            settings=task.settings,
            conversation_id=conversation.id,
            agent_id=conversation.agent_id,
            holder="" if wish.is_deferred else ports.store.holder(),
            created_at=ports.clock.now(),
        )
        return await self._begin(execution)

    async def get(self, actor: Actor, id: str) -> Execution:
        """One of the actor's executions; NotFound when it is somebody else's."""
        found = await self._ports.store.get(Execution, id)
        if found is None or found.deleted_at is not None or found.owner_id != actor.user_id:
            raise NotFound("execution", id)
        return found

    async def list(self, actor: Actor, wish: ListExecutions) -> Page[Execution]:
        """The actor's executions, newest first."""
        where: dict[str, object] = {"owner_id": actor.user_id, "deleted_at": None}
        if wish.task_id:
            where["task_id"] = wish.task_id
        if wish.states:
            where["state"] = wish.states
        query = Query(where=where, limit=wish.limit, offset=wish.offset)
        return await self._ports.store.find(Execution, query)

    async def cancel(self, actor: Actor, id: str) -> Execution:
        """Interrupt it, what there is of it stays; one that has ended is left alone.

        One that another process works on ends there within moments: its state then is open still.
        """
        execution = await self.get(actor, id)
        if worker := self._workers.get(id):
            worker.cancel()
            await worker.done.wait()
        elif not execution.is_final and not await end_unbegun(execution, self._work_ports()):
            with suppress(Conflict):
                wish = {"stop_wish": "cancel"}
                held = {"state": OPEN_EXECUTIONS}
                await self._ports.store.commit(
                    Patch(kind=Execution, id=id, fields=wish, expected=held)
                )
        return await self.get(actor, id)

    async def resume(self, actor: Actor, id: str) -> Execution:
        """Go on with one that did not succeed, in an execution of its own.

        Its notebook runs from the top, because variables are gone with the kernel; but questions
        that were answered are not asked again, and cells tagged ``once`` keep their outputs.
        """
        was = await self.get(actor, id)
        if was.state not in RESUMABLE:
            words = "still works" if not was.is_final else "has come through"
            raise Conflict(f"the execution {words}; only one that ended early can go on")
        if was.followed_by:
            raise Conflict("the execution goes on already", followed_by=was.followed_by)
        if was.notebook:
            require_own_notebooks(actor)
        await self._require_room(was.owner_id)
        newest = Query(where={"task_id": was.task_id}, limit=KEPT)
        if was.id not in {
            each.id for each in (await self._ports.store.find(Execution, newest)).items
        }:
            raise Conflict(f"only the newest {KEPT} executions of a task can be gone on with")
        follower = follower_of(was, self._work_ports(), trigger="resume", resumes=was.id)
        claim = Patch(
            kind=Execution,
            id=was.id,
            fields={"followed_by": follower.id},
            expected={"followed_by": "", "deleted_at": None},
        )
        return await self._begin(follower, claim)

    async def wait(self, actor: Actor, id: str) -> Execution:
        """The execution once it is final."""
        execution = await self.get(actor, id)
        while not execution.is_final:
            if worker := self._workers.get(id):
                await worker.done.wait()
            else:
                await asyncio.sleep(WAIT_POLL_S)
            execution = await self.get(actor, id)
        return execution

    async def events(self, actor: Actor, id: str, *, after: int = 0) -> AsyncGenerator[Event, None]:
        """Its events numbered above ``after``; ends after ``execution_finished``."""
        async with aclosing(self.watch(actor, id, after=after)) as events:
            async for event in events:
                if event is not None:
                    yield event

    async def watch(
        self, actor: Actor, id: str, *, after: int = 0, heartbeat_s: float = 15.0
    ) -> AsyncGenerator[Event | None, None]:
        """The same with None as a sign of life where there is no event for so long."""
        following = ExecutionFollowing(
            execution_id=id,
            journal=self._ports.journal,
            look=partial(self.get, actor, id),
            is_worked_on=lambda: id in self._workers,
            heartbeat_s=heartbeat_s,
        )
        async with aclosing(following.events(after)) as events:
            async for event in events:
                yield event

    async def artifacts(self, actor: Actor, id: str) -> Sequence[Artifact]:
        """The files that it made."""
        execution = await self.get(actor, id)
        if self._ports.runner is None:
            return ()
        return await self._ports.runner.artifacts(execution.id)

    async def artifact(self, actor: Actor, id: str, name: str) -> tuple[Artifact, bytes]:
        """One of them with its content; NotFound when there is none of that name."""
        for artifact in await self.artifacts(actor, id):
            if artifact.name == name:
                return artifact, await self._ports.tasks.runner.read(id, name)
        raise NotFound("artifact", name)

    def is_busy(self) -> bool:
        """Whether this process works on one, or will."""
        return bool(self._workers)

    async def actor_of(self, owner_id: str) -> Actor | None:
        """Whom background work of an account acts as; None when it is gone or blocked."""
        user = await self._ports.store.get(User, owner_id)
        if user is None or not user.is_active:
            return None
        return Actor(
            user_id=user.id,
            username=user.username,
            is_admin=user.is_admin,
            has_admin_account=user.is_admin,
            dialect="schedule",
            credential="task",
        )

    async def recover(self) -> int:
        """Take over what waits, and end what worked, at processes that died; how many there were.

        Only a server does: another process would be gone again before they end.
        """
        if not self._ports.is_server or self._ports.runner is None:
            return 0
        store, n = self._ports.store, 0
        query = Query(where={"state": OPEN_EXECUTIONS}, limit=10_000, oldest_first=True)
        for execution in (await store.find(Execution, query)).items:
            if execution.id in self._workers:
                continue
            if not execution.holder or not await store.is_alive(execution.holder):
                with suppress(Conflict):  # another process was faster
                    n += await self._take(execution)
        return n

    async def _require_room(self, owner_id: str) -> None:
        query = Query(where={"owner_id": owner_id, "state": OPEN_EXECUTIONS}, limit=1)
        if (await self._ports.store.find(Execution, query)).total >= MAX_OPEN:
            raise Conflict(f"you have {MAX_OPEN} executions that are not finished; wait for some")

    async def _take(self, execution: Execution) -> int:
        """Whether it was left by a dead process; one that waits is then ours."""
        store = self._ports.store
        held = {"state": execution.state, "holder": execution.holder}
        mine = {"holder": store.holder()}
        await store.commit(Patch(kind=Execution, id=execution.id, fields=mine, expected=held))
        taken = replace(execution, holder=store.holder())
        if taken.state == "queued":
            self._launch(taken)
            return int(bool(execution.holder))
        await end_interrupted(taken, self._work_ports(), "the process that worked on it died")
        return 1

    async def _begin(self, execution: Execution, *also: Patch) -> Execution:
        await self._ports.store.commit(Insert(record=execution), *also)
        self._ports.journal.record(queued_event(execution), source_of(execution))
        if execution.holder:
            self._launch(execution)
        return execution

    def _launch(self, execution: Execution) -> None:
        worker = ExecutionWorker(execution, self._work_ports())
        self._workers[execution.id] = worker
        task = self._ports.supervisor.spawn(self._work(worker), name=f"execution {execution.id}")
        task.add_done_callback(lambda _task: self._workers.pop(execution.id, None))

    async def _work(self, worker: ExecutionWorker) -> None:
        await self._may_begin.wait()
        await worker.work(self._way)
        # What this one has pushed out of the newest; their records stay.
        older = Query(where={"task_id": worker.execution.task_id}, limit=10, offset=KEPT)
        for execution in (await self._ports.store.find(Execution, older)).items:
            if execution.is_final:
                await self._ports.tasks.runner.remove(execution.id)

    def _work_ports(self) -> ExecutionWorkPorts:
        ports = self._ports
        return ExecutionWorkPorts(
            store=ports.store,
            journal=ports.journal,
            clock=ports.clock,
            supervisor=ports.supervisor,
            runner=ports.tasks.runner,
            places=self._places,
            launch=self._launch,
            converse=self._converse_again,
            report=self._report,
        )

    async def _parameters(self, task: Task, wish: StartExecution) -> dict[str, object]:
        """What the notebook is given; InvalidRequest when a variable is missing or unknown."""
        values = {**task.settings.variables, **wish.variables}
        check_variables(values, await self._ports.tasks.names_of(task))
        texts = {name: as_text(value) for name, value in values.items()}
        given: dict[str, object] = {}
        if task.notebook:
            known = await self._ports.tasks.runner.check(task.notebook)
            given = {name: value for name, value in values.items() if name in known}
            if "prompt" not in known:
                return given
        return {**given, "prompt": substitute(task.prompt_template, texts)}

    async def _converse(self, actor: Actor, task: Task) -> Conversation:
        agent = await self._ports.agents.ensure(actor, ASSISTANT)
        settings = task.settings.agent
        # All tools of all tool servers is nothing that somebody has named one by one.
        named = tuple(name for name in settings.tools or () if name != ANY_OUTSIDE)
        effects = {spec.effect for spec in self._ports.tools.specs() if spec.name in named}
        if any(is_outside(name) for name in named if not name.startswith(NOT)):
            effects.add("external")
        policy = unattended(settings.policy or agent.policy, effects)
        tools = None if settings.tools is None else named
        start = StartConversation(
            agent_id=agent.id,
            title=task.name,
            mode="background",
            settings=replace(settings, policy=policy, tools=tools),
        )
        return await self._ports.conversations.start(actor, start)

    async def _report(self, ended: Execution) -> str:
        if self._reports is None or not await self._ports.tasks.runner.artifacts(ended.id):
            return ""
        format: ReportFormat = ended.settings.report_format  # type: ignore[assignment]
        actor = Actor(user_id=ended.owner_id, username="", dialect=ended.dialect, credential="task")
        wish = CreateReport(execution_id=ended.id, format=format)
        return (await self._reports.create(actor, wish)).id

    async def _converse_again(self, execution: Execution) -> str:
        was = await self._ports.store.get(Conversation, execution.conversation_id)
        actor = Actor(
            user_id=execution.owner_id, username="", dialect=execution.dialect, credential="task"
        )
        assert was is not None, "conversations are hidden, never removed"
        start = StartConversation(
            agent_id=was.agent_id, title=was.title, mode="background", settings=was.settings
        )
        return (await self._ports.conversations.start(actor, start)).id
