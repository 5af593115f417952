"""What the dashboard's page is told."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.server.recorded_core import recorded_core

from notebook_agents.core.core import Core
from notebook_agents.core.users import Actor
from notebook_agents.dashboards.board import Board
from notebook_agents.dashboards.filters import Filters
from notebook_agents_server.testing import Answer, Client, with_account
from notebook_agents_server.ui.told import told_board

AT = "/notebook-agents/ui"
FROM_PAGE = {"X_Notebook_Agents_Page": "1"}
TEXT = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def core(tmp_path: Path) -> Core:
    return recorded_core(tmp_path)


@dataclass(frozen=True, slots=True)
class People:
    """Two people with accounts, and the one whose server it is."""

    owner: Client
    ann: Client
    bob: Client


@pytest.fixture
async def people(client: Client, core: Core) -> AsyncGenerator[People, None]:
    found = [await with_account(client, core, name) for name in ("ann", "bob")]
    yield People(client, *found)  # noqa: PT022 - only generators run on the loop of the tests


async def ask(someone: Client, text: str = "hello") -> None:
    """Have something run in somebody's name."""
    agent_id = (await someone.post("/v1/agents", {"name": "a"})).json["agent_id"]
    path = f"/v1/agents/{agent_id}/conversations"
    assert (await someone.post(path, {"message": text})).status in (200, 201)


async def board(someone: Client, query: str = "") -> Any:
    """What the page shows at first."""
    answer = await someone.get(f"{AT}/api/board{query}")
    assert answer.status == 200, answer.body
    return answer.json


def runs_of(told: Any) -> str:
    """The first key figure."""
    return next((kpi["value"] for kpi in told["kpis"] if kpi["label"] == "runs"), "0")


async def test_everybody_sees_their_own_runs(people: People) -> None:
    await ask(people.ann)
    assert runs_of(await board(people.ann)) == "1"
    told = await board(people.bob)
    assert runs_of(told) == "0"
    assert "%agent" in told["empty"]
    assert not told["is_admin"]


async def test_an_administrator_may_look_at_everybodys_runs(people: People) -> None:
    await ask(people.ann)
    assert runs_of(await board(people.owner)) == "0"
    told = await board(people.owner, "?everybody=true")
    assert runs_of(told) == "1"
    assert told["everybody"]
    (choice,) = told["choices"]["user"]
    user = choice["value"]
    assert choice["label"] == "ann"
    runs = told["runs"]
    assert runs["rows"][0][runs["columns"].index("user")] == "ann"
    assert "your own runs" in told["fixed"]
    assert not (await board(people.ann))["fixed"]
    assert runs_of(await board(people.owner, f"?everybody=true&user={user}")) == "1"
    assert runs_of(await board(people.owner, "?everybody=true&user=nobody")) == "0"


@pytest.mark.parametrize(("query", "status"), [("?everybody=true", 403), ("?user=someone", 400)])
async def test_nobody_else_may(people: People, query: str, status: int) -> None:
    assert (await people.ann.get(f"{AT}/api/board{query}")).status == status


async def test_charts_tell_their_query_and_what_is_bound_in_it(people: People) -> None:
    await ask(people.ann)
    told = await board(people.ann, "?model='%3B%20DROP%20TABLE%20events")
    assert runs_of(told) == "0"
    told = await board(people.ann)
    chart = next(chart for chart in told["charts"] if chart["name"] == "tokens")
    assert chart["figure"]["data"]
    assert "$since" in chart["sql"]
    assert set(chart["parameters"]) == {"since", "until"}
    assert chart["columns"][0] == "time_utc"


@pytest.mark.parametrize("query", ["?days=x", "?days=-1", "?days=nan", "?since=yesterday", "?x=1"])
async def test_a_wrong_filter_is_named(client: Client, query: str) -> None:
    answer = await client.get(f"{AT}/api/board{query}")
    assert answer.status == 400
    assert query[1:].split("=")[0] in json.dumps(answer.json)


@pytest.mark.parametrize("since", ["2026-01-01", "2026-01-01T00:00", "2026-01-01T00:00:00Z"])
async def test_a_moment_without_a_zone_is_utc(client: Client, since: str) -> None:
    answer = await client.get(f"{AT}/api/board?since={since}&part=first")
    assert answer.status == 200, answer.body
    assert "2026-01-01 00:00 UTC" in answer.json["looked_at"]


def test_versions_are_told_with_their_agent_and_those_of_the_chosen_one_alone() -> None:
    rows = ({"agent": "a", "version": "v1"}, {"agent": "b", "version": "v2"})
    names = {"a": "Ann's"}
    for agent, told in (("", {"Ann's · v1", "b · v2"}), ("b", {"b · v2"})):
        board = Board(filters=Filters(agent=agent), choices=rows, names=names)
        assert {each["label"] for each in told_board(board)["choices"]["version"]} == told


