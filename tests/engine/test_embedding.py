"""Vectors of texts through the worker: meanings that are near, and a model that is not there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from notebook_agents.core.errors import EngineUnavailable, InvalidRequest
from notebook_agents.engine import embedding
from notebook_agents.engine.config import WorkerConfig
from notebook_agents.engine.embedding import EngineEmbedder, embedding_folder
from notebook_agents.engine.host import ModelHost
from notebook_agents.engine.remote import RemoteEngine


def likeness(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_texts_of_near_meaning_have_near_vectors(engine: RemoteEngine) -> None:
    texts = ["How much is the rent?", "The lease costs 900 euros.", "Bananas are yellow.", ""]
    rent, lease, bananas, nothing = await EngineEmbedder(engine).embed(texts)
    assert len(rent) == len(nothing) == 384
    assert likeness(rent, rent) == pytest.approx(1)
    assert likeness(rent, lease) > 0.4 > likeness(rent, bananas) + 0.2
    (alone,) = await engine.embed(texts[:1])
    assert likeness(alone, rent) == pytest.approx(1, abs=1e-5)
    assert await engine.embed([]) == ()


async def test_too_many_texts_are_refused(engine: RemoteEngine) -> None:
    with pytest.raises(InvalidRequest):
        await engine.embed(["x"] * 65)


async def test_a_missing_model_says_what_would_help(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await asyncio.to_thread(embedding_folder) is not None
    monkeypatch.setattr(embedding, "PACKAGE", "notebook_agents_nothing")
    assert await asyncio.to_thread(embedding_folder) is None
    host = ModelHost(WorkerConfig(), on_failure=lambda: None)
    try:
        with pytest.raises(EngineUnavailable, match=r"notebook-agents\[retrieval\]"):
            await host.embed(["x"])
    finally:
        await host.aclose()
