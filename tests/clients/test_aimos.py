"""The clients in AIMOS's document, unchanged but for the address, against a live server."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from notebook_agents_server.command import DEFAULT_PORT

from .conftest import PASSWORD, RUN_TIMEOUT_S, Server, document

DOCUMENTED = "http://localhost:8000/api"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture(params=["", "/notebook-agents/aimos"], ids=["root", "prefix"])
def base_url(request: pytest.FixtureRequest, server: Server) -> str:
    """What stands in the place of the documented address."""
    return f"{server.url}{request.param}/api"


@pytest.fixture(scope="session")
def agents(server: Server, token: str) -> list[str]:
    """Four agents that are switched on."""
    ids = []
    for n in range(4):
        body = {"name": f"Bot {n}", "role": "Analysis", "description": "Analyzes"}
        id = server.ask("POST", "/api/agents", body, token)["id"]
        server.ask("PUT", f"/api/agents/{id}", {"status": "active"}, token)
        ids.append(id)
    return ids


def python_client(base_url: str) -> Any:
    """The document's Python class, logged in."""
    names: dict[str, Any] = {}
    exec(document("aimos_python").split("# Usage example")[0], names)  # noqa: S102
    return names["AIMOSClient"](base_url, "admin", PASSWORD)


def test_O_46_the_python_client_logs_in(base_url: str, agents: list[str]) -> None:
    client = python_client(base_url)
    assert client.token
    assert client.session.headers["Authorization"] == f"Bearer {client.token}"
    with pytest.raises(requests.HTTPError, match="401"):
        client.login("admin", "wrong password")


def test_O_47_the_python_client_lists_agents(base_url: str, agents: list[str]) -> None:
    client = python_client(base_url)
    assert {agent["id"] for agent in client.get_agents(status="active")} == set(agents)
    assert client.get_agents(status="error") == []
    assert len(client.get_agents()) == 4


def test_O_48_the_python_client_executes_agents(base_url: str, agents: list[str]) -> None:
    client = python_client(base_url)
    chosen = client.execute_agents(agents[:2], parallel=False, timeout_seconds=60)
    assert (chosen["agent_count"], chosen["status"]) == (2, "started")
    assert client.execute_agents()["agent_count"] == 4


def test_O_49_the_python_client_gets_the_status(base_url: str, agents: list[str]) -> None:
    status = python_client(base_url).get_system_status()
    assert 0 < status["system_health_score"] <= 1
    assert (status["total_agents"], status["active_agents"]) == (4, 4)


def test_O_50_the_python_client_reads_the_log(base_url: str, agents: list[str]) -> None:
    client = python_client(base_url)
    started = client.execute_agents([agents[0]])
    rows = client.get_execution_logs(agent_id=agents[0], limit=100)
    assert started["execution_id"] in {row["execution_id"] for row in rows}
    assert {row["agent_id"] for row in rows} == {agents[0]}
    found = client.get_execution_logs(status="success")
    assert {row["status"] for row in found} <= {"success"}


