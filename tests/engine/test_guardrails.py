"""What the built-in model may write: names it was told, sentences it knows, few errors."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.messages import (
    Message,
    ToolCallPart,
    ToolResultPart,
    assistant_message,
    system_message,
    tool_message,
    user_message,
)
from notebook_agents.core.models import BUNDLED_MODEL, BUNDLED_TOOLS, GenerateRequest, ToolSchema
from notebook_agents.engine.catalogue import Catalogue
from notebook_agents.engine.model import LoadedModel, load_model
from notebook_agents.engine.training.generator import SPLITS, Generator
from notebook_agents.tools import database_query, file_reader, list_files, python_executor

REPLIES = [
    "You are welcome.",
    "I need {a}.",
    "{a} is what I need",
    "I need {a}",
    "I don't know that.",
    "It failed: {w}",
    "I ran this {t} call:\n```\n{w}\n```",
]
INSPECT = ToolSchema(
    name="inspect_variable",
    description="",
    parameters={
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    },
)
TOOLS = (
    *(m.tool.spec.schema for m in (python_executor, database_query, file_reader, list_files)),
    INSPECT,
)
CONTEXT = system_message(
    "You are helpful.\n"
    "Dataframes: df(price, unit price); logs(host, Länge, \U0010c3cf)\n"
    "Files: data/sales 2024.csv(region, qty); notes.txt"
)
SAID = user_message(
    "Total of qty for West in Old\\Raw.csv, and 'O'Neil' from \"x\\y\" since March 5"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in model with a list of replies."""
    source = Path(Catalogue().get(BUNDLED_MODEL).source)
    folder = shutil.copytree(source, tmp_path_factory.mktemp("models") / "bundled")
    (folder / "replies.json").write_text(json.dumps(REPLIES), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def bundled(folder: Path) -> LoadedModel:
    return load_model(replace(Catalogue().get(BUNDLED_MODEL), source=str(folder)), "cpu")


def refused(
    model: LoadedModel,
    text: str,
    messages: Sequence[Message] = (CONTEXT, SAID),
    tools: Sequence[ToolSchema] = TOOLS,
) -> str | None:
    """What was written of an answer when it had to stop; None when it may be written whole."""
    request = GenerateRequest(model=BUNDLED_MODEL, messages=tuple(messages), tools=tuple(tools))
    constraint = model.constraint(request, model.prompt(request))
    assert constraint is not None
    ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    for place, token in enumerate([*ids, *model.eos_ids]):
        if not constraint.accept(token):
            assert not constraint.mask()[token]
            written: str = model.tokenizer.decode(ids[:place])
            return written
    return None


def call(name: str, /, **arguments: Any) -> str:
    body = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{body}\n</tool_call>"


def query(sql: str) -> str:
    return call("database_query", query=sql)


def used(result: str, /, tool: str = "list_files", **arguments: Any) -> tuple[Message, Message]:
    part = ToolCallPart(call_id="1", name=tool, arguments=arguments)
    return assistant_message("", [part]), tool_message(
        [
            ToolResultPart(
                call_id="1", name=tool, content=result, is_error=result.startswith("Error: ")
            )
        ]
    )


@pytest.mark.parametrize(
    "text",
    [
        call("file_reader", path="notes.txt"),
        call("file_reader", path="data/sales 2024.csv", start_line=2, max_lines=3),
        call("file_reader", path="Old\\Raw.csv"),
        call("file_reader", path="Old/Raw.csv", max_lines=3),
        call("file_reader", path="old/raw.csv"),
        call("file_reader", path='"x\\y"'),
        call("list_files"),
        call("list_files", path="."),
        call("list_files", path="data", pattern="*.anything"),
        call("list_files", pattern="*.parquet"),
        call("inspect_variable", name="logs"),
        call("python_executor", code="import new\nnew.thing['any \"name\"']"),
        query('SELECT SUM("unit price"), MAX("Länge") FROM \'data/sales 2024.csv\''),
        query('SELECT "\U0010c3cf" FROM logs'),
        query("SELECT * FROM 'notes.txt' WHERE \"region\" = 'West' OR \"region\" LIKE '%west%'"),
        query("SELECT * FROM 'notes.txt' WHERE \"host\" = 'O''Neil' AND \"qty\" > '2024-03-05'"),
        query("SELECT date_trunc('month', \"qty\"), string_agg(\"host\", ', ') FROM 'notes.txt'"),
        query('SELECT "price"\nFROM df -- 7 WHERE 1 < 2'),
    ],
)
def test_calls_with_names_that_were_told_are_free(bundled: LoadedModel, text: str) -> None:
    assert refused(bundled, text) is None


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (call("file_reader", path="note.txt"), '"path": "'),
        (call("file_reader", path="notes.csv.txt"), "notes."),
        (call("file_reader", path=""), '"path": "'),
        (call("file_reader", path="."), '"path": "'),
        (call("list_files", path="date"), '"path": "'),
        (call("inspect_variable", name="dfs"), '"name": "'),
        (call("inspect_variable", name="df price"), '"name": "'),
        (query('SELECT "cost" FROM df'), 'SELECT \\"'),
        (query("SELECT * FROM 'sales.csv'"), "FROM '"),
        (query("SELECT * FROM 'notes.txt' WHERE \"region\" = 'East'"), "= '"),
        (call("hammer"), '{"name": "'),
        ("Some text. " + call("list_files"), ""),
        (call("list_files") + " and text", "</tool_call>"),
        (call("list_files") + "\n" + call("list_files"), "</tool_call>"),  # one at a time
    ],
)
def test_a_name_nobody_said_is_not_written(bundled: LoadedModel, text: str, end: str) -> None:
    written = refused(bundled, text)
    assert written is not None
    # Up to a few letters that some known name begins with too.
    assert end in written
    assert len(written) - written.rindex(end) - len(end) < 9


