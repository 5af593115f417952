"""N15: what the process knows as secret is in no answer, event, log or file of the product."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from tests.security.doors import person

from notebook_agents.build import BuildConfig, build_core
from notebook_agents.core.core import Core
from notebook_agents.core.errors import EngineUnavailable, InvalidRequest
from notebook_agents.core.redaction import RedactingFilter, Redactor
from notebook_agents.testing import MemoryEventLog, ScriptedEngine
from notebook_agents_server.base import BaseHandler
from notebook_agents_server.failures import RateExceeded, without_secrets
from notebook_agents_server.testing import Client, services_of

CANARY = "canary-7f3a91c2-d04e-known-to-the-process"
LOOKS_SECRET = "sk-proj-abcdefghijklmnop1234567890"
NAMES = ("OPENAI_API_KEY", "JUPYTERHUB_API_TOKEN", "NOTEBOOK_AGENTS_SECRET_KEY", "MY_DB_PASSWORD")


class Broken(BaseHandler):
    """Fails in ways that hold secrets."""

    async def get(self, how: str) -> None:
        if how == "ours":
            raise InvalidRequest(f"the provider said: bad key {CANARY}", field=CANARY)
        raise RuntimeError(f"connecting with password={LOOKS_SECRET} and {CANARY} failed")


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


@pytest.fixture
def log(jp_serverapp: ServerApp, core: Core) -> Iterator[io.StringIO]:
    """What the server writes into its log; comes before the client, with which it starts."""
    core.redactor.learn(CANARY)
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    app = jp_serverapp.extension_manager.extension_points["notebook_agents"].app
    for logger in (app.log, jp_serverapp.log):
        logger.addHandler(handler)
    options = {"services": services_of(jp_serverapp)}
    path = f"{jp_serverapp.base_url}broken/([a-z]+)"
    routes: Any = [(path, Broken, options)]
    jp_serverapp.web_app.add_handlers(".*$", routes)  # type: ignore[no-untyped-call]
    yield written
    for logger in (app.log, jp_serverapp.log):
        logger.removeHandler(handler)


async def test_n15_an_unknown_failure_says_its_id_and_nothing_else(
    log: io.StringIO, client: Client
) -> None:
    answer = await client.get("/broken/unknown", X_Request_ID="req-canary-case")
    assert answer.status == 500
    assert answer.json["message"] == "internal error"
    assert answer.json["request_id"] == "req-canary-case"
    told = await client.get("/broken/ours")
    assert told.status == 400
    for secret in (CANARY, LOOKS_SECRET):
        assert secret not in answer.body.decode() + told.body.decode()
        assert secret not in log.getvalue()
    assert "req-canary-case failed" in log.getvalue()
    assert "Traceback" in log.getvalue()


async def test_n15_secrets_of_the_process_are_in_no_event_answer_or_file(
    log: io.StringIO, client: Client, core: Core, engine: ScriptedEngine
) -> None:
    ann = await person(client, core, "ann")
    agent = (await ann.client.post("/v1/agents", {"name": "a"})).json["agent_id"]
    engine.script[:] = [f"the key is {CANARY}", EngineUnavailable(f"401: bad key {CANARY}")]
    texts = []
    for _ in engine.script:
        said = await ann.client.post(f"/v1/agents/{agent}/conversations", {"message": "hello"})
        texts.append(said.body.decode())
    listed = [await ann.client.get(path) for path in ("/api/v1/sessions", "/v1/agents")]
    wrong = await client.holding(CANARY).get("/v1/agents")
    path = await ann.client.get(f"/v1/agents/{CANARY}?x={CANARY}")
    texts += [*(answer.body.decode() for answer in (*listed, wrong, path))]
    kept = core._ports.event_log
    assert isinstance(kept, MemoryEventLog)
    assert len(kept.events) > 5
    for text in (*texts[1:], repr(kept.events), log.getvalue()):
        assert CANARY not in text
    assert client.headers["Authorization"].split()[-1] not in log.getvalue()


def test_n15_a_built_core_knows_the_environments_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, f"{name}-{CANARY}")
    config = BuildConfig(home=tmp_path, redis_url="", engine_token=f"token-{CANARY}")
    core = build_core(config)
    try:
        told = " ".join([*(f"{name}-{CANARY}" for name in NAMES), f"token-{CANARY}"])
        assert CANARY not in core.redactor.text(told)
    finally:
        asyncio.run(core.aclose())


def test_n15_an_address_that_is_itself_the_secret_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_SECRET", "https://chat.example.org/hooks/T0/abcdefgh")
    told = Redactor.of_process().text("no answer of https://chat.example.org/hooks/T0/abcdefgh now")
    assert told == "no answer of [masked] now"


def test_n15_addresses_lose_their_password_and_stay_readable() -> None:
    redactor = Redactor(["postgresql://me:correct-horse-battery@db.example.org/x"])
    cleaned = redactor.text("cannot reach db.example.org as me with correct-horse-battery")
    assert cleaned == "cannot reach db.example.org as me with [masked]"
    assert redactor.text("a short word") == "a short word"
    value = {"a": ["correct-horse-battery", 1], "b": ("x",)}
    assert redactor.value(value) == {"a": ["[masked]", 1], "b": ("x",)}
    error = without_secrets(RateExceeded("correct-horse-battery", retry_after_s=3), redactor)
    assert (error.message, error.details["retry_after_s"]) == ("[masked]", 3)


def test_n15_a_log_line_keeps_its_sense() -> None:
    written = io.StringIO()
    logger = logging.getLogger("tests.security.own")
    handler = logging.StreamHandler(written)
    handler.addFilter(RedactingFilter(Redactor([CANARY])))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.info("user %s asked %d times with %s", "ann", 3, CANARY)
    logger.info("Authorization: Bearer %s", "abcdefghijklmnopqrstuvwxyz")
    assert written.getvalue().splitlines()[0] == "user ann asked 3 times with [masked]"
    logger.info("%d of %d", CANARY)
    assert written.getvalue().splitlines()[-1].startswith("'%d of %d' with")
    assert "abcdefghijklmnop" not in written.getvalue()
    assert CANARY not in written.getvalue()
