"""AIMOS, Support and Resources, Base Configuration: where the document says things are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from notebook_agents_server.config import ServerSettings
from notebook_agents_server.testing import Client

from .conftest import PASSWORD, People

OUTSIDE = re.compile(r"""(?:src|href)=["'](?:https?:)?//""")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/docs", id="O_72"),
        pytest.param("/redoc", id="O_73"),
    ],
)
async def test_O_72_O_73_the_documents_are_pages_of_this_server(people: People, path: str) -> None:
    answer = await people.nobody.get(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    page = answer.body.decode()
    assert "AIMOS" in page or "openapi" in page
    assert OUTSIDE.search(page) is None


def test_O_03_the_database_and_redis_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NOTEBOOK_AGENTS_DATABASE_URL", "postgresql://somebody@somewhere/agents")
    monkeypatch.setenv("NOTEBOOK_AGENTS_REDIS_URL", "redis://localhost:6379/0")
    settings = ServerSettings()
    assert settings.database_url == "postgresql://somebody@somewhere/agents"
    assert settings.redis_url == "redis://localhost:6379/0"


async def test_O_04_tokens_are_signed_with_a_key_of_this_deployment(
    people: People, tmp_path: Path
) -> None:
    token = people.ann.headers["Authorization"].removeprefix("Bearer ")
    head, body, signature = token.split(".")
    for forged in (f"{head}.{body}.{signature[::-1]}", f"{head}.{body}."):
        assert (await people.nobody.holding(forged).get("/agents")).status == 401
    secrets = [path for path in (tmp_path / "home").rglob("*") if "key" in path.name.lower()]
    assert secrets
    assert all(path.stat().st_mode & 0o077 == 0 for path in secrets)


async def test_O_05_tokens_of_a_login_here_last_30_minutes(people: People, api: Client) -> None:
    login = await people.nobody.post("/auth/login", {"username": "ann", "password": PASSWORD})
    assert login.status == 200, login.body
    assert login.json["expires_in"] == 30 * 60
