"""The first half hour of a new user, with the model in the box: nothing scripted, nothing faked.

With ``NOTEBOOK_AGENTS_PICTURES=docs/images`` the pictures of the README are taken on the way.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from tests.browser.conftest import request

if TYPE_CHECKING:
    from tests.browser.conftest import Lab, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOAD = """%load_ext notebook_agents
import pandas as pd

df = pd.read_csv("data/sales.csv")"""
ROWS = "%agent How many rows does df have?"
MEAN = "%agent What is the mean of revenue in df?"
TOTAL = "%agent What is the total revenue by region in df?"
PLOT = "%agent Plot the revenue by region of df"
CHANGE = "%agent --live /python_executor code=\"df['tax'] = df.revenue * 0.2\""
CALL = "/python_executor code=\"df['tax'] = df.revenue * 0.2\""
ENDLESS = (
    "%agent --live --yes /python_executor"
    " code=\"import time; print('partial'); [time.sleep(0.01) for _ in iter(int, 1)]\""
)
AGENT_API = "notebook-agents/agent_api/api/v1"
COLUMNS = "list(df.columns)"
UNDO = "%agent undo"
CHAT = "%config AgentMagics.live = True\n%agent chat"
DASHBOARD = "%agent dashboard"
TASK = '%agent task create "Every morning" walk.ipynb'
SCHEDULE = '%agent task schedule "Every morning" 0 9 * * MON-FRI Europe/Berlin'
WALK = [LOAD, ROWS, MEAN, TOTAL, PLOT, CHANGE, COLUMNS, UNDO, CHAT, DASHBOARD, TASK, SCHEDULE]


def test_a_new_user_asks_plots_refuses_allows_undoes_looks_and_schedules(
    lab: Lab, page: Page, tmp_path: Path
) -> None:
    (lab.folder / "walk.ipynb").write_text(json.dumps(_notebook(WALK)))
    n_runs = lab.n_events("run_queued")
    n_denied = lab.n_events("approval_decided", is_approved=False)
    errors: list[str] = []
    page.page.on("pageerror", lambda error: errors.append(str(error)))
    page.open(lab, "walk.ipynb")
    walk = Walk(page, tmp_path)
    walk.ask_about_df()
    walk.plot()
    walk.refuse_allow_and_undo()
    walk.chat()
    walk.look_at_the_dashboard(n_runs + 8, n_denied + 2)
    walk.schedule(lab)
    assert errors == []
    assert page.hosts() <= {"127.0.0.1", "localhost"}


def test_the_main_steps_work_in_notebook_7_too(lab: Lab, page: Page, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    path = lab.folder / "walk_7.ipynb"
    path.write_text(json.dumps(_notebook([LOAD, MEAN, CHAT, COLUMNS, UNDO])))
    errors: list[str] = []
    page.page.on("pageerror", lambda error: errors.append(str(error)))
    page.open_in_notebook_7(lab, path.name)
    walk = Walk(page, tmp_path)
    page.run("read_csv")
    walk.expect(MEAN, "The average revenue in df is 285.402.")
    page.run("%agent chat")
    panel = walk.ask("How many rows does df have?", "The number of rows in df is 204.")
    walk.ask(CALL, "column tax added", is_over=False)
    panel.get_by_role("button", name="Allow once").press("Enter")
    expect(panel.get_by_role("button", name="Send", exact=True)).to_be_visible()
    walk.expect(COLUMNS, "'revenue', 'tax']")
    walk.picture("notebook_7")
    walk.save()

    page.open_in_notebook_7(lab, path.name)
    expect(panel).to_contain_text("The number of rows in df is 204.")
    expect(panel).to_contain_text("Allowed once")
    walk.ask("What is the maximum of price in df?", "The maximum price in df is 385.")
    walk.expect(UNDO, "df")
    walk.expect(COLUMNS, "'revenue']")
    walk.save()
    saved = path.read_text()
    assert "The number of rows in df is 204." in saved
    assert "The maximum price in df is 385." in saved
    # Notebook itself raises those that are left out, on pages that it opens.
    own = ("reading 'schema'", "'filebrowser:open-path' not registered")
    assert [error for error in errors if not any(known in error for known in own)] == []
    assert page.hosts() <= {"127.0.0.1", "localhost"}


def test_a_cancel_over_http_stops_code_in_the_notebook_and_keeps_what_it_printed(lab: Lab) -> None:
    kernel_id = request(lab, "api/kernels", "POST")["id"]
    connection = lab.home.parent / "runtime" / f"kernel-{kernel_id}.json"
    client = BlockingKernelClient(connection_file=str(connection))
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    client.execute("%load_ext notebook_agents")
    asked = client.execute(ENDLESS, allow_stdin=False)
    _shown(client, "partial")
    [session, *_] = request(lab, f"{AGENT_API}/sessions")["items"]
    request(lab, f"{AGENT_API}/sessions/{session['id']}/cancel", "POST")
    final = _shown(client, "stopped")
    assert "partial" in final
    assert _reply(client, asked)["status"] == "error"
    again = client.execute("1 + 1", user_expressions={"n": "1 + 1"})
    assert _reply(client, again)["user_expressions"]["n"]["data"]["text/plain"] == "2"
    client.stop_channels()
    request(lab, f"api/kernels/{kernel_id}", "DELETE")


def _shown(client: Any, text: str) -> str:
    """The next output that has a text."""
    while True:
        content = client.get_iopub_msg(timeout=60)["content"]
        if text in (shown := str(content.get("data", content.get("text", "")))):
            return shown


def _reply(client: Any, request_id: str) -> Any:
    while True:
        reply = client.get_shell_msg(timeout=60)
        if reply["parent_header"]["msg_id"] == request_id:
            return reply["content"]


class Walk:
    """What a person does, and what they must see then."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self.folder = folder

    def ask_about_df(self) -> None:
        self.page.run("read_csv")
        self.expect(ROWS, "The number of rows in df is 204.")
        self.expect(MEAN, "The average revenue in df is 285.402.")
        self.expect(TOTAL, "north: 19714")

    def plot(self) -> None:
        from playwright.sync_api import expect

        self.expect(PLOT, "Here is the bar chart of revenue by region in df.")
        figure = self.page.code_cell(PLOT).locator(".js-plotly-plot")
        expect(figure.locator(".xtick").first).to_have_text("east")
        self._scroll_to(MEAN)
        self.picture("walk_question")

    def refuse_allow_and_undo(self) -> None:
        from playwright.sync_api import expect

        self._answer("n", picture="walk_approval")
        expect(self.page.output(CHANGE)).to_contain_text("denied")
        self.expect(COLUMNS, "'revenue']")
        self._answer("y")
        expect(self.page.output(CHANGE)).not_to_contain_text("denied")
        self.expect(COLUMNS, "'revenue', 'tax']")
        self.expect(UNDO, "df")
        self.expect(COLUMNS, "'revenue']")

    def chat(self) -> None:
        from playwright.sync_api import expect

        self.page.run("%agent chat")
        panel = self.ask("What is the maximum of price in df?", "The maximum price in df is 385.")
        self.ask(CALL, "column tax added", is_over=False)
        self._scroll_to("%agent chat")
        self.picture("chat_panel")
        panel.get_by_role("button", name="Deny").first.click()
        send = panel.get_by_role("button", name="Send", exact=True)
        expect(send).to_be_visible()
        expect(panel).to_contain_text("denied", ignore_case=True)
        self.expect(COLUMNS, "'revenue']")

    def ask(self, text: str, answer: str, *, is_over: bool = True) -> Any:
        """Say something in the panel and wait for what it shows; returns the panel."""
        from playwright.sync_api import expect

        panel = self.page.code_cell("%agent chat").locator(".jp-OutputArea").first
        field = panel.get_by_role("combobox", name="Message")
        field.fill(text)
        field.press("Enter")
        expect(panel).to_contain_text(answer)
        if is_over:
            send = panel.get_by_role("button", name="Send", exact=True)
            expect(send).to_be_visible()
        return panel

    def save(self) -> None:
        with self.page.page.expect_response(
            lambda reply: reply.request.method == "PUT" and "/api/contents/" in reply.url
        ):
            self.page.page.keyboard.press("Control+s")

    def look_at_the_dashboard(self, n_runs: int, n_denied: int) -> None:
        from playwright.sync_api import expect

        self.page.run(DASHBOARD)
        board = self.page.code_cell(DASHBOARD)
        tiles = board.locator(".na-tiles").first
        expect(tiles).to_contain_text(f"{n_runs}runs")
        expect(tiles).to_contain_text(f"{n_denied}calls denied")
        self._scroll_to(DASHBOARD)
        # A chart is drawn when it comes into sight.
        board.locator(".na-plot:visible").first.scroll_into_view_if_needed()
        expect(board.locator(".js-plotly-plot .ytitle").first).to_be_visible()
        self.picture("walk_dashboard")

    def schedule(self, lab: Lab) -> None:
        """The notebook itself, which the server of this page will run."""
        self.expect(TASK, "walk.ipynb")
        self.expect(SCHEDULE, "09:00 CE")
        self.picture("schedule")
        [task] = request(lab, "api/v1/tasks")["items"]
        assert (task["name"], task["notebook_path"]) == ("Every morning", "walk.ipynb")
        assert task["is_scheduled"]

    def _scroll_to(self, source: str) -> None:
        self.page.code_cell(source).evaluate("cell => cell.scrollIntoView({block: 'start'})")

    def picture(self, name: str) -> None:
        """What the person sees, kept for the README if that is wanted."""
        self.page.page.mouse.move(2, 400)
        taken = self.page.page.screenshot(scale="css")
        (self.folder / f"{name}.png").write_bytes(taken)
        assert 20_000 < len(taken) < 150_000
        wanted = os.environ.get("NOTEBOOK_AGENTS_PICTURES")
        if wanted and name.startswith(("walk", "chat")):
            (Path(wanted) / f"{name}.png").write_bytes(taken)

    def expect(self, source: str, text: str) -> None:
        """Run a cell and wait for what it shows."""
        from playwright.sync_api import expect

        self.page.run(source)
        cell = self.page.code_cell(source)
        expect(cell.locator(".jp-InputPrompt")).not_to_have_text("[*]:")
        expect(cell.locator(".jp-OutputArea").first).to_contain_text(text)

    def _answer(self, word: str, picture: str = "") -> None:
        """Run the cell that asks, and answer once its dry run is told."""
        from playwright.sync_api import expect

        self.page.run(CHANGE)
        question = self.page.code_cell(CHANGE).locator(".jp-Stdin")
        expect(question).to_contain_text("column tax added")
        field = question.locator(".jp-Stdin-input")
        field.fill(word)
        if picture:
            self.picture(picture)
        field.press("Enter")


def _notebook(sources: list[str]) -> nbformat.NotebookNode:
    v4: Any = nbformat.v4
    book: nbformat.NotebookNode = v4.new_notebook(cells=[v4.new_code_cell(s) for s in sources])
    book.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return book
