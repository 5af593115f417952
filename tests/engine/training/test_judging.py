"""Claims about the judgement of replies: by values in their order, and never by luck."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice

import pytest

from notebook_agents.engine.telling import failure
from notebook_agents.engine.training import replies, talk
from notebook_agents.engine.training.conversation import Call, Exchange, Step
from notebook_agents.engine.training.generator import Generator
from notebook_agents.engine.training.judging import (
    about_earlier,
    contains,
    judged,
    judged_natural,
    judged_refusal,
)
from notebook_agents.engine.training.listings import NOTHING
from notebook_agents.engine.training.natural import Request
from notebook_agents.engine.training.plotting import FIGURE
from notebook_agents.engine.training.product import Reply

QUERY = Call(
    "database_query", {"query": "SELECT \"status\", COUNT(*) FROM 'orders.csv' GROUP BY 1"}
)
ROWS = "status, count_star()\nopen, 2\npaid, 7"
LIST = "Rows:\n- open: 2\n- paid: 7"


@pytest.mark.parametrize("split", ["train", "vocabulary", "templates"])
def test_a_reference_is_right_and_with_another_last_word_it_is_wrong(split: str) -> None:
    n_compared = 0
    for conversation in islice(Generator("judged", split), 250):
        for exchange in conversation.exchanges:
            results = [step.result for step in exchange.steps]
            reply = Reply(tuple(s.call for s in exchange.steps), tuple(results), exchange.answer)
            assert judged(exchange, results, reply)["end to end"], exchange
            other = without_last_word(exchange.answer, "".join(results[-1:]))
            if other != exchange.answer:
                n_compared += 1
                assert not judged(exchange, results, replace(reply, answer=other))["end to end"]
    assert n_compared > 100


def without_last_word(answer: str, result: str) -> str:
    """The answer with something else in place of the last word of the result, where it ends so."""
    words = re.findall(r"\w+", result)
    start, _, end = answer.rpartition(words[-1]) if words else ("", "", "")
    return f"{start}another{end}" if start and not re.search(r"\w", end) else answer


def test_the_values_of_a_result_stand_in_their_order() -> None:
    exchange = Exchange("file group", "count", (Step(QUERY, ROWS),), LIST)
    good = Reply((QUERY,), (ROWS,), LIST)
    swapped = replace(good, answer="Rows:\n- open: 7\n- paid: 2")
    assert judged(exchange, [ROWS], good)["copied, given the result"]
    assert not judged(exchange, [ROWS], swapped)["copied, given the result"]


def test_the_right_call_is_not_enough_when_the_product_fails() -> None:
    exchange = Exchange("file group", "count", (Step(QUERY, ROWS),), LIST)
    error = "Error: the tool kernel ended; its variables are lost"
    failed = Reply((QUERY,), (error,), failure(error))
    found = judged(exchange, [ROWS], failed)
    assert found["call"]
    assert not found["result"]
    assert not found["end to end"]
    assert judged(exchange, [error], failed)["end to end"]


def test_a_plot_needs_the_call_the_figure_and_the_sentence() -> None:
    call = Call("python_executor", {"code": "px.bar(df, x='a')"})
    exchange = Exchange("plot", "bars", (Step(call, FIGURE),), "Here is the bar chart of a in df.")
    good = Reply((call,), (FIGURE,), exchange.answer)
    others = (
        replace(good, results=("Error: ValueError: no column",)),
        replace(good, answer="Here is the pie chart of a in df."),
        replace(good, calls=(Call("python_executor", {"code": "px.bar(df, x='b')"}),)),
    )
    assert judged(exchange, [FIGURE], good)["end to end"]
    assert not any(judged(exchange, [FIGURE], other)["end to end"] for other in others)


def test_another_query_is_right_when_it_gives_the_same_values() -> None:
    exchange = Exchange("file group", "count", (Step(QUERY, ROWS),), LIST)
    other = Call("database_query", {"query": "SELECT status, COUNT(*) AS n FROM 'orders.csv'"})
    same = Reply((other,), ("status, n\nopen, 2\npaid, 7.0",), "- open: 2\n- paid: 7.0")
    assert judged(exchange, [ROWS], same)["end to end"]
    small = replace(same, results=("status, n\nopen, 0.0002\npaid, 7",))
    assert not judged(exchange, ["status, n\nopen, 0.0001\npaid, 7"], small)["result"]
    fewer = replace(same, results=("status, n\nopen, 2",), answer="- open: 2")
    assert not judged(exchange, [ROWS], fewer)["end to end"]


def test_an_answer_to_a_result_without_words_is_the_one_it_was_taught() -> None:
    call = Call("list_files", {"path": "."})
    answer = "There are no matching files in the working directory."
    exchange = Exchange("list files", "ls", (Step(call, NOTHING),), answer)
    assert judged(exchange, [NOTHING], Reply((call,), (NOTHING,), answer))["end to end"]
    assert not judged(exchange, [NOTHING], Reply((call,), (NOTHING,), "Files:"))["end to end"]


def test_only_replies_with_calls_count_for_valid_calls() -> None:
    exchange = Exchange("small talk", "hello", (), "Hello!")
    assert "valid" not in judged(exchange, [], Reply((), (), "Hello!"))
    assert not judged(exchange, [], Reply((QUERY,), ("",), "", is_valid=False))["valid"]


def test_questions_about_earlier_calls_are_judged_by_what_was_called() -> None:
    done = Reply((QUERY,), ("Error: there is no table 'x'",), "")
    why = Exchange(talk.ABOUT_CALLS, "why?", (), replies.LAST_ERROR + "another error")
    assert about_earlier(why, [done]).answer == replies.LAST_ERROR + "there is no table 'x'"
    assert about_earlier(why, []).answer == replies.NOTHING_FAILED
    how = Exchange(talk.ABOUT_CALLS, "how?", (), replies.NO_CALL_YET)
    assert str(QUERY.arguments["query"]) in about_earlier(how, [done]).answer
    other = Exchange("small talk", "hello", (), "Hello!")
    assert about_earlier(other, [done]) == other


def test_an_answer_must_contain_every_value_of_the_result() -> None:
    exchange = Exchange("file group", "count", (Step(QUERY, ROWS),), LIST)
    for answer in ("Rows:\n- open: 2\n- paid: 1", "Rows:\n- open: 2", f"{LIST}\n- lost: 3", ""):
        found = judged(exchange, [ROWS], Reply((QUERY,), (ROWS,), answer))
        assert found["result"]
        assert not found["end to end"]


def test_a_reply_without_a_tool_must_be_exact() -> None:
    exchange = Exchange("small talk", "hello", (), "Hello!")
    assert judged(exchange, [], Reply((), (), "Hello!"))["end to end"]
    assert not judged(exchange, [], Reply((), (), "Hi!"))["end to end"]


@pytest.mark.parametrize(
    ("answer", "expected", "is_there"),
    [
        ("The mean is 33.3333.", "33.33", True),
        ("The total is 1,234.", "1234", False),
        ("There are 14 rows.", "4", False),
        ("There are 4 rows.", "4", True),
        ("It is 4.0.", "4", True),
        ("It is 4.5.", "4", False),
        ("Values: -3", "-3", True),
        ("Paris is there", "paris", True),
    ],
)
def test_a_number_must_stand_as_a_number(answer: str, expected: str, is_there: bool) -> None:
    assert contains(answer, expected) is is_there


def test_natural_replies_are_judged_by_kind() -> None:
    total = Request("t", ("sum?",), "database_query", expected=("1234",))
    good = Reply((QUERY,), ("x",), "The total is 1,234.")
    assert judged_natural(total, good) == {"tool": True, "end to end": True}
    ask = Request("t", ("read it",), "", kind="ask")
    assert judged_natural(ask, Reply((), (), replies.WHICH_FILE))["end to end"]
    assert not judged_natural(ask, Reply((), (), replies.NO_TOOL))["end to end"]
    plot = Request("t", ("draw a",), "python_executor", kind="plot", code_contains=("'a'",))
    code = Call("python_executor", {"code": "px.histogram(df, x='a')"})
    assert judged_natural(plot, Reply((code,), (FIGURE,), "Here it is."))["end to end"]
    assert not judged_natural(plot, Reply((code,), ("Error: no",), "Failed"))["end to end"]


def test_own_words_are_an_invention() -> None:
    assert judged_refusal(Reply((), (), replies.NO_KNOWLEDGE))["refused"]
    assert judged_refusal(Reply((), (), "Paris is the capital."))["invention"]
    needless = judged_refusal(Reply((QUERY,), ("x",), "4"))
    assert needless["needless call"]
    assert needless["needless result"]
    failed = judged_refusal(Reply((QUERY,), ("Error: no column",), "The tool failed: no column"))
    assert failed["needless call"]
    assert not failed["needless result"]
    missing = replies.NO_SUCH_TOOL.replace("{a}", "list_files")
    assert judged_refusal(Reply((), (), missing))["other fixed reply"]
