"""Talks to an exported model folder with greedy decoding and executes its calls.

This is the plain transformers loop of the tests and the evaluation; the product has its own engine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from notebook_agents.engine.training.conversation import (
    CALL_CLOSE,
    CALL_OPEN,
    END,
    TOOLS,
    Call,
    tool_schemas,
)  # fmt: skip
from notebook_agents.engine.training.execution import Workspace

MOST_STEPS = 4
MOST_TOKENS = 700


@dataclass(frozen=True)
class Reply:
    """What happened for one request."""

    calls: tuple[Call, ...]
    results: tuple[str, ...]
    answer: str
    is_valid: bool = True
    """Whether every call could be read."""


class Dialogue:
    """An exported model on the CPU."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
        self.model = model.float().eval()

    def complete(self, messages: list[dict[str, object]], tools: tuple[str, ...] = TOOLS) -> str:
        """The next assistant turn as text, without the end mark."""
        text = self.tokenizer.apply_chat_template(
            messages, tools=tool_schemas(tools), tokenize=False, add_generation_prompt=True
        )
        tokens = torch.tensor([self.tokenizer.encode(text, add_special_tokens=False)])
        mask = torch.ones_like(tokens)
        with torch.inference_mode():
            made = self.model.generate(tokens, attention_mask=mask, max_new_tokens=MOST_TOKENS)
        found: str = self.tokenizer.decode(made[0, tokens.shape[1] :], skip_special_tokens=False)
        return found.split(END)[0]

    def ask(
        self,
        messages: list[dict[str, object]],
        workspace: Workspace,
        tools: tuple[str, ...] = TOOLS,
    ) -> Reply:
        """Answer the last message, executing calls in a workspace."""
        history = list(messages)
        calls: list[Call] = []
        results: list[str] = []
        for _ in range(MOST_STEPS):
            text = self.complete(history, tools)
            if CALL_OPEN not in text:
                return Reply(tuple(calls), tuple(results), text)
            call = parse_call(text)
            if call is None:
                return Reply(tuple(calls), tuple(results), text, is_valid=False)
            calls.append(call)
            results.append(workspace.run(call))
            history += called(call, results[-1])
        return Reply(tuple(calls), tuple(results), "")


def parse_call(text: str) -> Call | None:
    """Read the first call of an assistant turn, None when it is not a call."""
    body = text.split(CALL_OPEN, 1)[-1].split(CALL_CLOSE, 1)[0]
    try:
        read = json.loads(body)
    except ValueError:
        return None
    if not isinstance(read, dict) or not isinstance(read.get("arguments"), dict):
        return None
    return Call(str(read.get("name")), read["arguments"])


def called(call: Call, result: str) -> list[dict[str, object]]:
    """The two messages that a call and its result add to a conversation."""
    function = {"name": call.name, "arguments": call.arguments}
    calls = [{"id": "call_1", "type": "function", "function": function}]
    return [
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_1", "content": result},
    ]
