"""Orders: what one process asks the process that holds a run to do with it.

Cancelling and deciding can be asked of any server, but only the one that works on a run can stop
it, and the one that has its workspace and its tool kernel should go on with it. Orders are kept in
the store, so that none is lost on the way; the holder looks for them while it holds something,
answers, and whoever asked takes the order away. Nobody waits for a holder that has died.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

from notebook_agents.core.errors import Conflict, NotebookAgentsError, NotFound
from notebook_agents.core.ids import new_id
from notebook_agents.core.ports import Delete, Insert, Patch, Query
from notebook_agents.core.purging import remove_all
from notebook_agents.core.runs import ApprovalDecision, Run

if TYPE_CHECKING:
    from notebook_agents.core.ports import Clock, Store

ORDER_POLL_S = 0.25
"""How often a holder looks for orders, and whoever gave one for the answer."""
ORDER_PATIENCE_S = 15.0
"""How long a living holder has to answer."""
FORGET_AFTER = timedelta(days=1)
DONE = "done"

Verb: TypeAlias = Literal["cancel", "decide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """What the holder of a run is asked to do."""

    id: str
    run_id: str
    holder: str
    """Who is asked."""
    verb: Verb
    decisions: tuple[ApprovalDecision, ...] = ()
    username: str = ""
    """Who asks."""
    answer: str = ""
    """Empty until it was carried out; then ``done``, or why it could not be."""
    created_at: datetime


class Orders:
    """Gives orders to other processes and takes theirs."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def give(
        self, run: Run, verb: Verb, decisions: tuple[ApprovalDecision, ...] = (), by: str = ""
    ) -> bool:
        """Whether the holder of the run did what it was asked; False when it is gone or silent.

        Raises Conflict when the holder says why it could not.
        """
        order = RunOrder(
            id=new_id(),
            run_id=run.id,
            holder=run.holder,
            verb=verb,
            decisions=decisions,
            username=by,
            created_at=self._clock.now(),
        )
        await self._store.commit(Insert(record=order))
        try:
            answer = await self._answer_to(order)
        finally:
            await self._store.commit(Delete(kind=RunOrder, id=order.id))
        if answer not in {"", DONE}:
            raise Conflict(answer)
        return answer == DONE

    async def serve(
        self, is_holding: Callable[[], bool], carry_out: Callable[[RunOrder], Awaitable[object]]
    ) -> None:
        """Carry out the orders to this process while it holds something."""
        query = Query(where={"holder": self._store.holder(), "answer": ""}, oldest_first=True)
        while is_holding():
            for order in (await self._store.find(RunOrder, query)).items:
                await self._carry_out(order, carry_out)
            await asyncio.sleep(ORDER_POLL_S)

    async def sweep(self) -> None:
        """Remove orders whose giver died before it could take them away."""
        old = Query(at_most={"created_at": self._clock.now() - FORGET_AFTER})
        await remove_all(self._store, RunOrder, old)

    async def _answer_to(self, order: RunOrder) -> str:
        with suppress(TimeoutError):
            async with asyncio.timeout(ORDER_PATIENCE_S):
                while await self._store.is_alive(order.holder):
                    found = await self._store.get(RunOrder, order.id)
                    if found is not None and found.answer:
                        return found.answer
                    await asyncio.sleep(ORDER_POLL_S)
        # Taken back: from here on it is not carried out any more, unless that has begun.
        with suppress(Conflict, NotFound):
            withdrawn = {"answer": "withdrawn"}
            await self._store.commit(
                Patch(kind=RunOrder, id=order.id, fields=withdrawn, expected={"answer": ""})
            )
            return ""
        found = await self._store.get(RunOrder, order.id)
        return found.answer if found is not None else ""

    async def _carry_out(
        self, order: RunOrder, carry_out: Callable[[RunOrder], Awaitable[object]]
    ) -> None:
        try:
            await carry_out(order)
            answer = DONE
        except NotebookAgentsError as error:
            answer = error.message
        with suppress(Conflict, NotFound):  # nobody waits for the answer any more
            await self._store.commit(
                Patch(
                    kind=RunOrder, id=order.id, fields={"answer": answer}, expected={"answer": ""}
                )
            )
