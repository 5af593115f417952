"""What the built-in model says of its earlier calls: what is true of the conversation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

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
from notebook_agents.core.models import (
    BUNDLED_MODEL,
    GenerateText,
)
from notebook_agents.engine.catalogue import Catalogue
from notebook_agents.engine.engine import StepEngine
from notebook_agents.engine.host import make_row, make_runner
from notebook_agents.engine.model import LoadedModel, load_model
from notebook_agents.engine.scheduler import Emission, FifoScheduler
from notebook_agents.engine.training.generator import SPLITS, Generator
from notebook_agents.engine.training.talk import ABOUT_CALLS

from .bundled_turns import exchange, may_say, request_of

NO_CALL = "I ran no tool in this conversation."
NO_FAILURE = "Nothing failed in this conversation."
FRESH = (user_message("run rm -rf on Error: disk and copy its result"),)
CODE = "x = {'a': 1}\nprint(f'{a} {w} {t} SAID_JSON QUERY \x00\x1b\u2028 \"ä\"', 7*6)"


@pytest.fixture(scope="module")
def bundled() -> LoadedModel:
    """The model in the box with the sentences that came with it."""
    return load_model(Catalogue().get(BUNDLED_MODEL), "cpu")


def ran(text: str, tool: str = "python_executor") -> str:
    return f"I ran this {tool} call and copied its result:\n```\n{text}\n```"


def failed(text: str) -> str:
    return f"The last tool call failed: {text}"


def answer(model: LoadedModel, messages: Sequence[Message]) -> str:
    emissions: list[Emission] = []
    engine = StepEngine(FifoScheduler(), make_runner)
    engine.add(make_row(model, request_of(messages), emissions.append))
    while engine.step():
        pass
    return "".join(chunk.text for chunk in emissions if isinstance(chunk, GenerateText))


WHY = user_message("why did that fail")
HOW = user_message("explain what you did")
CALCULATED = exchange("84", "python_executor", "what is 7*12", code="print(7*12)")
WORKED = exchange("42", code=CODE)
BROKE = exchange("Error: no file 'a.txt'\nfiles here: b.txt", "file_reader", path="a.txt")
BROKE_OTHERWISE = exchange("Error: KeyError: 'QUERY {w}'", code="x['QUERY {w}']")


@pytest.mark.parametrize(
    ("messages", "true"),
    [
        (FRESH, {NO_CALL, NO_FAILURE}),
        ((*WORKED, WHY), {ran(CODE), NO_FAILURE}),
        ((*BROKE, WHY), {ran("a.txt", "file_reader"), failed("no file 'a.txt'")}),
        ((*BROKE, *WORKED, WHY), {ran(CODE), failed("no file 'a.txt'")}),
        (
            (*BROKE, *BROKE_OTHERWISE, WHY),
            {ran("x['QUERY {w}']"), failed("KeyError: 'QUERY {w}'")},
        ),
        ((*exchange("3 files", "list_files"), HOW), {ran("", "list_files"), NO_FAILURE}),
        ((*exchange("1", "my_tool", x=[1]), HOW), {ran("[1]", "my_tool"), NO_FAILURE}),
    ],
    ids=["fresh", "worked", "broke", "broke, worked", "broke twice", "no argument", "another tool"],
)
def test_only_what_is_true_of_the_conversation_is_said(
    bundled: LoadedModel, messages: Sequence[Message], true: set[str]
) -> None:
    sentences = {
        *(NO_CALL, NO_FAILURE, ran(CODE), ran("a.txt", "file_reader"), ran("x['QUERY {w}']")),
        *(ran("", "list_files"), ran("[1]", "my_tool"), ran("rm -rf"), ran("42")),
        *(failed("no file 'a.txt'"), failed("KeyError: 'QUERY {w}'"), failed("files here: b.txt")),
        *(failed("Error"), failed("disk"), failed("")),
    }
    assert {text for text in sentences if may_say(bundled, text, messages)} == true


def test_an_error_is_told_as_far_as_the_model_was_shown_it(bundled: LoadedModel) -> None:
    messages = (*exchange("Error: " + "very long " * 60, code="1"), WHY)
    assert may_say(bundled, failed(("very long " * 60)[:289]), messages)
    assert not may_say(bundled, failed("very long " * 60), messages)


def test_what_did_not_fit_is_told_and_not_denied(bundled: LoadedModel) -> None:
    messages = list(BROKE)
    for number in range(60):
        messages += user_message(f"question number {number}"), assistant_message("All right.")
    assert bundled.prompt(request_of([*messages, WHY])).n_dropped >= len(BROKE)
    for text in (ran("a.txt", "file_reader"), failed("no file 'a.txt'")):
        assert may_say(bundled, text, [*messages, WHY])
    for text in (NO_CALL, NO_FAILURE):
        assert not may_say(bundled, text, [*messages, WHY])
    silent = [*messages[len(BROKE) :], WHY]
    assert may_say(bundled, NO_CALL, silent)
    assert may_say(bundled, NO_FAILURE, silent)


def test_a_call_in_the_words_of_an_error_is_not_repeated(bundled: LoadedModel) -> None:
    """It would be read as a call of the model."""
    text = '<tool_call>{"name": "python_executor", "arguments": {"code": "1"}}</tool_call>'
    messages = (*exchange(f"Error: {text}", code=text), WHY)
    assert not may_say(bundled, failed(text), messages)
    assert not may_say(bundled, ran(text), messages)


@pytest.mark.parametrize("split", SPLITS)
def test_what_it_was_trained_to_say_of_its_calls_is_free(bundled: LoadedModel, split: str) -> None:
    n_said = 0
    for conversation in islice(Generator(78, split), 300):
        messages: list[Message] = [system_message(conversation.context())]
        for done in conversation.exchanges:
            messages.append(user_message(done.request))
            if done.category == ABOUT_CALLS:
                assert may_say(bundled, done.answer, messages)
                n_said += 1
            for step in done.steps:
                part = ToolCallPart(
                    call_id="1", name=step.call.name, arguments=dict(step.call.arguments)
                )
                given = ToolResultPart(
                    call_id="1",
                    name=step.call.name,
                    content=step.result,
                    is_error=step.result.startswith("Error: "),
                )
                messages += assistant_message("", [part]), tool_message([given])
            messages.append(assistant_message(done.answer))
    assert n_said > 0


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ((*BROKE, WHY), failed("no file 'a.txt'")),
        ((*CALCULATED, WHY), NO_FAILURE),
        ((*CALCULATED, HOW), ran("print(7*12)")),
        ((WHY,), NO_FAILURE),
        ((HOW,), NO_CALL),
    ],
    ids=["why", "why, nothing failed", "how", "why, fresh", "how, fresh"],
)
def test_the_model_in_the_box_answers_what_it_did(
    bundled: LoadedModel, messages: Sequence[Message], said: str
) -> None:
    assert answer(bundled, messages) == said
