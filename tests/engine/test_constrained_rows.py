"""Requests with tools, stepped by the engine: constrained, each for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.core.messages import user_message
from notebook_agents.core.models import (
    GenerateFinished,
    GenerateRequest,
    GenerateText,
    GenerateToolCall,
    Sampling,
    ToolSchema,
)
from notebook_agents.engine.engine import StepEngine
from notebook_agents.engine.grammar import UNGUARDED, Constraint, Grammars
from notebook_agents.engine.host import make_row
from notebook_agents.engine.model import LoadedModel
from notebook_agents.engine.runner import TransformersRunner
from notebook_agents.engine.sampling import SamplingPlan, TokenSampler
from notebook_agents.engine.scheduler import Emission, FifoScheduler, Row

READER = ToolSchema(
    name="reader",
    description="",
    parameters={
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    },
)

PYTHON = replace(READER, name="python_executor")


class Determined(TransformersRunner):
    """A model that wants to write one text, whatever it has written so far."""

    wish = ""

    def read(self, row: Row, n_tokens: int) -> torch.Tensor:
        return self._wished(row, super().read(row, n_tokens))

    def decode(self, rows: Sequence[Row]) -> torch.Tensor:
        logits = super().decode(rows)
        return torch.stack([self._wished(r, s) for r, s in zip(rows, logits, strict=True)])

    def _wished(self, row: Row, scores: torch.Tensor) -> torch.Tensor:
        ids = row.model.tokenizer(self.wish, add_special_tokens=False)["input_ids"]
        scores = scores.clone()
        # What it wants now, then what it wants next, and so on: it picks up where it can.
        for place, token in enumerate(ids[len(row.tokens) :]):
            scores[token] = max(float(scores[token]), 1000.0 - place)
        return scores


class Hopeful(Determined):
    """Wants to call a tool that there is not, in a form of its own."""

    wish = 'I call <tool_call>{"tool": "writer", "args": 12}</tool_call><|im_end|>'


def ask(
    engine: StepEngine, model: LoadedModel, text: str = "hi", *, tools: Any = (), **sampling: Any
) -> tuple[Row, list[Emission]]:
    request = GenerateRequest(
        model=model.info.id,
        messages=(user_message(text),),
        tools=tuple(tools),
        sampling=Sampling(**{"temperature": 0, "max_tokens": 90, **sampling}),
    )
    emissions: list[Emission] = []
    row = make_row(model, request, emissions.append)
    engine.add(row)
    return row, emissions


def run(engine: StepEngine) -> None:
    while engine.step():
        pass


def test_a_call_takes_the_form_of_its_schema(model: LoadedModel) -> None:
    engine = StepEngine(FifoScheduler(), Hopeful)
    row, emissions = ask(engine, model, tools=[READER])
    run(engine)
    written = model.tokenizer.decode(row.tokens)
    assert written.startswith('I call <tool_call>\n{"name": "reader", "arguments": {"n": ')
    texts = [e.text for e in emissions if isinstance(e, GenerateText)]
    assert "".join(texts).startswith("I call")
    assert "tool_call" not in "".join(texts)
    calls = [e.call for e in emissions if isinstance(e, GenerateToolCall)]
    assert all(isinstance(call.arguments["n"], int) for call in calls)


def test_without_tools_nothing_is_held_back(model: LoadedModel) -> None:
    engine = StepEngine(FifoScheduler(), Hopeful)
    row, _ = ask(engine, model)
    run(engine)
    assert model.tokenizer.decode(row.tokens) == Hopeful.wish


def test_rows_with_and_without_tools_share_a_batch(model: LoadedModel) -> None:
    def tokens(*wishes: tuple[str, Sequence[ToolSchema]]) -> list[list[int]]:
        engine = StepEngine(FifoScheduler(), Hopeful)
        rows = [ask(engine, model, text, tools=tools)[0] for text, tools in wishes]
        run(engine)
        return [row.tokens for row in rows]

    wishes = [("hi", [READER]), ("hello there", []), ("and you", [READER])]
    assert tokens(*wishes) == [tokens(wish)[0] for wish in wishes]


def test_a_cancelled_call_is_dropped_and_the_others_go_on(model: LoadedModel) -> None:
    engine = StepEngine(FifoScheduler(), Hopeful)
    row, emissions = ask(engine, model, tools=[READER])
    other, _ = ask(engine, model, tools=[READER])
    for _ in range(20):
        engine.step()
    row.is_cancelled = True
    run(engine)
    end = emissions[-1]
    assert isinstance(end, GenerateFinished)
    assert end.finish_reason == "cancelled"
    assert not any(isinstance(e, GenerateToolCall) for e in emissions)
    assert len(other.tokens) > len(row.tokens)


class Broken:
    """A constraint that fails."""

    def accept(self, token: int) -> bool:
        raise RuntimeError("out of luck")

    def mask(self) -> torch.Tensor:
        raise RuntimeError("out of luck")


def test_a_constraint_that_fails_fails_its_request_alone(model: LoadedModel) -> None:
    engine = StepEngine(FifoScheduler(), TransformersRunner)
    row, emissions = ask(engine, model)
    constraint: Constraint = Broken()
    row.sampler = TokenSampler(SamplingPlan(), model.device, (), constraint)
    _, others = ask(engine, model)
    run(engine)
    assert isinstance(emissions[-1], EngineUnavailable)
    assert isinstance(others[-1], GenerateFinished)


def test_the_built_in_model_answers_nothing_when_its_grammar_cannot_be_used(
    model: LoadedModel,
) -> None:
    backend = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    unknown = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="[UNK]")
    info = replace(model.info, is_bundled=True)
    unguarded = replace(model, info=info, grammars=Grammars(unknown, 2, [1]))
    with pytest.raises(EngineUnavailable, match="choose another model"):
        ask(StepEngine(FifoScheduler(), Hopeful), unguarded, tools=[PYTHON])


class Ended:
    """A guard that has come to a limit."""

    def accept(self, token: int) -> bool:
        raise EngineUnavailable(UNGUARDED)

    def mask(self) -> torch.Tensor:
        raise EngineUnavailable(UNGUARDED)


def test_an_answer_whose_guard_ends_says_why(model: LoadedModel) -> None:
    engine = StepEngine(FifoScheduler(), Hopeful)
    row, emissions = ask(engine, model)
    ended: Constraint = Ended()
    row.sampler = TokenSampler(SamplingPlan(), model.device, (), ended)
    run(engine)
    assert [str(emission) for emission in emissions] == [UNGUARDED]


@pytest.mark.parametrize("n_tokens", [1, 14, 30])
def test_an_answer_that_is_cut_off_in_a_call_ends_with_its_length(
    model: LoadedModel, n_tokens: int
) -> None:
    engine = StepEngine(FifoScheduler(), Hopeful)
    _, emissions = ask(engine, model, tools=[READER], max_tokens=n_tokens)
    run(engine)
    end = emissions[-1]
    assert isinstance(end, GenerateFinished)
    assert end.finish_reason == "length"
    assert not any(isinstance(e, GenerateToolCall) for e in emissions)
