"""Tasks are made, run, paused and looked at in a panel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import notebook_agents
from notebook_agents.core.errors import NotFound
from notebook_agents.core.schedule_plans import SchedulePlan
from notebook_agents.core.schedule_words import schedule_in_words
from notebook_agents.widgets.task_panel import EMPTY, TaskPanel

if TYPE_CHECKING:
    from tests.widgets.panels.panel_shell import PanelShell


def with_task(panels: PanelShell, times: str = "", variables: str = "") -> TaskPanel:
    panel = TaskPanel(panels.session)
    panel.form.name.value = "Daily"
    panel.form.prompt.value = "Sum up {{file}}"
    panel.form.variables.value = variables
    panel.form.times.value = times
    panel.form.create.click()
    return panel


def test_without_tasks_it_says_how_to_make_one(panels: PanelShell) -> None:
    panel = TaskPanel(panels.session)
    assert EMPTY in panel.as_text()
    assert panel.run.disabled


def test_a_task_is_made_and_its_next_times_are_shown_before(panels: PanelShell) -> None:
    panel = TaskPanel(panels.session)
    panel.form.times.value = "0 9 * * MON-FRI"
    panel.form.zone.value = "Europe/Berlin"
    assert "at 09:00 on Monday to Friday (Europe/Berlin)" in panel.form.preview.value
    assert panel.form.preview.value.count("09:00 CE") == 5
    panel = with_task(panels, "0 9 * * *", "file=a.csv")
    assert "Daily is saved" in panel.said.value
    task = panel.task
    assert task is not None
    assert task.settings.variables == {"file": "a.csv"}
    assert "every day at 09:00 (UTC)" in panel.as_text()
    assert "Variables: file" in panel.about.value


def test_a_wrong_time_or_name_is_explained_and_nothing_is_made(panels: PanelShell) -> None:
    panel = TaskPanel(panels.session)
    panel.form.times.value = "cron"
    panel.form.cron.value = "61 * * * *"
    assert "✗" in panel.said.value
    panel.form.create.click()
    assert panel.tasks == ()
    panel = with_task(panels)
    panel.form.name.value, panel.form.prompt.value = "daily", "again"
    panel.form.create.click()
    assert "already" in panel.said.value


def test_an_execution_is_followed_cell_by_cell_and_leaves_files(panels: PanelShell) -> None:
    panel = with_task(panels)
    panel.given.value = "file=a.csv"
    panel.run.click()
    assert "cell 1/1" in panel.progress.value
    assert "succeeded after" in panel.progress.value
    assert (panel.bar.value, panel.bar.max) == (1, 1)
    (execution,) = panel.executions
    assert execution.state == "succeeded"
    _, row = panel.artifacts.children
    link, save = row.children
    assert 'href="data:application/x-ipynb+json;base64,' in link.value
    save.click()
    assert [path.name for path in Path().glob("*.ipynb")] == [f"{execution.id[:8]}-executed.ipynb"]
    assert execution.id in panel.as_text()


def test_what_a_task_is_expected_to_take_stands_beside_its_button_and_is_its_hint(
    panels: PanelShell,
) -> None:
    panel = with_task(panels, variables="file=a.csv")
    assert (panel.expected.value, panel.run.tooltip) == ("", "Run now")
    panel.run.click()
    words = "Expect under 1 s; seen once"
    assert panel.run.tooltip == words
    assert panel.expected.value == f'<span role="status">{words}</span>'
    [row] = [each for each in panel.children if panel.run in getattr(each, "children", ())]
    assert row.children[:2] == (panel.run, panel.expected)
    daily = panel.choice.value
    panel.form.name.value, panel.form.prompt.value = "Weekly", "Sum up all"
    panel.form.create.click()
    assert (panel.expected.value, panel.run.tooltip) == ("", "Run now")
    panel.choice.value = daily
    assert panel.run.tooltip == words


def test_a_missing_variable_is_asked_for(panels: PanelShell) -> None:
    panel = with_task(panels)
    panel.run.click()
    assert "file" in panel.said.value
    assert panel.executions == ()


def test_a_schedule_is_paused_and_goes_on(panels: PanelShell) -> None:
    panel = with_task(panels, "0 * * * *", "file=a.csv")
    panel.pause.click()
    assert "paused" in panel.as_text()
    assert panel.pause.description == "Resume"
    panel.pause.click()
    assert panel.pause.description == "Pause"
    assert "Next:" in panel.about.value


def test_deleting_asks_once_more(panels: PanelShell) -> None:
    panel = with_task(panels)
    panel.delete.click()
    assert panel.delete.description == "Delete Daily: sure?"
    panel.delete.click()
    assert panel.tasks == ()


def test_a_task_is_shown_by_name(panels: PanelShell) -> None:
    with_task(panels)
    assert notebook_agents.task_panel("daily").task is not None
    with pytest.raises(NotFound):
        notebook_agents.task_panel("nothere")


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 9 * * *", "every day at 09:00 (UTC)"),
        ("30 8,17 * * 1-5", "at 08:30 and 17:30 on Monday to Friday (UTC)"),
        ("*/15 * * * *", "every 15 minutes (UTC)"),
        ("0 */2 * * *", "every 2 hours at minute 0 (UTC)"),
        ("0 * * * *", "every hour at minute 0 (UTC)"),
        ("* * * * *", "every minute (UTC)"),
        ("0 0 1,15 * *", "at 00:00 on day 1 and 15 of the month (UTC)"),
        ("0 0 1 JAN *", "at 00:00 on day 1 of the month in January (UTC)"),
        ("0 0 13 * 5", "at 00:00 on day 13 of the month or on Friday (UTC)"),
        ("0 6 * 12 7", "at 06:00 on Sunday in December (UTC)"),
        ("5-9 1 * * *", "at minute 5 to 9 of hour 1 (UTC)"),
        ("nonsense", "nonsense (UTC)"),
    ],
)
def test_times_are_told_in_words(cron: str, words: str) -> None:
    assert schedule_in_words(SchedulePlan(cron=cron)) == words
