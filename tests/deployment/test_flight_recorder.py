"""One record: a server, two notebooks and a task write it at once while a third notebook reads.

Somebody compacts it meanwhile, again and again. No reader ever sees an event twice or a gap in a
run, and afterwards every page and every notebook tells the same numbers.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest
from tests.deployment.conftest import Process, answers, free_port
from tornado.httpclient import AsyncHTTPClient

from notebook_agents_server.testing import Client

pytestmark = [pytest.mark.deployment, pytest.mark.slow]
QUESTIONS = 2
"""Of each notebook, of the task, and of the server's client."""
ASK = [f"%agent What is {number} * 7?" for number in range(2, 2 + QUESTIONS)]
WRITER = ["%load_ext notebook_agents", "%agent record on", *ASK]
COUNTS = """
SELECT count(*) AS n, count(DISTINCT id) AS n_ids,
    count(*) FILTER (run_id <> '') AS n_of_runs,
    count(DISTINCT (run_id, run_seq)) FILTER (run_id <> '') AS n_numbers,
    (SELECT coalesce(sum(last - held), 0)::BIGINT FROM (
        SELECT max(run_seq) AS last, count(*) AS held FROM events WHERE run_id <> '' GROUP BY run_id
    )) AS n_missing
FROM events"""
READER = f'''
import json, time
from pathlib import Path
from notebook_agents import frames
seen = []
while len(seen) < 5 or not Path("done").exists():
    frame = frames.sql("""{COUNTS}""")
    seen.append({{name: int(value) for name, value in frame.iloc[0].items()}})
    time.sleep(0.3)
print(json.dumps(seen))'''
TOTALS = """%%agent_sql totals <<
SELECT count(*) AS runs, count(*) FILTER (status = 'succeeded') AS succeeded,
    sum(input_tokens + output_tokens)::BIGINT AS tokens
FROM v_runs"""
SHOWN = "import json; print(json.dumps({k: int(v) for k, v in totals.iloc[0].items()}))"


class Desk:
    """A server, and whoever works beside it in the same home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        places = {
            "NOTEBOOK_AGENTS_HOME": "home",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "IPYTHONDIR": "ipython",
        }
        self.environment = {name: str(folder / place) for name, place in places.items()}
        self.environment["JUPYTER_TOKEN"] = "sesame"
        command = [sys.executable, "-m", "jupyter", "agents", "--allow-root", f"--port={self.port}"]
        self.server = Process(
            [*command, f"--ServerApp.root_dir={folder}"], folder, self.environment
        )

    async def open(self) -> Client:
        """Start the server; returns a program that talks to it as its owner."""
        self.server.start()
        url = f"http://127.0.0.1:{self.port}"
        await answers(url, self.server, "/notebook-agents/tektra/v1/health")
        return Client(AsyncHTTPClient(force_instance=True), url, "").holding("sesame")

    def notebook(self, *cells: str) -> list[Any]:
        """The cells with their outputs, executed in a kernel of their own."""
        path = self.written(f"notebook-{uuid.uuid4().hex}.ipynb", *cells)
        self.run("execute", "--inplace", "--timeout=300", str(path))
        return list(nbformat.read(path, as_version=4).cells)  # type: ignore[no-untyped-call]

    def written(self, name: str, *cells: str) -> Path:
        """A notebook with these cells."""
        v4: Any = nbformat.v4
        book = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
        path = self.folder / name
        nbformat.write(book, path)  # type: ignore[no-untyped-call]
        return path

    def run(self, *words: str) -> str:
        """What a command of Jupyter prints."""
        done = subprocess.run(
            [sys.executable, "-m", "jupyter", *words],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def compact_until(self, done: Path) -> int:
        """Compact what is there again and again; returns how often."""
        times = 0
        while times < 2 or not done.exists():
            self.run("agents", "events", "compact", "--idle=0")
            times += 1
        return times


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.server.kill()


async def ask_the_server(client: Client) -> None:
    """The same questions over one of the APIs."""
    chat = client.below("/notebook-agents/agent_c/api/v1")
    wish = {"model_name": "notebook-agents/tiny", "persona_name": "default"}
    made = await chat.post("/initialize", wish)
    assert made.status in {200, 201}, made.body
    for number in range(QUESTIONS):
        message = {"ui_session_id": made.json["ui_session_id"], "message": f"What is {number} * 7?"}
        said = await chat.post("/chat", message)
        assert b"interaction_end" in said.body


async def test_many_write_one_record_and_all_read_the_same(desk: Desk) -> None:
    client = await desk.open()
    desk.written("report.ipynb", *WRITER)
    desk.run("agents", "tasks", "create", "Report", "--notebook=report.ipynb")
    done, loop = desk.folder / "done", asyncio.get_running_loop()
    with ThreadPoolExecutor(5) as pool:
        reading = loop.run_in_executor(pool, desk.notebook, "%load_ext notebook_agents", READER)
        compacting = loop.run_in_executor(pool, desk.compact_until, done)
        writing = [loop.run_in_executor(pool, desk.notebook, *WRITER) for _ in range(2)]
        run_task = loop.run_in_executor(
            pool, desk.run, "agents", "tasks", "run", "Report", "--wait"
        )
        try:
            await asyncio.gather(ask_the_server(client), run_task, *writing)
        finally:
            done.touch()
        seen, n_compactions = await reading, await compacting
    looks = json.loads(seen[1].outputs[-1]["text"].splitlines()[-1])
    assert n_compactions >= 2
    for look in looks:
        assert look["n"] == look["n_ids"], "an event was seen twice"
        assert look["n_of_runs"] == look["n_numbers"]
        assert look["n_missing"] == 0, "a run had a gap"
    assert [look["n"] for look in looks] == sorted(look["n"] for look in looks)
    await check_figures(desk, client)


async def check_figures(desk: Desk, client: Client) -> None:
    """Every page tells what SQL tells."""
    *_, cell = desk.notebook("%load_ext notebook_agents", TOTALS, SHOWN)
    truth = json.loads(cell.outputs[-1]["text"])
    assert truth["runs"] == truth["succeeded"] == 4 * QUESTIONS
    requests = (await client.get("/v1/metrics")).json["application"]["requests"]
    assert requests["total_today"] == truth["runs"]
    runs = (await client.get("/api/v1/admin/stats")).json["runs"]
    assert (runs["today"], runs["succeeded_today"]) == (truth["runs"], truth["succeeded"])
    assert runs["tokens_today"] == truth["tokens"]
    page = (await client.get("/metrics")).body.decode()
    assert f'notebook_agents_runs_total{{status="succeeded"}} {float(truth["runs"])}' in page
    desk.run("agents", "events", "verify")
