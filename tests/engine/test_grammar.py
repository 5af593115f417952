"""What may come next in an answer, for tokenizers that write tags in different ways."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from jsonschema import Draft202012Validator
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.core.messages import ToolCallPart
from notebook_agents.core.models import ToolSchema
from notebook_agents.engine.grammar import Constraint, GrammarConstraint, Grammars
from notebook_agents.engine.parser import ToolCallParser
from notebook_agents.engine.sampling import SamplingPlan, TokenSampler

NewTokenizer = Callable[..., PreTrainedTokenizerFast]
CPU = torch.device("cpu")
READER = ToolSchema(
    name="reader",
    description="",
    parameters={
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "n": {"type": "integer", "minimum": 1, "maximum": 99},
            "kind": {"enum": ["text", "bytes"]},
        },
        "required": ["path"],
        "additionalProperties": False,
    },
)
POINTS = ToolSchema(
    name='say "points"',
    description="",
    parameters={
        "type": "object",
        "properties": {"points": {"type": "array", "items": {"$ref": "#/$defs/Point"}}},
        "required": ["points"],
        "additionalProperties": False,
        "$defs": {
            "Point": {
                "type": "object",
                "properties": {
                    "x": {"type": "number"},
                    "label": {"type": "string", "maxLength": 3},
                },
                "required": ["x"],
                "additionalProperties": False,
            }
        },
    },
)
LOOK_AROUND = ToolSchema(
    name="odd",
    description="",
    parameters={"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=x)y"}}},
)
TOOLS = (READER, POINTS)


def call(name: str, /, **arguments: Any) -> str:
    body = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{body}\n</tool_call>"


class Writer:
    """A tokenizer with its grammars."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        self.end = tokenizer.eos_token_id
        self.grammars = Grammars(tokenizer, len(tokenizer), [self.end])

    def ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def begin(self, tools: Sequence[ToolSchema] = TOOLS) -> Constraint:
        constraint = self.grammars.constraint(self.grammars.prose_with_calls(tools))
        assert constraint is not None
        return constraint

    def refused(self, text: str, tools: Sequence[ToolSchema] = TOOLS) -> str | None:
        """What is left of an answer at the first token that must not come; None when all may."""
        constraint, ids = self.begin(tools), [*self.ids(text), self.end]
        for place, token in enumerate(ids):
            if not constraint.accept(token):
                rest: str = self.tokenizer.decode(ids[place:])
                return rest
        return None


@pytest.fixture(scope="module", params=["added", "special", "written"])
def writer(request: pytest.FixtureRequest, new_tokenizer: NewTokenizer) -> Writer:
    return Writer(new_tokenizer(request.param))


