"""Any tool is called from a form, under the policy of the notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import notebook_agents
from notebook_agents.core.errors import NotFound
from notebook_agents.widgets.tool_form import ToolForm
from notebook_agents.widgets.tool_panel import ToolPanel

if TYPE_CHECKING:
    from tests.widgets.panels.panel_shell import PanelShell

SCHEMA = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "description": "Which file"},
        "code": {"type": "string"},
        "count": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
        "share": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "deep": {"type": "boolean", "default": True},
        "mode": {"enum": ["fast", "exact"]},
        "rows": {"type": "array", "items": {"type": "integer"}},
        "place": {"$ref": "#/$defs/Place"},
    },
    "$defs": {"Place": {"type": "object"}},
    "required": ["path", "code"],
}


def filled(**texts: Any) -> ToolForm:
    form = ToolForm(SCHEMA)
    for name, text in ({"path": "a.csv"} | texts).items():
        form.fields[name].control.value = text
    return form


def test_every_type_has_a_labelled_control_and_defaults_are_filled_in() -> None:
    form = filled()
    kinds = {name: type(field.control).__name__ for name, field in form.fields.items()}
    assert kinds == {
        "path": "Text", "code": "Textarea", "count": "Text", "share": "Text", "deep": "Checkbox",
        "mode": "Dropdown", "rows": "Textarea", "place": "Textarea",
    }  # fmt: skip
    assert form.fields["path"].control.description == "path *"
    assert "Which file" in form.fields["path"].about.value
    assert form.read() == {"path": "a.csv", "code": "", "count": 3, "deep": True}


def test_values_are_read_as_their_type() -> None:
    form = filled(count="7", share="0.5", mode="exact", rows="[1, 2]", place='{"x": 1}')
    assert form.read() == {
        "path": "a.csv", "code": "", "count": 7, "share": 0.5, "deep": True, "mode": "exact",
        "rows": [1, 2], "place": {"x": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("path", "", "path is needed"),
        ("count", "many", "a whole number"),
        ("count", "10", "from 1 to 9"),
        ("share", "1/2", "must be a number"),
        ("rows", "[1,", "is not JSON"),
    ],
)
def test_what_is_wrong_is_said_at_the_field(name: str, text: str, told: str) -> None:
    form = filled(**{name: text})
    assert form.read() is None
    assert told in form.fields[name].error.value
    assert [field.error.value for key, field in form.fields.items() if key != name] == [""] * 7


def test_a_tool_is_called_and_its_result_kept(panels: PanelShell) -> None:
    panel = ToolPanel(panels.session, "python_executor")
    panel.form.fields["code"].control.value = "print(1)"
    panel.run.click()
    (result,) = panel.results
    assert (result.status, result.content) == ("succeeded", "ran: print(1)")
    assert panel.result.outputs[0]["text"] == "ran: print(1)\n"
    assert panels.engine.requests == []
    panel.form.fields["code"].control.value = "boom"
    panel.run.click()
    assert [each.status for each in panel.results] == ["failed", "succeeded"]
    panel.kept.value = 1
    assert panel.result.outputs[0]["text"] == "ran: print(1)\n"
    assert "print(1)" in panel.as_text()
    assert not panel.run.disabled


def test_nothing_is_called_while_a_field_is_wrong(panels: PanelShell) -> None:
    panel = ToolPanel(panels.session, "python_executor")
    panel.form.fields["timeout"].control.value = "soon"
    panel.run.click()
    assert panel.results == []
    assert "Nothing was called" in panel.said.value


def test_what_the_policy_asks_about_waits_for_the_button(panels: PanelShell) -> None:
    panel = ToolPanel(panels.session, "file_writer")
    asked: list[str] = []

    def answer(change: Any) -> None:
        if change["new"] == "flex":
            asked.append(panel.asked.value)
            button = panel.deny if len(asked) == 1 else panel.allow
            panel.reason.value = "not there"
            button.click()

    panel.question.layout.observe(answer, "display")
    panel.form.fields["path"].control.value = "a.txt"
    panel.run.click()
    assert "Allow file_writer?" in asked[0]
    assert panel.results[0].status == "denied"
    assert "not there" in panel.results[0].content
    panel.run.click()
    assert (panel.results[0].status, panel.results[0].content) == ("succeeded", "wrote a.txt")


def test_calls_from_the_panel_are_on_record(panels: PanelShell) -> None:
    panel = ToolPanel(panels.session, "python_executor")
    panel.run.click()
    events = panels.run("%agent sql SELECT type FROM events WHERE type = 'tool_finished'")
    assert len(events) == 1
    assert notebook_agents.run_inspector(panel.results[0]).run.id == panel.results[0].run_id


def test_an_unknown_tool_is_named(panels: PanelShell) -> None:
    with pytest.raises(NotFound, match="nothere"):
        notebook_agents.tool_panel("nothere")


def test_the_copy_lists_the_tools(panels: PanelShell) -> None:
    assert "file_writer" in notebook_agents.tool_panel().as_html()
