"""``jupyter agents events``, on a home whose log is written meanwhile."""

from __future__ import annotations

import asyncio
import csv
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from notebook_agents import build_log
from notebook_agents.build import BuildConfig, build_core
from notebook_agents.core.event_columns import SCHEMA_VERSION
from notebook_agents.core.events import BudgetSet, Event, RunFinished, RunQueued, RunStarted
from notebook_agents.core.ids import new_id
from notebook_agents.core.log_keeping import LogSizes
from notebook_agents.core.users import CreateUser
from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents_server.event_words import moment_of, size_lines, size_of
from notebook_agents_server.events_app import EventsApp
from notebook_agents_server.passwords import Argon2Hasher

NOW = datetime.now(UTC)
SECRET = "words that nobody else may read"


class Home:
    """A home with accounts and events of ann, and of somebody without an account."""

    def __init__(
        self, path: Path, ann: str, capsys: pytest.CaptureFixture[str] | None = None
    ) -> None:
        self.path, self.ann, self.capsys = path, ann, capsys
        self.log = JsonlEventLog(path)

    def run(self, run_id: str, *, days: float = 0, user_id: str = "") -> None:
        """A run that ended so many days ago."""
        bodies = (RunQueued(model="m"), RunStarted(), RunFinished(state="succeeded", text=SECRET))
        for seq, body in enumerate(bodies, 1):
            self.tell(body, days=days, user_id=user_id, run_id=run_id, run_seq=seq,
                      conversation_id=f"of-{run_id}")  # fmt: skip

    def tell(self, body: Any, *, days: float = 0, user_id: str = "", **envelope: Any) -> None:
        self.log.append(
            Event(
                id=new_id(),
                ts=NOW - timedelta(days=days),
                user_id=user_id or self.ann,
                body=body,
                **envelope,
            )
        )

    def ask(self, *words: str, code: int = 0) -> str:
        """What the command prints; what it complains of where it does."""
        EventsApp.clear_instance()
        app = EventsApp()
        app.initialize([f"--home={self.path}", *words])
        if not code:
            app.start()
            return self.printed()
        with pytest.raises(SystemExit) as end:
            app.start()
        return end.value.code if isinstance(end.value.code, str) else self.printed()

    def printed(self) -> str:
        assert self.capsys is not None
        return self.capsys.readouterr().out


class KeepingHere(EventLogKeeping):
    """Keeps a log without a process of its own."""

    def stop(self) -> None:
        """Nothing works on after a question."""


async def account(path: Path) -> str:
    core = build_core(BuildConfig(home=path, database_url=""), hasher=Argon2Hasher())
    user = await core.users.create(CreateUser(username="ann", email="ann@example.org"))
    await core.aclose()
    return user.id


@pytest.fixture(scope="module")
def first_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """What each test has a copy of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NOTEBOOK_AGENTS_DATABASE_URL", raising=False)
        path = tmp_path_factory.mktemp("home")
        made = Home(path, asyncio.run(account(path)))
    for n in range(3):
        made.run(f"old{n}", days=50 - n)
        made.run(f"new{n}", days=2)
    made.run("theirs", days=40, user_id="gone")
    made.tell(BudgetSet(period="day", limit_usd=1.0), days=60)
    asyncio.run(made.log.aclose())
    return made


@pytest.fixture
def apart(
    first_home: Home,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Home]:
    """A home whose log is kept in processes of their own, as everywhere else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOTEBOOK_AGENTS_DATABASE_URL", raising=False)
    shutil.copytree(first_home.path, tmp_path, dirs_exist_ok=True)
    made = Home(tmp_path, first_home.ann, capsys)
    yield made
    asyncio.run(made.log.aclose())


