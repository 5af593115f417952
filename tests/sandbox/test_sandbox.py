"""One kernel per conversation, kept, never shared, never weaker than asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from notebook_agents.core.errors import InvalidRequest, SandboxUnavailable
from notebook_agents.core.spawn import Supervisor

from .conftest import Bench, MakeBench, until


async def test_output_is_what_was_printed_and_the_last_value(bench: Bench) -> None:
    outcome = await bench.run("print('one')\nimport sys; print('two', file=sys.stderr)\n3 * 4")
    assert outcome.reason == ""
    assert outcome.output == "one\ntwo\n12\n"
    assert "".join(bench.shown) == outcome.output
    assert outcome.enforced_level == bench.call.level
    assert outcome.memory_bytes is not None
    assert outcome.memory_bytes > 10 * 1024 * 1024
    assert outcome.cpu_ms is not None


async def test_variables_are_kept_between_calls(bench: Bench) -> None:
    await bench.run("x = 41")
    outcome = await bench.run("x + 1")
    assert outcome.output == "42\n"
    assert outcome.kernel_kept


async def test_an_exception_is_an_outcome_and_the_kernel_lives(bench: Bench) -> None:
    outcome = await bench.run("y = 1\n1 / 0")
    assert (outcome.reason, outcome.error_name) == ("ERROR", "ZeroDivisionError")
    assert outcome.error_message == "division by zero"
    assert "1 / 0" in outcome.traceback
    assert (await bench.run("y")).output == "1\n"


async def test_a_function_returns_a_value_and_its_errors_are_outcomes(bench: Bench) -> None:
    outcome = await bench.run(function="json:loads", arguments={"s": '{"a": [1, "ü"]}'})
    assert outcome.value == {"a": [1, "ü"]}
    failed = await bench.run(function="json:loads", arguments={"s": "{"})
    assert (failed.reason, failed.error_name) == ("ERROR", "JSONDecodeError")


async def test_two_owners_of_the_same_conversation_id_share_nothing(make_bench: MakeBench) -> None:
    bench = make_bench()
    await bench.run("secret = 1")
    other = await bench.run("secret", owner_id="somebody else")
    assert other.error_name == "NameError"


async def test_calls_of_one_conversation_take_turns(make_bench: MakeBench) -> None:
    bench = make_bench()
    await bench.run("import time; log = []")
    code = "log.append('in'); time.sleep(0.05); log.append('out')"
    await asyncio.gather(*(bench.run(code) for _ in range(3)))
    assert (await bench.run("log == ['in', 'out'] * 3")).output == "True\n"


async def test_another_workspace_means_another_kernel(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    bench = make_bench()
    await bench.run("x = 1")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    outcome = await bench.run("import os; print(os.getcwd()); x", workspace=str(elsewhere))
    assert outcome.output == f"{elsewhere}\n"
    assert outcome.error_name == "NameError"


async def test_close_ends_the_kernel_and_removes_its_folder(bench: Bench, run_dir: Path) -> None:
    await bench.run("x = 1")
    assert len(list(run_dir.glob("nba-*/*/kernel.json"))) == 1
    await bench.sandbox.close("conversation")
    assert not list(run_dir.glob("nba-*/*/kernel.json"))
    assert (await bench.run("x")).error_name == "NameError"
    await bench.sandbox.aclose()
    assert not list(run_dir.iterdir())


async def test_closing_ends_a_running_call_as_lost(bench: Bench) -> None:
    await bench.run("1")
    running = asyncio.gather(bench.run("import time; time.sleep(60)"))
    async with asyncio.timeout(5):
        await asyncio.sleep(0)
        await until(lambda: False, timeout_s=0.3)
        await bench.sandbox.close("conversation")
        (outcome,) = await running
    assert outcome.reason == "KERNEL_LOST"
    assert (await bench.run("1")).output == "1\n"


async def test_an_idle_kernel_ends(make_bench: MakeBench, run_dir: Path) -> None:
    bench = make_bench(idle_ttl_s=0.05)
    await bench.run("x = 1")
    assert await until(lambda: not list(run_dir.glob("nba-*/*/kernel.json")))
    assert (await bench.run("x")).error_name == "NameError"


async def test_beyond_the_limit_the_longest_idle_kernel_ends(make_bench: MakeBench) -> None:
    bench = make_bench(max_kernels=2)
    for key in ("a", "b"):
        await bench.run("x = 1", key=key)
    await bench.run("x = 1", key="a")
    await bench.run("x = 1", key="c")
    assert (await bench.run("x", key="a")).output == "1\n"
    assert (await bench.run("x", key="b")).error_name == "NameError"


UNSEALED = "notebook_agents.sandbox.probe.SEAL_CHECK"
"""What the probe runs to see whether the second filter holds."""


async def test_high_is_refused_and_says_why(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UNSEALED, "/dev/null")
    sandbox = make_bench().sandbox
    with pytest.raises(SandboxUnavailable) as caught:
        await sandbox.resolve("high")
    details = caught.value.details
    assert details["requested_level"] == "high"
    assert details["best_available"] in ("low", "medium")
    assert all(details[name] for name in ("missing", "evidence", "remedy", "doc"))


async def test_high_never_falls_to_low(make_bench: MakeBench) -> None:
    sandbox = make_bench(fallback="low", backends=()).sandbox
    with pytest.raises(SandboxUnavailable):
        await sandbox.resolve("high")


async def test_high_may_fall_to_medium_and_the_outcome_says_so(
    make_bench: MakeBench, medium_works: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UNSEALED, "/dev/null")
    bench = make_bench("high", fallback="medium")
    outcome = await bench.run("1")
    assert outcome.enforced_level == "medium"
    assert "high was asked for" in outcome.security_events[0]


async def test_the_floor_raises_a_lower_wish(make_bench: MakeBench, medium_works: None) -> None:
    assert await make_bench(floor="medium").sandbox.resolve("low") == "medium"


@pytest.mark.parametrize("level", ["none", "LOW", "", "-1"])
async def test_an_unknown_level_is_an_invalid_request(make_bench: MakeBench, level: str) -> None:
    with pytest.raises(InvalidRequest, match="level"):
        await make_bench().sandbox.resolve(level)  # type: ignore[arg-type]


async def test_without_bubblewrap_medium_is_refused_and_nothing_runs(
    make_bench: MakeBench, workspace: Path
) -> None:
    bench = make_bench("medium", bwrap="no-such-bwrap", backends=("namespaces",))
    with pytest.raises(SandboxUnavailable) as caught:
        await bench.run("open('marker', 'w')")
    assert caught.value.details["missing"] == ["bubblewrap"]
    assert "apt install bubblewrap" in caught.value.message
    assert not (workspace / "marker").exists()


async def test_without_bubblewrap_a_fallback_runs_at_low_with_a_warning(
    make_bench: MakeBench,
) -> None:
    bench = make_bench("medium", fallback="low", backends=())
    outcome = await bench.run("1")
    assert outcome.enforced_level == "low"
    assert "medium was asked for" in outcome.security_events[0]


async def test_a_workspace_that_is_not_there_is_an_invalid_request(make_bench: MakeBench) -> None:
    with pytest.raises(InvalidRequest, match="not a folder"):
        await make_bench().run("1", workspace="/nothing/here")


async def test_what_a_person_reads_about_low_never_calls_it_a_sandbox(
    make_bench: MakeBench,
) -> None:
    report = next(r for r in await make_bench().sandbox.levels() if r.level == "low")
    words = " ".join((*report.enforces, *report.missing, report.backend)).lower()
    assert "sandbox" not in words
    assert "secure" not in words


async def test_a_refused_start_leaves_nothing(make_bench: MakeBench, run_dir: Path) -> None:
    bench = make_bench("medium", packages=("no_such_package",))
    with pytest.raises(SandboxUnavailable):
        await bench.run("1")
    await bench.sandbox.aclose()
    assert not list(run_dir.iterdir())


@pytest.mark.slow
async def test_ten_calls_in_turn_leave_nothing_behind(bench: Bench, run_dir: Path) -> None:
    def n_open() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    await bench.run("1")
    await bench.sandbox.close("conversation")
    before = await asyncio.to_thread(n_open)
    for number in range(10):
        assert (await bench.run("1", key=f"{number}")).output == "1\n"
        await bench.sandbox.close(f"{number}")
    assert await asyncio.to_thread(n_open) <= before + 2
    assert not list(run_dir.glob("nba-*/*/kernel.json"))


async def test_four_conversations_at_once(make_bench: MakeBench, run_dir: Path) -> None:
    bench = make_bench()
    outcomes = await asyncio.gather(*(bench.run(f"{n} + 1", key=f"{n}") for n in range(4)))
    assert [outcome.output for outcome in outcomes] == [f"{n + 1}\n" for n in range(4)]
    assert len(list(run_dir.glob("nba-*"))) == 1
    await bench.sandbox.aclose()
    assert not list(run_dir.iterdir())


async def test_a_first_call_that_is_cancelled_leaves_nothing(
    make_bench: MakeBench, run_dir: Path
) -> None:
    bench = make_bench()
    await bench.sandbox.levels()
    call = Supervisor().spawn(bench.run("1"), name="call")
    while not list(run_dir.iterdir()):  # noqa: ASYNC110 - a thread makes it, and nothing tells
        await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait([call])
    await bench.sandbox.aclose()
    assert not list(run_dir.iterdir())
