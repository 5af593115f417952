"""Claims about the network, the schedule, checkpoints and the export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch

from notebook_agents.engine.training.__main__ import main
from notebook_agents.engine.training.conversation import messages, render, tool_schemas
from notebook_agents.engine.training.export import export, load_checkpoint, transformers_model
from notebook_agents.engine.training.generator import Generator
from notebook_agents.engine.training.model import Shape, TinyModel
from notebook_agents.engine.training.optimizer import orthogonalized
from notebook_agents.engine.training.tokenizer import load_tokenizer, train_tokenizer
from notebook_agents.engine.training.trainer import RECORD, TrainingPlan, rate_scale, train


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a few seconds, interrupted and resumed once."""
    folder = tmp_path_factory.mktemp("run")
    train_tokenizer(0, 300).save(str(folder / "tokenizer.json"))
    plan = TrainingPlan(folder, 0.02, width=32, layers=2, hidden=48, batch_tokens=512)
    train(plan)
    train(replace(plan, minutes=0.04), resume=True)
    return folder


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_the_rate_warms_up_stays_and_decays_to_nearly_nothing() -> None:
    assert rate_scale(0.0, 0, 0.3) == pytest.approx(1 / 30)
    assert rate_scale(0.3, 100, 0.3) == 1.0
    assert rate_scale(0.65, 100, 0.3) == pytest.approx(0.51)
    assert rate_scale(1.0, 100, 0.3) == pytest.approx(0.02)


def test_muon_updates_are_nearly_orthogonal() -> None:
    random = torch.randn(3, 24, 16, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalized(random))
    assert values.min() > 0.4
    assert values.max() < 1.4


def test_the_network_equals_transformers() -> None:
    dice = torch.Generator().manual_seed(1)
    tokenizer = train_tokenizer(0, 50)
    model = TinyModel(Shape(tokenizer.get_vocab_size()), dice).eval()
    tokens = torch.randint(0, 300, (2, 90), generator=dice)
    with torch.no_grad():
        difference = model(tokens) - transformers_model(model, tokenizer)(tokens).logits
    assert difference.abs().max() < 1e-4


@pytest.mark.slow
def test_a_resumed_run_goes_on(run_folder: Path) -> None:
    record = json.loads((run_folder / RECORD).read_text())
    assert len(record["progress"]["log"]) == 2
    assert record["progress"]["seconds"] >= 0.04 * 60
    assert record["progress"]["log"][0]["tokens"] < record["progress"]["tokens"]


@pytest.mark.slow
def test_the_export_loads_and_its_template_equals_the_generator(
    run_folder: Path, tmp_path: Path
) -> None:
    export(run_folder, tmp_path)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tmp_path, local_files_only=True)
    assert model.dtype == torch.bfloat16
    assert model.num_parameters() == sum(
        p.numel() for p in load_checkpoint(run_folder).parameters()
    )
    tokenizer = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert len(tokenizer) == load_tokenizer(run_folder).get_vocab_size()
    for conversation in islice(Generator(9), 100):
        text = tokenizer.apply_chat_template(
            messages(conversation), tools=tool_schemas(conversation.tools), tokenize=False
        )
        assert text == "".join(piece for piece, _ in render(conversation))


def test_the_command_line_generates_text(tmp_path: Path) -> None:
    assert main(["generate", "--output", str(tmp_path), "--count", "3", "--seed", "1"]) == 0
    assert (tmp_path / "train.txt").read_text(encoding="utf-8").count("<|im_start|>system") == 3
