"""``-f``: in which form an answer is wanted, shown and given.

Each form says what the model is told and how a finished text is shown. Whatever the form, nothing
that a model wrote can run in the front end: HTML stands in a frame without scripts and without the
network, and of LaTeX what could lead out of the page is made text.
"""

from __future__ import annotations

import html
import json
import re
from contextlib import suppress
from typing import Any

from notebook_agents.magics.code_blocks import code_blocks
from notebook_agents.magics.flags import Format
from notebook_agents.magics.markdown import fenced, plain, safe_markdown

INSTRUCTIONS: dict[Format, str] = {
    "markdown": "",
    "text": "Answer in plain text, without any markup.",
    "code": "Answer with Python code only, in one code block, with comments where it needs words.",
    "json": "Answer with one JSON value only: no words around it and no code fence.",
    "html": "Answer with one piece of HTML only, without scripts and without outside files.",
    "math": "Answer with one formula in LaTeX only, without delimiters and without words.",
}
"""What the model is told, beside the prompt."""
FRAME_HEIGHT_PX = 420
_PAGE = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
    " style-src 'unsafe-inline'; img-src data:\">"
)
"""Before everything else in a frame: nothing is fetched and no script runs."""
_DELIMITERS = re.compile(r"^\s*(?:\$\$|\\\[|\$|\\\()\s*|\s*(?:\$\$|\\\]|\$|\\\))\s*$")
_LEADS_OUT = re.compile(
    r"\\(?=(?:href|url|require|class|cssId|style|data|unicode|includegraphics|html\w*)(?![a-zA-Z]))"
)


def text_markdown(text: str, format: Format, *, is_over: bool) -> str:
    """A text of a model as Markdown for a notebook; until it is over, its source."""
    match format:
        case "json":
            return fenced(pretty_json(text) if is_over else text, "json")
        case "html" if is_over:
            return (
                f"<details>\n<summary>HTML</summary>\n\n{fenced(_bare(text), 'html')}\n</details>"
            )
        case "math" if is_over:
            return math_markdown(text)
        case "html" | "math" | "text":
            return fenced(text, "text")
        case _:
            return safe_markdown(text)


def math_markdown(text: str) -> str:
    """A formula between double dollars, in which nothing is a link or an element."""
    formula = _bare(text)
    while (stripped := _DELIMITERS.sub("", formula)) != formula:
        formula = stripped
    formula = _LEADS_OUT.sub("", plain(formula).replace("$", ""))
    formula = formula.replace("<", r"\lt ").replace(">", r"\gt ").replace("`", "'")
    formula = re.sub(r"\n\s*\n", "\n", formula)
    return f"$$\n{formula}\n$$"


def html_frame(text: str) -> str:
    """A piece of HTML in a frame that runs no script, sends no form and fetches nothing."""
    page = html.escape(_PAGE + _bare(text), quote=True)
    return (
        f'<iframe sandbox="" referrerpolicy="no-referrer" srcdoc="{page}" title="HTML answer"'
        f' style="width:100%;height:{FRAME_HEIGHT_PX}px;border:0;background:#fff"></iframe>'
    )


def json_value(text: str) -> Any:
    """The value that an answer is; ValueError names what is wrong where it is no JSON."""
    bare = _bare(text)
    if not bare:
        raise ValueError("the answer is no JSON: it is empty")
    if len(blocks := code_blocks(text)) == 1 and bare == text.strip():
        with suppress(json.JSONDecodeError):
            return json.loads(blocks[0])  # Words around it, in spite of what it was told.
    try:
        return json.loads(bare)
    except json.JSONDecodeError as error:
        near = bare[max(0, error.pos - 10) : error.pos + 20].replace("\n", " ")
        where = f"line {error.lineno}, column {error.colno}, near {near!r}"
        raise ValueError(f"the answer is no JSON: {error.msg.lower()} at {where}") from None


def pretty_json(text: str) -> str:
    """The value that an answer is, indented; what is no JSON as it came."""
    try:
        return json.dumps(json_value(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _bare(text: str) -> str:
    """The text without a fence that models put around it in spite of what they are told."""
    blocks = code_blocks(text)
    is_fenced = len(blocks) == 1 and text.strip().startswith(("```", "~~~"))
    return (blocks[0] if is_fenced else text).strip()
