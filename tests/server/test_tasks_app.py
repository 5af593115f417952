"""``jupyter agents tasks``: makes, runs and schedules tasks in the records of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.build import BuildConfig, build_core
from notebook_agents.core.core import Core
from notebook_agents.core.executions import Outcome
from notebook_agents.core.users import CreateUser
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents.testing import FakeClock, fake_core
from notebook_agents.testing.tasks import ScriptedRunner
from notebook_agents_server.tasks_app import TasksApp

Run = Callable[..., str]
A = "--var=file=a.csv"
FAILED = Outcome(state="failed", error_code="cell_failed", error_message="ValueError: no")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home, as a server's start leaves it."""

    async def make() -> None:
        core = build_core(BuildConfig(home=tmp_path, database_url=""))
        await core.aclose()

    asyncio.run(make())
    return tmp_path


@pytest.fixture
def outcomes() -> list[Outcome | None]:
    return []


@pytest.fixture
def tasks(
    home: Path,
    outcomes: list[Outcome | None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """The command with the real records, and a runner that runs nothing."""
    monkeypatch.delenv("NOTEBOOK_AGENTS_DATABASE_URL", raising=False)

    clock, runner = FakeClock(), ScriptedRunner(*outcomes)

    def build(_config: BuildConfig, **_ports: Any) -> Core:
        return fake_core(
            home=home / "work",
            store=SqlStore.open(f"sqlite:///{home}/store.db", Holders(home / "holders")),
            clock=clock,
            timetable=CronTimetable(),
            task_runner=runner,
        )

    def run(*words: str) -> str:
        app = TasksApp(core_factory=build)
        app.initialize([f"--home={home}", *words])
        app.start()
        return capsys.readouterr().out

    return run


def test_a_task_is_made_scheduled_paused_and_deleted(tasks: Run) -> None:
    made = tasks("create", "Daily", "--prompt=Sum {{file}}", "--cron=0 9 * * *", "--count=2", A)
    id, *times = made.removeprefix("created ").splitlines()
    assert [time[10:] for time in times] == [" 09:00 UTC"] * 2
    assert tasks("list").splitlines()[1].startswith(f"{id}  Daily  active  0 9 * * * UTC  2026-01")
    shown = tasks("show", "daily")
    assert "prompt     Sum {{file}}" in shown
    assert "variables  file" in shown
    assert "left out" not in shown
    berlin = tasks("schedule", "Daily", "30 8 * * MON", "--timezone=Europe/Berlin", "--count=1")
    assert berlin.endswith(" 08:30 CET\n")
    assert tasks("pause", "Daily") == "paused\n"
    assert tasks("list").endswith("paused\n")
    assert tasks("resume", "Daily", "--timezone=UTC").count("\n") == 5
    assert tasks("next", id[:30], "--count=3").count(" 08:30 CET") == 3
    assert tasks("unschedule", id) == "Daily runs only when somebody asks\n"
    assert tasks("delete", "Daily") == "deleted Daily\n"
    assert tasks("list").count("\n") == 1


def test_a_task_is_left_to_a_server_or_run_here(tasks: Run) -> None:
    tasks("create", "Daily", "--prompt=Sum {{file}} of {{year}}")
    queued = tasks("run", "Daily", "--var=file=a.csv", "--var=year=2026")
    id = queued.split()[1].strip(";")
    assert queued == f"queued {id}; a running server begins it in a few seconds\n"
    assert tasks("cancel", id) == f"{id}  cancelled\n"
    ran = tasks("run", "Daily", "--var=file=a.csv", "--var=year=2026", "--wait").splitlines()
    assert ran[0].startswith("execution ")
    assert ran[1:3] == ["cell 1/1", "  done in 0.0 s"]
    assert ran[3].startswith("succeeded after ")
    states = [line.split()[1] for line in tasks("executions", "Daily").splitlines()]
    assert states == ["state", "succeeded", "cancelled"]
    assert tasks("artifacts", "Daily").startswith("executed.ipynb  ")


@pytest.mark.parametrize("outcomes", [[FAILED]])
def test_what_a_failed_execution_says_is_told_with_its_exit_code(
    tasks: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks("create", "Daily", "--prompt=Sum")
    with pytest.raises(SystemExit) as end:
        tasks("run", "Daily", "--wait")
    assert end.value.code == 1
    assert "ValueError: no" in capsys.readouterr().out
    assert "ValueError: no" in tasks("logs", "Daily")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "Daily"), "a task needs a prompt or a notebook"),
        (("create", "D", "--prompt=x", "--cron=0 25 * * *"), "field 2 of 5, hour, is '25'"),
        (("create", "D", "--prompt=x", "--cron=* * * * *", "--timezone=Mars"), "no time zone"),
        (("create", "D", "--prompt={{a}}", "--cron=0 9 * * *"), "needs a value of 'a'"),
        (("create", "D", "--prompt=x", "--var=x"), "given as name=value, not 'x'"),
        (("create", "D", "--prompt=x", "--var=x=1"), "the task has no variable 'x'"),
        (("show", "Nothing"), "task 'Nothing' was not found"),
        (("run", "Known"), "date"),
        (("next", "Known"), "schedule"),
        (("logs", "Known"), "has not been executed yet"),
        (("list", "--user=nobody"), "user 'nobody' was not found"),
        (("destroy", "Known"), "usage: jupyter agents tasks create NAME"),
        (("show",), "usage: jupyter agents tasks"),
    ],
)
def test_what_cannot_be_done_is_said(tasks: Run, words: tuple[str, ...], said: str) -> None:
    tasks("create", "Known", "--prompt=The {{date}}")
    with pytest.raises(SystemExit) as end:
        tasks(*words)
    assert str(end.value).startswith("jupyter agents tasks: ")
    assert said in str(end.value)


def test_of_several_tasks_of_a_name_one_is_to_be_said_by_its_id(tasks: Run) -> None:
    for _ in range(2):
        tasks("create", "Twin", "--prompt=x")
    with pytest.raises(SystemExit, match="several tasks are called 'Twin'"):
        tasks("delete", "Twin")


def test_tasks_of_an_account_are_its_own(tasks: Run, home: Path) -> None:
    async def make() -> None:
        core = build_core(BuildConfig(home=home, database_url=""))
        await core.users.create(CreateUser(username="ann", email="ann@example.org"))
        await core.aclose()

    asyncio.run(make())
    tasks("create", "Hers", "--prompt=x", "--user=ann")
    assert "Hers" in tasks("list", "--user=ann")
    assert "Hers" not in tasks("list")


def test_the_help_shows_every_subcommand_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        TasksApp().initialize(["--help"])
    said = capsys.readouterr().out
    for words in (
        "create NAME (--prompt=TEXT",
        "artifacts EXECUTION [NAME]",
        "--wait",
        "--catch-up",
    ):
        assert words in said
