"""A figure of the agent's code, seen in a notebook and named in a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbconvert import HTMLExporter

from notebook_agents.core.events import ModelStarted, RunFinished, ToolFinished, ToolStarted
from notebook_agents.core.figures import PLOTLY, PNG, Figure
from notebook_agents.magics.screen import TerminalScreen
from notebook_agents.magics.transcript import Transcript

if TYPE_CHECKING:
    from tests.magics.conftest import Kernel, Reply

REAL_TOOLS = """
import pandas as pd, tempfile
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.testing import MemoryStore
from notebook_agents.tools.registry import Registry
sandbox = KernelSandbox(SandboxConfig(Path(tempfile.mkdtemp(prefix="nbt-"))))
store = MemoryStore()
core = fake_core(
    engine=engine, tools=Registry.from_entry_points(sandbox), sandbox=sandbox, level="low",
    store=store, event_log=JsonlEventLog(Path("log")), clock=SystemClock(), home=Path("workspaces"),
)
notebook_agents.use_core(core)
df = pd.DataFrame({"temperature": [18.5, 21.0, 21.5], "city": list("abc")})
code = "import plotly.express as px; px.histogram(df, x='temperature')"
drawing = call("python_executor", code=code)
"""
HISTOGRAM = Figure(
    media_type=PLOTLY, content='{"data":[{"type":"bar"}],"layout":{}}', label="bar <chart> of a"
)
PICTURE = Figure(media_type=PNG, content="iVBORw0KGgo=", label="picture of 3 by 2 pixels")
EVENTS = (
    ModelStarted(step=1, model="other/model"),
    ToolStarted(call_id="c", name="python_executor", arguments={"code": "f"}),
    ToolFinished(
        call_id="c",
        name="python_executor",
        status="succeeded",
        content="[figure]\n[figure]",
        figures=(HISTOGRAM, PICTURE),
    ),
    RunFinished(state="succeeded"),
)


def bundles(reply: Reply) -> list[dict[str, Any]]:
    """What was displayed, but for updates, in order."""
    shown = [m["content"]["data"] for m in reply.messages if m["msg_type"] == "display_data"]
    return [data for data in shown if "text/markdown" not in data]


def outputs(reply: Reply) -> list[dict[str, Any]]:
    """The outputs as a front end saves them: updates replace what they update."""
    saved: dict[str, dict[str, Any]] = {}
    for number, message in enumerate(reply.messages):
        if message["msg_type"] in ("display_data", "update_display_data"):
            content = message["content"]
            saved[content["transient"].get("display_id", str(number))] = content
    return [{"data": c["data"], "metadata": c["metadata"]} for c in saved.values()]


@pytest.mark.slow
def test_a_figure_stands_below_the_answer_once_and_is_saved(kernel: Kernel) -> None:
    kernel.run(REAL_TOOLS)
    kernel.run("engine.script = [drawing, ' '.join(['Here', 'it', 'is'] * 9)]")
    reply = kernel.run("x = %agent plot a histogram of temperature in df")
    assert reply.status == "ok", reply.error
    [figure] = bundles(reply)
    assert set(figure) == {PLOTLY, "text/plain"}
    assert figure[PLOTLY]["data"][0]["type"] == "histogram"
    assert figure["text/plain"] == "[figure] histogram of count by temperature"
    card, below = outputs(reply)
    assert "Here it is" in card["data"]["text/markdown"]
    assert (
        "<small>Figure 1: histogram of count by temperature</small>"
        in (card["data"]["text/markdown"])
    )
    assert below["data"] == figure

    v4: Any = nbformat.v4
    book = v4.new_notebook(cells=[v4.new_code_cell("%agent plot")])
    book.cells[0].outputs = [v4.new_output("display_data", **saved) for saved in (card, below)]
    nbformat.validate(book)
    exporter: Any = HTMLExporter
    html, _ = exporter().from_notebook_node(book)
    assert "[figure] histogram of count by temperature" in html

    made = kernel.run("import plotly.graph_objects as go; go.Figure(x.figures[0]).data[0].type")
    assert made.value() == "'histogram'"


@pytest.mark.slow
def test_the_model_the_messages_and_the_run_hold_one_word_for_a_figure(
    kernel: Kernel, ipython_home: Path
) -> None:
    kernel.run(REAL_TOOLS)
    kernel.run("engine.script = [drawing, 'Here it is.']")
    kernel.run("x = %agent plot a histogram of temperature in df")
    assert kernel.run("engine.requests[-1].messages[-1].tool_results[0].content").value() == (
        "'[figure]'"
    )
    assert kernel.run("x.tool_calls[0].result").value() == "'[figure]'"
    assert "plotly.v1" not in kernel.run("store._records").value()
    [line] = [
        json.loads(line)
        for file in (ipython_home / "log" / "events" / "hot").iterdir()
        for line in file.read_text().splitlines()
        if '"type":"tool_finished"' in line
    ]
    [figure] = line["payload"]["figures"]
    assert figure["media_type"] == PLOTLY
    assert json.loads(figure["content"])["data"][0]["type"] == "histogram"


@pytest.mark.slow
def test_figures_appear_under_capture_and_in_plain_functions(kernel: Kernel) -> None:
    kernel.run(REAL_TOOLS)
    kernel.run("engine.script = [drawing, 'One.', drawing, 'Two.']")
    assert kernel.run("%%capture c\n%agent plot df").status == "ok"
    shown = kernel.run("[sorted(output.data) for output in c.outputs]").value()
    assert shown.count(PLOTLY) == 1
    reply = kernel.run("def f():\n    %agent plot df again\nf()")
    assert len(bundles(reply)) == 1


def test_a_terminal_names_figures_and_how_to_open_them(capsys: pytest.CaptureFixture[str]) -> None:
    transcript, screen = Transcript(), TerminalScreen()
    for event in EVENTS:
        transcript.apply(event)
        screen.show(transcript)
    screen.end(transcript)
    assert capsys.readouterr().out == (
        "[python_executor] f\n  [figure]\n  [figure]\n"
        "[figure] bar <chart> of a; to open it: import plotly.io; plotly.io.show(_.figures[0])\n"
        "[figure] picture of 3 by 2 pixels\n"
    )
