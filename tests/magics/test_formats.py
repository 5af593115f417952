"""Answers in the form that was wished for; nothing of a model's runs in any of them."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from notebook_agents.magics.answer import Answer
from notebook_agents.magics.code_blocks import code_in
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.formats import (
    html_frame,
    json_value,
    math_markdown,
    text_markdown,
)
from notebook_agents.magics.screen import TerminalScreen, as_text
from notebook_agents.magics.transcript import TextBlock, Transcript

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell, Kernel

EVIL = '<p onclick="x()">hi</p><script>alert(1)</script><img src="https://evil.example/a.png">'


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1]}',
        ' {"a": [1]}\n',
        '```json\n{"a": [1]}\n```',
        'So:\n\n```json\n{"a": [1]}\n```\nDone.',
    ],
)
def test_json_is_a_value(agent_shell: AgentShell, text: str) -> None:
    agent_shell.engine.script = [text]
    answer = agent_shell.run("%agent -f json numbers").value
    assert answer.value == {"a": [1]}
    assert answer.text == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The total is 3", "expecting value at line 1, column 1, near 'The total is 3'"),
        ('{"a": }', "expecting value at line 1, column 7"),
        (" \n", "it is empty"),
    ],
)
def test_what_is_no_json_is_one_line_and_the_answer_is_kept(
    agent_shell: AgentShell, text: str, words: str
) -> None:
    agent_shell.engine.script = [text]
    error = agent_shell.run("%agent -f json -o kept numbers").error
    assert isinstance(error, AgentError)
    assert str(error).startswith("the answer is no JSON: ")
    assert words in str(error)
    assert "it is kept in kept" in str(error)
    assert "\n" not in str(error)
    assert agent_shell.shell.user_ns["kept"].text == text


@pytest.mark.parametrize("text", ['```json\n{"a":1}\n```', 'So:\n```json\n{"a":1}\n```'])
def test_json_is_shown_without_the_fence_in_plain_text_too(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    transcript, screen = Transcript(format="json"), TerminalScreen()
    transcript.blocks = [TextBlock(step=1, text=text)]
    screen.show(transcript)
    transcript.state = "succeeded"
    screen.end(transcript)
    assert capsys.readouterr().out == '{\n  "a": 1\n}\n'
    assert as_text(transcript).startswith('{\n  "a": 1\n}\n')


def test_json_is_shown_indented_once_it_is_whole() -> None:
    assert '  "a": 1' in text_markdown('{"a":1}', "json", is_over=True)
    assert '{"a":1' in text_markdown('{"a":1', "json", is_over=False)
    assert "no value" in text_markdown("no value", "json", is_over=True)
    assert json_value("```\n7\n```") == 7


class Elements(HTMLParser):
    """Every element of a page, and what is in the frames."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_html_stands_in_a_frame_that_runs_nothing_and_fetches_nothing() -> None:
    [(tag, attributes)] = Elements(html_frame(f"```html\n{EVIL}\n```")).found
    assert tag == "iframe"
    assert attributes["sandbox"] == ""
    inside = Elements(str(attributes["srcdoc"])).found
    assert inside[0][0] == "meta"
    assert "default-src 'none'" in str(inside[0][1]["content"])
    assert ("p", {"onclick": "x()"}) in inside


@pytest.mark.parametrize(
    "text",
    [r"\frac{a}{b}", r"$$\frac{a}{b}$$", r"\[ \frac{a}{b} \]", "```latex\n\\frac{a}{b}\n```"],
)
def test_a_formula_stands_between_double_dollars(text: str) -> None:
    assert math_markdown(text) == "$$\n\\frac{a}{b}\n$$"


def test_a_formula_cannot_lead_out_of_the_page() -> None:
    shown = math_markdown(r"\href{javascript:x()}{a} $$ <img src=x> \require{a} \hrefs `x`")
    assert "<" not in shown
    assert r"\href{" not in shown
    assert r"\require" not in shown
    assert shown.count("$$") == 2
    assert r"\hrefs" in shown


@pytest.mark.parametrize("form", ["markdown", "text", "json", "html", "math"])
@pytest.mark.parametrize("is_over", [False, True])
def test_no_form_lets_markup_through(form: str, is_over: bool) -> None:
    shown = text_markdown(EVIL, form, is_over=is_over)  # type: ignore[arg-type]
    names = {tag for tag, _ in Elements(shown).found}
    assert names <= {"details", "summary", "pre", "code"}


def test_in_a_notebook_each_form_is_what_the_front_end_shows(kernel: Kernel) -> None:
    def shown(form: str, text: str) -> list[dict[str, str]]:
        kernel.run(f"engine.script = [{text!r}]")
        reply = kernel.run(f"%agent -m other/model -f {form} hello")
        assert reply.status == "ok", reply.error
        last: dict[str, dict[str, str]] = {}
        for number, message in enumerate(reply.messages):
            if message["msg_type"] in ("display_data", "update_display_data"):
                content = message["content"]
                last[content["transient"].get("display_id", str(number))] = content["data"]
        return list(last.values())

    [text] = shown("text", "# no *markup*")
    assert list(text) == ["text/plain"]
    assert "# no *markup*" in text["text/plain"]
    [value] = shown("json", '{"a":1}')
    assert '"a": 1' in json.dumps(value["text/markdown"]).replace("\\", "")
    run, frame = shown("html", EVIL)
    assert "<script>" not in run["text/markdown"] + frame["text/html"]
    assert "<iframe sandbox=" in frame["text/html"]
    [formula] = shown("math", "a^2")
    assert "$$\na^2\n$$" in formula["text/markdown"]


def test_the_code_of_an_answer_is_what_stands_between_fences() -> None:
    text = "First:\n```python\nx = 1\n```\nthen\n\n~~~\nprint(x)\n~~~\nand ```not this```"
    assert Answer(text=text).code == "x = 1\n\nprint(x)"
    assert Answer(text="no code").code == ""
    assert code_in("x = 1\nprint(x)") == "x = 1\nprint(x)"
    assert code_in("Hello") == ""
    assert code_in("```python\nunfinished = 1") == "unfinished = 1"
