"""Exports hold what is wished for, nothing that is left out, and are whole or not there."""

from __future__ import annotations

import csv
import io
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.analytics.recorded import NOON, Recorded, at

from notebook_agents.analytics.catalogue import VIEWS
from notebook_agents.analytics.export import DuckExporter
from notebook_agents.core.content_fields import FIELDS
from notebook_agents.core.errors import InvalidRequest, StorageUnavailable
from notebook_agents.core.event_columns import EVENT_COLUMNS, SCHEMA_VERSION
from notebook_agents.core.events import (
    AgentCreated,
    ApprovalDecided,
    CellExecuted,
    ModelFinished,
    RunFinished,
    RunQueued,
    TextDelta,
    ToolFinished,
    ToolStarted,
)
from notebook_agents.core.exports import ExportWish, Redaction
from notebook_agents.core.messages import ToolCallPart
from notebook_agents.eventlog.files import EventFiles

SECRET = "the hushed words of kim@example.org"
CALL = ToolCallPart(call_id="c", name="shell", arguments={"command": SECRET, "none": None})
STEPS = (
    TextDelta(step=1, text=SECRET),
    ModelFinished(step=1, model="m", text=SECRET, tool_calls=(CALL,)),
    ToolStarted(call_id="c", name="shell", arguments={"command": SECRET, "none": None}),
    ApprovalDecided(call_id="c", is_approved=True, by="kim", feedback=SECRET, name="shell"),
    ToolFinished(call_id="c", name="shell", status="succeeded", content=SECRET, duration_ms=3),
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    log = Recorded(tmp_path)
    log.run("r1", *STEPS)
    log.run("r2", hours=30, user_id="bob")
    log.tell(31, RunFinished(state="failed", text=SECRET, error_message=SECRET), run_id="r3")
    log.tell(32, AgentCreated(name="=HELPER()", by="kim"))
    return tmp_path


def exporter(home: Path, *rules: str) -> DuckExporter:
    return DuckExporter(EventFiles(home), home / "pseudonyms.key", Redaction.read(rules))


def rows(home: Path, *rules: str, **wish: Any) -> list[dict[str, Any]]:
    """The rows of an export as JSON lines."""
    to = io.BytesIO()
    done = exporter(home, *rules).export(ExportWish(to=to, format="jsonl", **wish))
    lines = to.getvalue().splitlines()
    assert (done.n_rows, done.size_bytes) == (len(lines), len(to.getvalue()))
    return [json.loads(line) for line in lines]


def payloads(home: Path, type: str, *rules: str, **wish: Any) -> list[dict[str, Any]]:
    return [row["payload"] for row in rows(home, *rules, types=(type,), **wish)]


@pytest.mark.parametrize(
    ("view", "form"),
    [
        *((view, "jsonl") for view in ("events", *VIEWS)),
        *((view, form) for view in ("events", "v_failed_runs") for form in ("csv", "parquet")),
    ],
)
def test_without_content_no_export_of_anything_holds_what_was_written(
    home: Path, view: str, form: Any
) -> None:
    path = home / "out"
    exporter(home).export(ExportWish(to=path, format=form, view=view))
    content = path.read_bytes()
    if form == "parquet":
        content = repr(duckdb.read_parquet(str(path)).fetchall()).encode()
    assert b"hushed" not in content
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in home.iterdir() if p.name.startswith(".")] == []


def test_without_content_the_figures_of_a_view_are_the_same(home: Path) -> None:
    plain, whole = rows(home, view="v_runs"), rows(home, view="v_runs", has_content=True)
    assert [row["run_id"] for row in plain] == ["r1", "r2", "r3"]
    assert plain == whole


def test_a_column_of_what_was_written_is_told_with_content_only(home: Path) -> None:
    written = ("feedback", "error_message")
    plain, whole = rows(home), rows(home, has_content=True)
    assert {row[name] for row in plain for name in written} == {None}
    assert [{row[name] for row in whole} - {None} for name in written] == [{SECRET}] * 2


def test_with_content_a_payload_is_what_was_recorded(home: Path) -> None:
    (told,) = payloads(home, "tool_started", has_content=True)
    assert told["arguments"] == {"command": SECRET, "none": None}
    assert payloads(home, "tool_started") == [
        {name: told[name] for name in FIELDS["tool_started"].plain.split()}
    ]


