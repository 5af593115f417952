"""Claims about the measurements: what is measured on what, and what the report and card say."""

from __future__ import annotations

import json
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from notebook_agents.engine.training.card import write_card
from notebook_agents.engine.training.conversation import Conversation
from notebook_agents.engine.training.evaluate import MADE_UP, reproducible, written_spans
from notebook_agents.engine.training.export import MODEL_ID
from notebook_agents.engine.training.fixtures import Column, Table
from notebook_agents.engine.training.generator import Generator
from notebook_agents.engine.training.natural import natural_sets
from notebook_agents.engine.training.plan import RECORD
from notebook_agents.engine.training.report import Report
from notebook_agents.engine.training.settings import generated_setting, written_setting


def test_the_turns_of_the_assistant_are_found() -> None:
    assert written_spans([False, True, True, False, True]) == [(1, 3), (4, 5)]


def test_conversations_are_measured_that_real_tools_can_have() -> None:
    n_chains = 0
    for conversation, results in islice(reproducible(Generator(8, "vocabulary")), 60):
        for exchange, found in zip(conversation.exchanges, results, strict=True):
            assert exchange.category not in MADE_UP
            assert len(found) == len(exchange.steps)
            if exchange.category == "chain":
                assert found[0] == exchange.steps[0].result
                n_chains += 1
    assert n_chains


def test_the_kernel_of_a_measurement_holds_the_frames_and_nothing_else() -> None:
    table = Table((Column("a", "word"), Column("b", "int")), (("x", 1), ("y", 2)))
    made = generated_setting(Conversation((), frames={"df": table}, tables={"t.csv": table}))
    written = written_setting({"t.csv": "a,b\nx,1\ny,2\n"}, {"df": "a,b\nx,1\ny,2\n"})
    for setting in (made, written):
        assert setting.files["t.csv"] == b"a,b\nx,1\ny,2\n"
        assert setting.frames_line == "Dataframes: df(a, b)"
        namespace: dict[str, Any] = {}
        exec(setting.frames_code, namespace)  # noqa: S102
        assert set(namespace) - {"__builtins__"} == {"df"}
        assert namespace["df"].to_dict("list") == {"a": ["x", "y"], "b": [1, 2]}


def test_the_natural_requests_are_many_and_fair() -> None:
    sets = list(natural_sets())
    assert sum(len(found.requests) for found in sets) >= 200
    assert sum(len(found.out_of_domain) for found in sets) >= 100
    for found in sets:
        for request in found.requests:
            assert request.expected or request.kind, request.turns


def test_a_report_has_a_row_for_everything() -> None:
    report = Report()
    report.add("t", {"a": {"x": [True, False]}, "b": {"x": [True, True], "y": [False]}})
    assert report.tables["t"]["all"] == {"n": 4, "x": 75.0, "y": 0.0}
    assert "| all | 4 | 75.0 | 0.0 |" in report.markdown()


def test_a_report_says_which_thresholds_were_missed() -> None:
    report = Report()
    right, wrong = {"end to end": [True] * 10}, {"end to end": [False] * 10}
    report.add("end to end, vocabulary", {"plot": right, "join": wrong})
    report.add("out of domain", {"all prompts": {"invention": [False] * 10}})
    text = report.markdown()
    assert "| end to end, vocabulary: end to end | ≥ 95.0 | 50.0 | missed |" in text
    assert "| end to end, vocabulary: every category | ≥ 80.0 | join 0.0 | missed |" in text
    assert "| out of domain: invention | ≤ 1.0 | 0.0 | met |" in text


def test_a_report_names_low_rows_with_too_few_items_to_judge() -> None:
    report = Report(sizes="Five of each.")
    rows = {"plot": {"end to end": [True] * 10}, "join": {"end to end": [False, True]}}
    report.add("end to end, templates", rows)
    text = report.markdown()
    told = "all above; too few items to judge: join 50.0 (n = 2)"
    assert f"| end to end, templates: every category | ≥ 60.0 | {told} | met |" in text
    assert text.startswith("Five of each.\n")


def card_of(folder: Path, **recorded: str) -> str:
    plan = {"width": 8, "layers": 1, "heads": 1, "seed": 3, "longest": 100}
    progress = {"tokens": 12_345, "targets": 999, "seconds": 120.0}
    record = {"plan": plan, "progress": progress, "parameters": 4321, **recorded}
    found, model = folder / "found", folder / "model"
    found.mkdir(parents=True)
    model.mkdir()
    (model / RECORD).write_text(json.dumps(record))
    (found / "evaluation.md").write_text("### exact match")
    (found / "evaluation.json").write_text('{"tables": {"t": {}}, "failures": ["x"]}')
    write_card(model, found, day=date(2026, 1, 2), hardware="one CPU thread", note="n")
    return (model / "README.md").read_text()


def test_the_card_says_what_was_measured_on_what(tmp_path: Path) -> None:
    card = card_of(tmp_path)
    assert json.loads((tmp_path / "model" / "evaluation.json").read_text()) == {"t": {}}
    for wanted in (MODEL_ID, "2026-01-02", "4,321", "12,345", "own synthetic data", "BSD-3-Clause"):
        assert wanted in card
    assert "not a general language model" in card


def test_the_card_names_the_data_that_the_weights_were_made_of(tmp_path: Path) -> None:
    assert "generator, version 2.9, seed 3" in card_of(tmp_path / "a", generator="2.9")
    assert "generator, version unknown, seed 3" in card_of(tmp_path / "b")
