"""A parameterised notebook run by papermill, which must stop where an agent fails."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import papermill

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

SET_UP = """%load_ext notebook_agents
import notebook_agents
from pathlib import Path
from notebook_agents.testing import ScriptedEngine, call, fake_core
engine = ScriptedEngine([call("python_executor", code="1+1")], "It is two, as far as I know")
notebook_agents.use_core(fake_core(engine=engine, home=Path("workspaces")))"""


@pytest.fixture
def execute(ipython_home: Path) -> Callable[..., Any]:
    def execute(*sources: str, **parameters: object) -> Any:
        v4: Any = nbformat.v4
        cells = [v4.new_code_cell(source) for source in (SET_UP, *sources)]
        cells[0].metadata["tags"] = ["parameters"]
        book = v4.new_notebook(cells=cells)
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
        (ipython_home / "in.ipynb").write_text(v4.writes(book))
        papermill.execute_notebook(
            ipython_home / "in.ipynb",
            ipython_home / "out.ipynb",
            parameters=parameters,
            progress_bar=False,
            coalesce_streams=True,
        )

    return execute


def test_the_saved_notebook_has_one_output_with_the_final_answer(
    execute: Callable[..., Any], ipython_home: Path
) -> None:
    execute("%agent add {number} to itself", "%agent --ask and again?", number=1)
    book = nbformat.v4.reads((ipython_home / "out.ipynb").read_text())  # type: ignore[no-untyped-call]
    [output] = book.cells[-2].outputs
    assert output.output_type == "display_data"
    assert "It is two, as far as I know" in output.data["text/markdown"]
    assert "ran: 1+1" in output.data["text/markdown"]
    assert "Thinking" not in output.data["text/markdown"]
    assert len(book.cells[-1].outputs) == 1


def test_a_failing_agent_fails_the_run(execute: Callable[..., Any]) -> None:
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        execute("%agent -m other/modle hello", "never = True")
    assert caught.value.ename == "AgentError"
    assert "did you mean 'other/model'?" in caught.value.evalue


@pytest.mark.parametrize("flag", ["", "--auto-edit"])
def test_without_a_person_what_would_ask_is_denied_and_the_record_says_so(
    execute: Callable[..., Any], ipython_home: Path, flag: str
) -> None:
    scripted = """from notebook_agents.core.events import ApprovalDecided
from notebook_agents.testing import MemoryEventLog, ScriptedTools
def outside(code: str) -> str:
    "Reach out."
    raise RuntimeError("it ran")
log = MemoryEventLog()
tools = ScriptedTools({"outside": outside}, effects={"outside": "external"})
engine = ScriptedEngine([call("outside", code="x")], "I could not")
core = fake_core(engine=engine, tools=tools, event_log=log, home=Path("workspaces"))
notebook_agents.use_core(core)"""
    told = """bodies = [e.body for e in log.events if isinstance(e.body, ApprovalDecided)]
print([(body.via, body.is_approved) for body in bodies], answer.tool_calls[0].status)"""
    execute(scripted, f"answer = %agent {flag} reach out", told)
    book = nbformat.v4.reads((ipython_home / "out.ipynb").read_text())  # type: ignore[no-untyped-call]
    [output] = book.cells[-1].outputs
    assert output.text == "[('nobody', False)] denied\n"


def test_live_code_runs_only_where_a_flag_allows_it(
    execute: Callable[..., Any], ipython_home: Path
) -> None:
    script = """total = 1
engine.script = [step for _ in range(2) for step in (
    [call("python_executor", code="total = total + 1")], "done")]"""
    told = "print(total, answer.tool_calls[0].status)"
    cells = [f"answer = %agent {flag} add one" for flag in ("--live", "--live --yes")]
    execute(script, cells[0], told, cells[1], told)
    book = nbformat.v4.reads((ipython_home / "out.ipynb").read_text())  # type: ignore[no-untyped-call]
    texts = [book.cells[at].outputs[0].text for at in (-3, -1)]
    assert texts == ["1 denied\n", "2 succeeded\n"]
