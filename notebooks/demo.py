"""``make demo``: the quick-start notebook, run headless against the real thing.

Starts the server that ``jupyter agents`` starts, runs the notebook in one of its kernels, prints
what happens as a transcript and checks that the answers are right. Ends with exit code 0, or with
one line that says what went wrong. The executed notebook and the server's log are kept in
``notebooks/.output``.
"""

from __future__ import annotations

import csv
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from nbformat.v4 import output_from_msg, reads, writes

HERE = Path(__file__).resolve().parent
OUTPUT = HERE / ".output"
NOTEBOOK = HERE / "quickstart.ipynb"
START_TIMEOUT_S = 90
CELL_TIMEOUT_S = 180
WIDTH = 96


class DemoFailed(Exception):
    """What went wrong, in one line."""


@dataclass
class Server:
    """The running server."""

    process: subprocess.Popen[bytes]
    url: str
    token: str
    runtime: Path

    def request(self, method: str, path: str) -> Any:
        """Call its REST API as the owner."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}{path}", method=method, headers=headers)
        request.data = b"{}" if method == "POST" else None
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read() or b"null")


@contextmanager
def running_server() -> Iterator[Server]:
    """``jupyter agents`` on a free port, ended with everything it started."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    runtime = OUTPUT / "runtime"
    runtime.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(16)
    environment = os.environ | {"JUPYTER_TOKEN": token, "JUPYTER_RUNTIME_DIR": str(runtime)}
    environment.setdefault("NOTEBOOK_AGENTS_HOME", str(OUTPUT / "home"))
    command = [sys.executable, "-m", "jupyter", "agents", f"--port={port}"]
    command += ["--no-browser", f"--ServerApp.root_dir={HERE}"]
    command += ["--allow-root"] if os.geteuid() == 0 else []
    with (OUTPUT / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=HERE, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    server = Server(process, f"http://127.0.0.1:{port}", token, runtime)
    try:
        wait_until_up(server)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def wait_until_up(server: Server) -> None:
    """Until the agents answer; DemoFailed when the server ends or takes too long."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise DemoFailed(f"the server ended at once: {last_line(OUTPUT / 'server.log')}")
        try:
            server.request("GET", "/notebook-agents/engine/health")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    raise DemoFailed(f"the server did not answer within {START_TIMEOUT_S} s")


@dataclass
class Cell:
    """A code cell and what running it showed."""

    source: str
    outputs: list[Any] = field(default_factory=list)
    by_display: dict[str, Any] = field(default_factory=dict)

    def take(self, message: dict[str, Any]) -> None:
        """Keep one message of the kernel as the notebook would."""
        kind, content = message["msg_type"], message["content"]
        display_id = content.get("transient", {}).get("display_id")
        if kind == "update_display_data" and display_id in self.by_display:
            self.by_display[display_id].data = content["data"]
        elif kind in ("display_data", "execute_result", "stream", "error"):
            output = output_from_msg(message)
            self.outputs.append(output)
            if display_id:
                self.by_display[display_id] = output

    @property
    def text(self) -> str:
        """Everything it showed, as plain text."""
        texts = [
            output.get("text") or output.get("data", {}).get("text/plain", "")
            for output in self.outputs
        ]
        return "\n".join(text.rstrip() for text in texts)

    @property
    def answer(self) -> str:
        """What the agent said, without its tool calls and the footer."""
        lines = self.text.splitlines()
        return "\n".join(line for line in lines if not line.startswith(("[", "  ", "! ")))

    @property
    def error(self) -> str:
        """The line of the error that it ended with, if any."""
        errors = [output for output in self.outputs if output.output_type == "error"]
        return f"{errors[0].ename}: {errors[0].evalue}" if errors else ""


@contextmanager
def notebook_kernel(server: Server) -> Iterator[BlockingKernelClient]:
    """A kernel of the server, reached as a front end on this machine would."""
    kernel = server.request("POST", "/api/kernels")
    client = BlockingKernelClient()
    client.load_connection_file(str(server.runtime / f"kernel-{kernel['id']}.json"))
    client.start_channels()
    try:
        client.wait_for_ready(timeout=START_TIMEOUT_S)
        yield client
    finally:
        client.stop_channels()
        server.request("DELETE", f"/api/kernels/{kernel['id']}")


def run_cell(client: BlockingKernelClient, source: str) -> Cell:
    """Execute one cell; DemoFailed with its error."""
    cell = Cell(source)
    try:
        client.execute_interactive(
            source, allow_stdin=False, timeout=CELL_TIMEOUT_S, output_hook=cell.take
        )
    except TimeoutError:
        raise DemoFailed(f"no answer within {CELL_TIMEOUT_S} s: {source}") from None
    if cell.error:
        show(source, cell.text)
        raise DemoFailed(cell.error)
    return cell


def check(cell: Cell) -> None:
    """Compare an answer with what is right; DemoFailed when it is not."""
    expected: list[str] = []
    if "12345*6789" in cell.source:
        expected = [str(12345 * 6789)]
    elif "revenue by region" in cell.source:
        totals: dict[str, int] = {}
        with (HERE / "data" / "sales.csv").open() as file:
            for row in csv.DictReader(file):
                totals[row["region"]] = totals.get(row["region"], 0) + int(row["revenue"])
        expected = [f"{region}: {total}" for region, total in totals.items()]
    elif "first 3 lines" in cell.source:
        expected = (HERE / "data" / "notes.txt").read_text().splitlines()[:3]
    missing = [text for text in expected if text not in cell.answer]
    if missing:
        tool_errors = [line.strip() for line in cell.text.splitlines() if "  Error:" in line]
        cause = " ".join((tool_errors or [cell.answer])[0].split())[:200]
        raise DemoFailed(f"the answer to {cell.source!r} lacks {missing[0]!r}: {cause}")


def show(source: str, text: str) -> None:
    """Print a cell and what came of it."""
    is_terminal = sys.stdout.isatty()
    for number, line in enumerate(source.splitlines()):
        prompt = "In: " if number == 0 else "    "
        print(f"\n{prompt}{line}" if number == 0 else f"{prompt}{line}", flush=True)
    for line in text.splitlines():
        shown = line if len(line) <= WIDTH else f"{line[: WIDTH - 2]} …"
        is_dim = is_terminal and line.startswith(("[notebook-agents", "! "))
        print(f"    \033[2m{shown}\033[0m" if is_dim else f"    {shown}", flush=True)


def play(server: Server, book: Any) -> int:
    """Run the notebook's cells, print the transcript; returns how many answers were checked."""
    n_checked = 0
    with notebook_kernel(server) as client:
        for entry in book.cells:
            if entry.cell_type != "code":
                continue
            cell = run_cell(client, entry.source)
            entry.outputs = cell.outputs
            if not cell.text:
                continue
            show(entry.source, cell.text)
            if "%agent " in entry.source and "sql" not in entry.source:
                check(cell)
                n_checked += 1
                if n_checked == 1:
                    print(f"\n{engine_line(server)}")
    return n_checked


def engine_line(server: Server) -> str:
    """Where the model is loaded."""
    health = server.request("GET", "/notebook-agents/engine/health")
    models = ", ".join(health["loaded_models"])
    if not models or not health["pid"]:
        raise DemoFailed(f"the server's engine worker holds no model: {health['detail']}")
    return f"Model {models} is loaded in the engine worker, pid {health['pid']}, on {health['device']}."


def last_line(path: Path) -> str:
    """The end of a log."""
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"


def main() -> None:
    """Run the demo."""
    begun = time.monotonic()
    OUTPUT.mkdir(exist_ok=True)
    book = reads(NOTEBOOK.read_text())
    with running_server() as server:
        print(f"Server up at {server.url} after {time.monotonic() - begun:.1f} s.")
        n_checked = play(server, book)
    (OUTPUT / NOTEBOOK.name).write_text(writes(book))
    print(f"\nAll {n_checked} answers are right. It took {time.monotonic() - begun:.0f} s.\n")
    print("Where to go next:")
    print("  make lab                      open this notebook in JupyterLab")
    print("  .venv/bin/jupyter agents      start the server with its REST and WebSocket APIs")


if __name__ == "__main__":
    try:
        main()
    except DemoFailed as failure:
        sys.exit(f"\nThe demo failed: {failure} (server log: {OUTPUT / 'server.log'})")
    except KeyboardInterrupt:
        sys.exit("\nThe demo was stopped.")
