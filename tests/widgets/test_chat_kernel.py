"""The chat panel in a real kernel, spoken to as a browser does."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import pytest
from tests.widgets.chat_front import SETUP, Front, View, asked, words

pytestmark = pytest.mark.slow


def test_the_extension_loads_without_the_library_of_widgets() -> None:
    code = (
        "import sys, notebook_agents\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "notebook_agents.load_ipython_extension(InteractiveShell())\n"
        "print('anywidget' in sys.modules or 'ipywidgets' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_answer_streams_as_numbered_deltas_that_add_up_to_the_final_state(front: Front) -> None:
    front.run("engine.gate = Slow(); engine.script = [' '.join(f'w{i}' for i in range(50))]")
    comm = front.chat(cell="streaming")
    view = front.say(comm, "count", client_id="c1")
    front.run("engine.gate = None")
    numbered = [told for told in view.told if told["kind"] in ("snapshot", "delta")]
    seqs = [told["seq"] for told in numbered]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    texts = [op["text"] for told in numbered for op in told.get("ops", ()) if op["op"] == "append"]
    assert len(texts) > 5
    assert "".join(texts).count("w") in range(40, 51)
    before_the_end = rebuilt(numbered[:-1])
    # What came with the end itself is told by the whole state alone.
    for told, whole in zip(words_of(before_the_end), words_of(numbered[-1]["state"]), strict=True):
        assert whole.startswith(told)
    assert view.traits["state"]["messages"] == numbered[-1]["state"]["messages"]
    assert view.state["messages"][0]["client_id"] == "c1"
    assert view.state["header"]["output_tokens"] == 50


def test_fifty_tokens_a_second_are_at_most_thirty_messages_a_second(front: Front) -> None:
    front.run("engine.gate = Slow(); engine.script = [' '.join(f'w{i}' for i in range(100))]")
    comm = front.chat(cell="pace")
    view = front.say(comm, "count")
    front.run("engine.gate = None")
    deltas = [t for t, told in zip(view.times, view.told, strict=True) if told["kind"] == "delta"]
    assert len(deltas) / (deltas[-1] - deltas[0]) <= 30


def test_a_cell_that_computes_meanwhile_costs_nothing_but_time(front: Front) -> None:
    front.run("engine.gate = Slow(); engine.script = [' '.join(f'w{i}' for i in range(40))]")
    comm = front.chat(cell="busy")
    front.ask(comm, "send", text="count")
    front.run("import time; time.sleep(0.7)")
    view = front.rest(comm)
    front.run("engine.gate = None")
    assert view.said[-1] == ("assistant", " ".join(f"w{i}" for i in range(40)))


def test_refresh_gives_the_whole_state_in_the_middle_of_a_run(front: Front) -> None:
    front.run("engine.gate = asyncio.Event(); engine.script = ['first second']")
    comm = front.chat(cell="refresh")
    front.ask(comm, "send", text="go")
    view = front.wait(comm, lambda view: "first" in str(view.said))
    front.ask(comm, "refresh")
    assert view.told[-1]["kind"] == "snapshot"
    assert view.said[-1] == ("assistant", "first")
    assert view.run in ("starting", "running")
    release(front)
    assert front.rest(comm).said[-1] == ("assistant", "first second")


def test_stop_keeps_what_was_written_and_tells_what_was_not_sent(front: Front) -> None:
    front.run("engine.gate = asyncio.Event(); engine.script = ['half and the rest']")
    comm = front.chat(cell="stop")
    front.ask(comm, "send", text="go")
    front.wait(comm, lambda view: "half" in str(view.said))
    front.ask(comm, "send", text="later")
    assert [entry["text"] for entry in front.view(comm).state["queue"]] == ["later"]
    front.ask(comm, "stop")
    view = front.rest(comm)
    front.run("engine.gate = None")
    assert view.said == [("user", "go"), ("assistant", "half")]
    assert view.state["messages"][-1]["state"] == "cancelled"
    assert view.state["messages"][-1]["footer"]["text"].startswith("notebook-agents/tiny")
    assert "later" in view.state["notice"]["text"]
    assert front.say(comm, "again").said[-1] == ("assistant", "You said: again")


def test_the_toolbar_stops_a_run_while_no_cell_does(front: Front) -> None:
    front.run("engine.gate = asyncio.Event(); engine.script = ['half and the rest']")
    comm = front.chat(cell="sigint")
    front.ask(comm, "send", text="go")
    front.wait(comm, lambda view: "half" in str(view.said))
    front.manager.signal_kernel(signal.SIGINT)
    view = front.rest(comm)
    front.run("engine.gate = None")
    assert view.state["messages"][-1]["state"] == "cancelled"


def test_messages_sent_during_a_run_are_answered_after_it_in_order(front: Front) -> None:
    front.run("engine.gate = asyncio.Event(); engine.script = ['one and', 'two', 'three']")
    comm = front.chat(cell="queue")
    for text in ("1", "2", "3"):
        front.ask(comm, "send", text=text)
    queued = front.view(comm).state["queue"]
    front.ask(comm, "cancel_queued", id=queued[0]["id"])
    release(front)
    view = front.rest(comm)
    assert [text for role, text in view.said if role == "user"] == ["1", "3"]


def test_a_question_waits_for_its_answer(front: Front) -> None:
    front.run("engine.script = [call('file_writer', path='a.txt'), 'written']")
    comm = front.chat(cell="allow")
    front.run("notebook_agents.chat(model='other/model')", "allow")
    view = asked(front, comm)
    [card] = view.blocks("approval")
    assert (card["decision"], card["effect"], card["arguments"]) == (
        None, "write", {"path": "a.txt"},
    )  # fmt: skip
    assert view.run == "waiting"
    front.ask(comm, "decide", call_id=card["call_id"], decision="once")
    view = front.rest(comm)
    assert [block["decision"] for block in view.blocks("approval")] == ["once"]
    assert [block["output"] for block in view.blocks("tool")] == ["wrote a.txt"]
    assert view.said[-1] == ("assistant", "written")


def test_no_is_told_to_the_model_with_the_reason(front: Front) -> None:
    front.run("engine.script = [call('file_writer', path='a.txt'), 'as you wish']")
    comm = front.chat("notebook_agents.chat(model='other/model')", cell="deny")
    [card] = asked(front, comm).blocks("approval")
    id = card["call_id"]
    front.ask(comm, "decide", call_id=id, decision="deny", feedback="use b.txt")
    view = front.rest(comm)
    assert [block["decision"] for block in view.blocks("approval")] == ["denied"]
    assert "use b.txt" in view.blocks("tool")[0]["output"]
    late = front.ask(comm, "decide", call_id=card["call_id"], decision="once")
    assert late["kind"] == "refused"


def test_what_nobody_answers_is_denied(front: Front) -> None:
    front.run("engine.script = [call('file_writer', path='a.txt'), 'nobody there']")
    comm = front.chat("p = notebook_agents.chat(model='other/model'); p", cell="late")
    front.run("p.chat.timeout_s = 0.2")
    view = front.say(comm, "write")
    assert [block["decision"] for block in view.blocks("approval")] == ["expired"]
    assert "nobody answered" in view.blocks("tool")[0]["output"]


def test_yes_for_the_conversation_is_not_asked_again(front: Front) -> None:
    front.run("w = lambda n: call('file_writer', path=n)")
    front.run("engine.script = [w('a'), w('b'), 'both', w('c'), 'elsewhere']")
    comm = front.chat("notebook_agents.chat(model='other/model')", cell="always")
    [card] = asked(front, comm).blocks("approval")
    front.ask(comm, "decide", call_id=card["call_id"], decision="conversation")
    view = front.rest(comm)
    assert [b["decision"] for b in view.blocks("approval")][:1] == ["conversation"]
    assert [b["output"] for b in view.blocks("tool")] == ["wrote a", "wrote b"]
    front.ask(comm, "new_conversation")
    front.ask(comm, "set_model", model="other/model")
    front.ask(comm, "send", text="write")
    front.wait(comm, lambda view: view.run == "waiting")
    front.ask(comm, "stop")
    front.rest(comm)
    front.run("engine.script = []")


def test_a_conversation_is_forked_edited_hidden_renamed_and_deleted(front: Front) -> None:
    comm = front.chat(cell="conversations")
    front.say(comm, "apples")
    view = front.say(comm, "pears")
    first = view.state["conversation"]["id"]
    front.ask(comm, "fork", message=view.state["messages"][1]["id"])
    assert [text for _, text in view.said] == ["apples", "You said: apples"]
    assert view.state["conversation"]["id"] != first
    front.ask(comm, "open_conversation", id=first)
    front.ask(comm, "edit", message=view.state["messages"][2]["id"], text="plums")
    view = front.rest(comm)
    assert [text for role, text in view.said if role == "user"] == ["apples", "plums"]
    front.ask(comm, "edit", message=view.state["messages"][0]["id"], text="figs")
    assert [text for _, text in front.rest(comm).said] == ["figs", "You said: figs"]
    front.ask(comm, "hide", message=view.state["messages"][1]["id"], is_hidden=True)
    assert [m["is_hidden"] for m in view.state["messages"]] == [True, True]
    front.say(comm, "now")
    told = front.run("print([m.text for m in engine.requests[-1].messages if m.role == 'user'])")
    assert told.strip() == "['now']"
    here = view.state["conversation"]["id"]
    front.ask(comm, "rename_conversation", id=here, title="Fruit salad")
    front.ask(comm, "list_conversations", query="fruit")
    assert [row["title"] for row in view.state["conversations"]] == ["Fruit salad"]
    front.ask(comm, "delete_conversation", id=here)
    assert view.state["messages"] == []
    front.ask(comm, "list_conversations", query="fruit")
    assert view.state["conversations"] == []
    front.ask(comm, "open_conversation", id=first)
    assert [text for role, text in view.said if role == "user"] == ["apples", "pears"]


def test_running_the_cell_again_goes_on_where_it_was(front: Front) -> None:
    comm = front.chat(cell="again")
    front.say(comm, "remember me")
    assert front.chat(cell="again") == comm
    assert front.view(comm).said == [
        ("user", "remember me"),
        ("assistant", "You said: remember me"),
    ]
    other = front.chat(cell="another")
    assert front.view(other).said == []


def test_the_conversation_is_found_again_in_a_new_kernel(front: Front) -> None:
    comm = front.chat("notebook_agents.chat(model='other/model')", cell="restart")
    front.run("engine.script = [call('file_writer', path='a.txt'), 'written']")
    [card] = asked(front, comm).blocks("approval")
    front.ask(comm, "decide", call_id=card["call_id"], decision="conversation")
    before = front.rest(comm).state
    front.manager.restart_kernel(now=False)
    front.client.wait_for_ready(timeout=60)
    front.run(SETUP)
    again = front.chat(cell="restart")
    after = front.view(again).state
    assert again != comm
    assert [m["blocks"] for m in after["messages"] if m["role"] == "user"] == [
        m["blocks"] for m in before["messages"] if m["role"] == "user"
    ]
    assert [b["decision"] for b in front.view(again).blocks("approval")] == ["conversation"]
    assert after["header"]["model"] == "other/model"
    front.run("engine.script = [call('file_writer', path='b.txt'), 'written, too']")
    assert front.say(again, "more").said[-1] == ("assistant", "written, too")


def test_the_saved_transcript_is_html_without_script_and_grows_with_the_conversation(
    front: Front,
) -> None:
    comm = front.chat(cell="transcript")
    front.say(comm, "<script>alert(1)</script> **bold**")
    front.run("pass")
    saved = front.transcript()
    assert "<script>" not in saved["text/html"]
    assert "&lt;script&gt;" in saved["text/html"]
    assert "You said" in saved["text/plain"]
    marker = front.view(comm).traits["settings"]["transcript_class"]
    assert marker in saved["text/html"]
    front.ask(comm, "refresh")
    told = front.wait(comm, lambda view: view.told[-1]["kind"] == "transcript").told[-1]
    assert told["data"] == saved


def test_files_pictures_and_names_go_with_the_next_message(front: Front) -> None:
    front.run("number = 41")
    comm = front.chat("notebook_agents.chat(model='other/model')", cell="files")
    told = front.ask(comm, "attach", (b"some notes",), sort="file", name="notes.txt")
    assert told["kind"] == "done", told
    front.ask(comm, "attach", sort="variable", value="number")
    front.ask(comm, "attach", sort="cell", value="@cell:1")
    chips = front.view(comm).state["attachments"]
    assert [chip["label"] for chip in chips] == ["notes.txt", "@number", "@cell:1"]
    front.ask(comm, "detach", id=chips[2]["id"])
    view = front.say(comm, "read this @number")
    assert view.state["conversation"]["title"] == "read this @number @number"
    told = front.run("print(engine.requests[-1].messages[-1])")
    assert "some notes" in told
    assert "41" in told
    assert view.state["attachments"] == []
    assert "notes.txt" in str(view.state["messages"][0]["attachments"])
    front.ask(comm, "attach", (b"\x89PNG",), sort="image", name="p.png", media_type="image/png")
    blind = front.ask(comm, "send", text="what is this")
    assert blind["kind"] == "refused"
    assert "does not see images" in blind["text"]


def test_completions_name_variables_files_and_cells(front: Front) -> None:
    front.run("fruit = 3; Path('fruit.csv').write_text('a')")
    comm = front.chat(cell="completions")
    found = front.ask(comm, "complete", text="fru")["items"]
    assert [(item["value"], item["kind"], item["detail"]) for item in found] == [
        ("fruit", "variable", "int")
    ]
    found = front.ask(comm, "complete", text="file:fru")["items"]
    assert [item["value"] for item in found] == ["file:fruit.csv"]


def test_a_conversation_is_exported_as_notebook_and_markdown(front: Front) -> None:
    front.run("engine.script = ['Like so:\\n```python\\nprint(1)\\n```\\nDone.']")
    comm = front.chat(cell="export")
    front.say(comm, "Show me code")
    told = front.ask(comm, "export", format="notebook")
    assert (told["kind"], told["name"]) == ("file", "show-me-code.ipynb")
    import nbformat

    notebook = nbformat.reads(told["text"], as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    assert [cell.source for cell in notebook.cells if cell.cell_type == "code"] == ["print(1)"]
    assert "print(1)" in front.ask(comm, "export", format="markdown")["text"]


def test_a_cell_that_is_dropped_goes_by_its_number_or_with_its_source(front: Front) -> None:
    comm = front.chat(cell="drops")
    source = "shown = 41 + 1\nprint(len(In) - 1)"
    number = int(front.run(source))
    front.run("api_key = 'sk-live-1234567890abcdef'")
    front.ask(comm, "attach", sort="source", value=source, number=number)
    front.ask(comm, "attach", sort="source", value="# not run: sk-live-1234567890abcdef", number=0)
    chips = front.view(comm).state["attachments"]
    assert [chip["label"][:8] for chip in chips] == [f"@cell:{number}"[:8], "cell: # "]
    front.say(comm, "look")
    told = front.run("print(engine.requests[-1].messages[-1])")
    assert "shown = 41 + 1" in told
    assert "# not run" in told
    assert "1234567890abcdef" not in told
    too_long = front.ask(comm, "attach", sort="source", value="x" * 50_001, number=0)
    assert too_long["kind"] == "refused"


def test_what_cannot_be_done_is_refused_with_a_reason(front: Front) -> None:
    comm = front.chat(cell="refused")
    cases: tuple[tuple[str, dict[str, Any]], ...] = (
        ("send", {"text": "  "}),
        ("open_conversation", {"id": "nowhere"}),
        ("set_model", {"model": "no/model"}),
        ("set_mode", {"mode": "chaos"}),
        ("export", {"format": "notebook"}),
        ("dance", {}),
    )
    for kind, more in cases:
        told = front.ask(comm, kind, **more)
        assert told["kind"] == "refused", told
        assert told["text"]


def test_what_could_not_be_started_stays_to_be_read(front: Front) -> None:
    comm = front.chat(cell="unsent")
    view = front.say(comm, "look at @nothing_of_that_name")
    [said, answer] = view.state["messages"]
    assert said["blocks"][0]["text"].startswith("look at")
    assert "nothing_of_that_name" in answer["error"]["text"]
    assert front.say(comm, "fine").said[-1] == ("assistant", "You said: fine")


def test_agents_and_conversations_are_python_objects(front: Front) -> None:
    front.run("from notebook_agents import agents")
    front.run("analyst = agents.create('analyst', instructions='Be brief.', model='other/model')")
    assert "analyst" in front.run("print(agents.list())")
    comm = front.chat("agents.chat(agents.get('analyst'))", cell="objects")
    front.say(comm, "Hello analyst")
    assert "Be brief." in front.run("print(engine.requests[-1].messages[0].text)")
    front.run("[c] = agents.conversations('hello analyst')")
    printed = front.run("print(c, c.messages, c.usage.output_tokens, sep='\\n')")
    assert "Hello analyst" in printed
    assert front.run("print(len(c.fork(c.messages[0])))").strip() == "1"
    assert front.run("print(c.export('c.md').read_text()[:5])").startswith("# Hel")


def release(front: Front) -> None:
    """Let the model go on; its loop is another thread's."""
    front.run(
        "gate, engine.gate = engine.gate, None\n"
        "loop = get_ipython().magics_manager.registry['AgentMagics']._host._loop\n"
        "_ = loop.call_soon_threadsafe(gate.set)"
    )


def rebuilt(told: list[dict[str, Any]]) -> dict[str, Any]:
    view = View()
    for content in told:
        view.take(content)
    return view.state


def words_of(state: dict[str, Any]) -> list[str]:
    return [words(message) for message in state["messages"]]
