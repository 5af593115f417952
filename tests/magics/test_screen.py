"""Drawing a transcript."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from notebook_agents.core.events import (
    ModelFinished,
    ModelStarted,
    RunFinished,
    TextDelta,
    ToolFinished,
    ToolOutput,
    ToolStarted,
)
from notebook_agents.core.models import BUNDLED_MODEL, Usage
from notebook_agents.magics.screen import TerminalScreen, as_text
from notebook_agents.magics.transcript import Transcript

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell

USAGE = Usage(input_tokens=1200, output_tokens=40)
EVENTS = (
    ModelStarted(step=1, model=BUNDLED_MODEL),
    TextDelta(step=1, text="Let me "),
    TextDelta(step=1, text="see."),
    ModelFinished(step=1, model=BUNDLED_MODEL, text="Let me see.", usage=USAGE, decode_ms=500),
    ToolStarted(call_id="c", name="python_executor", arguments={"code": "1\n+1"}),
    ToolOutput(call_id="c", text="par"),
    ToolFinished(call_id="c", name="python_executor", status="succeeded", content="2\x1b[2J"),
    ModelStarted(step=2, model=BUNDLED_MODEL),
    TextDelta(step=2, text="It is 2"),
    ModelFinished(step=2, model=BUNDLED_MODEL, text="It is 2", usage=USAGE, decode_ms=500),
    RunFinished(state="succeeded", text="It is 2", usage=USAGE + USAGE),
)


def test_a_terminal_gets_everything_once_and_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    transcript, screen = Transcript(), TerminalScreen()
    for event in EVENTS:
        transcript.apply(event)
        screen.show(transcript)
    screen.end(transcript)
    assert capsys.readouterr().out == ("Let me see.\n[python_executor] 1 +1\n  2[2J\nIt is 2\n")


def test_without_streaming_a_terminal_gets_the_same_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    transcript, screen = Transcript(), TerminalScreen(is_streaming=False)
    for event in EVENTS:
        transcript.apply(event)
        screen.show(transcript)
    assert capsys.readouterr().out == ""
    screen.end(transcript)
    assert capsys.readouterr().out.endswith("It is 2\n")


def test_the_footer_counts_what_it_took() -> None:
    transcript = Transcript()
    for event in EVENTS:
        transcript.apply(event)
    parts = transcript.footer.split(" · ")
    assert parts[0] == "notebook-agents/tiny (built-in demo model)"
    assert parts[2:] == ["2,400 in / 80 out", "80 tok/s", "1 tool"]
    assert as_text(transcript).endswith(f"[{transcript.footer}]")


def test_a_tool_that_never_ended_is_shown_as_cancelled() -> None:
    transcript = Transcript()
    for event in (*EVENTS[:6], RunFinished(state="cancelled")):
        transcript.apply(event)
    assert transcript.tools[0].status == "cancelled"
    assert "(cancelled)\n  par" in as_text(transcript)
    assert "[stopped]" in as_text(transcript)


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_answer_says_that_it_is_empty(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    agent_shell.engine.script = [text]
    agent_shell.run("%agent -m other/model hello")
    assert capsys.readouterr().out.count("(the model answered nothing)") == 1
