"""One prompt from the cell to the answer.

The core's thread starts the run and passes its events on; the cell's thread draws them, asks the
person for approval, and cancels the run when the person stops the cell. Written once as a
generator of waits, so that awaiting and blocking cells behave alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from notebook_agents.core.events import ApprovalRequested, EventBody, TextDelta, ToolOutput
from notebook_agents.core.runs import ApprovalDecision, PendingApproval, Run, StartRun
from notebook_agents.live.desk import Desk, Job
from notebook_agents.magics.transcript import Transcript
from notebook_agents.magics.waiting import Feed, Interrupted, Waits, until

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor
    from notebook_agents.magics.host import CoreHost
    from notebook_agents.magics.screen import Screen

TICK_S = 0.1
"""How often the cell looks at the clock while nothing arrives."""

STOP_PATIENCE_S = 2.0
"""How long a stopped cell waits for a run that is just being started."""

STOP_FIRST_S = 0.005
"""Before work begins that holds this thread: time for a kernel's loop to tell of a Stop."""

MAX_WAITING_EVENTS = 1000
"""How many events may wait for a cell that is busy, before output of tools is left out."""

Asker = Callable[[Sequence[ApprovalRequested]], "Waits[list[ApprovalDecision]]"]
"""Asks the person whether tools may be called; denies where nobody can answer."""


@dataclass(slots=True, kw_only=True)
class Turn:
    """Everything one prompt needs."""

    host: CoreHost
    actor: Actor
    screen: Screen
    ask: Asker
    desk: Desk = field(default_factory=Desk)
    """Where tools leave what only this thread may do."""
    transcript: Transcript = field(default_factory=Transcript)
    run_id: str = ""
    is_stopped: bool = False
    """Whether the person stopped it; the run then ends as cancelled, with its partial answer."""
    _jobs: list[Job] = field(default_factory=list)
    """What tools wait for this thread to do."""
    _left: list[EventBody | Job | None] = field(default_factory=list)
    """What arrived in the middle of a job and is for afterwards."""

    def play(self, wish: StartRun) -> Waits[Run]:
        """Start the run, show it until it ends, and return it in its final state.

        The final state is left for the caller to draw.
        Raises what the core raises when it cannot be started, and Interrupted when the person
        stops it before it has begun, or a second time while it is being cancelled.
        """
        run, is_stopped_early = yield from self._start(wish)
        self.run_id = run.id
        feed = Feed(queue)
        self.desk.open(run.conversation_id, feed.put, lambda: self._paint(feed))
        try:
            return (yield from self._show(run, feed, is_stopped_early=is_stopped_early))
        finally:
            self.desk.close(run.conversation_id)

    def _show(self, run: Run, feed: Feed, *, is_stopped_early: bool) -> Waits[Run]:
        actor = self.actor
        finished = self.host.submit(lambda core: _follow(core, actor, run.id, feed))
        if is_stopped_early:
            self._stop()
        while True:
            try:
                if self._take(feed):
                    break
                if self._jobs:
                    # Stop may have been pressed while nothing ended at once; it comes first.
                    self._paint(feed)
                    yield Future(), STOP_FIRST_S
                    self._work()
                    continue
                if self.transcript.pending and not self.is_stopped:
                    yield from self._decide()
                yield feed.changed(), TICK_S
            except (Interrupted, KeyboardInterrupt):
                self._stop()
        return (yield from until(finished))

    def _start(self, wish: StartRun) -> Waits[tuple[Run, bool]]:
        """The run, and whether the person stopped it before it was known."""
        actor = self.actor
        started = self.host.submit(lambda core: core.runs.start(actor, wish))
        try:
            return (yield from until(started)), False
        except (Interrupted, KeyboardInterrupt):
            is_known = False
            try:
                yield started, STOP_PATIENCE_S
                is_known = started.done()
            finally:
                # Also when stopped once more meanwhile: no run may go on that nobody sees.
                if not is_known:
                    started.add_done_callback(self._cancel_late)
            if is_known:
                return started.result(), True
            raise Interrupted from None

    def _take(self, feed: Feed) -> bool:
        """Draw what has arrived; whether that was the end."""
        items: list[EventBody | Job | None] = [*self._left, *feed.take()]
        self._left = []
        jobs = [item for item in items if isinstance(item, Job)]
        for body in items:
            if body is not None and not isinstance(body, Job):
                self.transcript.apply(body)
        is_over = None in items
        if not is_over:
            self.screen.show(self.transcript, has_news=bool(items), is_urgent=bool(jobs))
        self._jobs += jobs
        return is_over

    def _work(self) -> None:
        """One job at a time: a Stop between two of them is for both."""
        job = self._jobs.pop(0)
        if job.is_closing or not self.is_stopped:
            job.do()

    def _paint(self, feed: Feed) -> None:
        """Draw what has arrived in the middle of a job; its end and further jobs come later."""
        items = feed.take()
        for item in items:
            if item is None or isinstance(item, Job):
                self._left.append(item)
            else:
                self.transcript.apply(item)
        # Nothing is drawn again before the work has ended, or says more.
        self.screen.show(self.transcript, has_news=bool(items), is_urgent=bool(items))

    def _decide(self) -> Waits[None]:
        """Ask about every call that waits; the events of some of them may still be on their way."""
        actor, run_id = self.actor, self.run_id
        run = yield from until(self.host.submit(lambda core: core.runs.wait(actor, run_id)))
        self.transcript.pending = []
        if run.state != "waiting_approval":
            return
        requests = [_request(entry) for entry in run.pending]
        for asked in requests:
            self.transcript.apply(asked)
        self.screen.show(self.transcript, is_urgent=True)
        decisions = yield from self.ask(requests)
        self.transcript.answer([decision.call_id for decision in decisions])
        yield from until(self.host.submit(lambda core: _answer(core, actor, run_id, decisions)))

    def _stop(self) -> None:
        if self.is_stopped:
            raise Interrupted
        self.is_stopped = True
        self.transcript.phase = "Stopping…"
        self.transcript.pending = []
        actor, run_id = self.actor, self.run_id
        self.host.submit(lambda core: core.runs.cancel(actor, run_id))

    def _cancel_late(self, started: Future[Run]) -> None:
        if started.cancelled() or started.exception() is not None:
            return
        actor, run_id = self.actor, started.result().id
        self.host.submit(lambda core: core.runs.cancel(actor, run_id))


