"""A server as it is started delivers webhooks; the administrator opens private networks to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from notebook_agents.build import ALLOW_PRIVATE_VARIABLE, BuildConfig, build_core
from notebook_agents.core.core import Core
from notebook_agents_server.testing import Client

SECRET = "webhook_secret_key"


@pytest.fixture
def core() -> Core | None:
    """The server builds its own."""
    return None


@pytest.fixture(params=["nothing", "environment", "setting"])
def switch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv(ALLOW_PRIVATE_VARIABLE, raising=False)
    if request.param == "environment":
        monkeypatch.setenv(ALLOW_PRIVATE_VARIABLE, "1")
    return str(request.param)


@pytest.fixture
def jp_server_config(tmp_path: Path, switch: str) -> Config:
    settings: dict[str, Any] = {"home": str(tmp_path / "home"), "core_factory": build_core}
    if switch == "setting":
        settings["webhook_allow_private"] = True
    extensions = {"jpserver_extensions": {"notebook_agents_server": True}}
    return Config({"ServerApp": extensions, "NotebookAgentsApp": settings})


async def test_a_private_receiver_gets_what_an_administrator_allows(
    switch: str, client: Client, receiver: Any
) -> None:
    body = {"url": receiver.url(), "events": ["agent.created"], "secret": SECRET}
    answer = await client.post("/v1/webhooks", body)
    if switch == "nothing":
        assert (answer.status, answer.json["error"]["details"]["field"]) == (400, "url")
        return
    assert answer.status == 201, answer.body
    path = f"/v1/webhooks/{answer.json['webhook_id']}/ping"
    assert (await client.post(path)).status == 202
    (request,) = await receiver.received(1)
    assert b'"ping"' in request.body


@pytest.mark.parametrize(("value", "is_allowed"), [("1", True), ("0", False), ("", False)])
def test_only_1_opens_private_networks(
    monkeypatch: pytest.MonkeyPatch, value: str, is_allowed: bool
) -> None:
    monkeypatch.setenv(ALLOW_PRIVATE_VARIABLE, value)
    assert BuildConfig().webhook_allow_private is is_allowed
