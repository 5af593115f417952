"""Compacting, pruning and forgetting beside a server at work: who uses it notices nothing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from notebook_agents.core.errors import Conflict
from notebook_agents.core.events import AgentCreated, Event, TextDelta
from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.keeping_apart import KeepingApart
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents_server.testing import Client

from .servers import Server

pytestmark = [pytest.mark.slow]
ZOE = {"username": "zoe", "email": "zoe@example.org", "password": "zoe-zoe-zoe"}
SECRET = "zebra-7719"
AGENT_C = "/notebook-agents/agent_c/api/v1"
PAGES = ("/metrics", "/v1/metrics", "/api/v1/admin/stats", "/notebook-agents/ui/api/board")
N_OLD = 40
N_TIMES = 2


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[Server, None]:
    made = Server(tmp_path)
    await write_old(home_of(made))
    try:
        await made.start()
        yield made
    finally:
        made.kill()


def home_of(server: Server) -> Path:
    return server.folder / "agents"


async def write_old(home: Path) -> None:
    """A run of last year, which pruning takes, and the name of an agent, which it leaves."""
    log, then = JsonlEventLog(home), datetime.now(UTC) - timedelta(days=300)
    for number in range(1, N_OLD + 1):
        ids: dict[str, Any] = {"id": f"old-{number}", "conversation_id": "old", "run_id": "old"}
        body = TextDelta(step=1, text="x")
        log.append(Event(**ids, run_seq=number, ts=then, user_id="ann", body=body))
    log.append(Event(id="named", ts=then, user_id="ann", body=AgentCreated(name="a")))
    await log.aclose()


async def answered(client: Client, *words: str) -> int:
    """How many questions a conversation of this person had an answer to."""
    wish = {"model_name": "other/model", "persona_name": "default"}
    made = await client.post(f"{AGENT_C}/initialize", wish)
    assert made.status in {200, 201}, made.body
    for word in words:
        asked = {"ui_session_id": made.json["ui_session_id"], "message": word}
        said = await client.post(f"{AGENT_C}/chat", asked)
        assert said.status == 200, said.body
        assert word.encode() in said.body
        assert b"interaction_end" in said.body
    return len(words)


async def zoe_of(client: Client) -> tuple[str, Client]:
    """A person with an account of her own, and her id."""
    anybody = client.holding(None)
    made = await anybody.post("/api/v1/auth/register", ZOE)
    assert made.status == 201, made.body
    login = {"email": ZOE["email"], "password": ZOE["password"]}
    token = (await anybody.post("/api/v1/auth/login", login)).json["access_token"]
    return str(made.json["id"]), client.holding(token)


async def command(server: Server, *words: str) -> str:
    """What a command of the log says; it is given again while another process has the log."""
    places = {"HOME": server.folder, "NOTEBOOK_AGENTS_HOME": home_of(server)}
    environment = {**os.environ, **{name: str(place) for name, place in places.items()}}
    while True:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "jupyter", "agents", "events", *words],
            env=environment,
            cwd=server.folder,
            capture_output=True,
            check=False,
            text=True,
        )
        if "another process compacts" not in done.stderr:
            assert done.returncode == 0, done.stderr
            return done.stdout


async def compact(home: Path, times: int) -> None:
    """In processes of their own, one after the other; whoever else wants the log waits."""
    keeping, done = KeepingApart(home), 0
    while done < times:
        with suppress(Conflict):
            await asyncio.to_thread(keeping.compact, 0.0)
            done += 1


async def ask_until(client: Client, done: asyncio.Event) -> int:
    times = 0
    while not done.is_set():
        times += await answered(client, f"word{times}", f"again{times}")
    return times


async def look_until(client: Client, done: asyncio.Event) -> None:
    while not done.is_set():
        for page in PAGES:
            assert (await client.get(page)).status == 200, page


def told_of(home: Path, *words: str) -> list[str]:
    """Where in the files of the log one of these words still is."""
    found = []
    for path in (home / "events").rglob("*"):
        if path.suffix == ".parquet":
            rows = duckdb.execute("SELECT COLUMNS(*)::VARCHAR FROM read_parquet(?)", [str(path)])
            content = repr(rows.fetchall()).encode()
        else:
            content = path.read_bytes() if path.is_file() else b""
        found += [f"{word} in {path.name}" for word in words if word.encode() in content]
    return found


async def test_nobody_notices_and_what_is_forgotten_is_nowhere(server: Server) -> None:
    home, client, done = home_of(server), server.client(), asyncio.Event()
    zoe_id, zoe = await zoe_of(client)
    await answered(zoe, SECRET, f"{SECRET} again")
    hot = [path for path in (home / "events" / "hot").iterdir() if SECRET in path.read_text()]
    with hot[0].open("ab") as file:
        file.write(f'{{"id":"torn of {SECRET}\n'.encode())
    await asyncio.to_thread(KeepingApart(home).compact, 0.0)
    assert told_of(home, SECRET)

    async def keep() -> tuple[str, str]:
        pruned, forgotten = await asyncio.gather(
            command(server, "prune", "--before=2d", "--yes"),
            command(server, "forget", "zoe", "--yes"),
        )
        done.set()
        return pruned, forgotten

    (pruned, forgotten), n_asked, *_ = await asyncio.gather(
        keep(), ask_until(client, done), compact(home, N_TIMES), look_until(client, done)
    )
    assert f"removed {N_OLD} events" in pruned
    assert "events of zoe" in forgotten
    assert n_asked >= 4
    assert await asyncio.to_thread(told_of, home, SECRET, zoe_id) == []
    assert await asyncio.to_thread(EventLogKeeping(home).verify) == []
    wanted = f'notebook_agents_runs_total{{status="succeeded"}} {float(n_asked)}'
    async with asyncio.timeout(30):  # the log is read for a page every few seconds
        while wanted not in (page := (await client.get("/metrics")).body.decode()):
            assert "notebook_agents_runs_total" in page
    exported = await command(server, "export", "--output=-", "--with-content")
    assert exported.count('"type":"run_finished"') == n_asked
    assert not [word for word in (SECRET, zoe_id, '"old-') if word in exported]
    assert '"named"' in exported
    assert "] 500 " not in (server.folder / "log.txt").read_text()