def test_O_51_the_python_example_runs(base_url: str, agents: list[str], tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(document("aimos_python").replace(DOCUMENTED, base_url))
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    health, active, execution = done.stdout.splitlines()
    assert re.fullmatch(r"System Health: 0\.\d+", health)
    assert active == "Active Agents: 4"
    assert re.fullmatch(rf"Execution ID: {UUID}", execution)


def test_O_52_O_54_the_node_example_runs(
    base_url: str, agents: list[str], run_node: Callable[[str, str], str]
) -> None:
    printed = run_node(document("aimos_node").replace(DOCUMENTED, base_url), "example.js")
    assert "System Status: {" in printed
    assert "Active Agents: 4" in printed
    assert re.search(rf"Execution Started: {UUID}", printed)
    # It connects without a token, as somebody else: it is told why not, and closed.
    assert "Invalid authentication credentials" in printed
    assert "execution_completed" not in printed


CONNECTED = """
class Watching extends AIMOSClient {
  handleWebSocketMessage(message) {
    console.log(JSON.stringify(message.type));
    if (message.type === 'execution_completed') this.ws.close();
  }
}
async function watch() {
  const client = new Watching('BASE');
  await client.login('admin', 'admin123');
  client.ws = client.createWebSocketConnection(`admin?token=${client.token}`);
  client.ws.on('close', (code) => console.log('closed', code));
  client.ws.once('message', () => client.executeAgents({ agent_ids: IDS }));
}
watch();
"""


def test_O_53_the_node_client_is_told_of_executions(
    base_url: str, agents: list[str], run_node: Callable[[str, str], str]
) -> None:
    source = document("aimos_node").split("// Usage")[0]
    source += CONNECTED.replace("BASE", base_url).replace("IDS", str(agents[:2]))
    lines = run_node(source, "watching.js").splitlines()
    types = [line.strip('"') for line in lines if line != '"metrics_update"']
    assert types == [
        "WebSocket connected",
        "execution_started",
        "agent_completed",
        "agent_completed",
        "execution_completed",
        "closed 1005",
    ]
    assert '"metrics_update"' in lines


API_SERVICE = """
import axios from 'axios';
import WebSocket from 'ws';
const http = axios.create({ baseURL: 'BASE' });
let token = '';
export default {
  async login(username, password) {
    const { data } = await http.post('/auth/login', new URLSearchParams({ username, password }));
    token = data.access_token;
    http.defaults.headers.common.Authorization = `Bearer ${token}`;
    return data;
  },
  getCurrentUser: async () => (await http.get('/auth/me')).data,
  getAgents: async (params) => (await http.get('/agents', { params })).data,
  createAgent: async (agent) => (await http.post('/agents', agent)).data,
  executeAgents: async (options) => (await http.post('/execute', options)).data,
  createWebSocketConnection: (userId) =>
    new WebSocket(`${'BASE'.replace('http', 'ws')}/ws/${userId}?token=${token}`),
};
"""
"""The document imports it and does not show it."""
DASHBOARD = """
const seen = new Set();
globalThis.updateDashboardMetrics = () => note('metrics');
globalThis.showExecutionResults = (data) => note(data.execution_id);
globalThis.refreshAgentList = () => note('agents');
let ws, execution, isBegun = false;
async function note(what) {
  seen.add(what);
  if (!isBegun) {
    isBegun = true;
    await api.createAgent({ name: 'NAME', role: 'Watched' });
    execution = await manageAgents();
  }
  if (execution && ['metrics', 'agents', execution.execution_id].every((it) => seen.has(it))) {
    console.log('SEEN', execution.agent_count);
    ws.close();
  }
}
const { success, user } = await authenticateUser('admin', 'admin123');
console.log('USER', success, user.username);
console.log('WRONG', JSON.stringify((await authenticateUser('admin', 'wrong')).success));
await authenticateUser('admin', 'admin123');
ws = setupRealTimeMonitoring(user.id);
"""


def test_O_43_O_44_O_45_the_react_code_runs(
    base_url: str, agents: list[str], run_node: Callable[[str, str], str], tmp_path: Path
) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "services" / "api.js").write_text(API_SERVICE.replace("BASE", base_url))
    source = document("aimos_react").replace("./services/api", "./services/api.js")
    name = f"Watched {uuid.uuid4()}"
    printed = run_node(source + DASHBOARD.replace("NAME", name), "dashboard.js")
    assert "USER true admin" in printed
    assert "WRONG false" in printed
    assert "SEEN 3" in printed


def test_O_01_the_documented_address_is_the_default(server: Server) -> None:
    assert f"http://localhost:{DEFAULT_PORT}/api" == DOCUMENTED
    assert server.ask("GET", "/api/health")["status"] == "healthy"


def test_alone_on_this_machine_metrics_need_no_credential(server: Server) -> None:
    page = requests.get(f"{server.url}/metrics", timeout=RUN_TIMEOUT_S)
    assert page.status_code == 200
    assert "aimos_system_health_score" in page.text
    refused = requests.get(f"{server.url}/api/system/metrics/prometheus", timeout=RUN_TIMEOUT_S)
    assert refused.status_code == 401
