"""Nothing that a model or a tool writes becomes markup of its own choice."""

from __future__ import annotations

import html.parser
import re
from collections.abc import Callable

import markdown_it
import mistune
import pytest
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from notebook_agents.magics.answer import Answer
from notebook_agents.magics.facts import Facts
from notebook_agents.magics.markdown import as_markdown, fenced, plain, safe_markdown, tool_markdown
from notebook_agents.magics.transcript import TextBlock, ToolBlock, Transcript

RENDERERS: list[Callable[[str], object]] = [
    mistune.create_markdown(escape=False, plugins=["table", "math", "url"]),
    MarkdownWithMath(renderer=IPythonRenderer(escape=False)).render,
    markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render,
]
ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a <b onclick=x>b</b>",
    "`<script>` is code, <script>alert(1)</script> is not",
    "\\\\`a` <img src=x onerror=alert(1)> `",
    "`` ` <img src=x onerror=alert(1)> ``",
    "| a | b |\n|---|---|\n| `x | <img src=x onerror=alert(1)>` |",
    "- item\n\n  ```\n<img src=x onerror=alert(1)>\n  ```\n",
    "$$\n```\n$$\n<img src=x onerror=alert(1)>\n```\n",
    "```a`b\n<img src=x onerror=alert(1)>\n```",
    "![track](https://example.org/?q=secret)",
    "![track][1]\n\n[1]: https://example.org/?q=secret",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt:alert(1))",
    "[click](javascript\\:alert(1))",
    "[click](javascript&#58;alert(1))",
    "[click](&#106;avascript:alert(1))",
    "[click](<javascript:alert(1)>)",
    "[click](data:text/html;base64,PHNjcmlwdD4=)",
    "[click][1]\n\n[1]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "</details><script>alert(1)</script>",
    "~~~\n```\n~~~\n<img src=x onerror=alert(1)>\n```",
    "~~~\n```\n~~~\n![track](https://example.org/?q=secret)\n```",
    "~~~ ```\n<img src=x onerror=alert(1)>\n```",
    "```\n<pre>\n```\n</pre><img src=x onerror=alert(1)>",
    "`````\n```\n<img src=x onerror=alert(1)>",
    "x\n\n![a](https://example.org/)",
    "x\n\n<img src=x onerror=alert(1)>",
    "x](javascript:alert(1)) [",
]
TWO_STEPS = [
    ("```", "<img src=x onerror=alert(1)>\n```"),
    ("```\ncode", "```\n<img src=x onerror=alert(1)>\n```"),
    ("~~~", "```\n~~~\n<img src=x onerror=alert(1)>\n```"),
    ("- item\n\n  ```", "```\n<img src=x onerror=alert(1)>\n```"),
    ("$$", "$$\n```\n<img src=x onerror=alert(1)>\n```"),
    ("[a]:", "javascript:alert(1)\n\n[a]"),
    ("!", "[a](https://example.org/)"),
]


class Finder(html.parser.HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.dangers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "img", "iframe", "object", "b"):
            self.dangers.append(tag)
        for name, value in attrs:
            if name.startswith("on") or re.match(r"\s*(javascript|data):", value or "", re.I):
                self.dangers.append(f"{tag} {name}={value}")


def dangers(markdown: str) -> list[str]:
    """What a renderer that escapes nothing makes of it."""
    finder = Finder()
    for render in RENDERERS:
        finder.feed(str(render(markdown)))
        finder.close()
    return finder.dangers


@pytest.mark.parametrize("text", ATTACKS)
def test_no_attack_survives_a_renderer_that_escapes_nothing(text: str) -> None:
    assert dangers(safe_markdown(text)) == []


@pytest.mark.parametrize("text", ATTACKS)
def test_no_attack_survives_in_a_tool_call(text: str) -> None:
    block = ToolBlock(
        call_id="1", name=text, arguments={"code": text, text: 1}, status="failed", content=text
    )
    assert [found for found in dangers(tool_markdown(block)) if found != "b"] == []