def test_a_type_that_nobody_knows_tells_nothing(home: Path) -> None:
    line = {"id": "x", "run_id": "", "run_seq": 0, "ts": "2026-11-21T12:00:00Z", "user_id": "ann"}
    line |= {"conversation_id": "", "agent_id": "", "dialect": "", "type": "of_tomorrow"}
    line |= {"payload": {"text": SECRET}}
    (home / "events/hot/of-r9.jsonl").write_text(json.dumps(line) + "\n")
    told = {row["id"]: row["payload"] for row in rows(home)}
    assert told["x"] == {}
    told = {row["id"]: row["payload"] for row in rows(home, has_content=True)}
    assert told["x"] == {"text": SECRET}


def test_owner_period_and_types_choose_the_rows(home: Path) -> None:
    assert {row["user_id"] for row in rows(home, owner_id="bob")} == {"bob"}
    assert rows(home, owner_id="nobody") == []
    assert {row["run_id"] for row in rows(home, since=at(1), until=at(31))} == {"r2"}
    assert {row["type"] for row in rows(home, types=("run_started",))} == {"run_started"}
    assert [row["run_id"] for row in rows(home, view="v_runs", since=at(1))] == ["r2", "r3"]
    assert [row["run_id"] for row in rows(home, view="v_runs", owner_id="bob")] == ["r2"]


def test_a_run_that_goes_over_the_end_of_the_period_keeps_its_figures(home: Path) -> None:
    (inside,) = rows(home, view="v_runs", until=at(0.1))
    (whole,) = (row for row in rows(home, view="v_runs") if row["run_id"] == "r1")
    assert inside == whole
    assert inside["status"] == "succeeded"


def test_events_come_in_the_order_in_which_they_happened(home: Path) -> None:
    told = [(row["ts"], row["run_id"], row["run_seq"]) for row in rows(home)]
    assert told == sorted(told)
    assert told[0][0] == NOON.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_a_parquet_file_says_what_it_is_and_has_the_columns_of_events(home: Path) -> None:
    path = home / "out.parquet"
    done = exporter(home).export(ExportWish(to=path))
    found = duckdb.read_parquet(str(path))
    assert found.columns == [column.name for column in EVENT_COLUMNS]
    assert len(found) == done.n_rows
    assert (done.size_bytes, done.schema_version) == (path.stat().st_size, SCHEMA_VERSION)
    meta = duckdb.sql(f"SELECT key, value FROM parquet_kv_metadata('{path}')").fetchall()
    told = {key.decode(): value.decode() for key, value in meta}
    assert told["schema_version"] == str(SCHEMA_VERSION)
    assert (told["view"], told["content"], told["users"]) == ("events", "left out", "ids")


def test_a_spreadsheet_computes_nothing_and_every_row_names_the_version(home: Path) -> None:
    path = home / "out.csv"
    log = Recorded(home)
    log.run("r7", hours=40, agent_id="=1+1")
    exporter(home).export(ExportWish(to=path, format="csv", view="v_runs"))
    told = list(csv.DictReader(path.read_text().splitlines()))
    assert told[-1]["agent_id"] == "'=1+1"
    assert {row["schema_version"] for row in told} == {str(SCHEMA_VERSION)}


def test_pseudonyms_are_the_same_in_every_export_and_of_nobody_else(home: Path) -> None:
    users = {row["user_id"] for row in rows(home, has_pseudonyms=True)}
    assert len(users) == 2
    assert not users & {"ann", "bob"}
    assert {row["user_id"] for row in rows(home, has_pseudonyms=True)} == users
    (decided,) = payloads(home, "approval_decided", has_pseudonyms=True)
    (created,) = payloads(home, "agent_created", has_pseudonyms=True, has_content=True)
    assert decided["by"] == created["by"] != "kim"
    assert payloads(home, "approval_decided")[0]["by"] == "kim"
    persons = {row["person"] for row in rows(home, has_pseudonyms=True)} - {None}
    assert persons == {decided["by"]}
    assert {row["person"] for row in rows(home)} - {None} == {"kim"}
    assert (home / "pseudonyms.key").stat().st_mode & 0o777 == 0o600
    (home / "pseudonyms.key").unlink()
    assert not users & {row["user_id"] for row in rows(home, has_pseudonyms=True)}


