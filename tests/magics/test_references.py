"""The explicit forms of a prompt: values, cells, files, functions and pictures."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go
import pytest
from PIL import Image

import notebook_agents
from notebook_agents.core.messages import AttachmentPart
from notebook_agents.core.models import ModelInfo
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.interpolation import Interpolated, interpolate
from notebook_agents.testing import ScriptedEngine, call, fake_core

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell


def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


NAMES: dict[str, Any] = {
    "name": "Ada",
    "df": pd.DataFrame({"price": [1, 2]}),
    "add": add,
    "In": ["", "x = 1", "x / 0", "%agent ask"],
    "Out": {1: "one"},
    "Err": {2: "ZeroDivisionError: division by zero"},
}


def text(prompt: str) -> str:
    found = interpolate(prompt, NAMES)
    assert found.problems == ()
    return found.text


def problem(prompt: str) -> str:
    found = interpolate(prompt, NAMES)
    assert len(found.problems) == 1
    return found.problems[0]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Hello @name!", "Hello Ada!"),
        ("Hello @name.", "Hello Ada."),
        ("Hello (@name)", "Hello (Ada)"),
        ("$`name` is it", "Ada is it"),
        ("$`df.shape`", "(2, 1)"),
        ("{Out[1]} @Out[1] $`Out[1]`", "one one one"),
        ("{In[1]} @In[1]", "x = 1 x = 1"),
        ("{Err[2]}", "ZeroDivisionError: division by zero"),
        ("@name.Then go", "Ada.Then go"),
        ("@@name and &&add", "@name and &add"),
    ],
)
def test_explicit_forms_become_values(prompt: str, expected: str) -> None:
    assert text(prompt) == expected


@pytest.mark.parametrize(
    "prompt",
    [
        "write to ada@example.org",
        "npm install @scope/package",
        "a && b, R&D, Q & A, &amp; and &copy;",
        "@staticmethod\ndef f(): ...",
        "@app.route('/')\nasync def f(): ...",
        "```python\nx = a @ b\n@decorated\n```",
        "```\n@name &add $x\n```",
        "it costs $5 or $`` ",
        "at 5 @ 3",
        "@@ -1,3 +1,4 @@",
    ],
)
def test_what_only_looks_like_a_reference_is_text(prompt: str) -> None:
    assert text(prompt) == prompt


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("@nam", "there is no variable 'nam'; did you mean @name? as text: @@nam"),
        ("$`nam`", "there is no variable 'nam'; did you mean @name?"),
        ("@zzzz", "there is no variable 'zzzz'; as text: @@zzzz"),
        ("&ad", "there is no function 'ad'; did you mean &add?"),
        ("&name", "&name: name is a str, no function"),
        ("@cell:9", "there is no cell 9; the last one is @cell:2"),
        ("@file:nothing.txt", "the file 'nothing.txt' is not there"),
        ("@file:.", "the file '.' is a folder"),
        ("$`df.nothing`", "df is there, but df.nothing is not"),
    ],
)
def test_an_explicit_reference_to_nothing_is_a_problem_with_the_nearest(
    prompt: str, expected: str
) -> None:
    assert expected in problem(prompt)


def test_a_value_is_not_scanned_again() -> None:
    assert interpolate("@sly", {"sly": "@name {name}"}).text == "@name {name}"


def test_a_cell_comes_with_its_result_or_its_error() -> None:
    assert text("Explain @cell:1") == (
        "Explain Cell 1:\n```python\nx = 1\n```\nResult of cell 1:\none"
    )
    assert text("@cell:-1") == (
        "Cell 2:\n```python\nx / 0\n```\nError of cell 2:\nZeroDivisionError: division by zero"
    )


def in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch, prompt: str) -> Interpolated:
    monkeypatch.chdir(folder)
    return interpolate(prompt, NAMES)


def test_a_text_file_is_put_in_and_cut_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my notes.md").write_text("# Title\n```x```\n")
    (tmp_path / "long.txt").write_text("word\n" * 10_000)
    short = in_folder(tmp_path, monkeypatch, 'Sum up @file:"my notes.md", please')
    assert short.text == (
        "Sum up File my notes.md (16 bytes):\n````\n# Title\n```x```\n\n````, please"
    )
    long = in_folder(tmp_path, monkeypatch, "Sum up @file:long.txt.")
    assert "File long.txt (50,000 bytes, cut):" in long.text
    assert len(long.text) < 8_200
    assert long.notes == ("long.txt was cut",)


def test_tables_and_binary_files_are_only_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sales.csv").write_text("a,b\n1,2\n")
    (tmp_path / "thing.bin").write_bytes(b"\0\1\2")
    found = in_folder(tmp_path, monkeypatch, "Look at @file:sales.csv and @file:thing.bin")
    assert found.text == "Look at sales.csv and thing.bin"
    assert found.notes == ("thing.bin is no text; only its name is sent, and tools may read it",)


def test_a_file_that_is_not_there_names_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sales.csv").write_text("")
    found = in_folder(tmp_path, monkeypatch, "@file:sale.csv")
    assert found.problems == ("the file 'sale.csv' is not there; did you mean sales.csv?",)


def test_pictures_and_plots_are_told_in_words_and_given_as_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image.new("RGB", (3, 2), "red")
    image.save(tmp_path / "red.png")
    names = {**NAMES, "image": image, "fig": go.Figure(go.Bar(y=[1]), layout={"title": "Sales"})}
    monkeypatch.chdir(tmp_path)
    found = interpolate("What is on @image, {fig} and @file:red.png?", names)
    assert found.text == (
        "What is on [image: image, 3 by 2], [fig: plotly figure of bar, titled 'Sales'] and "
        "[image red.png]?"
    )
    assert [picture.media_type for picture in found.pictures] == ["image/png"] * 2
    assert base64.b64decode(found.pictures[1].content) == (tmp_path / "red.png").read_bytes()


class SeeingEngine(ScriptedEngine):
    """Also lists a model with eyes."""

    async def models(self) -> Sequence[ModelInfo]:
        listed = await super().models()
        seeing = replace(listed[-1], id="eyes", capabilities=("text", "tools", "vision"))
        self._models["eyes"] = seeing
        return (*listed, seeing)


def test_only_a_model_that_sees_gets_the_image(agent_shell: AgentShell, tmp_path: Path) -> None:
    engine = SeeingEngine("fine", "fine")
    core = fake_core(engine=engine, home=tmp_path / "home")
    notebook_agents.use_core(core, shell=agent_shell.shell)
    agent_shell.shell.user_ns["image"] = Image.new("RGB", (3, 2), "red")
    agent_shell.run("%agent -m eyes what is on @image?")
    blind = agent_shell.run("%agent -m other/model what is on @image?").value
    seen, unseen = ([m for m in r.messages if m.role == "user"][-1] for r in engine.requests)
    assert [part.kind for part in seen.parts if isinstance(part, AttachmentPart)] == ["image"]
    assert not [part for part in unseen.parts if isinstance(part, AttachmentPart)]
    assert "other/model does not see images" in blind._repr_markdown_()


def test_a_prompt_that_names_nothing_is_not_sent(agent_shell: AgentShell) -> None:
    agent_shell.run("frame = 1")
    error = agent_shell.run("%agent describe @fram").error
    assert isinstance(error, AgentError)
    assert "did you mean @frame?" in str(error)
    assert agent_shell.engine.requests == []


def test_a_function_that_is_named_can_be_called_by_the_model(agent_shell: AgentShell) -> None:
    agent_shell.run(
        "seen = []\ndef note(word: str, times: int = 2):\n"
        "    '''Write a word down.'''\n    seen.append(word * times)\n    return seen"
    )
    agent_shell.engine.script = [call("note", word="ab"), "done"]
    answer = agent_shell.run("%agent -m other/model use &note to write ab down").value
    assert agent_shell.shell.user_ns["seen"] == ["abab"]
    assert [(used.name, used.status, used.result) for used in answer.tool_calls] == [
        ("note", "succeeded", '["abab"]')
    ]
    told = {tool.name: tool for tool in agent_shell.engine.requests[0].tools}
    assert told["note"].description == "Write a word down."
    assert told["note"].parameters["required"] == ["word"]
    assert agent_shell.last_text == "use note to write ab down"


def test_a_function_stays_a_tool_for_the_questions_that_follow(agent_shell: AgentShell) -> None:
    agent_shell.run("def double(x: int) -> int:\n    return 2 * x")
    agent_shell.engine.script = ["ready", call("double", x=4), "eight"]
    agent_shell.run("%agent -m other/model here is &double")
    answer = agent_shell.run("%agent -m other/model now double four").value
    assert answer.tool_calls[0].result == "8"


def test_what_a_function_raises_is_told_to_the_model(agent_shell: AgentShell) -> None:
    agent_shell.run("def fail(x: int):\n    raise ValueError('not today')")
    agent_shell.engine.script = [call("fail", x=1), call("fail", x="many"), "sorry"]
    answer = agent_shell.run("%agent -m other/model try &fail").value
    first, second = answer.tool_calls
    assert (first.status, first.result) == ("failed", "Error: ValueError: not today")
    assert "argument 'x' of fail" in second.result


def test_a_callable_without_a_signature_is_refused(agent_shell: AgentShell) -> None:
    agent_shell.run("largest = max")
    error = agent_shell.run("%agent -m other/model use &largest").error
    assert isinstance(error, AgentError)
    assert "largest has no signature" in str(error)


def test_a_call_that_is_written_may_be_of_a_function_of_the_notebook(
    agent_shell: AgentShell,
) -> None:
    agent_shell.run("def double(x: int) -> int:\n    return 2 * x")
    answer = agent_shell.run("%agent /double x=4").value
    assert answer.tool_calls[0].result == "8"
    agent_shell.run("def python_executor(code: str) -> str:\n    return 'mine'")
    answer = agent_shell.run("%agent /python_executor code=1").value
    assert answer.tool_calls[0].result == "ran: 1"


def test_secrets_and_hidden_variables_are_never_put_in(agent_shell: AgentShell) -> None:
    agent_shell.run("api_key = 'sk-1234'; plan = 'buy'")
    agent_shell.run("%config AgentMagics.hidden = ['plan']")
    agent_shell.run("%agent my {api_key} and {plan}")
    assert agent_shell.last_text == "my {api_key} and {plan}"
    error = str(agent_shell.run("%agent my @api_key").error)
    assert "api_key is not sent, its name looks like that of a secret" in error
    agent_shell.run("%config AgentMagics.hidden = []")
    agent_shell.run("%agent my @plan")
    assert agent_shell.last_text == "my buy"


def test_flags_may_follow_a_subcommand_whose_text_is_the_cell(agent_shell: AgentShell) -> None:
    error = agent_shell.run("%%agent sql -o found\nSELECT 1").error
    assert "the text" not in str(error)
    assert agent_shell.engine.requests == []
