"""What is left when the server cannot be brought up: nothing that is half open."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp

from notebook_agents.core.core import Core
from notebook_agents.core.errors import EngineUnavailable, InvalidRequest
from notebook_agents.testing import MemoryStore, fake_core
from notebook_agents_server.identity import ensure_owner

V2 = "api/v2/health"
CHECKS = ("health", "health/ready", "v1/health", "api/health", V2, f"{V2}/ready")


class FullDisk(MemoryStore):
    async def commit(self, *_changes: Any) -> None:
        raise OSError("no space left")


@pytest.fixture(autouse=True)
def no_given_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTEBOOK_AGENTS_ADMIN_PASSWORD", raising=False)


async def test_a_core_that_was_started_is_closed_when_the_rest_fails(
    jp_serverapp: ServerApp, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTEBOOK_AGENTS_ADMIN_PASSWORD", "short")
    app: Any = jp_serverapp.extension_manager.extension_points["notebook_agents"].app
    work = core.spawn(asyncio.Event().wait(), name="work")
    with pytest.raises(InvalidRequest, match="8 to 1024 characters"):
        await app._start_jupyter_server_extension(jp_serverapp)
    assert work.cancelled()
    with pytest.raises(EngineUnavailable, match="could not be started"):
        app.services.ready()


async def test_every_health_check_fails_for_as_long_as_requests_do(
    http_server_client: Any, jp_serverapp: ServerApp
) -> None:
    async def ask(path: str) -> tuple[int, bytes]:
        url, given = f"{jp_serverapp.base_url}{path}", {"Authorization": "Bearer something"}
        answer = await http_server_client.fetch(url, headers=given, raise_error=False)
        return answer.code, answer.body

    code, body = await ask("v1/agents")
    assert (code, b"the server is starting" in body) == (503, True)
    assert {path: (await ask(path))[0] for path in CHECKS} == dict.fromkeys(CHECKS, 503)
    app: Any = jp_serverapp.extension_manager.extension_points["notebook_agents"].app
    await app._start_jupyter_server_extension(jp_serverapp)
    assert (await ask("v1/agents"))[0] == 401
    assert {path: (await ask(path))[0] for path in CHECKS} == dict.fromkeys(CHECKS, 200)


async def test_an_account_that_cannot_be_saved_leaves_no_password(tmp_path: Path) -> None:
    core = fake_core(home=tmp_path / "workspaces", store=FullDisk())
    with pytest.raises(OSError, match="no space left"):
        await ensure_owner(core.users, tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_a_password_that_cannot_be_written_is_not_set(tmp_path: Path) -> None:
    core = fake_core(home=tmp_path)
    with pytest.raises(FileNotFoundError):
        await ensure_owner(core.users, tmp_path / "missing")
    assert await core.users.find("admin") is None


async def test_of_two_servers_that_start_at_once_the_file_has_the_password_that_counts(
    tmp_path: Path,
) -> None:
    core = fake_core(home=tmp_path / "workspaces")
    await asyncio.gather(*(ensure_owner(core.users, tmp_path) for _ in range(5)))
    (path,) = tmp_path.iterdir()
    owner = await core.users.authenticate("admin", path.read_text().strip())
    assert owner.is_admin