GOOD = [
    "",
    "Just prose, with {braces}, \"quotes\", a < b, </b>, 日本語 and 🙂.",
    "A control token <|im_start|> in prose<|endoftext|>.",
    call("reader", path="a.csv"),
    "Let me look.\n" + call("reader", path="ä \"b\" \\ \n c", n=7, kind="bytes"),
    call("reader", path="x") + "\n" + call("reader", path="y", kind="text") + "\nand more prose",
    "<tool_calls> " + call('say "points"', points=[{"x": 1.5}, {"x": -2, "label": "abc"}]),
    call('say "points"', points=[]),
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_prose_is_free_and_good_calls_are_taken(writer: Writer, text: str) -> None:
    assert writer.refused(text) is None


POINT = '<tool_call>\n{"name": "say \\"points\\"", "arguments": {"points": [{'
BAD = [
    ('<tool_call>\n{"name": "writer", "arguments": {}}', "w"),
    ('<tool_call>\n{"name": "reader", "arguments": {}}', "}"),
    ('<tool_call>\n{"name": "reader", "arguments": {"path": 3}}', "3"),
    ('<tool_call>\n{"name": "reader", "arguments": {"path": "a", "n": 100}}', "0}}"),
    ('<tool_call>\n{"name": "reader", "arguments": {"path": "a", "n": 0}}', "0}}"),
    ('<tool_call>\n{"name": "reader", "arguments": {"path": "a", "kind": "t"}}', '"}}'),
    ('<tool_call>\n{"name": "reader", "arguments": {"path": "a", "more": 1}}', "m"),
    ('<tool_call>\n{"name": "reader", "arguments": {"path": "a\nb"}}', "\n"),
    ('<tool_call>\n{"name": "reader", "arguments": {"path": "a"}}<|im_end|>', "<|im_end|>"),
    ('<tool_call>\n{"name": "reader", "arguments": {"path": "a"}}\n</tool>', ">"),
    (POINT + '"x": "1"}]}}', '"1'),
    (POINT + '"x": 1, "label": "1234', "4"),
    ("<tool_call> and nothing", " and"),
    (call("reader", path="a") + call("hammer"), "hammer"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "rest"), BAD)
def test_a_call_ends_where_it_leaves_its_schema(writer: Writer, text: str, rest: str) -> None:
    refused = writer.refused(text)
    # A closing tag that is one token is refused as a whole, a written one at its last sign.
    assert refused is not None
    assert refused.startswith(rest) or text.endswith("</tool>")


@pytest.mark.parametrize(
    "text", ["", "So: ", '<tool_call>\n{"name": "', call("reader", path="a")[:-24]]
)
def test_the_mask_holds_the_tokens_that_are_accepted(writer: Writer, text: str) -> None:
    def at_the_place() -> Constraint:
        constraint = writer.begin()
        assert all(map(constraint.accept, writer.ids(text)))
        return constraint

    accepted = [at_the_place().accept(token) for token in range(len(writer.tokenizer))]
    assert at_the_place().mask().tolist() == accepted
    assert any(accepted)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_drawn_is_a_call_by_the_schema(writer: Writer, seed: int) -> None:
    """Random numbers in place of a model that opens a call and prefers to end things."""
    generator = torch.Generator().manual_seed(seed)
    sampler = TokenSampler(SamplingPlan(temperature=2.0, seed=seed), CPU, (), writer.begin())
    likes = torch.zeros(len(writer.tokenizer))
    likes[writer.ids('"}]\n</tool_call>')] = 4
    forced = writer.ids("<tool_call>")
    tokens: list[int] = []
    while writer.end not in tokens and len(tokens) < 600:
        scores = torch.randn(len(likes), generator=generator) + likes
        if len(tokens) < len(forced):
            scores[forced[len(tokens)]] = 1000
        tokens.append(sampler.choose(scores))
    text = writer.tokenizer.decode(tokens)
    parts = [*(parser := ToolCallParser()).push(text), *parser.close(is_complete=False)]
    calls = [part for part in parts if isinstance(part, ToolCallPart)]
    schemas = {tool.name: tool.parameters for tool in TOOLS}
    for made in calls:
        assert made.invalid == ""
        Draft202012Validator(schemas[made.name]).validate(made.arguments)
    assert calls or writer.end not in tokens


def test_a_schema_that_cannot_be_followed_leaves_only_its_own_arguments_free(
    new_tokenizer: NewTokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    writer, tools = Writer(new_tokenizer()), (READER, LOOK_AROUND)
    assert writer.refused(call("odd", a="anything", b=[1]), tools) is None
    assert writer.refused(call("odd", a="anything"), tools) is None
    assert writer.refused(call("reader", n=1), tools) is not None
    assert [r.levelname for r in caplog.records] == ["WARNING"], "it is logged once"
    assert "look-around" in caplog.text


def test_a_tokenizer_that_is_not_understood_leaves_all_free(
    caplog: pytest.LogCaptureFixture,
) -> None:
    backend = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.decoder = decoders.WordPiece()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="[UNK]")
    grammars = Grammars(tokenizer, 2, [1])
    assert grammars.constraint(grammars.prose_with_calls(TOOLS)) is None
    assert "no grammar can be used" in caplog.text
    with pytest.raises(EngineUnavailable, match="choose another model"):
        grammars.guard('start: "x"')


def test_a_grammar_that_is_wrong_leaves_all_free_but_no_guard(
    new_tokenizer: NewTokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    grammars = Writer(new_tokenizer()).grammars
    assert grammars.constraint('start: nothing "secret"') is None
    with pytest.raises(EngineUnavailable, match="choose another model") as caught:
        grammars.guard('start: nothing "secret"')
    assert "cannot be used" in caplog.text
    assert "secret" not in caplog.text + str(caught.value)


LIMITS = {
    "states": LLParserLimits(max_lexer_states=3, verbose_errors=False),
    "items": LLParserLimits(max_items_in_row=3, verbose_errors=False),
    "fuel": LLParserLimits(step_lexer_fuel=3, verbose_errors=False),
}


def near_a_limit(
    tokenizer: PreTrainedTokenizerFast, limits: LLParserLimits, *, is_guard: bool = False
) -> tuple[Constraint, TokenSampler]:
    end, n_tokens = tokenizer.eos_token_id, len(tokenizer)
    backend = LLTokenizer(tokenizer.backend_tokenizer.to_str(), n_tokens, end)
    grammar = 'start: (/a*secret/ | /b*private/ | /a+/ | /a?a+b/)* "x"'
    matcher = LLMatcher(backend, grammar, log_level=0, limits=limits)
    constraint = GrammarConstraint(matcher, n_tokens, frozenset([end]), is_guard=is_guard)
    return constraint, TokenSampler(SamplingPlan(), CPU, (), constraint)


def wishes(tokenizer: PreTrainedTokenizerFast, tokens: Sequence[int]) -> list[torch.Tensor]:
    """Scores with which a model wants to write these tokens."""
    scores = torch.zeros(len(tokenizer))
    return [scores.index_fill(0, torch.tensor([token]), 1.0) for token in tokens]


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
def test_beyond_a_limit_the_rest_of_an_answer_is_free(
    new_tokenizer: NewTokenizer, caplog: pytest.LogCaptureFixture, limits: LLParserLimits
) -> None:
    tokenizer = new_tokenizer()
    constraint, sampler = near_a_limit(tokenizer, limits)
    written = [*tokenizer("aaazzz")["input_ids"], tokenizer.eos_token_id]
    assert [sampler.choose(wish) for wish in wishes(tokenizer, written)] == written
    assert constraint.mask().all()
    assert [r.levelname for r in caplog.records] == ["WARNING"], "it is logged once"
    assert "secret" not in caplog.text


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
def test_beyond_a_limit_a_guard_lets_nothing_be_written(
    new_tokenizer: NewTokenizer, caplog: pytest.LogCaptureFixture, limits: LLParserLimits
) -> None:
    tokenizer = new_tokenizer()
    constraint, sampler = near_a_limit(tokenizer, limits, is_guard=True)
    written: list[int] = []
    chosen = map(sampler.choose, wishes(tokenizer, tokenizer("aaazzz")["input_ids"]))
    with pytest.raises(EngineUnavailable, match="choose another model"):
        written.extend(chosen)
    assert "z" not in tokenizer.decode(written)
    for again in (constraint.mask, lambda: constraint.accept(tokenizer.eos_token_id)):
        with pytest.raises(EngineUnavailable):
            again()
    assert [r.levelname for r in caplog.records] == ["WARNING"], "it is logged once"
    assert "secret" not in caplog.text


def test_answers_with_the_same_tools_do_not_disturb_each_other(
    new_tokenizer: NewTokenizer,
) -> None:
    writer = Writer(new_tokenizer())
    first, second = writer.begin(), writer.begin()
    inside = writer.ids('<tool_call>\n{"name": "reader')
    assert all(map(first.accept, inside))
    assert all(map(second.accept, writer.ids("Prose. ")))
    assert not first.accept(writer.ids("x")[0])
    assert second.accept(writer.ids("x")[0])
    assert first.accept(writer.ids('"')[0])


def test_the_same_tools_are_compiled_once(new_tokenizer: NewTokenizer) -> None:
    writer = Writer(new_tokenizer())
    wide = {f"property {n}": {"type": "string", "maxLength": 40 + n} for n in range(300)}
    tools = [ToolSchema(name="wide", description="", parameters={"properties": wide})]

    def seconds() -> float:
        started = time.perf_counter()
        writer.begin(tools)
        return time.perf_counter() - started

    writer.begin()
    first = seconds()
    assert min(seconds() for _ in range(5)) < first / 2


def test_rows_of_a_padded_vocabulary_are_never_drawn(new_tokenizer: NewTokenizer) -> None:
    """Some models compute logits for ids that no token has."""
    tokenizer = new_tokenizer()
    grammars = Grammars(tokenizer, len(tokenizer) + 9, [tokenizer.eos_token_id])
    constraint = grammars.constraint(grammars.prose_with_calls(TOOLS))
    assert constraint is not None
    scores = torch.zeros(len(tokenizer) + 9)
    scores[-1] = 1
    assert TokenSampler(SamplingPlan(), CPU, (), constraint).choose(scores) < len(tokenizer)
