"""Messages become what chat templates take."""

from __future__ import annotations

import pytest

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.messages import (
    AttachmentPart,
    ToolCallPart,
    ToolResultPart,
    assistant_message,
    system_message,
    tool_message,
    user_message,
)
from notebook_agents.core.models import ToolSchema
from notebook_agents.engine.prompt import (
    n_exchanges,
    to_chat,
    to_tools,
    with_short_context,
    with_short_results,
    without_final_mark,
    without_oldest,
)


def test_a_tool_round_trip_keeps_calls_and_results() -> None:
    calls = [ToolCallPart(call_id=f"c{i}", name="f", arguments={"x": i}) for i in range(2)]
    results = [ToolResultPart(call_id=f"c{i}", name="f", content=str(i)) for i in range(2)]
    chat = to_chat(
        [
            system_message("Be brief."),
            user_message("go"),
            assistant_message("I go.", calls),
            tool_message(results),
        ],
        model="m",
    )
    assert chat[:2] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "go"},
    ]
    assert chat[2]["content"] == "I go."
    assert [call["function"] for call in chat[2]["tool_calls"]] == [
        {"name": "f", "arguments": {"x": 0}},
        {"name": "f", "arguments": {"x": 1}},
    ]
    assert chat[3:] == [
        {"role": "tool", "tool_call_id": "c0", "name": "f", "content": "0", "is_error": False},
        {"role": "tool", "tool_call_id": "c1", "name": "f", "content": "1", "is_error": False},
    ]


def test_text_and_code_attachments_follow_as_fenced_text() -> None:
    code = AttachmentPart(kind="code", content="print('```')", name="a.py")
    (chat,) = to_chat([user_message("Explain.", [code])], model="m")
    assert chat["content"] == "Explain.\n\na.py:\n````\nprint('```')\n````"


def test_a_file_is_named_and_not_shown() -> None:
    file = AttachmentPart(kind="file", content="AAAA", name="data.bin")
    (chat,) = to_chat([user_message("Look.", [file])], model="m")
    assert chat["content"] == "Look.\n\nAttached file: data.bin"


def test_an_image_is_refused_by_a_model_that_cannot_see() -> None:
    image = AttachmentPart(kind="image", content="AAAA", media_type="image/png")
    with pytest.raises(InvalidRequest, match="'m' does not read images"):
        to_chat([user_message("Look.", [image])], model="m")


def test_tools_take_the_form_of_functions() -> None:
    schema = ToolSchema(name="f", description="d", parameters={"type": "object"})
    assert to_tools([schema]) == [
        {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": {"type": "object"}},
        }
    ]
    assert to_tools([]) is None


@pytest.mark.parametrize(
    ("said", "read"),
    [("2+3.", "2+3"), ("really?! ", "really?"), ("2.5", "2.5"), ("go", "go"), ("", "")],
)
def test_one_final_mark_is_taken_off_what_users_said(said: str, read: str) -> None:
    chat = to_chat([system_message("Yes."), user_message(said)], model="m")
    assert without_final_mark(chat) == [
        {"role": "system", "content": "Yes."},
        {"role": "user", "content": read},
    ]


def result(content: str, name: str = "python_executor") -> str:
    """What of a result is left for the built-in model."""
    is_error = content.startswith("Error: ")
    part = ToolResultPart(call_id="1", name=name, content=content, is_error=is_error)
    message = tool_message([part])
    (chat,) = with_short_results(to_chat([message], model="m"))
    shown: str = chat["content"]
    return shown


def lines(n: int, width: int = 1) -> list[str]:
    return [f"{index:0{width}}" for index in range(n)]


@pytest.mark.parametrize("content", ["", "1", "\n".join(lines(21)), "x" * 1500, "Error: no"])
def test_a_result_of_a_common_size_is_shown_whole(content: str) -> None:
    assert result(content) == content


@pytest.mark.parametrize(
    ("name", "noun"),
    [("database_query", "rows"), ("list_files", "files"), ("file_reader", "lines")],
)
def test_a_long_result_is_cut_after_a_header_and_twenty_lines(name: str, noun: str) -> None:
    expected = [*lines(21), f"... 9 more {noun}"]
    assert result("\n".join(lines(30)), name).split("\n") == expected


def test_what_a_tool_left_out_is_counted_too() -> None:
    content = "\n".join([*lines(30), "... 12 more rows"])
    assert result(content).split("\n") == [*lines(21), "... 21 more rows"]


def test_a_line_that_only_looks_like_a_count_is_a_line() -> None:
    last = f"... {'9' * 5000} more rows"
    assert result("\n".join([*lines(3), last])).split("\n") == [*lines(3), "... 1 more lines"]


def test_wide_lines_are_cut_at_a_number_of_characters() -> None:
    shown = result("\n".join(lines(20, width=200)))
    assert len(shown) <= 1500
    assert shown.split("\n") == [*lines(7, width=200), "... 13 more lines"]
    (first, *rest) = result("y" * 2000 + "\n" + "z").split("\n")
    assert set(first) == {"y"}
    assert rest[-1] == "... 1 more lines"


def test_a_long_error_is_cut() -> None:
    shown = result("Error: " + "e" * 1000)
    assert shown.startswith("Error: eee")
    assert len(shown) == 300


def test_only_results_are_cut() -> None:
    chat = to_chat([user_message("u" * 5000), assistant_message("a" * 5000)], model="m")
    assert with_short_results(chat) == chat


def test_context_lines_are_cut_and_nothing_else_that_the_system_says() -> None:
    said = f"Be kind. {'x' * 50}\nDataframes: df(price, qty); logs(host)\nFiles: notes.txt"
    chat = to_chat([system_message(said), user_message(f"Files: {'u' * 50}")], model="m")
    short = with_short_context(chat, 30)
    assert short[0]["content"].split("\n")[1:] == ["Dataframes: df; logs", "Files: notes.txt"]
    assert short[0]["content"].startswith(f"Be kind. {'x' * 50}\n")
    assert short[1] == chat[1]
    assert with_short_context(chat, 100) == chat


def test_the_oldest_exchange_is_dropped_whole_and_the_system_stays() -> None:
    chat = to_chat(
        [
            system_message("be kind"),
            user_message("one"),
            assistant_message("", [ToolCallPart(call_id="1", name="t")]),
            tool_message([ToolResultPart(call_id="1", name="t", content="x")]),
            assistant_message("done"),
            user_message("two"),
        ],
        model="m",
    )
    assert n_exchanges(chat) == 2
    assert without_oldest(chat, 0) == chat
    assert [m["content"] for m in without_oldest(chat, 1)] == ["be kind", "two"]
