"""Prompts answered from their recordings: in a kernel, under nbclient, offline, and compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from notebook_agents.magics.cell_recordings import METADATA_KEY, recordings_in

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell, Kernel

LOAD = """
%load_ext notebook_agents
import notebook_agents
from pathlib import Path
from notebook_agents.core.clock import SystemClock
from notebook_agents.testing import ScriptedEngine, ScriptedTools, call, fake_core
engine = ScriptedEngine(*SCRIPT)
tools = ScriptedTools({"python_executor": lambda code: "83810205"})
core = fake_core(engine=engine, tools=tools, clock=SystemClock(), home=Path("workspaces"))
notebook_agents.use_core(core)
"""
SCRIPT = "SCRIPT = [[call('python_executor', 'c1', code='12345*6789')], 'It is 83,810,205', 'two']"
OTHER_SCRIPT = "SCRIPT = ['It is a number', 'two']"
NOBODY = "SCRIPT = [RuntimeError('the model must not be asked')]"
PROMPTS = ("%agent what is 12345*6789?", "answer = %agent what is 1+1?", "answer.text")
IMPORTS = "from notebook_agents.testing import call\n"


def notebook(script: str, *prompts: str) -> nbformat.NotebookNode:
    new: Any = nbformat.v4
    cells = [IMPORTS + script, LOAD, *prompts]
    made: nbformat.NotebookNode = new.new_notebook(cells=[new.new_code_cell(c) for c in cells])
    return made


def executed(
    node: nbformat.NotebookNode, folder: Path, path: str = ""
) -> list[list[dict[str, Any]]]:
    """The outputs of the cells behind the first two; the notebook is saved when a path is given."""
    NotebookClient(node, timeout=60, resources={"metadata": {"path": str(folder)}}).execute()
    if path:
        nbformat.write(node, folder / path)  # type: ignore[no-untyped-call]
    return [cell.outputs for cell in node.cells[2:]]


def markdown(outputs: list[dict[str, Any]]) -> str:
    return str(outputs[0]["data"]["text/markdown"])


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A notebook of two prompts as it was saved; executed once for all tests."""
    home = tmp_path_factory.mktemp("recording")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(home / "ipython"))
        patch.setenv("JUPYTER_DATA_DIR", str(home / "jupyter"))
        executed(notebook(SCRIPT, *PROMPTS), home, "analysis.ipynb")
    return (home / "analysis.ipynb").read_text()


@pytest.fixture
def recorded(recording: str, ipython_home: Path) -> Path:
    """The saved notebook in a folder of its own."""
    path = ipython_home / "analysis.ipynb"
    path.write_text(recording)
    return path


def test_a_saved_notebook_carries_its_recordings(recorded: Path) -> None:
    first, second = recordings_in(recorded)
    assert (first.prompt, first.text, first.state) == (
        "what is 12345*6789?",
        "It is 83,810,205",
        "succeeded",
    )
    assert [(call.name, call.content) for call in first.tool_calls] == [
        ("python_executor", "83810205")
    ]
    assert second.text == "two"


def test_a_notebook_replays_without_asking_the_model(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTEBOOK_AGENTS_REPLAY", "1")
    outputs = executed(notebook(NOBODY, *PROMPTS), recorded.parent)
    assert "It is 83,810,205" in markdown(outputs[0])
    assert "12345&#42;6789" in markdown(outputs[0])
    assert "replayed from the recording of " in markdown(outputs[0])
    assert outputs[2][0]["data"]["text/plain"] == "'two'"
    assert METADATA_KEY in outputs[0][0]["metadata"]


def test_a_prompt_that_changed_is_not_answered_from_the_record(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTEBOOK_AGENTS_REPLAY", str(recorded))
    with pytest.raises(CellExecutionError) as error:
        executed(notebook(NOBODY, "%agent what is 12345*6780?"), recorded.parent)
    assert "not recorded in analysis.ipynb" in str(error.value)
    assert "recorded is 'what is 12345*6789?'" in str(error.value)


def test_verify_passes_where_the_model_answers_as_recorded(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTEBOOK_AGENTS_REPLAY", "verify")
    outputs = executed(notebook(SCRIPT, *PROMPTS), recorded.parent)
    assert outputs[2][0]["data"]["text/plain"] == "'two'"


def test_verify_fails_where_it_departs_and_says_where(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTEBOOK_AGENTS_REPLAY", "verify")
    with pytest.raises(CellExecutionError) as error:
        executed(notebook(OTHER_SCRIPT, *PROMPTS), recorded.parent)
    assert "not as recorded: it made 0 tool calls, recorded are 1; it answered" in str(error.value)


def test_the_same_prompt_twice_replays_in_the_order_of_its_cells(
    ipython_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "SCRIPT = ['first', 'second']"
    asked = ("%agent say it", "%agent say it", "%agent say it")
    executed(notebook(script, *asked[:2]), ipython_home, "twice.ipynb")
    monkeypatch.setenv("NOTEBOOK_AGENTS_REPLAY", "1")
    outputs = executed(notebook(NOBODY, *asked), ipython_home)
    shown = [markdown(found).splitlines()[0] for found in outputs]
    assert shown == ["first", "second", "second"]


def test_the_subcommand_switches_and_tells(agent_shell: AgentShell, tmp_path: Path) -> None:
    status = str(agent_shell.run("%agent replay status").value)
    assert "off: prompts are asked live" in status
    assert "on: prompts are answered" in str(agent_shell.run("%agent replay").value)
    error = agent_shell.run("%agent hello").error
    assert "this prompt is not recorded" in str(error)
    assert "verify: " in str(agent_shell.run("%agent replay --verify").value)
    assert "there is no notebook 'no.ipynb'" in str(agent_shell.run("%agent replay no.ipynb").error)
    agent_shell.run("%agent replay off")
    agent_shell.engine.script = ["live"]
    assert agent_shell.run("%agent hello").value.text == "live"


def test_code_that_ran_in_the_notebook_runs_again(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, kernel: Kernel
) -> None:
    """As an output keeps it whose tool was not in a sandbox."""
    node: Any = nbformat.read(recorded, as_version=4)  # type: ignore[no-untyped-call]
    told = node.cells[2].outputs[0].metadata[METADATA_KEY]
    for body in told["events"]:
        if body["type"] in ("tool_started", "tool_finished"):
            body["name"] = "run_in_notebook"
        if body["type"] == "tool_started":
            body["arguments"]["code"] = "bound = 6 * 7"
        if body["type"] == "tool_finished":
            body["enforced_level"] = ""
    nbformat.write(node, recorded)  # type: ignore[no-untyped-call]
    kernel.run(IMPORTS + NOBODY)
    kernel.run(LOAD)
    assert kernel.run(f"%agent replay {recorded}").status == "ok"
    assert kernel.run(PROMPTS[0]).status == "ok"
    assert kernel.run("bound").value() == "42"


def test_a_notebook_that_cannot_be_read_has_no_recordings(tmp_path: Path) -> None:
    for name, content in {"a": "no json", "b": "[]", "c": '{"cells": [1, {"outputs": 2}]}'}.items():
        path = tmp_path / f"{name}.ipynb"
        path.write_text(content)
        assert list(recordings_in(path)) == []
