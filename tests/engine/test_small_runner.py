"""The short forward pass of small models against transformers' modules."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

from notebook_agents.core.messages import user_message
from notebook_agents.core.models import BUNDLED_MODEL, GenerateRequest
from notebook_agents.engine.catalogue import Catalogue
from notebook_agents.engine.host import make_row, make_runner
from notebook_agents.engine.model import LoadedModel, load_model
from notebook_agents.engine.runner import ModelRunner, TransformersRunner
from notebook_agents.engine.scheduler import Row
from notebook_agents.engine.small_runner import SmallRunner, is_small

SIZES: dict[str, Any] = {
    "hidden_size": 48,
    "intermediate_size": 100,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 300,
}


def saved(network: Any, tokenizer: Any, folder: Path) -> LoadedModel:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            mean = 1.0 if "norm" in name else 0.0
            parameter.normal_(mean, 0.2, generator=generator)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return load_model(Catalogue((str(folder),)).get(str(folder)), "cpu")


@pytest.fixture(scope="module", params=["built in", "grouped heads", "a head of its own"])
def small(request: pytest.FixtureRequest, tmp_path_factory: Any, tokenizer: Any) -> LoadedModel:
    """The shipped model, and random ones of odd sizes."""
    if request.param == "built in":
        return load_model(Catalogue().get(BUNDLED_MODEL), "cpu")
    is_tied = request.param == "grouped heads"
    config = Qwen3Config(vocab_size=len(tokenizer), tie_word_embeddings=is_tied, **SIZES)
    return saved(Qwen3ForCausalLM(config), tokenizer, tmp_path_factory.mktemp("small") / "model")


def new_row(model: LoadedModel, text: str) -> Row:
    request = GenerateRequest(model=model.info.id, messages=(user_message(text),))
    return make_row(model, request, lambda _chunk: None)


def logits(runner: ModelRunner, rows: list[Row], piece: int) -> torch.Tensor:
    """After each prompt, read in pieces, and after eight tokens more."""
    found = []
    with torch.inference_mode():
        for row in rows:
            while not row.is_read:
                last = runner.read(row, min(piece, len(row.prompt_ids) - row.n_read))
            found.append(last[None])
        for step in range(8):
            for number, row in enumerate(rows):
                row.tokens.append(7 + 31 * step + number)
            found.append(runner.decode(rows))
    return torch.cat(found)


@pytest.mark.parametrize("piece", [1000, 40])
@pytest.mark.parametrize("texts", [["hello there"], ["hi", "a b c " * 20, "How many rows?"]])
def test_logits_are_those_of_transformers(small: LoadedModel, texts: list[str], piece: int) -> None:
    runners = (TransformersRunner(small), SmallRunner(small))
    theirs, ours = (logits(r, [new_row(small, text) for text in texts], piece) for r in runners)
    assert ours.shape == theirs.shape
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-4 * max(1.0, float(theirs.abs().max())))


def test_an_answer_may_go_to_the_end_of_the_context(small: LoadedModel) -> None:
    runner, row = SmallRunner(small), new_row(small, "hello there")
    row.max_tokens = 5
    row.prompt_ids = (row.prompt_ids * small.context_length)[: small.context_length - 5]
    with torch.inference_mode():
        runner.read(row, len(row.prompt_ids))
        for token in range(7, 12):
            row.tokens.append(token)
            last = runner.decode([row])[0]
        theirs = small.model(torch.tensor([[*row.prompt_ids, *row.tokens]])).logits[0, -1]
    assert torch.allclose(last, theirs, rtol=0, atol=1e-4 * max(1.0, float(theirs.abs().max())))


def test_a_released_row_leaves_the_others_alone(small: LoadedModel) -> None:
    alone = logits(SmallRunner(small), [new_row(small, "hello there")], 1000)
    runner = SmallRunner(small)
    gone, stays = new_row(small, "x y z"), new_row(small, "hello there")
    with torch.inference_mode():
        runner.read(gone, len(gone.prompt_ids))
        first = runner.read(stays, len(stays.prompt_ids))
        runner.release(gone)
        stays.tokens.append(7)
        second = runner.decode([stays])[0]
    assert torch.allclose(first, alone[0], atol=1e-4)
    assert torch.allclose(second, alone[1], atol=1e-4)


def test_the_built_in_model_takes_the_short_way() -> None:
    model = load_model(Catalogue().get(BUNDLED_MODEL), "cpu")
    assert isinstance(make_runner(model), SmallRunner)


@pytest.mark.parametrize(
    "change",
    [
        {"use_sliding_window": True, "max_window_layers": 2, "sliding_window": 8},
        {"hidden_act": "gelu"},
        {"attention_bias": True},
        {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}},
    ],
)
def test_what_it_does_not_know_goes_the_long_way(
    tokenizer: Any, tmp_path: Path, change: dict[str, Any]
) -> None:
    config = Qwen3Config(vocab_size=len(tokenizer), **SIZES, **change)
    model = saved(Qwen3ForCausalLM(config), tokenizer, tmp_path / "model")
    assert not is_small(model)


def test_other_architectures_and_large_models_go_the_long_way(
    model: LoadedModel, tokenizer: Any, tmp_path: Path
) -> None:
    assert is_small(model)
    assert not is_small(replace(model, info=replace(model.info, n_parameters=600_000_000)))
    assert not is_small(replace(model, context_length=32_768))
    other = saved(
        LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **SIZES)), tokenizer, tmp_path / "m"
    )
    assert isinstance(make_runner(other), TransformersRunner)


def test_it_decodes_faster_than_the_modules_of_transformers() -> None:
    model = load_model(Catalogue().get(BUNDLED_MODEL), "cpu")
    runners: list[ModelRunner] = [TransformersRunner(model), SmallRunner(model)]
    rows = [new_row(model, "hello") for _ in runners]

    def seconds(runner: ModelRunner, row: Row) -> float:
        started = time.perf_counter()
        for _ in range(10):
            row.tokens.append(9)
            runner.decode([row])
        return time.perf_counter() - started

    with torch.inference_mode():
        for runner, row in zip(runners, rows, strict=True):
            runner.read(row, len(row.prompt_ids))
        # In turns, so that other work on the machine hits both.
        tries = [[seconds(*pair) for pair in zip(runners, rows, strict=True)] for _ in range(9)]
    theirs, ours = (min(times) for times in zip(*tries, strict=True))
    assert ours < theirs / 1.3