async def test_nothing_is_read_again_before_something_happens(people: People) -> None:
    await ask(people.ann)
    first = await people.ann.get(f"{AT}/api/board")
    tag = {"If_None_Match": first.headers["ETag"]}
    assert (await people.ann.get(f"{AT}/api/board", **tag)).status == 304
    assert (await people.ann.get(f"{AT}/api/board?days=30", **tag)).status == 200
    await ask(people.ann)
    assert (await people.ann.get(f"{AT}/api/board", **tag)).status == 200


async def test_a_run_is_shown_to_its_owner_and_to_administrators(people: People) -> None:
    await ask(people.ann)
    runs = (await board(people.ann))["runs"]
    id = runs["rows"][0][runs["columns"].index("run_id")]
    for someone in (people.ann, people.owner):
        told = (await someone.get(f"{AT}/api/runs/{id}")).json
        assert told["words"].split(" · ")[1].startswith("succeeded")
        assert told["events"]["rows"][0][2] == "run_queued"
    theirs = await people.bob.get(f"{AT}/api/runs/{id}", X_Request_ID="same")
    assert theirs.status == 404
    assert (await people.bob.get(f"{AT}/api/runs/{'0' * 32}")).status == 404


async def query(someone: Client, sql: str, **more: Any) -> Answer:
    return await someone.post(f"{AT}/api/query", {"sql": sql, **more})


async def test_a_query_of_ones_own_sees_ones_own_events(people: People) -> None:
    await ask(people.ann)
    sql = "SELECT count(*) AS n FROM v_runs WHERE started >= $since"
    assert (await query(people.ann, sql)).json["rows"] == [[1]]
    assert (await query(people.bob, sql)).json["rows"] == [[0]]


async def test_the_chart_draws_what_a_query_gives_where_it_can(people: People) -> None:
    sql = "SELECT 'it' AS error, 'run' AS of, 3 AS times"
    told = (await query(people.ann, sql, chart="errors")).json
    assert told["figure"]["data"][0]["x"] == [3]
    told = (await query(people.ann, "SELECT 1 AS one", chart="errors")).json
    assert told["figure"] is None
    assert "table" in told["note"]


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE events",
        "SELECT 1; SELECT 2",
        "SELECT * FROM read_text('/etc/passwd')",
        "nonsense",
    ],
)
async def test_what_is_no_harmless_select_is_refused(people: People, sql: str) -> None:
    answer = await query(people.ann, sql)
    assert answer.status == 400
    assert "root:" not in answer.body.decode()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "SELECT modle\nFROM v_runs",
            "there is no column 'modle' in v_runs (line 1, column 8); did you mean model?",
        ),
        (
            "SELECT * FROM v_run",
            "there is no view 'v_run' (line 1, column 15); did you mean v_runs?",
        ),
    ],
)
async def test_a_wrong_query_is_explained(people: People, sql: str, said: str) -> None:
    answer = await query(people.ann, sql)
    assert answer.status == 400
    assert said in json.dumps(answer.json, ensure_ascii=False)
    assert "Error: " not in answer.body.decode()


async def test_everybodys_figures_come_from_the_pages_own_queries(people: People) -> None:
    await ask(people.ann)
    wide = {"filters": {"everybody": True}}
    refused = await query(people.owner, "SELECT * FROM events", chart="errors", **wide)
    assert refused.status == 403
    chart = (await board(people.owner, "?everybody=true"))["charts"][0]
    answer = await query(people.owner, chart["sql"], chart=chart["name"], **wide)
    assert len(answer.json["rows"]) == 1
    mine = await query(people.ann, chart["sql"], chart=chart["name"], **wide)
    assert mine.status == 403


async def test_numbers_are_saved_as_csv_and_parquet(people: People) -> None:
    body = {"sql": "SELECT '=1+1' AS text, 2 AS n", "chart": "tools"}
    answer = await people.ann.post(f"{AT}/api/download", {**body, "format": "csv"})
    assert answer.body == b"text,n\n'=1+1,2\n"
    assert 'filename="tools.csv"' in answer.headers["Content-Disposition"]
    answer = await people.ann.post(f"{AT}/api/download", {**body, "format": "parquet"})
    assert answer.body.startswith(b"PAR1")
    refused = await people.ann.post(f"{AT}/api/download", {**body, "format": "xlsx"})
    assert refused.status == 400


async def test_a_reading_key_is_enough_to_look(people: People, core: Core) -> None:
    user = await core.users.by_username("ann")
    assert user is not None
    actor = Actor(user_id=user.id, username="ann")
    _, secret = await core.api_keys.create(actor, "k", scopes=["read"])
    reader = people.ann.holding(secret)
    assert (await reader.get(f"{AT}/api/board")).status == 200
    assert (await query(reader, "SELECT 1")).status == 200
