"""Models that come and go while requests are under way."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from transformers import Qwen3ForCausalLM

from notebook_agents.core.errors import EngineUnavailable, LimitExceeded
from notebook_agents.core.messages import user_message
from notebook_agents.core.models import GenerateChunk, GenerateRequest, Sampling
from notebook_agents.engine.config import WorkerConfig
from notebook_agents.engine.host import MAX_WAITING, ModelHost
from notebook_agents.engine.scheduler import MAX_ROWS


@pytest.fixture
async def host(model_folder: Path) -> AsyncIterator[ModelHost]:
    """The models of this process."""
    host = ModelHost(WorkerConfig(models=(str(model_folder),), threads=1), lambda: None)
    yield host
    await host.aclose()


def request_of(model: Path) -> GenerateRequest:
    sampling = Sampling(temperature=0, max_tokens=2)
    return GenerateRequest(model=str(model), messages=(user_message("hi"),), sampling=sampling)


def n_models() -> int:
    gc.collect()
    return sum(type(found) is Qwen3ForCausalLM for found in gc.get_objects())


def are_gone(n_left: int) -> bool:
    """Whether all models but some go; the inference thread lets go of one a moment later."""
    deadline = time.monotonic() + 10
    while n_models() > n_left and time.monotonic() < deadline:
        pass
    return n_models() == n_left


async def collect(host: ModelHost, request: GenerateRequest) -> list[GenerateChunk]:
    return [chunk async for chunk in host.generate(request)]


async def test_unloading_a_model_fails_a_request_whose_prompt_is_being_written(
    host: ModelHost, model_folder: Path
) -> None:
    n_before = n_models()
    await host.load(str(model_folder))
    # The request gets to the thread that writes prompts before the second of them begins.
    answer, _ = await asyncio.gather(
        collect(host, request_of(model_folder)),
        host.unload(str(model_folder)),
        return_exceptions=True,
    )
    assert isinstance(answer, EngineUnavailable)
    assert "was unloaded" in answer.message
    del answer
    assert await asyncio.to_thread(are_gone, n_before)
    assert (await collect(host, request_of(model_folder)))[-1].type == "finished"


async def test_unloading_a_model_that_is_being_loaded_leaves_it_unloaded(
    host: ModelHost, model_folder: Path
) -> None:
    info, _ = await asyncio.gather(host.load(str(model_folder)), host.unload(str(model_folder)))
    assert info.id == str(model_folder)
    status = {info.id: info.status for info in await host.models()}
    assert status[str(model_folder)] == "available"


async def test_unloading_after_a_load_that_fails_is_no_error(
    tmp_path: Path,
) -> None:
    host = ModelHost(WorkerConfig(models=(str(tmp_path),), threads=1), lambda: None)
    loaded, unloaded = await asyncio.gather(
        host.load(str(tmp_path)), host.unload(str(tmp_path)), return_exceptions=True
    )
    assert isinstance(loaded, EngineUnavailable)
    assert unloaded is None
    await host.aclose()


async def test_requests_over_the_limit_are_refused_however_fast_they_come(
    host: ModelHost, model_folder: Path
) -> None:
    n_most = MAX_WAITING + MAX_ROWS
    asked = [collect(host, request_of(model_folder)) for _ in range(n_most + 3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, LimitExceeded)]
    assert len(refused) == 3
    assert sum(isinstance(answer, list) for answer in answers) == n_most
    assert (await collect(host, request_of(model_folder)))[-1].type == "finished"
