"""What is offered, read from files alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from notebook_agents.core.errors import NotFound
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.engine.catalogue import Catalogue, Entry, has_weights

SMALL = "Qwen/Qwen2.5-0.5B-Instruct"


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_the_built_in_model_comes_first_and_knows_only_built_in_tools() -> None:
    first = next(iter(Catalogue()))
    assert first.info.id == BUNDLED_MODEL
    assert first.info.is_bundled
    assert not first.info.accepts_user_tools


def test_a_missing_folder_is_failed_and_says_so(tmp_path: Path) -> None:
    entry = Catalogue((f"{tmp_path}/nowhere",)).get(f"{tmp_path}/nowhere")
    assert entry.described().status == "failed"
    assert entry.described().description == "No model files were found."
    assert "safetensors" in entry.missing().message


def test_a_local_model_is_described_without_being_loaded(model_folder: Path) -> None:
    info = Catalogue((str(model_folder),)).get(str(model_folder)).described()
    assert (info.status, info.context_length, info.name) == ("available", 384, "random")
    assert info.n_parameters == 78_528
    assert info.memory_bytes == (model_folder / "model.safetensors").stat().st_size


def test_a_hub_model_that_is_not_here_names_the_download_command(hub_cache: Path) -> None:
    entry = Catalogue().get(SMALL)
    assert entry.described().status == "not_downloaded"
    assert f"hf download {SMALL}" in entry.missing().message


def test_a_hub_model_in_the_cache_is_available(hub_cache: Path, model_folder: Path) -> None:
    repository = hub_cache / f"models--{SMALL.replace('/', '--')}"
    shutil.copytree(model_folder, repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    entry = Catalogue().get(SMALL)
    assert entry.folder == repository / "snapshots" / "abc"
    assert entry.described().status == "available"


def test_an_index_needs_all_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "one.safetensors").touch()
    assert not has_weights(tmp_path)
    (tmp_path / "two.safetensors").touch()
    assert has_weights(tmp_path)


def test_a_model_that_is_not_offered_is_not_found() -> None:
    with pytest.raises(NotFound):
        Catalogue().get("somebody/else")


def test_a_configured_hub_id_is_one(hub_cache: Path) -> None:
    entry: Entry = Catalogue(("org/name",)).get("org/name")
    assert entry.is_hub_id
    assert entry.described().status == "not_downloaded"
