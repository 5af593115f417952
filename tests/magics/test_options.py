"""Reading the line: flags, subcommands, text."""

from __future__ import annotations

from typing import Any

import pytest

from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.magic import AgentMagics
from notebook_agents.magics.options import Command, Options, Prompt, parse
from notebook_agents.magics.subcommands import SUBCOMMANDS


def read(line: str, cell: str | None = None) -> Prompt | Command:
    magic: Any = AgentMagics.agent
    return parse(line, cell, magic.parser)


def test_text_is_kept_as_it_was_written() -> None:
    text = """don't   "touch" {'a': [1, 2]} -- or $this -m"""
    assert read(text) == Prompt(text=text)


def test_flags_come_first_and_the_rest_is_the_prompt() -> None:
    assert read("--yes  hi there -m x --zzz") == Prompt(
        text="hi there -m x --zzz", options=Options(approval="yes")
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-m other/model hi", Options(model="other/model")),
        ("--model=other/model hi", Options(model="other/model")),
        ("-m 'my model' hi", Options(model="my model")),
        ("-t 0.5 hi", Options(temperature=0.5)),
        ("--max-tokens 7 hi", Options(max_tokens=7)),
        ("-o answer hi", Options(out="answer")),
        ("--no-stream hi", Options(is_streaming=False)),
        ("--tools a,b hi", Options(tools=("a", "b"))),
        ("--no-tools hi", Options(tools=())),
        ("--yes hi", Options(approval="yes")),
        ("--ask hi", Options(approval="ask")),
        ("--debug hi", Options(debug=True)),
    ],
)
def test_each_flag_sets_its_option(line: str, expected: Options) -> None:
    assert read(line) == Prompt(text="hi", options=expected)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--modle x hi", "did you mean --model?"),
        ("--tool a hi", "did you mean --tools?"),
        ("--zzz hi", "--help"),
        ("-t warm hi", "invalid float value: 'warm'"),
        ("-t 3 hi", "from 0 to 2"),
        ("--max-tokens 0 hi", "at least 1"),
        ("-o 2x hi", "name of a variable"),
        ("--tools a --no-tools hi", "contradict"),
        ("--yes --ask hi", "contradict"),
        ("-m", "-m needs a value"),
        ("-m --debug hi", "-m needs a value"),
        ("-t 0", "the prompt is empty"),
        ("--", "the prompt is empty"),
        ("statsu", "did you mean status?"),
        ("status of the orders", "%agent -- status of the orders"),
        ("-m x status", "-m means nothing for %agent status"),
        ("model the price by city", "%agent -- model the price by city"),
        ("model 'half", "one name"),
        ("help nothing", "no subcommand 'nothing'"),
    ],
)
def test_a_mistake_is_an_error_that_names_the_remedy(line: str, words: str) -> None:
    with pytest.raises(AgentError) as caught:
        read(line)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("word", SUBCOMMANDS)
def test_subcommands_are_reserved_words_and_dashes_force_a_prompt(word: str) -> None:
    assert read(word) == Command(name=word)
    assert read(f"-- {word}") == Prompt(text=word)
    assert read(f"{word} --help") == Command(name=word, wants_help=True)


def test_a_single_word_that_is_close_to_no_subcommand_is_a_prompt() -> None:
    assert read("hello") == Prompt(text="hello")
    assert read("statsu please") == Prompt(text="statsu please")


@pytest.mark.parametrize("text", ["-5 + 3 is?", "- first\n- second", "-(2) is?"])
def test_a_dash_that_begins_no_flag_begins_a_prompt(text: str) -> None:
    assert read(text) == Prompt(text=text)


def test_nothing_at_all_is_the_overview() -> None:
    assert read("") == Command(name="")


def test_help_as_a_flag_is_the_help() -> None:
    assert read("--help") == Command(name="help")


def test_a_cell_is_the_prompt_after_what_its_first_line_says() -> None:
    assert read("-t 0", "two\nlines\n") == Prompt(
        text="two\nlines", options=Options(temperature=0.0)
    )
    assert read("answer this:", "two\nlines\n") == Prompt(text="answer this:\ntwo\nlines")
    assert read("help me", "with this\n") == Prompt(text="help me\nwith this")
    assert read("", "status\n") == Prompt(text="status")
    with pytest.raises(AgentError, match="empty"):
        read("", "\n")


def test_model_takes_one_name() -> None:
    assert read("model other/model") == Command(name="model", argument="other/model")
    assert read("model '/models/my own'") == Command(name="model", argument="/models/my own")
    assert read("model --help x").wants_help  # type: ignore[union-attr]


def test_sql_takes_its_query_from_the_line_or_the_cell() -> None:
    assert read("sql SELECT 1 -- one") == Command(name="sql", argument="SELECT 1 -- one")
    assert read("sql -- a comment") == Command(name="sql", argument="-- a comment")
    assert read("sql", "SELECT\n 1\n") == Command(name="sql", argument="SELECT\n 1")
    assert read("sql -o df SELECT 1").options.out == "df"
    assert read("-o df sql SELECT 1").options.out == "df"


@pytest.mark.parametrize(
    ("line", "argument"),
    [
        ("sql --explain -o x SELECT 1 --help", "--explain SELECT 1 --help"),
        ("sql -o x --explain SELECT 1", "--explain SELECT 1"),
        ("sql --debug --explain -o x --mine", "--explain --mine"),
        ("dashboard --days 7 --live -o x --notebook 'my sales.ipynb' --model=tiny",
         "--days 7 --live --notebook 'my sales.ipynb' --model=tiny"),
        ("save --force -o x talk.md", "--force talk.md"),
    ],
)  # fmt: skip
def test_flags_and_switches_of_a_subcommand_come_in_any_order(line: str, argument: str) -> None:
    command = read(line)
    assert isinstance(command, Command)
    assert (command.argument, command.options.out, command.wants_help) == (argument, "x", False)


@pytest.mark.parametrize("name", ["print", "len", "__import__"])
def test_a_name_of_pythons_own_is_not_taken(name: str) -> None:
    with pytest.raises(
        AgentError, match=f"'{name}' is a name of Python's own, which would be lost"
    ):
        read(f"-o {name} hello")