@pytest.mark.parametrize("text", ATTACKS)
def test_no_attack_survives_in_a_warning_or_a_table_of_facts(text: str) -> None:
    transcript = Transcript(model=text, phase=text, notes=[text])
    assert dangers(as_markdown(transcript)) == []
    transcript.state = "succeeded"
    transcript.blocks = [ToolBlock(call_id="1", name="a", arguments={})]
    assert [found for found in dangers(as_markdown(transcript)) if found != "b"] == []
    assert dangers(Facts((("Model", text),))._repr_markdown_()) == []
    assert dangers(Answer(text=text)._repr_markdown_()) == []


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["```a" + "~" * 5000 + "`", "```" * 5000, "`~" * 5000])
def test_odd_fences_take_no_time(text: str) -> None:
    assert dangers(safe_markdown(text)) == []


@pytest.mark.parametrize(("first", "second"), TWO_STEPS)
@pytest.mark.parametrize("has_tool", [True, False])
def test_no_attack_survives_that_spans_two_steps(first: str, second: str, has_tool: bool) -> None:
    transcript = Transcript(state="succeeded")
    tool = ToolBlock(call_id="1", name="a", arguments={"code": second}, content=second)
    texts = [TextBlock(step=1, text=first), TextBlock(step=2, text=second)]
    transcript.blocks = [texts[0], tool, texts[1]] if has_tool else [*texts]
    assert [found for found in dangers(as_markdown(transcript)) if found != "b"] == []


def test_text_of_others_stays_where_it_stands() -> None:
    name = "x\n\n![a](https://example.org)"
    shown = tool_markdown(ToolBlock(call_id="1", name=name, arguments={}))
    assert "x &#33;&#91;a&#93;(https://example.org)</b>" in shown.splitlines()[1]


def test_a_code_block_that_was_not_closed_ends_with_its_step() -> None:
    assert safe_markdown("```python\nprint(1)") == "```python\nprint(1)\n```"
    assert safe_markdown("~~~\nprint(1)\n") == "~~~\nprint(1)\n\n~~~"


@pytest.mark.parametrize(
    "text",
    [
        "**bold** and `code` and [page](https://example.org/a?b=1)",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "```python\nif a > b:\n    print('b', d[0](1))\n```\n\n~~~sql\nSELECT 1\n~~~",
        "1. one\n2. two\n\n> quoted",
        "[file](data/sales.csv) [part](#top)",
        "$x_1 + y$ and $$\\frac{1}{2}$$",
    ],
)
def test_ordinary_markdown_is_left_alone(text: str) -> None:
    assert safe_markdown(text) == text


def test_code_with_markup_still_reads_the_same() -> None:
    assert safe_markdown("use `a<b>` here") == "use <code>a&#60;b&#62;</code> here"
    shown = safe_markdown("```python\nif a < b:\n    c\n```\nand so on")
    assert shown == "<pre><code>if a &#60; b:\n    c</code></pre>\nand so on"
    assert fenced("a < b", "sql") == "<pre><code>a &#60; b</code></pre>"


def test_a_code_block_cannot_be_closed_from_inside() -> None:
    assert fenced("a\n```\nb").startswith("````text\n")
    assert fenced("a\n`````\nb").endswith("\n``````")


def test_control_characters_never_reach_a_terminal() -> None:
    assert plain("a\x1b[2Jb\x07\tc\nd\u202ee") == "a[2Jb\tc\nde"


def test_a_finished_run_shows_calls_answer_and_footer() -> None:
    transcript = Transcript(model="other/model", state="succeeded")
    transcript.blocks = [
        ToolBlock(
            call_id="1",
            name="python_executor",
            arguments={"code": "print(1)"},
            status="succeeded",
            content="1",
        ),
        TextBlock(step=2, text="It is 1."),
    ]
    shown = as_markdown(transcript)
    assert shown.index("<details>") < shown.index("It is 1.") < shown.index("other/model · ")
    assert "> ```python\n> print(1)\n> ```\n\n> ```text\n> 1\n> ```" in shown
    assert "1 tool</small>" in shown