def test_what_tools_found_may_be_named_and_joined(bundled: LoadedModel) -> None:
    messages = (CONTEXT, user_message("read the log in archive"), *used("old.log\nnew log.txt"))
    for path in ("old.log", "archive/new log.txt", "archive/old.log"):
        assert refused(bundled, call("file_reader", path=path), messages) is None
    assert refused(bundled, call("file_reader", path="old.log new"), messages) is not None


def test_earlier_questions_count_and_other_system_text_does_not(bundled: LoadedModel) -> None:
    messages = (CONTEXT, user_message("see alpha"), assistant_message("Yes."), user_message("now"))
    assert refused(bundled, call("inspect_variable", name="alpha"), messages) is None
    assert refused(bundled, call("inspect_variable", name="helpful"), messages) is not None


@pytest.mark.parametrize(
    "text",
    [
        "You are welcome.",
        "I don't know that.",
    ],
)
def test_a_known_sentence_may_be_said(bundled: LoadedModel, text: str) -> None:
    assert refused(bundled, text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Paris.",
        "",
        "It failed: West",
        "I ran this list_files call:\n```\nWest\n```",
        "I don't know that. But",
    ],
)
def test_nothing_else_is_said_before_a_tool_was_used(bundled: LoadedModel, text: str) -> None:
    assert refused(bundled, text) is not None


def test_that_a_tool_is_missing_is_said_where_there_are_none(bundled: LoadedModel) -> None:
    """Where there are some, a call says which is needed."""
    for name in BUNDLED_TOOLS:
        for text in (f"I need {name}.", f"{name} is what I need", f"I need {name}"):
            assert refused(bundled, text) is not None
            assert refused(bundled, text, tools=()) is None
    assert refused(bundled, "I need hammer.", tools=()) is not None


def test_a_known_sentence_repeats_the_last_call_and_the_last_error(bundled: LoadedModel) -> None:
    code = "x = 5\nprint(f'{x}  and \"y\"')"
    failed = used("Error: NameError: name 'y' is not defined", "python_executor", code=code)
    messages = (
        CONTEXT,
        user_message("go"),
        *failed,
        assistant_message("No."),
        user_message("why?"),
    )
    for text in (
        "It failed: NameError: name 'y' is not defined",
        f"I ran this python_executor call:\n```\n{code}\n```",
    ):
        assert refused(bundled, text, messages) is None
    for text in (
        "It failed: name",
        "I ran this list_files call:\n```\n\n```",
        f"I ran this python_executor call:\n```\n{code}\nprint(7)\n```",
    ):
        assert refused(bundled, text, messages) is not None
    assert refused(bundled, call("inspect_variable", name="x = 5"), messages) is not None


def test_after_a_result_it_tells_it_or_goes_on(bundled: LoadedModel) -> None:
    messages = (CONTEXT, SAID, *used("3 files"))
    assert refused(bundled, "There are 3 files.", messages) is None
    assert refused(bundled, call("list_files", path="data"), messages) is None
    assert refused(bundled, "", messages) is not None
    assert refused(bundled, "See </tool_call>", messages) is not None
    asked_again = (*messages, assistant_message("There are 3."), user_message("thanks"))
    assert refused(bundled, "Paris.", asked_again) is not None


