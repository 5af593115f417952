"""The event log kept small and no longer than it may be, by servers and from the command line.

A server compacts every few minutes and prunes once a day. It is one of several that does: the
others find the log in use, and have nothing to do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound, Unsupported
from notebook_agents.core.executions import OPEN_EXECUTIONS, Execution
from notebook_agents.core.log_keeping import IDLE_S, Prune
from notebook_agents.core.ports import Query
from notebook_agents.core.runs import Run
from notebook_agents.core.states import OPEN_STATES

if TYPE_CHECKING:
    from datetime import datetime

    from notebook_agents.core.log_keeping import CompactionReport, KeptApart, LogFault, LogSizes
    from notebook_agents.core.ports import Store
    from notebook_agents.core.replays import PacingClock
    from notebook_agents.core.spawn import Supervisor
    from notebook_agents.core.users import Users

KEPT = frozenset(
    {"agent_created", "agent_updated", "agent_deleted", "budget_set", "security_violation"}
)
"""Types of events that age alone does not remove: what agents are called, budgets, which hold until
they are taken back, and what was refused, which an audit looks for."""
PRUNE_EVERY = timedelta(days=1)
SETTLE_S = 30.0
"""How long after its start a server begins: others may start with it, and people wait for it."""
_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPolicy:
    """What a deployment has decided about its log."""

    compact_s: float = 900.0
    """How often a server compacts; 0 leaves that to the command line."""
    keep_days: float = 0.0
    """How old events may become; 0 keeps them for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneWish:
    """Which events a person wants removed."""

    before: datetime
    owner_id: str | None = None
    """None for everybody's."""
    types: frozenset[str] = frozenset()
    """Empty for all but those that are always kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperPorts:
    """What the keeper works with."""

    store: Store
    clock: PacingClock
    users: Users
    supervisor: Supervisor
    keeping: KeptApart | None
    """None where this process keeps no log."""
    policy: LogPolicy = field(default_factory=LogPolicy)


class LogKeeper:
    """Compacts, checks, prunes and forgets; for administrators, who alone can call it."""

    def __init__(self, ports: KeeperPorts) -> None:
        self._ports = ports
        self._pruned_at: datetime | None = None

    # -- by itself ----------------------------------------------------------------------------

    async def work(self) -> None:
        """Compact and prune again and again; a failed round is logged and does not end the next."""
        policy, sleep = self._ports.policy, self._ports.clock.sleep
        keeping = self._ports.keeping
        if keeping is None or not policy.compact_s:
            return
        await sleep(min(SETTLE_S, policy.compact_s))
        while True:
            round_ = self._ports.supervisor.spawn(self._round(keeping), name="keeping the log")
            await asyncio.wait((round_,))
            await sleep(policy.compact_s)

    async def _round(self, keeping: KeptApart) -> None:
        try:
            done = await _on_thread(keeping.compact)
            if done.n_segments or done.n_merged:
                _log.info("compacted %d segments of the event log", done.n_segments)
            await self._prune_daily(keeping)
        except Conflict:
            _log.debug("another process keeps the event log")

    async def _prune_daily(self, keeping: KeptApart) -> None:
        now, days = self._ports.clock.now(), self._ports.policy.keep_days
        if not days or (self._pruned_at and now - self._pruned_at < PRUNE_EVERY):
            return
        wish = PruneWish(before=now - timedelta(days=days))
        if n := await self._prune(keeping, wish):
            _log.info("removed %d events older than %g days", n, days)
        self._pruned_at = now

    def stop(self) -> None:
        """End what works; the log is as whole as after any kill."""
        if self._ports.keeping is not None:
            self._ports.keeping.stop()

    # -- when somebody says so -----------------------------------------------------------------

    async def compact(self, idle_s: float = IDLE_S) -> CompactionReport:
        """Move what is idle so long into Parquet files; Conflict while another process does."""
        if idle_s < 0:
            raise InvalidRequest("idle_s must be 0 or more seconds", field="idle_s")
        keeping = self._keeping()
        return await _on_thread(lambda: keeping.compact(idle_s))

    async def verify(self) -> Sequence[LogFault]:
        """Everything that is wrong with the log."""
        return await _on_thread(self._keeping().verify)

    async def sizes(self) -> LogSizes:
        """How much it holds."""
        return await _on_thread(self._keeping().sizes)

    async def prune(self, wish: PruneWish) -> int:
        """Remove events of whole days for good, but not of what works now; returns how many."""
        keeping = self._keeping()
        await _on_thread(keeping.compact)
        return await self._prune(keeping, wish)

    async def forget(self, owner_id: str) -> int:
        """Remove all events of an owner for good; returns how many.

        Conflict while something of theirs works, whose later events would remain.
        """
        if not owner_id:
            raise InvalidRequest("say whose events are to be forgotten", field="owner")
        if await self._open_streams(owner_id):
            raise Conflict(
                f"something of {owner_id!r} is at work; cancel it or wait for its end, and block"
                " the account so that nothing begins anew"
            )
        keeping = self._keeping()
        return await _on_thread(lambda: keeping.forget(owner_id))

    async def owner_of(self, name: str) -> str:
        """The id of the user with this name, e-mail or id, also of one without an account.

        NotFound where neither an account nor an event is theirs.
        """
        user = await self._ports.users.find(name)
        if user is not None:
            return user.id
        known = {owner.owner_id for owner in (await self.sizes()).owners}
        if name in known or await self.names_of([name]):
            return name
        raise NotFound("user", name)

    async def names_of(self, owner_ids: Sequence[str]) -> dict[str, str]:
        """What the accounts behind ids are called; those without one are left out."""
        named: dict[str, str] = {}
        for id in owner_ids:
            with suppress(NotFound):
                named[id] = (await self._ports.users.get(id)).username
        return named

    # -- with --------------------------------------------------------------------------------

    def _keeping(self) -> KeptApart:
        if self._ports.keeping is None:
            raise Unsupported("this process keeps no event log")
        return self._ports.keeping

    async def _prune(self, keeping: KeptApart, wish: PruneWish) -> int:
        before = wish.before.replace(hour=0, minute=0, second=0, microsecond=0)
        asked = Prune(
            before=before,
            keep=KEPT - wish.types,
            only=wish.types,
            owner_id=wish.owner_id,
            spare=frozenset(await self._open_streams(wish.owner_id)),
        )
        return await _on_thread(lambda: keeping.prune(asked))

    async def _open_streams(self, owner_id: str | None) -> set[str]:
        """The conversations in which something works or waits."""
        owned = {} if owner_id is None else {"owner_id": owner_id}
        found: set[str] = set()
        for kind, states in ((Run, OPEN_STATES), (Execution, OPEN_EXECUTIONS)):
            query = Query(where={**owned, "state": tuple(states)})
            found |= set(await self._ports.store.count(kind, query, by="conversation_id"))
        return found - {"", None}


async def _on_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)
