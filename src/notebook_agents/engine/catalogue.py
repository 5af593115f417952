"""Which models there are: the built-in one, the configured ones, a few recommended ones.

Everything here is read from files: no torch, no network. A hub model counts as available when the
local Hugging Face cache holds a whole snapshot of it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import prod
from pathlib import Path
from typing import Any

from notebook_agents.core.errors import EngineUnavailable, NotFound
from notebook_agents.core.models import BUNDLED_MODEL, ModelInfo

BUNDLED_FOLDER = Path(__file__).parent / "bundled"
_LARGEST_HEADER = 100_000_000
"""Bytes; the limit of the safetensors format."""
_SHARD = re.compile(r"[\w.-]+\.safetensors")


@dataclass(frozen=True, slots=True)
class Entry:
    """One model that may be asked for, and where its files would be."""

    info: ModelInfo
    source: str
    """A local folder, or a hub id."""

    @property
    def folder(self) -> Path | None:
        """The folder with the weights, or None while they are not on this machine."""
        folder = Path(self.source).expanduser()
        if self.is_hub_id:
            found = _snapshot(self.source)
            return found if found is not None and has_weights(found) else None
        return folder if has_weights(folder) else None

    @property
    def is_hub_id(self) -> bool:
        """Whether the weights can be downloaded."""
        return not _is_path(self.source)

    def described(self) -> ModelInfo:
        """What is known without loading it."""
        folder = self.folder
        if folder is None:
            if self.is_hub_id:
                return replace(self.info, status="not_downloaded")
            description = f"{self.info.description} No model files were found.".strip()
            return replace(self.info, status="failed", description=description)
        size, n_parameters = _weights(folder)
        return replace(
            self.info,
            status="available",
            n_parameters=n_parameters,
            memory_bytes=size,
            context_length=_context_length(folder) or self.info.context_length,
            updated_at=datetime.fromtimestamp((folder / "config.json").stat().st_mtime, UTC),
        )

    def missing(self) -> EngineUnavailable:
        """Why it cannot be loaded, and what would help."""
        if self.is_hub_id:
            return EngineUnavailable(
                f"model {self.info.id!r} is not on this machine; run: hf download {self.source}",
                model=self.info.id,
                command=f"hf download {self.source}",
            )
        if self.info.is_bundled:
            return EngineUnavailable(
                "the files of the built-in model are missing from this installation; "
                "reinstall notebook-agents or choose another model",
                model=self.info.id,
            )
        return EngineUnavailable(
            f"model {self.info.id!r} has no config.json with safetensors weights beside it",
            model=self.info.id,
        )


class Catalogue:
    """Every model that may be asked for; a model that is not listed is not loaded."""

    def __init__(self, models: tuple[str, ...] = ()) -> None:
        entries = [_bundled(), *(_configured(source) for source in models), *_recommended()]
        self._entries: dict[str, Entry] = {}
        for entry in entries:
            self._entries.setdefault(entry.info.id, entry)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def get(self, model: str) -> Entry:
        """The entry; NotFound for a model that is not offered."""
        if model not in self._entries:
            raise NotFound("model", model)
        return self._entries[model]


def has_weights(folder: Path) -> bool:
    """Whether a folder holds a configuration and every file of safetensors weights."""
    if not (folder / "config.json").is_file():
        return False
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = _shards(index)
        return bool(names) and all((folder / name).is_file() for name in names)
    return (folder / "model.safetensors").is_file()


def _shards(index: Path) -> set[str]:
    """The files that an index names; none when one is no safetensors file of its own folder.

    A file of any other kind would be unpickled by whoever loads it.
    """
    try:
        names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return set()
    is_plain = all(isinstance(name, str) and _SHARD.fullmatch(name) for name in names)
    return names if is_plain else set()


def _bundled() -> Entry:
    info = ModelInfo(
        id=BUNDLED_MODEL,
        name="Built-in tiny model",
        description=(
            "A tiny model trained on synthetic data: it calls the built-in tools for simple "
            "English requests and has no general knowledge."
        ),
        capabilities=("text", "tools"),
        is_bundled=True,
        accepts_user_tools=False,
    )
    return Entry(info, str(BUNDLED_FOLDER))


def _configured(source: str) -> Entry:
    name = Path(source).name
    return Entry(ModelInfo(id=source, name=name, capabilities=("text", "tools")), source)


def _recommended() -> Iterator[Entry]:
    for name, description, millions, context_length in (
        ("Qwen2.5-0.5B-Instruct", "A small general model that a laptop runs.", 494, 32_768),
        ("Qwen2.5-7B-Instruct", "A general model for one GPU.", 7_616, 32_768),
        ("Qwen2.5-VL-7B-Instruct", "A vision model; its text side only here.", 8_292, 128_000),
    ):
        model = f"Qwen/{name}"
        info = ModelInfo(
            id=model,
            name=name,
            description=description,
            capabilities=("text", "tools"),
            n_parameters=millions * 1_000_000,
            context_length=context_length,
            memory_bytes=millions * 2_000_000,
            status="not_downloaded",
        )
        yield Entry(info, model)


def _is_path(source: str) -> bool:
    return source.startswith((".", "/", "~")) or Path(source).is_dir() or source.count("/") != 1


def _snapshot(repository: str) -> Path | None:
    """The newest revision of a repository in the Hugging Face cache (its documented layout)."""
    folder = _hub_cache() / f"models--{repository.replace('/', '--')}"
    head = folder / "refs" / "main"
    if not head.is_file():
        return None
    return folder / "snapshots" / head.read_text("utf-8").strip()


def _hub_cache() -> Path:
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    home = os.environ.get("HF_HOME")
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return (Path(home) if home else Path(caches) / "huggingface").expanduser() / "hub"


def _context_length(folder: Path) -> int | None:
    config = _json(folder / "config.json")
    found = config.get("max_position_embeddings")
    found = found or config.get("text_config", {}).get("max_position_embeddings")
    return int(found) if found else None


def _weights(folder: Path) -> tuple[int, int | None]:
    """Bytes, and parameters as far as the files' headers can be read."""
    paths = list(folder.glob("*.safetensors"))
    try:
        n_parameters = sum(map(_n_parameters, paths))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        n_parameters = None
    return sum(path.stat().st_size for path in paths), n_parameters


def _n_parameters(path: Path) -> int:
    """From a safetensors header: 8 bytes of length, little-endian, then JSON."""
    with path.open("rb") as file:
        n_bytes = int.from_bytes(file.read(8), "little")
        if n_bytes > min(path.stat().st_size, _LARGEST_HEADER):
            raise ValueError(f"{path.name} claims a header of {n_bytes} bytes")
        header = json.loads(file.read(n_bytes))
    tensors = (tensor for name, tensor in header.items() if name != "__metadata__")
    return sum(prod(tensor["shape"]) for tensor in tensors)


def _json(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return value
