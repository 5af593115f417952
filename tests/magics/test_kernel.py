"""The magics in a real kernel: awaited, streamed, stopped, asked, and ended."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from tests.magics.conftest import Kernel, Reply

pytestmark = pytest.mark.slow


def final(reply: Reply) -> str:
    """The Markdown of the only updatable output, as it would be saved."""
    [history] = reply.displays().values()
    return history[-1]


def test_an_answer_is_one_output_that_begins_at_once_and_grows(kernel: Kernel) -> None:
    kernel.run("engine.script = [' '.join(['word'] * 30)]")
    kernel.run(
        "class Slow(asyncio.Event):\n"
        "    async def wait(self):\n"
        "        await asyncio.sleep(0.02)\n"
        "engine.gate = Slow()"
    )
    reply = kernel.run("%agent count to thirty")
    [shown] = reply.displays().values()
    assert shown[0] == "<small>Starting…</small>"
    lengths = [text.count("word") for text in shown]
    assert lengths == sorted(lengths)
    assert 0 < lengths[len(lengths) // 2] < 30 == lengths[-1]
    assert "30 out" in shown[-1]
    assert reply.value() == ""
    assert reply.stream("stdout") + reply.stream("stderr") == ""


def test_no_stream_shows_the_text_only_when_it_is_complete(kernel: Kernel) -> None:
    kernel.run("engine.script = ['a b c d e f']")
    [shown] = kernel.run("%agent --no-stream hello").displays().values()
    assert [text for text in shown if "a b" in text] == shown[-1:]


def test_it_is_awaited_in_loops_branches_async_functions_and_assignments(kernel: Kernel) -> None:
    code = """
texts = []
for i in range(2):
    if i == 1:
        r = %agent loop {i}
        texts.append(r.text)
async def ask():
    r = %agent in async def
    return r.text
texts.append(await ask())
def blocking():
    r = %agent in def
    return r.text
texts.append(blocking())
with_lambda = lambda: get_ipython().run_line_magic('agent', 'in lambda').text
texts.append(with_lambda())
texts
"""
    said = ["loop 1", "in async def", "in def", "in lambda"]
    assert ast.literal_eval(kernel.run(code).value()) == [f"You said: {text}" for text in said]


def test_it_works_under_time_and_capture(kernel: Kernel) -> None:
    assert "Wall time" in kernel.run("%time %agent timed").stream("stdout")
    assert kernel.run("%%capture c\n%agent captured").status == "ok"
    assert kernel.run("len(c.outputs), 'said: captured' in str(c.outputs[0].data)").value() == (
        "(2, True)"
    )


def test_the_event_loop_of_the_kernel_goes_on_while_a_cell_waits(kernel: Kernel) -> None:
    code = """
ticks = 0
async def tick():
    global ticks
    while True:
        await asyncio.sleep(0.01)
        ticks += 1
async def slow(request):
    await asyncio.sleep(0.3)
    return "done"
engine.script = [slow]
ticker = asyncio.get_running_loop().create_task(tick())
%agent wait
ticker.cancel()
ticks > 5
"""
    assert kernel.run(code).value() == "True"


@pytest.mark.parametrize("code", ["%agent -o r story", "def f():\n    %agent -o r story\nf()"])
def test_stop_keeps_the_partial_text_and_the_kernel_usable(kernel: Kernel, code: str) -> None:
    kernel.run("engine.script = ['Once upon a time']; engine.gate = asyncio.Event()")

    stops: list[str] = []

    def stop_when_text_appears(message: dict[str, Any]) -> None:
        if "Once" in str(message["content"].get("data")) and not stops:
            stops.append("stop")
            kernel.manager.interrupt_kernel()

    reply = kernel.run(code, on_message=stop_when_text_appears)
    assert reply.status == "error"
    assert reply.error["traceback"] == ["Stopped: stopped; what was written so far is kept"]
    assert "Once\n\n**■ stopped**" in final(reply)
    assert kernel.run("engine.gate = None; (r.text, r.state)").value() == "('Once', 'cancelled')"
    assert "You said: again" in final(kernel.run("%agent again"))


def test_an_error_is_one_line_and_fails_the_cell(kernel: Kernel) -> None:
    reply = kernel.run("%agent -m other/modle hello")
    assert (reply.status, reply.error["ename"]) == ("error", "AgentError")
    [line] = reply.error["traceback"]
    assert "did you mean 'other/model'?" in line
    assert "\n" not in line


def test_a_person_is_asked_and_their_words_reach_the_model(kernel: Kernel) -> None:
    kernel.run("engine.script = [call('python_executor', code='1+1'), 'two']")
    reply = kernel.run("%agent --ask add", answer="y")
    assert "ran: 1+1" in final(reply)
    kernel.run("engine.script = [call('python_executor', code='1+1'), 'as you wish']")
    kernel.run("%agent --ask -o r add", answer="use subtraction")
    answer = kernel.run("r.tool_calls[0].status, r.tool_calls[0].result").value()
    assert "denied" in answer
    assert "use subtraction" in answer


def test_values_are_shown_again_by_another_cell(kernel: Kernel) -> None:
    kernel.run("r = %agent hello")
    reply = kernel.run("r")
    assert reply.value() == "You said: hello"


def test_the_end_of_the_kernel_closes_the_core_while_thread_pools_still_work(
    own_kernel: Kernel, ipython_home: Path
) -> None:
    own_kernel.run("""
class Engine(ScriptedEngine):
    async def aclose(self):
        await asyncio.get_running_loop().run_in_executor(None, Path("closed").touch)
notebook_agents.use_core(fake_core(engine=Engine(), home=Path("workspaces")))
%agent hello
""")
    process = psutil.Process(int(own_kernel.run("import os; os.getpid()").value()))
    own_kernel.client.shutdown()
    process.wait(timeout=20)
    assert (ipython_home / "closed").exists()


def test_a_wait_in_which_nothing_happens_hears_stop(kernel: Kernel) -> None:
    kernel.run("from concurrent.futures import Future; from notebook_agents.magics import waiting")
    reply = kernel.run(
        "print('waiting', flush=True); await waiting.await_on(waiting.until(Future()))",
        on_message=lambda message: (
            kernel.manager.interrupt_kernel() if message["content"].get("text") else None
        ),
    )
    assert reply.error["traceback"] == ["Stopped: stopped; what was written so far is kept"]
