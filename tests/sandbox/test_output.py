"""However much a kernel says, this process keeps no more than its budget."""

from __future__ import annotations

import asyncio
import time

import psutil
import pytest

from notebook_agents.sandbox.calling import MIME_TYPE
from notebook_agents.sandbox.channels import KernelMessage, Violation
from notebook_agents.sandbox.config import OutputBudget
from notebook_agents.sandbox.output import CallOutput

from .conftest import MIB, Bench, MakeBench


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


@pytest.fixture
def output() -> CallOutput:
    return CallOutput("mine", OutputBudget(text_chars=10), lambda _text: None)


def message(kind: str, parent: str = "mine", **content: object) -> KernelMessage:
    return KernelMessage(kind, parent, content)


def test_text_beyond_the_budget_is_cut_with_a_marker(output: CallOutput) -> None:
    output.published(message("stream", text="12345678901234"))
    assert output.is_over_budget
    assert output.text == "1234567890\n... output cut after 10 characters"
    assert output.n_dropped == 4


def test_messages_of_another_request_are_not_ours(output: CallOutput) -> None:
    output.published(message("stream", "other", text="x"))
    output.published(message("status", "other", execution_state="idle"))
    output.replied(message("execute_reply", "other", status="ok"))
    assert (output.text, output.is_idle, output.is_answered) == ("", False, False)


def test_what_comes_after_idle_is_dropped(output: CallOutput) -> None:
    output.published(message("status", execution_state="idle"))
    output.published(message("stream", text="late"))
    assert output.text == ""


def test_comms_and_requests_for_input_are_ignored(output: CallOutput) -> None:
    for kind in ("comm_open", "comm_msg", "input_request", "clear_output", "nonsense"):
        output.published(message(kind, data={"a": 1}, prompt="password"))
    assert output.text == ""


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("stream", {"text": 5}),
        ("stream", {}),
        ("execute_result", {"data": [1]}),
        ("display_data", {"data": {"text/plain": {}}}),
        ("error", {"ename": []}),
    ],
)
def test_content_of_the_wrong_type_is_a_violation(
    output: CallOutput, kind: str, content: dict[str, object]
) -> None:
    with pytest.raises(Violation):
        output.published(KernelMessage(kind, "mine", content))


@pytest.mark.parametrize("text", ["NaN", '"\\ud800"', "[" * 100_000, "{"])
def test_a_value_that_cannot_be_written_again_is_a_violation(output: CallOutput, text: str) -> None:
    value = {"status": "ok", "data": {MIME_TYPE: text}}
    with pytest.raises(Violation):
        output.replied(message("execute_reply", user_expressions={"value": value}))


def test_half_characters_do_not_reach_the_text(output: CallOutput) -> None:
    output.published(message("stream", text="a\ud800b"))
    assert output.text == "a?b"


@pytest.mark.parametrize("value", [5, {"status": "ok"}, {"data": {}}, {"data": []}])
def test_a_value_of_the_wrong_shape_is_a_violation(output: CallOutput, value: object) -> None:
    with pytest.raises(Violation):
        output.replied(message("execute_reply", user_expressions={"value": value}))


async def test_one_huge_print_does_not_reach_this_process(bench: Bench) -> None:
    await bench.run("1")
    before, started = resident(), time.monotonic()
    code = "import os; text = 'x' * (100 << 20); print(text)"
    outcome = await bench.run(code, memory_bytes=1024 * MIB)
    assert outcome.reason == "OUTPUT_LIMIT"
    assert time.monotonic() - started < 15
    assert resident() - before < 40 * MIB
    assert (await bench.run("1")).output == "1\n"


async def test_endless_printing_is_stopped_at_the_budget(bench: Bench) -> None:
    await bench.run("1")
    before = resident()
    outcome = await bench.run("while True: print('x' * 100)")
    assert outcome.reason == "OUTPUT_LIMIT"
    assert len(outcome.output) < MIB + 100
    assert resident() - before < 40 * MIB
    assert (await bench.run("1")).output == "1\n"


async def test_writing_past_ipython_is_drained(bench: Bench) -> None:
    code = "import os\nfor _ in range(64): os.write(1, b'x' * (1 << 20))"
    outcome = await bench.run(code)
    assert outcome.reason in ("", "OUTPUT_LIMIT")
    assert len(outcome.output) < MIB + 100


async def test_many_small_messages_are_limited(make_bench: MakeBench) -> None:
    bench = make_bench(budget=OutputBudget(n_messages=50))
    outcome = await bench.run("for n in range(100_000): print(n, flush=True)")
    assert outcome.reason == "OUTPUT_LIMIT"


def test_displays_are_counted_whatever_they_are(output: CallOutput) -> None:
    size = OutputBudget().shown_bytes // 2
    shown = KernelMessage("display_data", "mine", {"data": {"some/thing": ""}}, size)
    output.published(shown)
    output.published(shown)
    assert not output.is_over_budget
    output.published(shown)
    assert output.is_over_budget


async def test_a_thread_that_goes_on_printing_does_not_enter_the_next_call(bench: Bench) -> None:
    code = """
import threading, time
def chat():
    for _ in range(20):
        print('late'); time.sleep(0.02)
threading.Thread(target=chat).start()
"""
    await bench.run(code)
    outcome = await bench.run("import time; time.sleep(0.2); 'mine'")
    assert outcome.output == "'mine'\n"


async def test_threads_and_children_print_into_their_call(bench: Bench) -> None:
    code = """
import subprocess, threading
thread = threading.Thread(target=print, args=('thread',))
thread.start(); thread.join()
_ = subprocess.run(['/bin/echo', 'child'])
import time; time.sleep(0.3)
"""
    assert sorted((await bench.run(code)).output.split()) == ["child", "thread"]


async def test_asking_for_input_fails_at_once(bench: Bench) -> None:
    outcome = await asyncio.wait_for(bench.run("input('password: ')"), 5)
    assert outcome.error_name == "StdinNotImplementedError"


async def test_a_signed_message_for_another_call_changes_nothing(bench: Bench) -> None:
    code = """
from ipykernel.kernelapp import IPKernelApp
kernel = IPKernelApp.instance().kernel
other = kernel.session.msg('execute_request')
idle = {'execution_state': 'idle'}
for parent in (other, {'header': {}}, {'header': {'msg_id': 5}}):
    kernel.session.send(kernel.iopub_socket, 'status', idle, parent=parent)
    kernel.session.send(kernel.iopub_socket, 'stream', {'text': 'forged'}, parent=parent)
import time; time.sleep(0.2)
print('still here')
"""
    outcome = await bench.run(code)
    assert outcome.output.endswith("still here\n")
    assert "forged" not in outcome.output


async def test_forged_messages_end_the_kernel(bench: Bench) -> None:
    code = """
from ipykernel.kernelapp import IPKernelApp
app = IPKernelApp.instance()
for _ in range(5):
    frames = [b'x', b'<IDS|MSG>', b'forged', b'{}', b'{}', b'{}', b'{}']
    app.iopub_thread.socket.send_multipart(frames)
import time; time.sleep(5)
"""
    outcome = await bench.run(code)
    assert outcome.reason == "KERNEL_LOST"
    assert "protocol violation: bad signature" in outcome.security_events
    assert (await bench.run("1")).output == "1\n"
