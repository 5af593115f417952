"""L09: model files are data: nothing in them runs, and nothing in them is taken at its word."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.engine.catalogue import BUNDLED_FOLDER, Catalogue, has_weights

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"


class Harm:
    """Unpickling it writes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The model in the box, without its weights."""
    made = tmp_path / "model"
    shutil.copytree(BUNDLED_FOLDER, made, ignore=shutil.ignore_patterns("*.safetensors", "__*"))
    return made


def sized(header: bytes, n_bytes: int | None = None) -> bytes:
    """A safetensors file with such a header, and the length that it claims."""
    return (len(header) if n_bytes is None else n_bytes).to_bytes(8, "little") + header


HEADERS = {
    "10 GB": sized(b"{}", 10 << 30),
    "longest": sized(b"{}", (1 << 64) - 1),
    "deep": sized(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "a list": sized(b"[1, 2]"),
    "no shape": sized(b'{"w": {"dtype": "F32"}}'),
    "words": sized(b'{"w": {"dtype": "F32", "shape": ["x", -1], "data_offsets": [0, 4]}}'),
    "beyond": sized(b'{"w": {"dtype": "F32", "shape": [9], "data_offsets": [0, 99999999999]}}'),
    "short": b"\x01",
    "empty": b"",
}


def refused(folder: Path) -> EngineUnavailable:
    from notebook_agents.engine.model import load_model

    entry = Catalogue((str(folder),)).get(str(folder))
    entry.described()
    with pytest.raises(EngineUnavailable) as caught:
        load_model(entry, "cpu")
    return caught.value


def test_l09_pickles_are_never_opened(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "harmed"
    harm = pickle.dumps(Harm(mark))
    for name in ("pytorch_model.bin", "model.pt", "model.pkl", "model.joblib", "model.gguf"):
        (folder / name).write_bytes(harm)
    assert not has_weights(folder)
    refused(folder)
    (folder / WEIGHTS).write_bytes(harm)
    refused(folder)
    (folder / WEIGHTS).unlink()
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes(harm)
    others = ("pytorch_model.bin", "../outside.safetensors", str(outside), "a/b.safetensors", 7)
    for other in others:
        (folder / INDEX).write_text(json.dumps({"weight_map": {"w": other}}))
        assert not has_weights(folder), other
        refused(folder)
    for text in ("[]", "{", '{"weight_map": []}', '{"weight_map": {}}', "[" * 100_000):
        (folder / INDEX).write_text(text)
        assert not has_weights(folder), text[:20]
    assert not mark.exists()


def test_l09_headers_are_not_taken_at_their_word(folder: Path) -> None:
    for name, content in HEADERS.items():
        (folder / WEIGHTS).write_bytes(content)
        assert refused(folder).code == "engine_unavailable", name


def test_l09_code_of_a_checkpoint_is_never_run(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "harmed"
    (folder / "evil.py").write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\n")
    auto_map = {
        "AutoConfig": "evil.Config",
        "AutoModelForCausalLM": "evil.Model",
        "AutoTokenizer": ["evil.Slow", "evil.Fast"],
    }
    for name in ("config.json", "tokenizer_config.json"):
        given = json.loads((folder / name).read_text())
        given |= {"auto_map": auto_map, "model_type": "evil", "tokenizer_class": "Evil"}
        (folder / name).write_text(json.dumps(given))
    shutil.copy(BUNDLED_FOLDER / WEIGHTS, folder / WEIGHTS)
    refused(folder)
    assert not mark.exists()
