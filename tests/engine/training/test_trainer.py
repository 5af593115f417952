"""Claims about the network, the schedule, checkpoints and the export."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import nn

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.engine.training import replies
from notebook_agents.engine.training.__main__ import main
from notebook_agents.engine.training.batches import NO_TARGET, Batch, DataPlan, load_batches
from notebook_agents.engine.training.conversation import messages, render, tool_schemas
from notebook_agents.engine.training.evaluate import EvaluationPlan, forced_scores
from notebook_agents.engine.training.export import (
    BUNDLED,
    export,
    load_checkpoint,
    transformers_model,
)
from notebook_agents.engine.training.generator import VERSION, Generator
from notebook_agents.engine.training.model import Shape, TinyModel, fastest_type
from notebook_agents.engine.training.optimizer import orthogonalized
from notebook_agents.engine.training.plan import CPU_PLAN, PLANS, RECORD, TrainingPlan
from notebook_agents.engine.training.team import make_teams
from notebook_agents.engine.training.tokenizer import load_tokenizer, train_tokenizer
from notebook_agents.engine.training.trainer import rate_scale, train

COMMANDS = "notebook_agents.engine.training"
SEED = 3
"""Another one than that of the plans."""


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a few seconds, interrupted and resumed once."""
    folder = tmp_path_factory.mktemp("run")
    train_tokenizer(0, 300).save(str(folder / "tokenizer.json"))
    train(small_plan(folder))
    train(small_plan(folder, minutes=0.04), resume=True)
    return folder


def small_plan(folder: Path, minutes: float = 0.02, processes: int = 1) -> TrainingPlan:
    small = replace(CPU_PLAN, seed=SEED, width=32, layers=2, heads=1, hidden=48, compiled=False)
    # Small rounds are quick to make: also a busy machine takes some steps in a second.
    small = replace(small, batch_tokens=512, round_size=40, round_batches=12)
    return replace(small, folder=folder, minutes=minutes, processes=processes)


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_the_rate_warms_up_stays_and_decays_to_nearly_nothing() -> None:
    plan = TrainingPlan(Path("run"), 1.0, warm_up=30, flat_until=0.3)
    assert rate_scale(0.0, 0, plan) == pytest.approx(1 / 30)
    assert rate_scale(0.3, 100, plan) == 1.0
    assert rate_scale(0.65, 100, plan) == pytest.approx(0.51)
    assert rate_scale(1.0, 100, plan) == pytest.approx(0.02)


def test_what_the_model_says_of_its_size_is_true_of_every_plan() -> None:
    assert "fewer than ten million parameters" in replies.IDENTITY
    n_entries = load_tokenizer(BUNDLED).get_vocab_size()
    for plan in PLANS.values():
        model = TinyModel(Shape(n_entries, plan.width, plan.layers, plan.heads, hidden=plan.hidden))
        assert sum(weight.numel() for weight in model.parameters()) < 10_000_000


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


PLAN = DataPlan(
    seed=5, start=0, process=0, batch_tokens=512, round_size=24, round_batches=0, copy_rounds=1,
    longest=1100, step=1,
)  # fmt: skip


def batches(folder: Path, count: int, workers: int = 0, **changes: int) -> list[Batch]:
    plan = replace(PLAN, **changes)
    return list(islice(load_batches(plan, load_tokenizer(folder), workers), count))


def equal(first: list[Batch], second: list[Batch]) -> bool:
    pairs = zip(first, second, strict=True)
    return all(torch.equal(a, b) for x, y in pairs for a, b in zip(x, y, strict=True))


def test_the_same_plan_reads_the_same_data_and_no_other_does(run_folder: Path) -> None:
    first = batches(run_folder, 12)
    assert equal(first, batches(run_folder, 12))
    assert not equal(first[:1], batches(run_folder, 1, process=1))
    assert not equal(first[:1], batches(run_folder, 1, start=1))


def test_worker_processes_make_the_rounds_that_one_process_makes(run_folder: Path) -> None:
    """A round is made by one worker whole; workers take turns batch by batch."""
    alone = batches(run_folder, 60)
    together = batches(run_folder, 12, workers=2)
    assert all(any(equal([b], [a]) for a in alone) for b in together)


def test_lengths_are_padded_to_few_values_for_a_gpu(run_folder: Path) -> None:
    for tokens, targets in batches(run_folder, 20, step=64):
        assert tokens.shape == targets.shape
        assert tokens.shape[1] % 64 == 0
        assert (targets[tokens == 0] == NO_TARGET).all()


def test_a_round_has_as_many_batches_as_are_wanted(run_folder: Path) -> None:
    """Too few are halved and lose nothing; of too many some are left out."""
    found = batches(run_folder, 8, batch_tokens=8192, round_size=8, round_batches=8)
    assert [len(tokens) for tokens, _ in found] == [1] * 8
    whole = batches(run_folder, 60)
    for batch in batches(run_folder, 4, round_batches=2):
        assert any(equal([batch], [other]) for other in whole)


