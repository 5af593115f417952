"""The client in Netra's document, unchanged but for the address, in a browser and in Node."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.chromium import FLAGS, path_of_chromium

from .conftest import PASSWORD, RUN_TIMEOUT_S, Server, document

DOCUMENTED = "ws://localhost:8000"
IN_NODE = """
globalThis.WebSocket = require('ws');
globalThis.localStorage = {{ getItem: (name) => name === 'jwt_token' ? {token} : null }};
{client}
ws.addEventListener('message', (event) => {{
  if (JSON.parse(event.data).type === 'agent_result') ws.close(1000, 'done');
}});
"""
AGENTS = [
    "TriageSubAgent",
    "DataSubAgent",
    "OptimizationsCoreSubAgent",
    "ActionsToMeetGoalsSubAgent",
    "ReportingSubAgent",
]


@pytest.fixture(scope="session")
def jwt_token(server: Server) -> str:
    """As the document gets it."""
    login = {"email": "admin@localhost", "password": PASSWORD}
    return str(server.ask("POST", "/api/auth/login", login)["access_token"])


@pytest.fixture(params=["", "/notebook-agents/netra"], ids=["root", "prefix"])
def client(request: pytest.FixtureRequest, server: Server) -> str:
    """The document's code for this server."""
    address = server.url.replace("http", "ws") + request.param
    source = document("netra_browser")
    assert DOCUMENTED in source
    return source.replace(DOCUMENTED, address)


@pytest.fixture
def page(server: Server) -> Iterator[Any]:
    """A page of this server in a real browser."""
    sync_api = pytest.importorskip("playwright.sync_api")
    executable = path_of_chromium()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, headless=True, args=FLAGS)
        page = browser.new_page(bypass_csp=True)  # the client is put into the page by the test
        # A page of the server's own: answers of the APIs are no place for scripts.
        page.goto(f"{server.url}/docs")
        yield page
        browser.close()


def steps_of(lines: list[str]) -> list[str]:
    """The agents that the client told of, each once."""
    told = [line.split()[1].rstrip(":") for line in lines if line.startswith("Agent ")]
    return list(dict.fromkeys(told))


@pytest.mark.browser
def test_N_66_the_browser_client_is_told_each_step_and_the_result(
    page: Any, client: str, jwt_token: str
) -> None:
    lines: list[str] = []
    page.on("console", lambda message: lines.append(message.text))
    page.evaluate("token => localStorage.setItem('jwt_token', token)", jwt_token)
    ends = ("Optimization complete", "Error", "WebSocket error", "Connection closed")
    with page.expect_console_message(
        lambda message: message.text.startswith(ends), timeout=RUN_TIMEOUT_S * 1000
    ):
        page.add_script_tag(content=client)
    assert lines[0] == "Connected to Netra WebSocket"
    assert steps_of(lines) == AGENTS
    assert lines[-1].startswith("Optimization complete:")
    assert "recommendations" in lines[-1]


def test_N_66_the_same_code_runs_in_node(
    client: str, jwt_token: str, run_node: Callable[[str, str], str]
) -> None:
    source = IN_NODE.format(token=json.dumps(jwt_token), client=client)
    lines = run_node(source, "netra.cjs").splitlines()
    assert lines[0] == "Connected to Netra WebSocket"
    assert steps_of(lines) == AGENTS
    assert any(line.startswith("Optimization complete:") for line in lines)
    assert lines[-1].startswith("Connection closed: 1000")


def test_N_61_a_client_with_a_wrong_token_reads_why(
    client: str, run_node: Callable[[str, str], str]
) -> None:
    source = IN_NODE.format(token=json.dumps("wrong"), client=client)
    lines = run_node(source, "wrong.cjs").splitlines()
    assert lines[-1].startswith("Connection closed: 4000")
