"""The engine behind the server's doors: the worker's wire, for kernels and administrators."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from tornado.iostream import IOStream
from tornado.tcpclient import TCPClient

from notebook_agents.core.errors import EngineUnavailable, InvalidRequest
from notebook_agents.core.models import GenerateRequest, GenerateText
from notebook_agents.testing import ScriptedEngine, call
from notebook_agents_server.app import NotebookAgentsApp
from notebook_agents_server.testing import Client

REQUEST = {
    "model": "notebook-agents/tiny",
    "messages": [{"role": "user", "parts": [{"type": "text", "text": "hello"}]}],
}


@pytest.fixture
def proxy(client: Client) -> Client:
    return client.below("/notebook-agents/engine")


def lines(body: bytes) -> list[Any]:
    return [json.loads(line) for line in body.splitlines()]


async def test_generate_streams_one_chunk_a_line(proxy: Client, engine: ScriptedEngine) -> None:
    engine.script = ["one two", call("python_executor", code="1")]
    answer = await proxy.post("/generate", REQUEST)
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    chunks = lines(answer.body)
    assert [chunk["type"] for chunk in chunks] == ["text", "text", "finished"]
    assert "".join(chunk.get("text", "") for chunk in chunks) == "one two"
    chunks = lines((await proxy.post("/generate", REQUEST)).body)
    assert chunks[0]["call"]["arguments"] == {"code": "1"}
    assert engine.requests[0].messages[0].text == "hello"


async def test_an_error_before_the_first_chunk_is_a_status(
    proxy: Client, engine: ScriptedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.script = [EngineUnavailable("gone"), InvalidRequest("too long", field="messages")]
    answer = await proxy.post("/generate", REQUEST)
    assert (answer.status, answer.json["code"]) == (503, "engine_unavailable")
    answer = await proxy.post("/generate", REQUEST)
    assert (answer.status, answer.json["details"]["field"]) == (400, "messages")
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_later_error_is_the_last_line(proxy: Client, engine: ScriptedEngine) -> None:
    async def dies(_request: GenerateRequest) -> Any:
        yield GenerateText(text="one")
        raise EngineUnavailable("the worker died")

    engine.generate = dies  # type: ignore[assignment, method-assign]
    answer = await proxy.post("/generate", REQUEST)
    assert answer.status == 200
    last = lines(answer.body)[-1]
    assert (last["type"], last["code"], last["message"]) == (
        "error",
        "engine_unavailable",
        "the worker died",
    )


async def test_a_wrong_request_names_the_field(proxy: Client) -> None:
    answer = await proxy.post("/generate", {"model": 5, "messages": []})
    assert (answer.status, answer.json["details"]["field"]) == (400, "model")


async def test_models_load_unload_and_health(proxy: Client) -> None:
    models = (await proxy.get("/models")).json
    assert models[0]["id"] == "notebook-agents/tiny"
    loaded = await proxy.post("/load", {"model": "other/model"})
    assert (loaded.json["id"], loaded.json["status"]) == ("other/model", "loaded")
    assert (await proxy.post("/unload", {"model": "other/model"})).status == 204
    assert (await proxy.get("/health")).json["is_ready"] is True


async def start_request(proxy: Client) -> IOStream:
    """Send a generate request over a bare connection and wait for the first line."""
    port = int(proxy.origin.rsplit(":", 1)[1])
    stream = await TCPClient().connect("127.0.0.1", port)
    body = json.dumps(REQUEST).encode()
    head = (
        f"POST {proxy.base_path}/generate HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: {proxy.headers['Authorization']}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    await stream.write(head.encode() + body)
    await stream.read_until(b'"text":"one"')
    return stream


async def test_a_client_that_goes_away_cancels_its_generation(
    proxy: Client, engine: ScriptedEngine
) -> None:
    ended = asyncio.Event()

    async def waits(_request: GenerateRequest) -> Any:
        try:
            yield GenerateText(text="one")
            await asyncio.Event().wait()
        finally:
            ended.set()

    engine.generate = waits  # type: ignore[assignment, method-assign]
    stream = await start_request(proxy)
    stream.close()
    async with asyncio.timeout(10):
        await ended.wait()


async def test_a_kernels_token_opens_the_engine_and_nothing_else(
    client: Client, proxy: Client, jp_serverapp: ServerApp
) -> None:
    app = jp_serverapp.extension_manager.extension_points["notebook_agents"].app
    assert isinstance(app, NotebookAgentsApp)
    assert app.services is not None
    kernel_tokens = app.services.ready()[1].kernel_tokens
    token = kernel_tokens.issue()
    assert (await proxy.holding(token).get("/models")).status == 200
    answer = await client.holding(token).get("/v1/agents")
    assert (answer.status, answer.json["error"]["code"]) == (403, "SECURITY_VIOLATION")
    kernel_tokens.bind(token, "a kernel that is not there")
    assert (await proxy.holding(token).get("/models")).status == 401


async def test_an_engine_that_cannot_count_says_null(proxy: Client, engine: ScriptedEngine) -> None:
    assert (await proxy.post("/count", REQUEST)).json is None
    assert engine.requests == []
    answer = await proxy.post("/count", {"model": 5, "messages": []})
    assert (answer.status, answer.json["details"]["field"]) == (400, "model")
