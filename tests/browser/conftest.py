"""A real JupyterLab and a real browser."""

from __future__ import annotations

import json
import os
import secrets
import shutil
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
from urllib.parse import urlsplit

import pytest
from tests.chromium import (  # noqa: F401 - fixtures
    PATIENCE_MS,
    jp_asyncio_loop,
    jp_server_cleanup,
    one_chromium,
)

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
START_TIMEOUT_S = 60
RUN_ATTEMPTS = 6
RUN_TIMEOUT_MS = 5_000
VIEWPORT = {"width": 1000, "height": 1068}
OBSERVE_OUTPUTS = """
() => {
  window.seenTexts = [];
  const look = () => {
    for (const output of document.querySelectorAll('.jp-OutputArea-output')) {
      const text = output.textContent.trim();
      if (text && window.seenTexts.at(-1) !== text) window.seenTexts.push(text);
    }
  };
  new MutationObserver(look).observe(
    document.body, {subtree: true, childList: true, characterData: true});
}
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshot", help="keep the picture of the quick-start notebook here")


@dataclass
class Lab:
    """A running JupyterLab."""

    url: str
    token: str
    folder: Path
    home: Path
    """Where the product keeps its records."""

    def n_events(self, type: str, **fields: Any) -> int:
        """How many events of a kind are recorded so far."""
        texts = (path.read_text() for path in (self.home / "events").rglob("*.jsonl"))
        lines = (line for text in texts for line in text.splitlines() if type in line)
        rows = (row for line in lines if (row := json.loads(line))["type"] == type)
        return sum(all(row["payload"][name] == fields[name] for name in fields) for row in rows)


@dataclass
class Page:
    """A notebook in the browser."""

    page: Any
    requests: list[str] = field(default_factory=list)
    """The hosts it asked for anything."""

    def open(self, lab: Lab, notebook: str) -> None:
        """Show a notebook alone, without side bars."""
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(f"{lab.url}/doc/tree/{notebook}?token={lab.token}&reset")
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        self.page.evaluate(OBSERVE_OUTPUTS)

    def open_in_notebook_7(self, lab: Lab, notebook: str) -> None:
        """Show a notebook in Notebook 7."""
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(f"{lab.url}/notebooks/{notebook}?token={lab.token}")
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        idle = self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")
        idle.wait_for()

    def run_all(self) -> None:
        """Run every cell through the menu."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def run(self, source: str) -> None:
        """Run one cell by keyboard."""
        self.execute(self.code_cell(source))

    def execute(self, cell: Any) -> None:
        """Run a cell by keyboard, again where nothing came of it.

        A notebook looks idle before its kernel is connected, and a cell that is run then is left
        as it was.
        """
        from playwright.sync_api import expect

        prompt = cell.locator(".jp-InputPrompt").first
        before = prompt.text_content()
        for left in reversed(range(RUN_ATTEMPTS)):
            cell.locator(".cm-content").first.click()
            self.page.keyboard.press("Shift+Enter")
            try:
                expect(prompt).not_to_have_text(before, timeout=RUN_TIMEOUT_MS)
            except AssertionError:
                if not left:
                    raise
            else:
                return

    def code_cell(self, text: str) -> Any:
        """The code cell whose source contains a text."""
        return self.page.locator(".jp-CodeCell").filter(
            has=self.page.locator(".jp-InputArea-editor", has_text=text)
        )

    def output(self, source: str) -> Any:
        """The first output of a code cell."""
        return self.code_cell(source).locator(".jp-OutputArea-output").first

    def seen_texts(self) -> list[str]:
        """Every state that any output has had, in order."""
        texts: list[str] = self.page.evaluate("() => window.seenTexts")
        return texts

    def hosts(self) -> set[str | None]:
        """Where requests went."""
        web = [url for url in self.requests if urlsplit(url).scheme in ("http", "https", "ws")]
        return {urlsplit(url).hostname for url in web}


@pytest.fixture
def lab(server: Lab) -> Iterator[Lab]:
    """JupyterLab, whose kernels end with the test."""
    yield server
    for session in request(server, "api/sessions"):
        request(server, f"api/sessions/{session['id']}", "DELETE")


def request(lab: Lab, path: str, method: str = "GET") -> Any:
    """What the server answers as JSON; None when that is nothing."""
    asked = urllib.request.Request(f"{lab.url}/{path}?token={lab.token}", method=method)  # noqa: S310 - our own address
    with urllib.request.urlopen(asked) as reply:  # noqa: S310
        content = reply.read()
    return json.loads(content) if content else None


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One server for all tests of a process; each has notebooks of names of its own."""
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@contextmanager
def running_lab(tmp_path: Path) -> Iterator[Lab]:
    """A server whose notebooks, records and settings are below a folder."""
    folder = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, folder, ignore=shutil.ignore_patterns(".*", "*.py", "__pycache__"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    with _jupyter_lab(tmp_path, port, token, folder) as process:
        url = f"http://127.0.0.1:{port}"
        _wait_until_up(process, f"{url}/notebook-agents/tektra/v1/health", tmp_path / "lab.log")
        yield Lab(url, token, folder, tmp_path / "agents")


@pytest.fixture
def page(chromium: Any) -> Iterator[Page]:
    context = chromium.new_context(viewport=VIEWPORT, device_scale_factor=2)
    context.set_default_timeout(PATIENCE_MS)
    yield Page(context.new_page())
    context.close()


@contextmanager
def _jupyter_lab(
    home: Path, port: int, token: str, folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    own = {
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "NOTEBOOK_AGENTS_HOME": str(home / "agents"),
    }
    no_news = home / "settings" / "@jupyterlab" / "apputils-extension"
    no_news.mkdir(parents=True)
    (no_news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"]
    command += ["--LabApp.news_url=None", "--LabApp.extension_manager=readonly"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    command += ["--allow-root"] if os.geteuid() == 0 else []
    with (home / "lab.log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    pytest.fail(f"JupyterLab did not answer: {log.read_text()}")
