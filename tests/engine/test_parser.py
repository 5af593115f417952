"""Text into prose and calls, for every way the text may be cut."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import pytest

from notebook_agents.core.messages import ToolCallPart
from notebook_agents.engine.parser import StopMatcher, ToolCallParser, overlap, read_call

SUM = '<tool_call>\n{"name": "python_executor", "arguments": {"code": "1 < 2"}}\n</tool_call>'
LIST = '<tool_call>{"name": "list_files", "arguments": {}}</tool_call>'
ANSWER = f"Let me see <b>.\n\n{SUM}\n{LIST}\n"

Pieces = list[str | tuple[str, dict[str, object]]]


def parse(pieces: Iterable[str], *, is_complete: bool = True) -> Pieces:
    parser = ToolCallParser()

    def parts() -> Iterator[str | ToolCallPart]:
        for piece in pieces:
            yield from parser.push(piece)
        yield from parser.close(is_complete=is_complete)

    found: Pieces = []
    for part in parts():
        if isinstance(part, ToolCallPart):
            found.append((part.name, part.arguments))
        elif found and isinstance(found[-1], str):
            found[-1] += part
        else:
            found.append(part)
    return found


EXPECTED: Pieces = [
    "Let me see <b>.",
    ("python_executor", {"code": "1 < 2"}),
    ("list_files", {}),
]


@pytest.mark.parametrize("place", range(len(ANSWER) + 1))
def test_every_split_point_gives_the_same_parts(place: int) -> None:
    assert parse([ANSWER[:place], ANSWER[place:]]) == EXPECTED


def test_single_characters_give_the_same_parts() -> None:
    assert parse(ANSWER) == EXPECTED


def test_prose_streams_before_the_call_is_there() -> None:
    parser = ToolCallParser()
    assert list(parser.push("Let me see")) == ["Let me see"]
    assert list(parser.push(".\n<tool")) == ["."]
    assert list(parser.push("_call>")) == []


@pytest.mark.parametrize("text", ["a < b", "<tool", "<tool_calls>", "tail \n", " \n", "<<tool_cal"])
def test_what_only_looks_like_a_tag_is_prose(text: str) -> None:
    assert parse(text) == [text]


STRAY = f"So </tool_call>it is.{SUM}</tool_call>\n</tool_call> Done </tool_call>"


@pytest.mark.parametrize("place", range(len(STRAY) + 1))
def test_a_closing_tag_of_no_call_is_no_text(place: int) -> None:
    expected: Pieces = ["So it is.", ("python_executor", {"code": "1 < 2"}), "Done "]
    assert parse([STRAY[:place], STRAY[place:]]) == expected
    assert parse(["It is.</tool_ca"], is_complete=False) == ["It is."]


def test_a_call_that_was_cut_off_is_dropped() -> None:
    assert parse(["I look. " + SUM[:-20]], is_complete=False) == ["I look."]
    assert parse(["I look. <tool_c"], is_complete=False) == ["I look. "]


def test_a_call_that_lacks_its_closing_tag_is_read() -> None:
    assert parse([LIST.removesuffix("</tool_call>")]) == [("list_files", {})]


def test_an_inactive_parser_passes_everything_through() -> None:
    parser = ToolCallParser(is_active=False)
    assert list(parser.push(ANSWER)) == [ANSWER]


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ('{"name": "list_files", "arguments": {', "list_files"),
        ('{"name": "list_files", "arguments": [1]}', "list_files"),
        ('{"arguments": {}}', ""),
        ('["list_files"]', ""),
        ("", ""),
        ('{"name": "list_files", "arguments": ' + "[" * 100_000, "list_files"),
    ],
)
def test_a_malformed_call_says_why_and_quotes_what_was_written(raw: str, name: str) -> None:
    call = read_call(raw)
    assert call.name == name
    assert call.arguments == {}
    assert repr(raw) in call.invalid


def test_arguments_may_be_json_in_a_string() -> None:
    call = read_call(json.dumps({"name": "f", "arguments": '{"x": 1}'}))
    assert (call.name, call.arguments, call.invalid) == ("f", {"x": 1}, "")


def test_call_ids_differ() -> None:
    assert read_call(SUM).call_id != read_call(SUM).call_id


@pytest.mark.parametrize("place", range(12))
def test_a_stop_string_is_found_wherever_it_is_cut(place: int) -> None:
    text = "one ENDOF two"
    matcher = StopMatcher(("ENDOF", "two"))
    assert matcher.push(text[:place]) + matcher.push(text[place:]) + matcher.close() == "one "
    assert matcher.is_stopped


def test_the_first_stop_string_in_the_text_wins() -> None:
    matcher = StopMatcher(("later", "now"))
    assert matcher.push("it is now, not later") == "it is "


def test_text_that_only_began_like_a_stop_string_comes_at_the_end() -> None:
    matcher = StopMatcher(("ENDOF",))
    assert matcher.push("the END") == "the "
    assert matcher.close() == "END"


def test_overlap_is_the_longest_proper_beginning() -> None:
    assert [overlap(text, "aab") for text in ("", "a", "aa", "aaa", "aab", "ba")] == [
        0, 1, 2, 2, 0, 1,
    ]  # fmt: skip
