"""The models of one worker process, behind the Engine port.

The event loop lives here; loading, tokenising and computing happen on threads: one loads, one
writes prompts, one computes. A model is loaded on first use or by request, at most once at a time.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from functools import partial

import psutil
import torch
import transformers

from notebook_agents.core.errors import EngineUnavailable, LimitExceeded, NotebookAgentsError
from notebook_agents.core.models import (
    EngineHealth,
    GenerateChunk,
    GenerateFinished,
    GenerateRequest,
    ModelInfo,
    ModelStatus,
    TokenCount,
)
from notebook_agents.engine.answer import AnswerReader, Detokenizer
from notebook_agents.engine.catalogue import Catalogue, Entry
from notebook_agents.engine.config import WorkerConfig, n_threads
from notebook_agents.engine.embedding import embedding_folder, missing
from notebook_agents.engine.encoder import Encoder
from notebook_agents.engine.engine import StepEngine
from notebook_agents.engine.gpu_memory import gpu_stats
from notebook_agents.engine.model import LoadedModel, choose_device, download, load_model
from notebook_agents.engine.parser import StopMatcher, ToolCallParser
from notebook_agents.engine.runner import ModelRunner, TransformersRunner
from notebook_agents.engine.sampling import TokenSampler, plan_sampling
from notebook_agents.engine.scheduler import MAX_ROWS, Emission, FifoScheduler, Row
from notebook_agents.engine.small_runner import SmallRunner, is_small
from notebook_agents.engine.thread import InferenceThread

MAX_WAITING = 256
"""Requests that may wait beside those at work; more are refused."""


class ModelHost:
    """Answers the Engine port in the process that holds the weights."""

    def __init__(self, config: WorkerConfig, on_failure: Callable[[], None]) -> None:
        self._config = config
        self._catalogue = Catalogue(config.models)
        self._loaded: dict[str, LoadedModel] = {}
        self._loading: dict[str, asyncio.Future[LoadedModel]] = {}
        self._n_admitted = 0
        self._engine = StepEngine(FifoScheduler(), make_runner)
        self._thread = InferenceThread(self._engine.step, on_failure)
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="prompts")
        self._encoders = ThreadPoolExecutor(1, thread_name_prefix="vectors")
        self._encoder: Encoder | None = None
        transformers.utils.logging.disable_progress_bar()
        torch.set_num_threads(n_threads(config.threads))
        self._thread.start()

    async def models(self) -> Sequence[ModelInfo]:
        """The catalogue, with what is known of loaded models."""
        loop = asyncio.get_running_loop()
        known = await loop.run_in_executor(self._writer, self._described)
        return tuple(self._current(info) for info in known)

    async def load(self, model: str) -> ModelInfo:
        """Bring a model into memory; a hub model that is not here is downloaded first."""
        return (await self._ready(self._catalogue.get(model), may_download=True)).info

    async def unload(self, model: str) -> None:
        """Let a model go, after a load that is under way; requests that use it fail."""
        entry = self._catalogue.get(model)
        if (loading := self._loading.get(entry.info.id)) is not None:
            await asyncio.wait((loading,))
        if (loaded := self._loaded.pop(entry.info.id, None)) is not None:
            self._thread.call(partial(self._engine.forget, loaded))

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateChunk, None]:
        """Stream chunks; closing the generator ends the request before the next step."""
        entry = self._catalogue.get(request.model)
        # Counted here, where requests come in: loading and writing prompts take their time too.
        if self._n_admitted >= MAX_WAITING + MAX_ROWS:
            raise LimitExceeded("too many requests wait", limit="waiting", retry_after_s=1.0)
        self._n_admitted += 1
        try:
            model = await self._ready(entry, may_download=False)
            async with aclosing(self._generate(model, request)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            self._n_admitted -= 1

    async def _generate(
        self, model: LoadedModel, request: GenerateRequest
    ) -> AsyncGenerator[GenerateChunk, None]:
        loop = asyncio.get_running_loop()
        # Holds at most one answer, which the model's context length bounds.
        chunks: asyncio.Queue[Emission] = asyncio.Queue()

        def emit(chunk: Emission) -> None:
            loop.call_soon_threadsafe(chunks.put_nowait, chunk)

        row = await loop.run_in_executor(self._writer, make_row, model, request, emit)
        if self._loaded.get(model.info.id) is not model:
            # Unloaded meanwhile: the row came too late to be failed with the others.
            raise EngineUnavailable(f"model {model.info.id!r} was unloaded", model=model.info.id)
        self._thread.call(partial(self._engine.add, row))
        try:
            while True:
                chunk = await chunks.get()
                if isinstance(chunk, NotebookAgentsError):
                    raise chunk
                yield chunk
                if isinstance(chunk, GenerateFinished):
                    return
        finally:
            row.is_cancelled = True

    async def count_tokens(self, request: GenerateRequest) -> TokenCount | None:
        """The tokens of a prompt; None when its model is not loaded."""
        model = self._loaded.get(self._catalogue.get(request.model).info.id)
        if model is None:
            return None
        loop = asyncio.get_running_loop()
        prompt = await loop.run_in_executor(self._writer, model.prompt, request)
        return TokenCount(n_tokens=len(prompt.ids), n_dropped=prompt.n_dropped)

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """A vector for each text, beside what is generated; EngineUnavailable without a model."""
        if not texts:
            return ()
        return await asyncio.get_running_loop().run_in_executor(self._encoders, self._encode, texts)

    def _encode(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        if self._encoder is None:
            if (folder := embedding_folder()) is None:
                raise missing()
            self._encoder = Encoder(folder, choose_device(self._config.device))
        return self._encoder.encode(texts)

    async def health(self) -> EngineHealth:
        """What this process holds and does."""
        return EngineHealth(
            is_ready=True,
            device=str(choose_device(self._config.device)),
            loaded_models=tuple(self._loaded),
            n_running=self._engine.n_running,
            n_waiting=self._engine.n_waiting,
            memory_bytes=psutil.Process().memory_info().rss,
            pid=os.getpid(),
            stats={
                "n_finished": self._engine.n_finished,
                "n_tokens": self._engine.n_tokens,
                "n_steps": self._engine.n_steps,
                "n_decodes": self._engine.n_decodes,
                "n_decoded": self._engine.n_decoded,
                "kv_bytes": self._engine.kv_bytes,
                "n_threads": n_threads(self._config.threads),
                **gpu_stats(choose_device(self._config.device)),
            },
        )

    def cancel_all(self) -> None:
        """End every request with what it has so far."""
        self._thread.call(self._engine.cancel_all)

    async def aclose(self) -> None:
        """Stop computing."""
        self._thread.stop()
        self._loader.shutdown(wait=False, cancel_futures=True)
        self._writer.shutdown(wait=False, cancel_futures=True)
        self._encoders.shutdown(wait=False, cancel_futures=True)

    async def _ready(self, entry: Entry, *, may_download: bool) -> LoadedModel:
        model = entry.info.id
        if model in self._loaded:
            return self._loaded[model]
        if model not in self._loading:
            loop = asyncio.get_running_loop()
            future = loop.run_in_executor(
                self._loader, _load, entry, self._config.device, may_download
            )
            self._loading[model] = future
            future.add_done_callback(partial(self._keep, model))
        # Shielded: whoever asks next shall not wait for a second load.
        return await asyncio.shield(self._loading[model])

    def _keep(self, model: str, future: asyncio.Future[LoadedModel]) -> None:
        del self._loading[model]
        if not future.cancelled() and future.exception() is None:
            self._loaded[model] = future.result()

    def _described(self) -> list[ModelInfo]:
        return [entry.described() for entry in self._catalogue]

    def _current(self, info: ModelInfo) -> ModelInfo:
        if (loaded := self._loaded.get(info.id)) is not None:
            return loaded.info
        status: ModelStatus = "loading" if info.id in self._loading else info.status
        return replace(info, status=status)


def make_runner(model: LoadedModel) -> ModelRunner:
    """The fastest runner that computes a model."""
    return SmallRunner(model) if is_small(model) else TransformersRunner(model)


def make_row(model: LoadedModel, request: GenerateRequest, emit: Callable[[Emission], None]) -> Row:
    """A request ready for the inference thread; InvalidRequest when it cannot be served."""
    plan = plan_sampling(request.sampling, model.defaults)
    prompt = model.prompt(request)
    room = model.context_length - len(prompt.ids)
    wants_calls = bool(request.tools) or model.info.is_bundled
    reader = AnswerReader(
        Detokenizer(model.backend, model.hidden_ids),
        ToolCallParser(is_active=wants_calls),
        StopMatcher(request.sampling.stop),
        model.missing_tools(request),
    )
    return Row(
        model=model,
        prompt_ids=prompt.ids,
        n_dropped=prompt.n_dropped,
        sampler=TokenSampler(plan, model.device, prompt.ids, model.constraint(request, prompt)),
        reader=reader,
        max_tokens=min(room, model.answer_length(request.sampling.max_tokens)),
        emit=emit,
    )


def _load(entry: Entry, device: str, may_download: bool) -> LoadedModel:
    if may_download and entry.is_hub_id and entry.folder is None:
        download(entry)
    return load_model(entry, device)