@pytest.fixture
def home(apart: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The same, kept here."""
    monkeypatch.setattr(build_log, "KeepingApart", KeepingHere)
    return apart


def n_events(home: Home, *words: str) -> int:
    return len(home.ask("export", "--output=-", *words).splitlines())


def test_a_log_is_compacted_listed_checked_and_exported(apart: Home) -> None:
    home = apart
    assert n_events(home) == 22
    assert home.ask("compact", "--idle=0").startswith("compacted 22 events of ")
    assert home.ask("compact", "--idle=0") == "nothing is to be compacted\n"
    assert home.ask("verify") == "the log is whole\n"
    listed = home.ask("list").splitlines()
    assert listed[0] == "appended to  0 files, 0 bytes"
    assert not [line for line in listed if line.startswith("Owners are told")]
    assert [line.split()[:2] for line in listed[3:]] == [["ann", "19"], ["gone", "3"]]
    home.run("later")
    assert n_events(home) == 25
    assert n_events(home, "--owner=ann") == 22
    assert n_events(home, "--owner=gone", "--type=run_started") == 1
    assert n_events(home, "--since=7d") == 12
    said = home.ask("export")
    assert said.startswith(f"events-v{SCHEMA_VERSION}.parquet: 25 rows, ")
    assert said.endswith(f"schema version {SCHEMA_VERSION}, without content\n")
    found = duckdb.read_parquet(str(home.path / f"events-v{SCHEMA_VERSION}.parquet"))
    assert len(found) == 25
    assert SECRET not in repr(found.fetchall())


def test_content_is_exported_on_demand_and_rules_hold_then_too(home: Home) -> None:
    assert SECRET not in home.ask("export", "--output=-")
    assert SECRET in home.ask("export", "--output=-", "--with-content")
    rule = f"--EventsApp.events_redaction=/{SECRET[:8]}/"
    told = home.ask("export", "--output=-", "--with-content", "--redact=model", rule)
    assert SECRET not in told
    assert json.loads(told.splitlines()[1])["model"] is None
    named = home.ask("export", "--output=-", "--pseudonymise")
    assert home.ann not in named


def test_a_view_is_exported_for_a_spreadsheet(home: Home) -> None:
    home.ask("export", "--view=v_runs", "--output=runs.csv", "--owner=ANN@example.org")
    rows = list(csv.DictReader((home.path / "runs.csv").read_text().splitlines()))
    assert sorted(row["run_id"] for row in rows) == ["new0", "new1", "new2", "old0", "old1", "old2"]
    told = json.loads(home.ask("export", "--view=v_users", "--output=u.jsonl", "--json"))
    assert (told["format"], told["view"], told["n_rows"]) == ("jsonl", "v_users", 2)


def test_old_events_go_and_what_was_decided_stays(home: Home) -> None:
    complaint = home.ask("prune", "--before=30d", code=1)
    assert "give --yes" in complaint
    home.ask("compact", "--idle=0")
    assert home.ask("prune", "--before=30d", "--yes").startswith("removed 12 events")
    assert home.ask("verify") == "the log is whole\n"
    kept = [json.loads(line) for line in home.ask("export", "--output=-").splitlines()]
    assert {row["run_id"] for row in kept} == {"", "new0", "new1", "new2"}
    assert kept[0]["type"] == "budget_set"
    home.ask("prune", "--before=30d", "--type=budget_set", "--yes")
    assert n_events(home) == 9


def test_all_events_of_an_owner_go_wherever_they_are(home: Home) -> None:
    home.ask("compact", "--idle=0")
    home.run("later")
    assert "nobody is here to be asked" in home.ask("forget", "ann", code=1)
    told = json.loads(home.ask("forget", "ann", "--yes", "--json"))
    assert told == {"n_events": 22, "owner_id": home.ann}
    assert n_events(home) == 3
    assert home.ask("verify") == "the log is whole\n"
    left = [path for path in home.path.rglob("*") if path.is_file() and "events" in path.parts]
    assert [path for path in left if home.ann.encode() in path.read_bytes()] == []
    assert home.ask("forget", "gone", "--yes") == "removed 3 events of gone\n"
    assert n_events(home) == 0


def test_what_is_wrong_with_a_log_is_told_and_is_the_exit_code(home: Home) -> None:
    home.ask("compact", "--idle=0")
    cold = next((home.path / "events/cold").glob("*.parquet"))
    cold.unlink()
    told = json.loads(home.ask("verify", "--json", code=1))
    assert {(fault["kind"], fault["file"]) for fault in told["faults"]} >= {
        ("missing_file", cold.name)
    }


def test_the_command_writes_into_a_pipe_and_ends_with_whoever_reads_it(home: Home) -> None:
    for n in range(300):  # more than a pipe holds
        home.tell(RunFinished(state="succeeded"), run_id=f"many{n}", conversation_id="many")
    command = [sys.executable, "-c", "from notebook_agents_server.command import main; main()"]
    words = ["events", "export", f"--home={home.path}", "--output=-", "--type=run_finished"]
    with subprocess.Popen(command + words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["type"] == "run_finished"
        process.stdout.close()
        assert process.wait(100) in (0, 1)


def test_an_export_beside_a_writer_and_a_compaction_has_each_event_once(home: Home) -> None:
    is_over = threading.Event()
    written: list[str] = []

    def write() -> None:
        while not is_over.wait(0.005) and len(written) < 200:
            home.run(id := f"meanwhile{len(written)}")
            written.append(id)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        home.ask("compact", "--idle=0")
        before = len(written)
        ids = [json.loads(line)["id"] for line in home.ask("export", "--output=-").splitlines()]
        home.ask("compact", "--idle=0")
    finally:
        is_over.set()
        writer.join()
    assert len(ids) == len(set(ids)) >= 22 + 3 * before
    assert n_events(home) == 22 + 3 * len(written)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "usage: jupyter agents events"),
        (("list", "too", "much"), "usage: jupyter agents events"),
        (("forget",), "usage: jupyter agents events"),
        (("forget", "nobody", "--yes"), "'nobody' was not found"),
        (("prune", "--yes"), "--before"),
        (("prune", "--yes", "--before=1h"), "at least a day ago"),
        (("prune", "--yes", "--before=soon"), "is no moment"),
        (("prune", "--yes", "--before=30d", "--owner=nobody"), "'nobody' was not found"),
        (("export", "--since=2026-13-01"), "is no moment"),
        (("export", "--view=v_nothing"), "there is no view 'v_nothing'"),
        (("export", "--type=nothing"), "there is no type of events 'nothing'"),
        (("export", "--redact=nothing"), "'nothing' names nothing that an export holds"),
        (("export", "--output=out.pdf"), "--format"),
        (("export", "--output=-", "--format=parquet"), "take jsonl"),
        (("export", "--output=nowhere/out.csv"), "there is no folder"),
        (("export", "--output=store.db", "--format=csv"), "is there already"),
        (("export", "--output=events", "--format=csv", "--replace"), "is there already"),
    ],
)
def test_what_cannot_be_done_is_said(home: Home, words: tuple[str, ...], said: str) -> None:
    assert said in home.ask(*words, code=1)
    assert list(home.path.glob("events-v*")) == []


@pytest.mark.parametrize("option", ["--format=pdf", "--idle=-1", "--idle=x"])
def test_a_wrong_option_is_named_as_it_is_typed(
    option: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    EventsApp.clear_instance()
    with pytest.raises(SystemExit):
        EventsApp().initialize(["export", option])
    assert f"option {option.split('=')[0]}" in caplog.text + capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-30", datetime(2026, 11, 30, tzinfo=UTC)),
        ("2026-11-30T12:00+02:00", datetime(2026, 11, 30, 10, tzinfo=UTC)),
        ("30d", NOW - timedelta(days=30)),
        ("90m", NOW - timedelta(minutes=90)),
        ("", None),
    ],
)
def test_moments_are_dates_times_and_ages(text: str, moment: datetime | None) -> None:
    assert moment_of("since", text, NOW) == moment


def test_sizes_are_told_in_words() -> None:
    assert [size_of(n) for n in (0, 1023, 1536, 5 << 20, 3 << 40)] == [
        "0 bytes", "1023 bytes", "1.5 KiB", "5.0 MiB", "3072.0 GiB",
    ]  # fmt: skip


def test_what_is_not_compacted_is_said_to_be_nobodys_yet() -> None:
    lines = size_lines(LogSizes(n_hot_files=1, hot_bytes=9), {})
    assert lines[-1].startswith("Owners are told of what is compacted")