def test_rules_of_the_deployment_hold_with_content_too(home: Path) -> None:
    rules = ("tool_finished.content", "model", "conversation_id", r"/\w+@example\.org/")
    told = rows(home, *rules, has_content=True)
    assert {row["conversation_id"] for row in told} == {None}
    assert {row["model"] for row in told} == {None}
    assert all("model" not in row["payload"] for row in told)
    by_type = {row["type"]: row["payload"] for row in told}
    assert "content" not in by_type["tool_finished"]
    assert by_type["text_delta"]["text"] == "the hushed words of [redacted]"
    assert by_type["tool_started"]["arguments"]["command"] == "the hushed words of [redacted]"


def test_an_id_goes_wherever_it_stands(home: Path) -> None:
    fork = RunQueued(model="m", forked_from="of-r1")
    cell = CellExecuted(cell_id="c", after_run_id="r1", changed_by_run_id="r2")
    Recorded(home).tell(50, fork, cell, run_id="r8", conversation_id="of-r8")
    secret = {"of-r1", "of-r8", "r1", "r2", "kim", "ann"}
    for has_content in (False, True):
        kept = rows(home, has_content=has_content)[-2:]
        assert {row["forked_from"] for row in kept} == {"of-r1", None}
        told = rows(home, "conversation_id", "run_id", "user_id", has_content=has_content)
        assert len(told) > 2
        seen = {str(value) for row in told for value in (*row.values(), *row["payload"].values())}
        assert not seen & secret


def test_a_column_goes_with_the_field_that_it_was_taken_from(home: Path) -> None:
    told = {row["type"]: row for row in rows(home, "tool_finished.name")}
    assert told["tool_finished"]["tool_name"] is None
    assert told["tool_started"]["tool_name"] == "shell"


def test_a_pattern_that_breaks_a_payload_leaves_none_of_it(home: Path) -> None:
    told = payloads(home, "text_delta", '/"/', has_content=True)
    assert told == [{}]


def test_rules_of_one_export_add_to_those_of_the_deployment(home: Path) -> None:
    told = rows(home, "agent_id", rules=("dialect",))
    assert {(row["agent_id"], row["dialect"]) for row in told} == {(None, None)}


@pytest.mark.parametrize("rule", ["nonsense", "tool_started.nonsense", "nix.name", "ts", "/(/", ""])
def test_a_rule_that_leaves_nothing_out_is_refused(rule: str) -> None:
    with pytest.raises(InvalidRequest, match="events_redaction") as refused:
        Redaction.read([rule])
    assert refused.value.details["field"] == "events_redaction"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"view": "v_nothing"}, "view"),
        ({"view": "events; DROP TABLE x"}, "view"),
        ({"to": Path("/nowhere/at/all.parquet")}, "output"),
        ({"to": io.BytesIO()}, "output"),
        ({"since": at(2), "until": at(1)}, "until"),
        ({"rules": ("nonsense",)}, "events_redaction"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(home: Path, changes: dict[str, Any], field: str) -> None:
    wish = ExportWish(to=home / "out.parquet")
    with pytest.raises(InvalidRequest) as refused:
        exporter(home).export(replace(wish, **changes))
    assert refused.value.details["field"] == field
    assert list(home.glob("*.parquet")) == list(home.glob(".out*")) == []


def test_a_file_that_is_there_is_replaced_only_on_demand(home: Path) -> None:
    path = home / "out.jsonl"
    path.write_text("mine")
    wish = ExportWish(to=path, format="jsonl")
    with pytest.raises(InvalidRequest, match="is there already"):
        exporter(home).export(wish)
    assert path.read_text() == "mine"
    exporter(home).export(replace(wish, is_replacing=True))
    assert path.read_text().startswith('{"id":')


class Closed(io.BytesIO):
    """What whoever read it has closed."""

    def write(self, part: Any) -> int:
        raise BrokenPipeError


def test_who_stops_reading_ends_the_export(home: Path) -> None:
    n_threads = threading.active_count()
    with pytest.raises(BrokenPipeError):
        exporter(home).export(ExportWish(to=Closed(), format="jsonl"))
    assert threading.active_count() == n_threads


def test_a_folder_that_cannot_be_written_is_named(home: Path) -> None:
    with pytest.raises((StorageUnavailable, InvalidRequest)) as refused:
        exporter(home).export(ExportWish(to=Path("/proc/out.parquet")))
    assert "cannot be written" in refused.value.message


def test_an_empty_log_makes_an_empty_export(tmp_path: Path) -> None:
    assert rows(tmp_path) == rows(tmp_path, view="v_runs") == []
