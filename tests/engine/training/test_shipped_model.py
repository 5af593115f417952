"""Claims about the shipped model: it loads anywhere, and it does what its card says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from notebook_agents.engine.training import prompts, replies
from notebook_agents.engine.training.conversation import TOOLS, messages, render, tool_schemas
from notebook_agents.engine.training.evaluate import (
    Item,
    answered,
    demo_scores,
    executed_scores,
    natural_scores,
)
from notebook_agents.engine.training.export import BUNDLED, EVALUATION, REPLIES
from notebook_agents.engine.training.generator import Generator
from notebook_agents.engine.training.plan import CPU_PLAN, FLAGS, RECORD, plan_as_data
from notebook_agents.engine.training.product import Product, open_product
from notebook_agents.engine.training.report import ALL, Report, Scores

MARGIN = 8.0
"""Per cent by which a sample of 50 to 100 conversations may lie below the card by chance."""


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(BUNDLED, local_files_only=True)


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    async with open_product(tmp_path) as opened:
        yield opened


def measured(table: str, measure: str = "end to end") -> float:
    """What the card says."""
    tables = json.loads((BUNDLED / EVALUATION).read_text("utf-8"))
    found: float = tables[table][ALL][measure]
    return found


def share(scores: Scores, measure: str = "end to end") -> float:
    report = Report()
    report.add("t", scores)
    return report.tables["t"][ALL][measure]


def test_the_folder_is_complete_and_small() -> None:
    names = {path.name for path in BUNDLED.iterdir()}
    wanted = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}
    wanted |= {"tokenizer_config.json", "chat_template.jinja", "README.md", REPLIES, EVALUATION}
    assert wanted <= names
    assert sum(path.stat().st_size for path in BUNDLED.iterdir()) < 15_000_000
    settings = json.loads((BUNDLED / "generation_config.json").read_text())
    assert settings["do_sample"] is False
    assert tuple(json.loads((BUNDLED / REPLIES).read_text())) == replies.SAID


def test_it_is_of_the_size_that_it_says() -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(BUNDLED, local_files_only=True)
    n_parameters = model.num_parameters()
    assert n_parameters < 10_000_000
    assert "fewer than ten million parameters" in replies.IDENTITY
    assert f"| parameters | {n_parameters:,} |" in (BUNDLED / "README.md").read_text("utf-8")
    assert json.loads((BUNDLED / RECORD).read_text("utf-8"))["parameters"] == n_parameters


def test_it_was_made_by_the_plan_for_two_cores() -> None:
    found = json.loads((BUNDLED / RECORD).read_text("utf-8"))["plan"]
    differing = {name for name, value in plan_as_data(CPU_PLAN).items() if found[name] != value}
    assert differing <= {"folder", "copy_rounds", *FLAGS}  # It had learnt to copy before.


def test_the_template_writes_what_the_generator_writes(tokenizer: Any) -> None:
    for conversation in islice(Generator(21), 150):
        text = tokenizer.apply_chat_template(
            messages(conversation), tools=tool_schemas(conversation.tools), tokenize=False
        )
        assert text == "".join(piece for piece, _ in render(conversation))


def test_the_template_takes_arguments_as_text_and_drops_other_system_lines(tokenizer: Any) -> None:
    function = {"name": "list_files", "arguments": '{"path": "."}'}
    history = [
        {"role": "system", "content": "You are kind.\nFiles: a.csv\nBe brief."},
        {"role": "user", "content": [{"type": "text", "text": "list files"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"function": function}]},
        {"role": "tool", "content": "a.csv"},
    ]
    text = tokenizer.apply_chat_template(
        history, tools=tool_schemas(TOOLS), tokenize=False, add_generation_prompt=True
    )
    assert text == (
        f"<|im_start|>system\nTools: {', '.join(TOOLS)}\nFiles: a.csv<|im_end|>\n"
        "<|im_start|>user\nlist files<|im_end|>\n<|im_start|>assistant\n<tool_call>\n"
        '{"name": "list_files", "arguments": {"path": "."}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\na.csv\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n"
    )


async def test_it_says_what_it_is_and_reports_a_failed_tool(product: Product) -> None:
    texts = ("who are you?", "read nosuch.txt")
    items = [Item(prompts.setting(), (text,)) for text in texts]
    (who,), (missing,) = [found async for found in answered(product, items)]
    assert who.answer == replies.IDENTITY
    assert [call.arguments for call in missing.calls] == [{"path": "nosuch.txt"}]
    assert missing.answer.startswith("The tool failed: ")


@pytest.mark.slow
async def test_it_answers_its_demos_and_most_paraphrases(product: Product) -> None:
    failures: list[str] = []
    scores = await demo_scores(product, failures)
    documented = [requests[0].text for requests in prompts.DEMOS]
    assert not [f for f in failures if any(text in f for text in documented)]
    assert share(scores) >= measured("demo requests") - MARGIN, failures


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("split", ["vocabulary", "templates"])
async def test_it_does_what_its_card_says(product: Product, split: str) -> None:
    failures: list[str] = []
    scores = await executed_scores(product, split, 50, failures)
    wanted = measured(f"end to end, {split}") - MARGIN
    assert share(scores) >= wanted, failures
    assert share(scores, "valid") >= 99.0, failures


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_it_answers_natural_requests_and_invents_nothing(product: Product) -> None:
    failures: list[str] = []
    inside, outside = await natural_scores(product, failures, every=3)
    assert share(inside) >= measured("natural requests") - MARGIN, failures
    assert share(outside, "invention") <= 1.0, failures
