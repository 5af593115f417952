"""Claims about the shipped model: it loads, its template is standard, and it does its demos."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from notebook_agents.engine.training import prompts
from notebook_agents.engine.training.conversation import (
    TOOLS,
    messages,
    render,
    tool_schemas,
)
from notebook_agents.engine.training.dialogue import Dialogue, called, parse_call
from notebook_agents.engine.training.export import BUNDLED
from notebook_agents.engine.training.generator import Generator
from notebook_agents.engine.training.patterns import chat


@pytest.fixture(scope="module")
def dialogue() -> Dialogue:
    return Dialogue(BUNDLED)


def test_the_folder_is_complete_and_small() -> None:
    names = {path.name for path in BUNDLED.iterdir()}
    wanted = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}
    assert wanted | {"tokenizer_config.json", "chat_template.jinja", "README.md"} <= names
    assert sum(path.stat().st_size for path in BUNDLED.iterdir()) < 5_000_000
    settings = json.loads((BUNDLED / "generation_config.json").read_text())
    assert settings["do_sample"] is False


def test_the_template_writes_what_the_generator_writes(dialogue: Dialogue) -> None:
    for conversation in islice(Generator(21), 150):
        text = dialogue.tokenizer.apply_chat_template(
            messages(conversation), tools=tool_schemas(conversation.tools), tokenize=False
        )
        assert text == "".join(piece for piece, _ in render(conversation))


def test_the_template_takes_arguments_as_text_and_drops_other_system_lines(
    dialogue: Dialogue,
) -> None:
    function = {"name": "list_files", "arguments": '{"path": "."}'}
    history = [
        {"role": "system", "content": "You are kind.\nFiles: a.csv\nBe brief."},
        {"role": "user", "content": [{"type": "text", "text": "list files"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"function": function}]},
        {"role": "tool", "content": "a.csv"},
    ]
    text = dialogue.tokenizer.apply_chat_template(
        history, tools=tool_schemas(TOOLS), tokenize=False, add_generation_prompt=True
    )
    assert text == (
        f"<|im_start|>system\nTools: {', '.join(TOOLS)}\nFiles: a.csv<|im_end|>\n"
        "<|im_start|>user\nlist files<|im_end|>\n<|im_start|>assistant\n<tool_call>\n"
        '{"name": "list_files", "arguments": {"path": "."}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\na.csv\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_a_call_that_cannot_be_read_is_none() -> None:
    assert parse_call("<tool_call>\n{bad}\n</tool_call>") is None
    assert parse_call('<tool_call>\n{"name": "x", "arguments": 3}\n</tool_call>') is None


def test_it_says_what_it_is(dialogue: Dialogue) -> None:
    assert dialogue.complete([{"role": "user", "content": "who are you?"}]) == chat.IDENTITY
    n_millions = dialogue.model.num_parameters() / 1e6
    assert f"about {n_millions:.0f} million parameters" in chat.IDENTITY


def test_it_reports_a_failed_tool(dialogue: Dialogue) -> None:
    text = dialogue.complete([{"role": "user", "content": "read notes.txt"}])
    call = parse_call(text)
    assert call is not None
    asked: list[dict[str, object]] = [{"role": "user", "content": "read notes.txt"}]
    history = [*asked, *called(call, "Error: no such file")]
    assert dialogue.complete(history) == "The tool failed: no such file"


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("requests", prompts.DEMOS, ids=lambda found: found[0].category)
def test_it_answers_its_demos_and_most_paraphrases(
    dialogue: Dialogue, requests: list[prompts.Request], tmp_path: Path
) -> None:
    failed = []
    for number, request in enumerate(requests):
        workspace = prompts.workspace(tmp_path / str(number))
        reply = dialogue.ask(prompts.start(request.text), workspace)
        if not all(text in reply.answer for text in request.expected):
            failed.append((request.text, reply))
    assert requests[0].text not in [text for text, _ in failed]
    assert len(requests) - len(failed) >= 10, failed
