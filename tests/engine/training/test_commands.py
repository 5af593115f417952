"""Claims about the command line of the training: it refuses in one line, before it writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.engine.training.__main__ import main
from notebook_agents.engine.training.export import BUNDLED
from notebook_agents.engine.training.generator import VERSION
from notebook_agents.engine.training.plan import CHECKPOINT, CPU_PLAN, RECORD, plan_as_data

NOW = {"generator": VERSION}
"""What a record has of the data it was made on."""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What a run of 30 minutes that was interrupted in the middle leaves."""
    plan = {**plan_as_data(CPU_PLAN), "seed": 7, "minutes": 30.0}
    return recorded(tmp_path / "run", {"plan": plan, "progress": {"seconds": 900.0}, **NOW})


def recorded(folder: Path, record: dict[str, Any]) -> Path:
    folder.mkdir()
    shutil.copy(BUNDLED / "tokenizer.json", folder)
    (folder / CHECKPOINT).touch()
    (folder / RECORD).write_text(json.dumps(record))
    return folder


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The last line that a refused command writes; one that was begun writes others."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert stopped.value.code == 2
    *usage, told = capsys.readouterr().err.splitlines()
    assert not usage or usage[0].startswith("usage: ")
    assert ": error: " in told
    return told


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--seed", 8], "--seed 8 cannot be resumed with: the run in"),
        (["--seed", 8], "was begun with 7; leave --seed out, or begin another run"),
        (["--device", "cuda"], "--device cuda"),
        (["--processes", 1], "--processes 1"),
        (["--threads", 3], "--threads 3"),
        (["--data-workers", 1], "--data-workers 1"),
        (["--plan", "gpu"], "--plan gpu"),
        (["--plan", "cpu", "--minutes", 10], "has had 15.0 of 10 minutes: give it more with"),
        (["--start", BUNDLED], "not allowed with argument --resume"),
    ],
)
def test_what_differs_from_the_plan_of_a_run_is_not_resumed_with(
    run: Path, capsys: pytest.CaptureFixture[str], flags: list[object], told: str
) -> None:
    before = (run / RECORD).read_text()
    assert told in refusal(capsys, "train", "--resume", "--output", run, *flags)
    assert (run / RECORD).read_text() == before


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"generator": "0.1"}, "reads version 0.1 of the data"),
        ({}, "reads version unknown of the data"),
        (
            {"plan": {**plan_as_data(CPU_PLAN), "depth": 3}, **NOW},
            "another version, with ['depth']",
        ),
    ],
)
def test_a_run_of_another_version_is_not_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, Any], told: str
) -> None:
    record = {"plan": plan_as_data(CPU_PLAN), "progress": {"seconds": 1.0}, **changed}
    run = recorded(tmp_path / "run", record)
    assert told in refusal(capsys, "train", "--resume", "--output", run)


def test_nothing_is_resumed_where_nothing_was_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refusal(capsys, "train", "--resume", "--output", tmp_path / "run")
    assert "is not a run that can be resumed: it has no checkpoint.pt" in told
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_begun_where_there_is_one(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "go on with it by --resume, or name another" in refusal(capsys, "train", "--output", run)
    (run / CHECKPOINT).unlink()
    told = refusal(capsys, "train", "--output", run)
    assert "has no checkpoint" in told
    assert "name another folder by --output" in told


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--device", "cuda:99"], "'cuda:99' needs a GPU that torch can use"),
        (["--device", "abacus"], "'abacus' is unknown"),
        (["--start", "nowhere"], "'nowhere' is not an exported model: it has no config.json"),
        (["--start", BUNDLED, "--plan", "gpu"], "choose the --plan by which that model was made"),
        (["--minutes", 0], "0 is not a time of more than 0 minutes"),
        (["--minutes", -1], "-1 is not a time"),
        (["--minutes", "nan"], "nan is not a time"),
        (["--minutes", "inf"], "inf is not a time"),
        (["--seed", -1], "-1 is not a whole number of at least 0"),
        (["--threads", 0], "0 is not a whole number of at least 1"),
        (["--processes", 0], "0 is not a whole number of at least 1"),
        (["--data-workers", -1], "-1 is not a whole number of at least 0"),
        (["--plan", "tpu"], "invalid choice: 'tpu'"),
    ],
)
def test_training_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[object], told: str
) -> None:
    assert told in refusal(capsys, "train", "--output", tmp_path / "run", *flags)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["export", "--run", "nowhere"], "--run 'nowhere' is not a training run"),
        (["evaluate", "--model", "nowhere"], "--model 'nowhere' is not an exported model"),
        (["evaluate", "--executed", 0], "0 is not a whole number of at least 1"),
        (["evaluate", "--forced", -1], "-1 is not a whole number of at least 0"),
        (["generate", "--count", 0], "0 is not a whole number of at least 1"),
        (["generate", "--split", "test"], "invalid choice: 'test'"),
        (["generate", "--output", __file__], "is a file, not a folder"),
    ],
)
def test_commands_refuse_what_they_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[object], told: str
) -> None:
    name, *flags = command
    assert told in refusal(capsys, name, "--output", tmp_path / "out", *flags)
    assert not (tmp_path / "out").exists()


def test_a_card_needs_a_model_and_its_evaluation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["card", "--day", "2026-01-02", "--evaluation", tmp_path, "--model"]
    assert "is not an exported model" in refusal(capsys, *command, tmp_path / "model")
    assert "is not an evaluation: it has no evaluation.json" in refusal(capsys, *command, BUNDLED)


def test_a_run_that_was_taught_other_sentences_is_not_resumed(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer = run / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text("utf-8").replace("Goodbye.", "Farewell."), "utf-8")
    told = refusal(capsys, "train", "--resume", "--output", run)
    assert "other fixed sentences, not with 'Goodbye.'" in told


def test_the_command_line_generates_text(tmp_path: Path) -> None:
    assert main(["generate", "--output", str(tmp_path), "--count", "3", "--seed", "1"]) == 0
    assert (tmp_path / "train.txt").read_text(encoding="utf-8").count("<|im_start|>system") == 3
