"""Ids into chunks: characters whole, counts right."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from notebook_agents.core.models import GenerateText, GenerateToolCall
from notebook_agents.engine.answer import AnswerChunk, AnswerReader, Detokenizer
from notebook_agents.engine.parser import StopMatcher, ToolCallParser

TEXT = "naïve café ☕, 日本語, 👩‍🚀 and \u2028 \x85 the end 🎉"


def read(tokenizer: Any, text: str, stop: tuple[str, ...] = ()) -> tuple[list[AnswerChunk], int]:
    """The chunks of a text, and how many tokens were needed."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    reader = AnswerReader(
        Detokenizer(tokenizer.backend_tokenizer), ToolCallParser(), StopMatcher(stop)
    )
    chunks: list[AnswerChunk] = []
    for n_tokens, token in enumerate(ids, 1):
        chunks += reader.push(token)
        if reader.is_stopped:
            return chunks, n_tokens
    return chunks + reader.close(is_complete=True), len(ids)


def text_of(chunks: list[AnswerChunk]) -> str:
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, GenerateText))


def test_characters_are_never_cut(tokenizer: Any) -> None:
    chunks, n_tokens = read(tokenizer, TEXT)
    assert text_of(chunks) == TEXT
    assert all("\N{REPLACEMENT CHARACTER}" not in c.text for c in chunks if c.type == "text")
    assert n_tokens == len(TEXT.encode())


def test_every_token_is_counted_once(tokenizer: Any) -> None:
    chunks, n_tokens = read(tokenizer, TEXT)
    assert sum(c.n_tokens for c in chunks if isinstance(c, GenerateText)) == n_tokens


def test_an_incomplete_last_character_is_left_out(tokenizer: Any) -> None:
    detokenizer = Detokenizer(tokenizer.backend_tokenizer)
    ids = tokenizer("ab🎉", add_special_tokens=False)["input_ids"]
    text = "".join(detokenizer.push(token) for token in ids[:-1])
    assert text + detokenizer.close() == "ab"


@pytest.mark.parametrize("seed", range(20))
def test_bytes_that_are_no_text_give_what_decoding_at_once_gives(tokenizer: Any, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(256, (60,), generator=generator).tolist()
    detokenizer = Detokenizer(tokenizer.backend_tokenizer)
    text = "".join(detokenizer.push(token) for token in ids) + detokenizer.close()
    whole = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    assert text.rstrip("\N{REPLACEMENT CHARACTER}") == whole.rstrip("\N{REPLACEMENT CHARACTER}")


def test_control_tokens_are_no_text(tokenizer: Any) -> None:
    start, end = tokenizer.convert_tokens_to_ids(["<|im_start|>", "<tool_call>"])
    detokenizer = Detokenizer(tokenizer.backend_tokenizer, frozenset({start}))
    assert detokenizer.push(start) + detokenizer.push(end) == "<tool_call>"


def test_a_stop_string_may_span_tokens(tokenizer: Any) -> None:
    chunks, n_tokens = read(tokenizer, "one STOP two", stop=("STOP",))
    assert text_of(chunks) == "one "
    assert n_tokens == len("one STOP")


def test_a_call_comes_whole_and_stop_strings_do_not_look_into_it(tokenizer: Any) -> None:
    call = '<tool_call>{"name": "f", "arguments": {"a": "STOP"}}</tool_call>'
    chunks, _ = read(tokenizer, f"Now ST{call}", stop=("STOP",))
    assert text_of(chunks) == "Now ST"
    (last,) = (chunk for chunk in chunks if isinstance(chunk, GenerateToolCall))
    assert last is chunks[-1]
    assert last.call.arguments == {"a": "STOP"}


def test_calls_make_the_finish_reason(tokenizer: Any) -> None:
    reader = AnswerReader(
        Detokenizer(tokenizer.backend_tokenizer), ToolCallParser(), StopMatcher(())
    )
    assert reader.finish_reason("stop") == "stop"
    for token in tokenizer('<tool_call>{"name": "f"}</tool_call>')["input_ids"]:
        reader.push(token)
    assert reader.finish_reason("stop") == "tool_calls"
    assert reader.finish_reason("length") == "length"


def test_a_call_of_a_missing_tool_becomes_what_is_said_instead(tokenizer: Any) -> None:
    missing = {"f": "There is no f."}
    parts = (Detokenizer(tokenizer.backend_tokenizer), ToolCallParser(), StopMatcher(()))
    reader = AnswerReader(*parts, missing)
    chunks = []
    for token in tokenizer('<tool_call>{"name": "f"}</tool_call>')["input_ids"]:
        chunks += reader.push(token)
    chunks += reader.close(is_complete=True)
    assert [chunk.text for chunk in chunks if isinstance(chunk, GenerateText)] == ["There is no f."]
    assert reader.finish_reason("stop") == "stop"
