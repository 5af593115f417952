"""What a person decides in the chat panel about code for their own notebook, in a real kernel."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.widgets.chat_front import Front, View

pytestmark = pytest.mark.slow
PANEL = "notebook_agents.chat(model='other/model')"


def test_a_card_shows_what_a_dry_run_found_and_nothing_has_happened(front: Front) -> None:
    comm = planned(front, "preview", "n = n + 1; print('was here'); open('w.txt', 'w').write('x')")
    front.run("n = 1")
    [card] = asked(front, comm).blocks("approval")
    preview = card["preview"]
    assert preview["state"] == "ran"
    assert [change["name"] for change in preview["changed"]] == ["n"]
    assert "was here" in preview["output"]
    assert [file["path"] for file in preview["files"]] == ["w.txt"]
    assert (card["effect"], card["risk"]) == ("write", "writes_files")
    assert card["where"] == "in this notebook, on your variables"
    assert front.run("print(n, Path('w.txt').exists())").split() == ["1", "False"]
    answer(front, comm, "once")
    assert front.run("print(n, Path('w.txt').exists())").split() == ["2", "True"]


def test_a_card_says_that_a_dry_run_goes_on_and_a_decision_does_not_wait_for_it(
    front: Front,
) -> None:
    comm = planned(front, "patience", "import time; time.sleep(8 * (n == 1)); late = n")
    front.run("n = 1")
    began = time.monotonic()
    front.ask(comm, "send", text="go")
    view = front.wait(comm, lambda view: has_preview(view, "running"))
    front.run("n = 2")
    card = view.blocks("approval")[0]
    front.ask(comm, "decide", call_id=card["call_id"], decision="once")
    front.rest(comm)
    assert time.monotonic() - began < 5
    assert front.run("print(late)").strip() == "2"


def test_cards_show_what_would_change_in_files(front: Front) -> None:
    front.run(
        "Path('poem.txt').write_text('one\\ntwo\\n')\n"
        "engine.script = [call('file_writer', path='poem.txt', content='one\\nthree\\n'),"
        " call('file_editor', path='poem.txt', old_text='one', new_text='1'), 'done']"
    )
    comm = front.chat(PANEL, cell="diffs")
    front.ask(comm, "send", text="go")
    for n_cards, change in ((1, [" one", "-two", "+three"]), (2, ["-one", "+1"])):
        view = front.wait(comm, has_asked(n_cards))
        card = view.blocks("approval")[-1]
        assert card["diff"].splitlines()[3:] == change
        front.ask(comm, "decide", call_id=card["call_id"], decision="once")
    view = front.rest(comm)
    assert [bool(block["diff"]) for block in view.blocks("tool")] == [False, True]


def has_asked(n_cards: int) -> Callable[[View], bool]:
    """Whether so many questions have come, and the last one waits."""

    def is_so(view: View) -> bool:
        cards = view.blocks("approval")
        return len(cards) == n_cards and cards[-1]["decision"] is None

    return is_so


def test_code_that_the_person_changed_runs_and_is_what_the_panel_shows(front: Front) -> None:
    comm = planned(front, "edited", "made = 'by the model'")
    [card] = asked(front, comm).blocks("approval")
    view = answer(front, comm, "once", arguments={"code": "made = 'by me'"})
    assert front.run("print(made)").strip() == "by me"
    assert [block["code"]["text"] for block in view.blocks("tool")] == ["made = 'by me'"]
    [decided] = view.blocks("approval")
    assert (decided["decision"], decided["is_edited"]) == ("once", True)
    assert card["is_edited"] is False
    told = front.run("print(engine.requests[-1].messages[-1].tool_results[0].content)")
    assert "made = 'by me'" in told


def test_what_an_answer_changed_is_taken_back_by_its_button(front: Front) -> None:
    front.run("kept = [1, 2]")
    comm = planned(front, "undo", "kept.append(3); new = 1", "Path('u.txt').write_text('x')")
    asked(front, comm)
    answer(front, comm, "once", is_last=False)
    view = answer(front, comm, "once")
    message = view.state["messages"][-1]
    assert message["undo"] == {"label": "Undo 2 changes", "state": "offered"}
    front.ask(comm, "undo", run_id=message["run_id"])
    assert front.run("print(kept, 'new' in globals(), Path('u.txt').exists())").split("\n")[0] == (
        "[1, 2] False False"
    )
    undo = view.state["messages"][-1]["undo"]
    assert undo["state"] == "done", undo
    assert "kept" in undo["text"]
    assert "new" in undo["text"]


def test_undo_leaves_what_the_person_changed_since_and_says_so(front: Front) -> None:
    comm = planned(front, "conflict", "mine = 'model'")
    asked(front, comm)
    view = answer(front, comm, "once")
    front.run("mine = 'person'")
    front.ask(comm, "undo", run_id=view.state["messages"][-1]["run_id"])
    assert front.run("print(mine)").strip() == "person"
    undo = view.state["messages"][-1]["undo"]
    assert undo["state"] == "failed"
    assert "mine" in undo["text"]


def test_auto_edit_changes_variables_and_files_and_asks_before_it_deletes(front: Front) -> None:
    comm = planned(
        front, "auto-edit", "v = 1; Path('v.txt').write_text('v')", "import os; os.remove('v.txt')"
    )
    front.ask(comm, "set_mode", mode="auto-edit")
    [card] = asked(front, comm).blocks("approval")
    assert card["risk"] == "deletes"
    assert front.run("print(v, Path('v.txt').exists())").split() == ["1", "True"]
    view = answer(front, comm, "deny")
    assert [block["status"] for block in view.blocks("tool")] == ["succeeded", "denied"]
    assert front.run("print(Path('v.txt').exists())").strip() == "True"


def test_plan_looks_and_changes_nothing(front: Front) -> None:
    comm = planned(front, "plan", "planned = 1")
    front.ask(comm, "set_mode", mode="plan")
    view = front.say(comm, "go")
    assert view.blocks("approval") == []
    assert [block["status"] for block in view.blocks("tool")] == ["denied"]
    assert front.run("print('planned' in globals())").strip() == "False"
    assert "planning" in front.run("print(engine.requests[-1].messages[0].text)")


def test_full_asks_nothing_and_says_so_below_the_answer(front: Front) -> None:
    comm = planned(front, "full", "import subprocess; out = subprocess.getoutput('echo hello')")
    front.ask(comm, "set_mode", mode="full")
    view = front.say(comm, "go")
    assert view.blocks("approval") == []
    assert front.run("print(out)").strip() == "hello"
    assert "nothing is asked" in view.state["messages"][-1]["footer"]["text"]


def test_a_panel_shows_the_mode_of_the_notebook_and_works_in_the_one_it_shows(
    front: Front,
) -> None:
    front.run("%config AgentMagics.mode = 'full'")
    comm = planned(front, "modes", "shown = 1")
    assert front.view(comm).state["header"]["mode"] == "full"
    front.ask(comm, "set_mode", mode="ask")
    [card] = asked(front, comm).blocks("approval")
    assert card["decision"] is None
    answer(front, comm, "deny")
    front.run("%config AgentMagics.mode = 'ask'")


def test_checkpoints_of_a_panel_are_events_of_its_run(front: Front) -> None:
    comm = planned(front, "events", "told = 1")
    asked(front, comm)
    view = answer(front, comm, "once")
    front.ask(comm, "undo", run_id=view.state["messages"][-1]["run_id"])
    conversation = view.state["conversation"]["id"]
    kinds = front.run(
        "host = get_ipython().magics_manager.registry['AgentMagics']._host\n"
        f"found = host.submit(lambda core: core.journal.read({conversation!r})).result()\n"
        "print([type(event.body).__name__ for event in found])"
    )
    assert "CheckpointMade" in kinds
    assert "RunUndone" in kinds


def test_opinions_are_asked_of_those_who_want_to_be_and_kept(front: Front) -> None:
    comm = front.chat(cell="opinions")
    view = front.say(comm, "hello")
    assert "feedback" not in view.state["offers"]
    front.run("%agent config feedback=True")
    view = front.say(comm, "and now")
    front.run("%agent config feedback=False")
    assert "feedback" in view.state["offers"]
    run_id = view.state["messages"][-1]["run_id"]
    for rating, kept in (("good", "good"), ("bad", "bad"), ("none", "")):
        assert front.ask(comm, "rate", run_id=run_id, rating=rating)["kind"] == "done"
        assert [m["rating"] for m in front.view(comm).state["messages"]] == ["", "", kept, kept]
    assert front.ask(comm, "rate", run_id=run_id, rating="great")["kind"] == "refused"
    conversation = view.state["conversation"]["id"]
    told = front.run(
        "host = get_ipython().magics_manager.registry['AgentMagics']._host\n"
        f"found = host.submit(lambda core: core.journal.read({conversation!r})).result()\n"
        "print([e.body.rating for e in found if e.type == 'answer_rated'])"
    )
    assert told.strip() == "['good', 'bad', 'none']"


def asked(front: Front, comm: str) -> View:
    """Send a message and wait for the question with what a dry run has found."""
    front.ask(comm, "send", text="go")
    return front.wait(comm, is_asked)


def is_asked(view: View) -> bool:
    return any(
        card["decision"] is None and (card["preview"] or {}).get("state", "running") != "running"
        for card in view.blocks("approval")
    )


def test_an_interactive_figure_goes_to_the_panel_and_to_python(front: Front) -> None:
    code = (
        "plot = {'data': [{'type': 'bar', 'y': [3]}], 'layout': {'title': {'text': 'Sales'}}}\n"
        "display({'application/vnd.plotly.v1+json': plot}, raw=True)"
    )
    comm = planned(front, "figures", code)
    front.run("figures = notebook_agents.chat(mode='full')", "figures")
    view = front.say(comm, "draw")
    [block] = view.blocks("figure")
    assert block["media_type"] == "application/vnd.plotly.v1+json"
    assert "Sales" in block["content"]
    assert "panel.figures" in block["output_note"]
    assert front.run("print(figures.figures[-1]['data'][0]['y'])").strip() == "[3]"


def planned(front: Front, cell: str, *codes: str) -> str:
    """A panel whose model runs these pieces of code in the notebook, one after another."""
    calls = ", ".join(f"call('run_in_notebook', code={code!r})" for code in codes)
    front.run(f"engine.script = [{calls}, 'done']")
    return front.chat(PANEL, cell=cell)


def answer(front: Front, comm: str, decision: str, *, is_last: bool = True, **more: Any) -> View:
    """Answer the open question; the end of the run, or the next question."""
    card = front.view(comm).blocks("approval")[-1]
    told = front.ask(comm, "decide", call_id=card["call_id"], decision=decision, **more)
    assert told["kind"] == "done", told
    if is_last:
        return front.rest(comm)
    return front.wait(comm, is_asked)


def has_preview(view: View, state: str) -> bool:
    return any((card["preview"] or {}).get("state") == state for card in view.blocks("approval"))
