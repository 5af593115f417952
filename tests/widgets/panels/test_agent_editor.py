"""Agents are made, changed and deleted in a form that loses nothing unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import notebook_agents
from notebook_agents.core.agents import ListAgents
from notebook_agents.core.policy import MODES
from notebook_agents.widgets.agent_editor import NEW, UNSAVED, AgentEditor

if TYPE_CHECKING:
    from tests.widgets.panels.panel_shell import PanelShell

    from notebook_agents.core.agents import Agent


def saved(panels: PanelShell) -> dict[str, Agent]:
    actor = panels.session._identity.actor  # type: ignore[union-attr]
    page: Any = panels.submit(lambda core: core.agents.list(actor, ListAgents()))
    return {agent.name: agent for agent in page.items if agent.name != "notebook"}


def made(panels: PanelShell, name: str, **values: Any) -> AgentEditor:
    editor = AgentEditor(panels.session)
    for key, value in ({"name": name} | values).items():
        editor.controls[key].value = value
    editor.save_button.click()
    return editor


def test_an_agent_is_made_with_everything_that_was_filled_in(panels: PanelShell) -> None:
    editor = made(
        panels, "analyst", instructions="Be brief.", model="other/model", has_all_tools=False,
        tools=("python_executor",), policy=MODES["plan"], timeout_s=60.0, max_memory_mb=512,
    )  # fmt: skip
    agent = saved(panels)["analyst"]
    assert (agent.instructions, agent.model, agent.tools) == (
        "Be brief.", "other/model", ("python_executor",)
    )  # fmt: skip
    assert (agent.policy, agent.timeout_s, agent.max_memory_mb) == (MODES["plan"], 60.0, 512)
    assert "analyst is saved" in editor.said.value
    assert not editor.is_dirty


def test_what_is_wrong_is_said_at_its_field(panels: PanelShell) -> None:
    editor = made(panels, "  ")
    assert "must not be empty" in editor.errors["name"].value
    editor.controls["name"].value = "a"
    editor.controls["timeout_s"].value = -1
    editor.save_button.click()
    assert "above 0" in editor.errors["timeout_s"].value
    assert editor.errors["name"].value == ""
    assert saved(panels) == {}
    editor.controls["timeout_s"].value = 5
    editor.save_button.click()
    again = made(panels, "a")
    assert "already" in again.errors["name"].value


def test_only_what_changed_is_saved(panels: PanelShell) -> None:
    made(panels, "analyst")
    editor = notebook_agents.agent_editor("analyst")
    assert editor.save_button.disabled
    editor.controls["policy"].value = MODES["full"]
    assert UNSAVED in editor.state.value
    editor.save_button.click()
    agent = saved(panels)["analyst"]
    assert agent.policy == MODES["full"]
    assert agent.has_all_tools
    assert editor.state.value == ""


def test_unsaved_changes_are_kept_until_the_person_discards_them(panels: PanelShell) -> None:
    made(panels, "analyst")
    editor = AgentEditor(panels.session, "analyst")
    editor.controls["instructions"].value = "half a sentence"
    editor.choice.value = NEW
    assert "not saved" in editor.asked.value
    assert editor.question.layout.display == "flex"
    editor.no.click()
    assert editor.draft.instructions == "half a sentence"
    assert editor.agent is not None
    editor.choice.value = NEW
    editor.yes.click()
    assert editor.agent is None
    assert editor.draft.instructions == ""


def test_deleting_asks_first(panels: PanelShell) -> None:
    made(panels, "analyst")
    editor = AgentEditor(panels.session, "analyst")
    editor.delete.click()
    assert "analyst" in saved(panels)
    editor.yes.click()
    assert saved(panels) == {}
    assert editor.choice.value == NEW


def test_the_copy_lists_the_agents(panels: PanelShell) -> None:
    editor = made(panels, "<b>x</b>")
    assert "&lt;b&gt;x&lt;/b&gt;" in editor.as_html()
    assert "all" in editor.as_text()