def test_without_a_list_of_replies_it_speaks_freely(bundled: LoadedModel) -> None:
    free = replace(bundled, replies=())
    assert refused(free, "Paris.") is None
    assert refused(free, "It is <tool_call>") is not None
    assert refused(free, "The <|im_start|>") is not None


def test_without_tools_it_calls_none(bundled: LoadedModel) -> None:
    assert refused(bundled, "I don't know that.", tools=()) is None
    assert refused(bundled, call("list_files"), tools=()) == ""
    assert refused(bundled, call("my_tool"), tools=(replace(INSPECT, name="my_tool"),)) == ""


def test_a_tool_without_a_list_of_arguments_takes_any(bundled: LoadedModel) -> None:
    tool = ToolSchema(name="python_executor", description="", parameters={})
    assert refused(bundled, call("python_executor", code="1", x=[1]), tools=[tool]) is None


def test_one_error_may_be_followed_by_another_try_two_by_an_answer(bundled: LoadedModel) -> None:
    again = call("file_reader", path="sales.csv")
    once = (CONTEXT, SAID, *used("Error: no file 'sale.csv'; files here: sales.csv"))
    assert refused(bundled, again, once) is None
    twice = (*once, *used("Error: no file 'sales.csv'"))
    assert refused(bundled, again, twice) == ""
    assert refused(bundled, "The tool failed: no file 'sales.csv'", twice) is None
    next_run = (*twice, assistant_message("It failed."), user_message("read notes.txt"))
    assert refused(bundled, call("file_reader", path="notes.txt"), next_run) is None


@pytest.mark.parametrize(
    ("wish", "there", "path", "may_be_read"),
    [
        ("ordrs.csv", "orders.csv, notes.txt", "orders.csv", True),
        ("nosuch.txt", "orders.csv", "orders.csv", False),
        ("nosuch.txt", "orders.csv", "nosuch.txt", False),
        ("Sales", "sales 2024.csv, a.csv", "sales 2024.csv", True),
        ("/data/notes.txt", "a.csv", "notes.txt", True),
        ("note.txt", "b.csv", "notes.txt", True),
    ],
)
def test_a_second_try_reads_what_the_first_meant(
    bundled: LoadedModel, wish: str, there: str, path: str, may_be_read: bool
) -> None:
    error = f"Error: no file '{wish}' in the working directory; files here: {there}"
    asked = (CONTEXT, user_message(f"read {wish}"))
    chat = (*asked, *used(error, "file_reader", path=wish))
    is_free = refused(bundled, call("file_reader", path=path), chat) is None
    assert is_free is may_be_read
    assert refused(bundled, error.replace("Error", "The tool failed"), chat) is None
    assert (refused(bundled, call("list_files"), chat) is None) is may_be_read


@pytest.mark.parametrize("split", SPLITS)
def test_what_it_was_trained_to_call_and_tell_is_free(bundled: LoadedModel, split: str) -> None:
    """Names, values and their forms in the training data never leave the grammar."""
    schemas = {tool.name: tool for tool in TOOLS}
    for conversation in islice(Generator(77, split), 60):
        tools = [schemas[name] for name in conversation.tools]
        messages: list[Message] = [system_message(conversation.context())]
        for exchange in conversation.exchanges:
            messages.append(user_message(exchange.request))
            for step in exchange.steps:
                made = call(step.call.name, **step.call.arguments)
                assert refused(bundled, made, messages, tools) is None
                messages += used(step.result, step.call.name, **step.call.arguments)
            if exchange.steps:
                assert refused(bundled, exchange.answer, messages, tools) is None
            messages.append(assistant_message(exchange.answer))


def test_a_full_prompt_takes_little_time(bundled: LoadedModel) -> None:
    """Per request, against reading a prompt of the same length; there it is not noticed."""
    rows = "\n".join(f"row {n}, value {n * 7919 % 1000}, name{n}" for n in range(20))
    messages = [CONTEXT]
    for n in range(4):
        messages += [
            user_message(f"question {n} about things"),
            *used(rows),
            assistant_message("ok"),
        ]
    request = GenerateRequest(
        model=BUNDLED_MODEL, messages=(*messages, user_message("go")), tools=TOOLS
    )

    def seconds(step: Any) -> float:
        started = time.perf_counter()
        step()
        return time.perf_counter() - started

    prompt = bundled.prompt(request)
    reading = min(seconds(lambda: bundled.prompt(request)) for _ in range(3))
    assert bundled.constraint(request, prompt) is not None
    guarding = min(seconds(lambda: bundled.constraint(request, prompt)) for _ in range(3))
    assert guarding < max(0.02, 5 * reading)
