"""``jupyter agents`` as people start it: another process, a real core, a real port."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

pytestmark = pytest.mark.slow
COMMAND = [sys.executable, "-m", "jupyter", "agents", "--allow-root"]
START_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(folder: Path, **more: str) -> dict[str, str]:
    places = {
        "NOTEBOOK_AGENTS_HOME": "home",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
    }
    named = {name: str(folder / place) for name, place in places.items()}
    return {**os.environ, **named, "JUPYTER_TOKEN": "sesame", **more}


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def ask(self, verb: str, path: str, **options: object) -> httpx2.Response:
        headers = {"Authorization": "Bearer sesame"}
        with httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60) as client:
            return client.request(verb, path, **{"headers": headers, **options})  # type: ignore[arg-type]

    def wait(self) -> None:
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.ask("GET", "/v1/agents").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())


def start(folder: Path, *arguments: str, **more: str) -> Server:
    port, log = free_port(), folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*COMMAND, "--port", str(port), f"--ServerApp.root_dir={folder}", *arguments],
            env=environment(folder, **more),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Server(process, port, log)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = start(tmp_path)
    try:
        server.wait()
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def test_it_serves_on_the_given_port_and_ends_cleanly(server: Server, tmp_path: Path) -> None:
    health = server.ask("GET", "/v1/health", headers={})
    assert health.json()["status"] == "healthy"
    assert server.ask("GET", "/lab").status_code == 200
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0
    assert "Traceback" not in server.log.read_text()


def test_k02_the_owner_logs_in_with_the_password_in_the_file(
    server: Server, tmp_path: Path
) -> None:
    (path,) = re.findall(r"its password is in (\S+)", server.log.read_text())
    assert Path(path) == tmp_path / "home" / "admin_password"
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    body = {"username": "admin", "password": Path(path).read_text().strip()}
    answer = server.ask("POST", "/v1/auth/login", json=body, headers={})
    headers = {"Authorization": f"Bearer {answer.json()['session_token']}"}
    assert server.ask("GET", "/v1/agents", headers=headers).status_code == 200
    assert answer.json()["user"]["email"] == "admin@localhost"


def test_what_was_acknowledged_is_there_after_kill_9(server: Server, tmp_path: Path) -> None:
    agent_id = server.ask("POST", "/v1/agents", json={"name": "kept"}).json()["agent_id"]
    server.process.kill()
    server.process.wait()
    again = start(tmp_path)
    try:
        again.wait()
        assert again.ask("GET", f"/v1/agents/{agent_id}").json()["name"] == "kept"
        assert "its password is in" not in again.log.read_text()
    finally:
        again.process.kill()
        again.process.wait()


def test_a_busy_port_is_an_error_and_not_the_next_port(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = subprocess.run(
            [*COMMAND, "--port", str(port), f"--ServerApp.root_dir={tmp_path}"],
            env=environment(tmp_path),
            capture_output=True,
            timeout=START_S,
            check=False,
        )
    assert result.returncode != 0
    assert b"already in use" in result.stderr


def test_a_core_that_cannot_be_built_ends_the_command_with_one_line(tmp_path: Path) -> None:
    server = start(tmp_path, "--NotebookAgentsApp.database_url=nonsense://nowhere")
    try:
        assert server.process.wait(START_S) == 1
    finally:
        server.process.kill()
    log = server.log.read_text()
    assert "cannot start: " in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("setting", "cause"),
    [
        ("engine_threads=-1", "should not be less than 0"),
        ("password_logn=False", "there is no setting 'password_logn'; did you mean"),
        ("agent_c_open=True --ServerApp.ip=0.0.0.0", "agent_c_open needs a server that"),
    ],
)
def test_a_wrong_setting_ends_the_command_instead_of_serving_with_defaults(
    tmp_path: Path, setting: str, cause: str
) -> None:
    server = start(tmp_path, *f"--NotebookAgentsApp.{setting}".split())
    try:
        assert server.process.wait(START_S) == 1
    finally:
        server.process.kill()
    last = [line for line in server.log.read_text().splitlines() if "cannot start: " in line]
    assert cause in last[0]


def keys(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jupyter", "agents", "keys", *words],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


def test_keys_of_the_command_line_open_a_running_server(server: Server, tmp_path: Path) -> None:
    made = keys(tmp_path, "create", "ci")
    assert (made.returncode, made.stderr) == (0, "")
    secret = made.stdout.strip()
    headers = {"Authorization": f"Bearer {secret}"}
    assert server.ask("GET", "/v1/agents", headers=headers).status_code == 200
    listed = keys(tmp_path, "list").stdout.split()
    assert listed[2:] == ["valid", "read,run,write", "ci"]
    assert keys(tmp_path, "revoke", listed[0]).stdout == "revoked ci\n"
    assert server.ask("GET", "/v1/agents", headers=headers).status_code == 401
    wrong = keys(tmp_path, "destroy")
    assert wrong.returncode == 1
    assert "usage: " in wrong.stderr


def test_help_begins_with_what_this_is_and_may_be_cut_off(tmp_path: Path) -> None:
    command = [*COMMAND[:-1], "--help-all"]
    shown = subprocess.Popen(
        command, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert shown.stdout is not None
    assert shown.stderr is not None
    assert shown.stdout.readline().startswith(b"AI agents in a Jupyter server")
    shown.stdout.close()
    said = shown.stderr.read()
    shown.wait(START_S)
    shown.stderr.close()
    assert said == b""


def test_help_says_the_port_of_a_server_that_is_asked_for_none(tmp_path: Path) -> None:
    shown = subprocess.run(
        [*COMMAND[:-1], "--help"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=START_S,
        check=True,
    ).stdout
    port = shown[shown.index("--port=") :]
    assert port[: port.index("Equivalent")].split()[-2:] == ["Default:", "8000"]


def test_version_and_help_are_ours(tmp_path: Path) -> None:
    for option, expected in (("--version", rb"^\d+\.\d+\.\d+"), ("--help-all", b"sandbox_level")):
        result = subprocess.run(
            [*COMMAND[:-1], option],
            env=environment(tmp_path),
            capture_output=True,
            timeout=START_S,
            check=True,
        )
        assert re.search(expected, result.stdout)
