"""The worker over its socket: the Engine port, end to end."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import httpx2
import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from notebook_agents.core import engine_wire
from notebook_agents.core.errors import (
    EngineUnavailable,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
)
from notebook_agents.core.messages import ToolCallPart, assistant_message, user_message
from notebook_agents.core.models import (
    GenerateChunk,
    GenerateFinished,
    GenerateRequest,
    GenerateText,
    Sampling,
)
from notebook_agents.engine import wire
from notebook_agents.engine.config import EngineConfig, WorkerConfig
from notebook_agents.engine.host import ModelHost
from notebook_agents.engine.remote import RemoteEngine
from notebook_agents.engine.routes import make_application


def request_of(model: Path, text: str = "hi", **sampling: object) -> GenerateRequest:
    options = {"temperature": 0, "max_tokens": 16, **sampling}
    return GenerateRequest(
        model=str(model),
        messages=(user_message(text),),
        sampling=Sampling(**options),  # type: ignore[arg-type]
    )


async def collect(engine: RemoteEngine, request: GenerateRequest) -> list[GenerateChunk]:
    async with aclosing(engine.generate(request)) as chunks:
        return [chunk async for chunk in chunks]


def text_of(chunks: list[GenerateChunk]) -> str:
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, GenerateText))


async def test_a_stream_ends_with_exactly_one_finished(
    engine: RemoteEngine, model_folder: Path
) -> None:
    chunks = await collect(engine, request_of(model_folder))
    assert isinstance(chunks[-1], GenerateFinished)
    assert not any(isinstance(chunk, GenerateFinished) for chunk in chunks[:-1])
    assert chunks[-1].usage.output_tokens == 16
    assert chunks[-1].ttft_ms > 0


async def test_several_requests_at_once_give_what_each_gives_alone(
    engine: RemoteEngine, model_folder: Path
) -> None:
    requests = [request_of(model_folder, "q" * n, max_tokens=24) for n in (1, 40, 7, 90)]
    alone = [text_of(await collect(engine, request)) for request in requests]
    together = await asyncio.gather(*(collect(engine, request) for request in requests))
    assert [text_of(chunks) for chunks in together] == alone
    assert len(set(alone)) == len(alone)


async def test_closing_the_stream_frees_the_row(engine: RemoteEngine, model_folder: Path) -> None:
    request = request_of(model_folder, temperature=1.0, seed=1, max_tokens=350)
    async with aclosing(engine.generate(request)) as chunks:
        await anext(chunks)
    n_tokens = (await engine.health()).stats["n_tokens"]
    async with asyncio.timeout(5):
        while (await engine.health()).n_running:
            n_tokens = (await engine.health()).stats["n_tokens"]
    assert (await engine.health()).stats["n_tokens"] <= n_tokens + 1


async def test_cancelling_the_reader_frees_the_row(
    engine: RemoteEngine, model_folder: Path
) -> None:
    request = request_of(model_folder, temperature=1.0, seed=1, max_tokens=350)

    async def read() -> None:
        async with asyncio.timeout(None) as limit, aclosing(engine.generate(request)) as chunks:
            async for _chunk in chunks:
                limit.reschedule(0)  # cancelled while more comes

    with pytest.raises(TimeoutError):
        await read()
    async with asyncio.timeout(5):
        while (await engine.health()).n_running:
            pass


async def test_streams_closed_at_any_time_leave_nothing_behind(
    engine: RemoteEngine, model_folder: Path
) -> None:
    async def read(n_chunks: int) -> None:
        request = request_of(model_folder, "s" * n_chunks, temperature=1.0, max_tokens=300)
        async with aclosing(engine.generate(request)) as chunks:
            for _ in range(n_chunks):
                await anext(chunks, None)

    await asyncio.gather(*(read(n) for n in range(24)))
    async with asyncio.timeout(10):
        while (health := await engine.health()).n_running or health.n_waiting:
            pass
    assert (await collect(engine, request_of(model_folder)))[-1].type == "finished"


async def test_errors_keep_their_class_and_details(
    engine: RemoteEngine, model_folder: Path
) -> None:
    with pytest.raises(InvalidRequest) as too_long:
        await collect(engine, request_of(model_folder, "z" * 500))
    assert too_long.value.details["field"] == "messages"
    with pytest.raises(InvalidRequest, match="top_p"):
        await collect(engine, request_of(model_folder, top_p=7))
    with pytest.raises(NotFound) as unknown:
        await engine.load("somebody/else")
    assert unknown.value.details == {"kind": "model", "id": "somebody/else"}


async def test_a_malformed_call_in_the_history_is_no_obstacle(
    engine: RemoteEngine, model_folder: Path
) -> None:
    call = ToolCallPart(call_id="c", name="f", arguments={"x": "é"}, invalid="bad")
    messages = (user_message("go"), assistant_message("", [call]), user_message("again"))
    request = GenerateRequest(
        model=str(model_folder), messages=messages, sampling=Sampling(max_tokens=2)
    )
    assert (await collect(engine, request))[-1].type == "finished"


async def test_models_say_which_are_loaded(engine: RemoteEngine, model_folder: Path) -> None:
    status = {info.id: info.status for info in await engine.models()}
    assert status[str(model_folder)] == "loaded"
    assert status["Qwen/Qwen2.5-7B-Instruct"] == "not_downloaded"


async def test_a_hub_model_that_is_not_here_names_the_command(engine: RemoteEngine) -> None:
    request = GenerateRequest(model="Qwen/Qwen2.5-7B-Instruct", messages=(user_message("hi"),))
    with pytest.raises(EngineUnavailable, match=re.escape("hf download Qwen/Qwen2.5-7B-Instruct")):
        await collect(engine, request)
    with pytest.raises(EngineUnavailable, match=re.escape("hf download Qwen/Qwen2.5-7B-Instruct")):
        await engine.load(request.model)


async def test_the_socket_is_private(worker_url: str) -> None:
    path = Path(worker_url.removeprefix("unix:"))
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o777 == 0o700
    assert len(str(path)) <= 100


async def test_wrong_bodies_and_paths_get_the_error_form(worker_url: str) -> None:
    transport = httpx2.AsyncHTTPTransport(uds=worker_url.removeprefix("unix:"))
    async with httpx2.AsyncClient(transport=transport, base_url="http://engine") as client:
        bad = await client.post("/generate", content=b'{"model": 3}')
        assert bad.status_code == 400
        assert bad.json()["code"] == "invalid_request"
        assert bad.json()["details"]["field"] == "model"
        missing = await client.get("/nowhere")
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
        stats = (await client.get("/stats")).json()
        assert stats["n_running"] == stats["n_waiting"] == 0


async def test_lines_of_the_stream_are_chunks(worker_url: str, model_folder: Path) -> None:
    transport = httpx2.AsyncHTTPTransport(uds=worker_url.removeprefix("unix:"))
    body = engine_wire.REQUEST.dump_json(request_of(model_folder))
    async with httpx2.AsyncClient(transport=transport, base_url="http://engine") as client:
        response = await client.post("/generate", content=body)
    assert response.headers["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in response.content.split(b"\n") if line]
    assert lines[-1]["type"] == "finished"


def test_an_error_line_raises_the_error_again() -> None:
    error = EngineUnavailable("model 'm' failed", model="m")
    with pytest.raises(EngineUnavailable, match="model 'm' failed") as raised:
        wire.chunk_from_line(wire.error_line(error))
    assert raised.value.details == {"model": "m"}


@pytest.fixture
async def tcp_url(model_folder: Path) -> AsyncIterator[str]:
    """The same routes over TCP, in this process, with a token."""
    host = ModelHost(WorkerConfig(models=(str(model_folder),), threads=1), lambda: None)
    server = HTTPServer(make_application(host, token="secret"))
    listener, port = bind_unused_port()
    server.add_socket(listener)
    yield f"http://127.0.0.1:{port}"
    server.stop()
    await server.close_all_connections()
    await host.aclose()


async def test_tcp_serves_the_holder_of_the_token(
    tcp_url: str, tmp_path: Path, model_folder: Path
) -> None:
    engine = RemoteEngine(EngineConfig(run_dir=tmp_path, url=tcp_url, token="secret"))
    assert (await collect(engine, request_of(model_folder)))[-1].type == "finished"
    await engine.unload(str(model_folder))
    assert (await engine.health()).loaded_models == ()
    await engine.aclose()


async def test_no_proxy_of_the_environment_sees_the_token(
    tcp_url: str, tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = asyncio.Event()

    async def proxy(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.set()
        writer.close()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, address)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        engine = RemoteEngine(EngineConfig(run_dir=tmp_path, url=tcp_url, token="secret"))
        assert str(model_folder) in {info.id for info in await engine.models()}
        await engine.aclose()
    assert not seen.is_set()


async def test_tcp_refuses_everybody_else(tcp_url: str, tmp_path: Path, model_folder: Path) -> None:
    engine = RemoteEngine(EngineConfig(run_dir=tmp_path, url=tcp_url, token="guess"))
    with pytest.raises(NotAuthenticated):
        await collect(engine, request_of(model_folder))
    assert not (await engine.health()).is_ready
    await engine.aclose()


async def test_a_prompt_is_counted_as_the_answer_will_say(
    engine: RemoteEngine, model_folder: Path
) -> None:
    request = request_of(model_folder, "how long is this?")
    finished = (await collect(engine, request))[-1]
    assert isinstance(finished, GenerateFinished)
    counted = await engine.count_tokens(request)
    assert counted is not None
    assert (counted.n_tokens, counted.is_exact) == (finished.usage.input_tokens, True)
    await engine.unload(str(model_folder))
    assert await engine.count_tokens(request) is None
    assert str(model_folder) not in (await engine.health()).loaded_models