def queue(waiting: list[EventBody | Job | None], body: EventBody | Job | None) -> None:
    """Put an event behind those that a busy cell has not taken yet, without loss in the end.

    A text grows instead of coming in pieces; output that is too much to be shown as it comes is
    left out, since the result of the tool has it.
    """
    match waiting[-1] if waiting else None, body:
        case TextDelta() as last, TextDelta() if last.step == body.step:
            n_tokens = last.n_tokens + body.n_tokens
            waiting[-1] = replace(last, text=last.text + body.text, n_tokens=n_tokens)
        case _, ToolOutput() if len(waiting) >= MAX_WAITING_EVENTS:
            pass
        case _:
            waiting.append(body)


async def _follow(core: Core, actor: Actor, run_id: str, feed: Feed) -> Run:
    """Pass the run's events on, then None; return the finished run."""
    try:
        async with aclosing(core.runs.events(actor, run_id)) as events:
            async for event in events:
                feed.put(event.body)
        # The end of a run is in the log a moment before it is in the store.
        return await core.runs.wait(actor, run_id)
    finally:
        feed.put(None)


async def _answer(core: Core, actor: Actor, run_id: str, decisions: list[ApprovalDecision]) -> None:
    run = await core.runs.get(actor, run_id)
    # Somebody else may have answered while the person was thinking.
    if {entry.call.call_id for entry in run.pending} == {answer.call_id for answer in decisions}:
        await core.runs.decide(actor, run_id, decisions)


def _request(entry: PendingApproval) -> ApprovalRequested:
    call = entry.call
    return ApprovalRequested(
        call_id=call.call_id,
        name=call.name,
        arguments=call.arguments,
        reason=entry.reason,
        effect=entry.effect,
        findings=entry.findings,
        module=entry.module,
        warning=entry.warning,
        digest=entry.digest,
        forecast=entry.forecast,
    )