@pytest.mark.slow
def test_processes_that_train_together_end_with_one_model(run_folder: Path, tmp_path: Path) -> None:
    shutil.copy(run_folder / "tokenizer.json", tmp_path)
    train(small_plan(tmp_path, minutes=0.03, processes=2))
    progress = json.loads((tmp_path / RECORD).read_text())["progress"]
    assert progress["seconds"] >= 0.03 * 60
    assert progress["steps"] > 1
    assert load_checkpoint(tmp_path).shape == load_checkpoint(run_folder).shape


def test_an_average_is_that_of_all_processes() -> None:
    weights = [nn.Linear(2, 2), nn.Linear(2, 2)]
    for value, layer in enumerate(weights):
        layer.weight.grad = torch.full((2, 2), float(value))
        layer.bias.grad = torch.full((2,), 4.0 * value)
    parent = os.getppid()
    teams = [replace(team, parent=parent) for team in make_teams(2, 6)]
    with ThreadPoolExecutor(2) as pool:
        seconds = list(pool.map(lambda i: teams[i].average(weights[i], 10.0 * i), range(2)))
    assert seconds == [5.0, 5.0]
    for layer in weights:
        assert layer.weight.grad is not None
        assert (layer.weight.grad == 0.5).all()


def test_a_process_ends_with_the_one_that_started_it() -> None:
    orphan = replace(make_teams(2, 6)[0], parent=-1)
    with pytest.raises(SystemExit):
        orphan.average(nn.Linear(2, 2), 1.0)


@pytest.mark.slow
def test_a_resumed_run_goes_on(run_folder: Path) -> None:
    record = json.loads((run_folder / RECORD).read_text())
    assert len(record["progress"]["log"]) == 2
    assert record["progress"]["seconds"] >= 0.04 * 60
    assert record["progress"]["log"][0]["tokens"] < record["progress"]["tokens"]


@pytest.mark.slow
def test_a_run_is_resumed_by_the_plan_with_which_it_was_begun(
    run_folder: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(run_folder, tmp_path / "run")
    before = json.loads((run / RECORD).read_text())
    assert main(["train", "--resume", "--minutes", "0.06", "--output", str(run)]) == 0
    after = json.loads((run / RECORD).read_text())
    assert after["plan"] == {**before["plan"], "folder": "run", "minutes": 0.06}
    assert after["plan"]["seed"] == SEED
    assert after["progress"]["seconds"] >= 0.06 * 60
    assert after["progress"]["steps"] > before["progress"]["steps"]


@pytest.mark.slow
def test_the_record_says_what_data_and_arithmetic_made_the_weights(run_folder: Path) -> None:
    record = json.loads((run_folder / RECORD).read_text())
    assert record["generator"] == VERSION
    assert record["torch"] == torch.__version__
    assert getattr(torch, record["dtype"]) == fastest_type("cpu")


@pytest.mark.slow
def test_an_interrupt_ends_all_processes_and_tells_how_to_go_on(
    run_folder: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(run_folder, tmp_path / "my run")
    record = json.loads((run / RECORD).read_text())
    record["plan"].update(processes=2, checkpoint_seconds=0.1, minutes=60.0)
    (run / RECORD).write_text(json.dumps(record))
    command = [sys.executable, "-m", COMMANDS, "train", "--resume", "--output", str(run)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as training:
        assert training.stderr is not None
        assert "loss" in training.stderr.readline()
        training.send_signal(signal.SIGINT)
        told = training.stderr.read()
    assert training.returncode == 130
    assert f"python -m {COMMANDS} train --resume --output '{run}'" in told
    assert "Traceback" not in told


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


@pytest.mark.slow
def test_a_run_can_begin_with_an_exported_model(run_folder: Path, tmp_path: Path) -> None:
    export(run_folder, tmp_path / "model")
    plan = replace(small_plan(tmp_path / "run", minutes=0.001), start=tmp_path / "model", seed=7)
    train(replace(plan, matrix_rate=0.0, other_rate=0.0))
    exported = load_checkpoint(run_folder).state_dict()
    for name, weight in load_checkpoint(tmp_path / "run").state_dict().items():
        assert torch.equal(weight, exported[name].bfloat16().float()), name
    record = json.loads((tmp_path / "run" / RECORD).read_text())
    assert record["plan"]["start"] == "model"


@pytest.mark.slow
def test_a_model_that_was_taught_other_sentences_is_not_exported(
    run_folder: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(run_folder, tmp_path / "run")
    tokenizer = run / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace(replies.GOODBYE, "Farewell."))
    with pytest.raises(InvalidRequest, match=r"other fixed sentences, not with 'Goodbye\.'"):
        export(run, tmp_path / "model")


@pytest.mark.slow
def test_turns_of_an_exported_model_are_compared_token_by_token(
    run_folder: Path, tmp_path: Path
) -> None:
    export(run_folder, tmp_path)
    scores = forced_scores(EvaluationPlan(tmp_path, tmp_path, n_forced=12), "vocabulary")
    measures = {measure for found in scores.values() for measure in found}
    assert {"tool", "call", "answer"} <= measures <= {"tool", "call", "answer", "reply"}
