"""The keeper of the event log: rounds of a server, retention, what is spared, what is refused."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from tests.core.conftest import Driver

from notebook_agents.core.core import Core
from notebook_agents.core.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    StorageUnavailable,
    Unsupported,
)
from notebook_agents.core.log_keeper import KEPT, LogPolicy, PruneWish
from notebook_agents.core.log_keeping import (
    CompactionReport,
    LogFault,
    LogSizes,
    OwnerSize,
    Prune,
)
from notebook_agents.core.models import GenerateRequest
from notebook_agents.core.users import CreateUser
from notebook_agents.testing import FakeClock

START = datetime(2026, 1, 1, tzinfo=UTC)


class Keeping:
    """Remembers what it was asked."""

    def __init__(self, *fails: Exception) -> None:
        self.fails = list(fails)
        self.rounds: list[float] = []
        self.pruned: list[Prune] = []
        self.forgotten: list[str] = []
        self.threads: set[int] = set()
        self.is_stopped = False

    def compact(self, idle_s: float = 3600.0) -> CompactionReport:
        self.threads.add(threading.get_ident())
        self.rounds.append(idle_s)
        if self.fails:
            raise self.fails.pop(0)
        return CompactionReport(n_segments=1)

    def verify(self) -> Sequence[LogFault]:
        return [LogFault(kind="gap", file="r1", detail="2 is missing")]

    def prune(self, wish: Prune) -> int:
        self.pruned.append(wish)
        return 7

    def forget(self, owner_id: str) -> int:
        self.forgotten.append(owner_id)
        return 5

    def sizes(self) -> LogSizes:
        gone = OwnerSize(owner_id="gone", n_events=1, n_bytes=1, first_at=START, last_at=START)
        return LogSizes(owners=(gone,))

    def stop(self) -> None:
        self.is_stopped = True


class Steps:
    """A clock whose sleepers wait until they are let go on."""

    def __init__(self) -> None:
        self.clock = FakeClock(tick_s=0)
        self.asleep: asyncio.Queue[tuple[float, asyncio.Event]] = asyncio.Queue()

    def now(self) -> datetime:
        return self.clock.now()

    def monotonic(self) -> float:
        return self.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        await self.asleep.put((seconds, woken))
        await woken.wait()
        self.clock.advance(seconds)

    async def step(self, advance_s: float = 0) -> float:
        """Wake who sleeps, after a while; how long they wanted to sleep."""
        seconds, woken = await self.asleep.get()
        self.clock.advance(advance_s)
        woken.set()
        return seconds


Make = Callable[..., Core]


async def test_a_server_compacts_again_and_again_beside_its_loop(make_closed_core: Make) -> None:
    keeping, steps = Keeping(), Steps()
    core = make_closed_core(log_keeping=keeping, log_policy=LogPolicy(compact_s=100), clock=steps)
    core.spawn(core.log_keeper.work(), name="keeper")
    waits = [await steps.step() for _ in range(4)]
    assert waits == [30, 100, 100, 100]
    assert len(keeping.rounds) == 3
    assert threading.get_ident() not in keeping.threads
    assert keeping.pruned == []


@pytest.mark.parametrize("error", [StorageUnavailable("full"), RuntimeError("broken")])
async def test_a_round_that_fails_is_logged_and_the_next_one_comes(
    make_closed_core: Make, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    keeping, steps = Keeping(error), Steps()
    core = make_closed_core(log_keeping=keeping, log_policy=LogPolicy(), clock=steps)
    core.spawn(core.log_keeper.work(), name="keeper")
    for _ in range(3):
        await steps.step()
    assert len(keeping.rounds) == 2
    assert "'keeping the log' failed" in caplog.text


async def test_of_several_servers_one_keeps_the_log_and_the_others_are_content(
    make_closed_core: Make, caplog: pytest.LogCaptureFixture
) -> None:
    keeping, steps = Keeping(Conflict("another")), Steps()
    core = make_closed_core(log_keeping=keeping, log_policy=LogPolicy(keep_days=1), clock=steps)
    core.spawn(core.log_keeper.work(), name="keeper")
    await steps.step()
    await steps.step()
    assert keeping.pruned == []
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_old_events_are_removed_once_a_day_in_whole_days(make_closed_core: Make) -> None:
    keeping, steps = Keeping(), Steps()
    steps.clock.advance(40 * 86_400 + 3600)
    policy = LogPolicy(compact_s=3600, keep_days=30)
    core = make_closed_core(log_keeping=keeping, log_policy=policy, clock=steps)
    core.spawn(core.log_keeper.work(), name="keeper")
    for _ in range(2 * 24):
        await steps.step()
    assert [wish.before for wish in keeping.pruned] == [
        datetime(2026, 1, 11, tzinfo=UTC),
        datetime(2026, 1, 12, tzinfo=UTC),
    ]
    assert {wish.keep for wish in keeping.pruned} == {KEPT}


@pytest.mark.parametrize(
    ("policy", "keeping"), [(LogPolicy(compact_s=0), Keeping()), (LogPolicy(), None)]
)
async def test_where_nothing_is_to_be_kept_no_round_begins(
    make_closed_core: Make, policy: LogPolicy, keeping: Keeping | None
) -> None:
    core = make_closed_core(log_keeping=keeping, log_policy=policy, clock=Steps())
    await core.log_keeper.work()
    assert keeping is None or keeping.rounds == []


async def test_the_end_of_a_core_ends_the_keeping(make_core: Make) -> None:
    keeping = Keeping()
    core = make_core(log_keeping=keeping)
    await core.aclose()
    assert keeping.is_stopped


async def test_what_works_is_not_pruned_and_cannot_be_forgotten(
    make_closed_core: Make, driver: Driver
) -> None:
    keeping, gate = Keeping(), asyncio.Event()

    async def waits(_request: GenerateRequest) -> str:
        await gate.wait()
        return "done"

    core = make_closed_core(waits, log_keeping=keeping)
    run = await driver.start(core)
    await core.log_keeper.prune(PruneWish(before=START))
    assert keeping.pruned[0].spare == {run.conversation_id}
    with pytest.raises(Conflict, match="is at work"):
        await core.log_keeper.forget(run.owner_id)
    assert keeping.forgotten == []
    await core.log_keeper.forget("bob")
    assert keeping.forgotten == ["bob"]


async def test_types_that_are_named_are_removed_though_they_are_kept(make_core: Make) -> None:
    keeping = Keeping()
    core = make_core(log_keeping=keeping)
    wish = PruneWish(before=START, owner_id="ann", types=frozenset({"budget_set"}))
    assert await core.log_keeper.prune(wish) == 7
    (asked,) = keeping.pruned
    assert (asked.only, asked.owner_id) == (frozenset({"budget_set"}), "ann")
    assert "budget_set" not in asked.keep
    assert keeping.rounds == [3600.0], "what is still appended to is compacted before"


async def test_owners_are_found_by_name_and_those_without_an_account_by_id(
    make_core: Make,
) -> None:
    core = make_core(log_keeping=Keeping())
    user = await core.users.create(CreateUser(username="ann", email="ann@example.org"))
    for name in ("ann", "ANN", "ann@example.org", user.id):
        assert await core.log_keeper.owner_of(name) == user.id
    assert await core.log_keeper.owner_of("gone") == "gone"
    assert await core.log_keeper.names_of([user.id, "gone"]) == {user.id: "ann"}
    with pytest.raises(NotFound):
        await core.log_keeper.owner_of("nobody")


async def test_wrong_wishes_name_their_field(make_core: Make) -> None:
    core = make_core(log_keeping=Keeping())
    with pytest.raises(InvalidRequest) as refused:
        await core.log_keeper.compact(-1)
    assert refused.value.details["field"] == "idle_s"
    with pytest.raises(InvalidRequest) as refused:
        await core.log_keeper.forget("")
    assert refused.value.details["field"] == "owner"


async def test_a_core_without_a_log_says_so(make_core: Make) -> None:
    core = make_core()
    with pytest.raises(Unsupported):
        await core.log_keeper.verify()
