"""Code of an agent in a real kernel: what it changes, what the person keeps, how it is stopped."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.manager import KernelManager
from tests.magics.conftest import FAKE_CORE, Kernel, Reply

from notebook_agents.core.masking import MASK
from notebook_agents.live.lockdown import MIN_VERSION, landlock_version

pytestmark = pytest.mark.slow
LOOP = "print('partial')\\nimport time\\nwhile True: time.sleep(0.01)"
"""Code that never ends."""
needs_landlock = pytest.mark.skipif(
    landlock_version() < MIN_VERSION, reason="needs Landlock 3, which keeps a copy from changes"
)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for all tests of this file; each asks for variables of its own."""
    home = tmp_path_factory.mktemp("live")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(home / name.lower()))
        manager = KernelManager(kernel_name="python3")
        manager.start_kernel(cwd=str(home))
        client = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        running = Kernel(manager, client)
        assert running.run(FAKE_CORE).status == "ok"
        running.run("import os; folder = os.getcwd()")
        yield running
        client.stop_channels()
        manager.shutdown_kernel()


def final(reply: Reply) -> str:
    """The last text of the answer's output."""
    return next(iter(reply.displays().values()))[-1]


def scripted(kernel: Kernel, code: str, tool: str = "run_in_notebook") -> None:
    kernel.run(f"engine.script = [call({tool!r}, code={code!r}), 'done']")


def test_code_changes_the_variables_and_leaves_history_and_numbers_alone(kernel: Kernel) -> None:
    kernel.run("import pandas as pd\ndf = pd.DataFrame({'a': range(3)})\n'mine'")
    scripted(kernel, "df['b'] = df.a * 2\nprint('printed')\nint(df.b.sum())")
    before = kernel.run("len(In), sorted(Out)").value()
    reply = kernel.run("%agent --yes -o r double it")
    assert "printed" in final(reply)
    n_cells, outs = ast.literal_eval(before)
    after = ast.literal_eval(kernel.run("len(In), sorted(Out)").value())
    assert after[0] == n_cells + 2
    assert [number for number in after[1] if number not in outs] == [n_cells - 1, n_cells]
    assert kernel.run("list(df.b), r.tool_calls[0].result").value() == (
        "([0, 2, 4], 'printed\\n6')"
    )


def test_tables_and_widgets_become_outputs_of_the_cell(kernel: Kernel) -> None:
    scripted(
        kernel,
        "import pandas as pd, ipywidgets\n"
        "slider = ipywidgets.IntSlider(value=3)\ndisplay(slider)\npd.DataFrame({'a': [1]})",
    )
    reply = kernel.run("%agent --yes show")
    kinds = {kind for m in reply.messages for kind in m["content"].get("data", {})}
    assert {"application/vnd.jupyter.widget-view+json", "text/html"} <= kinds
    assert kernel.run("slider.value").value() == "3"


def test_secrets_that_code_prints_are_told_to_nobody(kernel: Kernel) -> None:
    kernel.run("api_key = 'xylophone-' + 'tree'")
    scripted(kernel, "print(api_key)\nnew_password = 'night' + 'ingale'\nnew_password")
    reply = kernel.run("%agent --yes -o r show it")
    assert "[masked]" in final(reply)
    seen = str([m["content"] for m in reply.messages if m["msg_type"] != "execute_input"])
    assert "xylophone-tree" not in seen
    assert "nightingale" not in final(reply)
    told = "[word in str(engine.requests[-1].messages) for word in (api_key, new_password)]"
    assert kernel.run(told).value() == "[False, False]"


def test_secrets_of_frames_and_of_the_environment_are_neither_told_nor_recorded(
    kernel: Kernel,
) -> None:
    kernel.run(
        "import os, pandas as pd\nos.environ['MY_SERVICE_TOKEN'] = 'walnut-' + '1'\n"
        "users = pd.DataFrame({'name': ['Ada'], 'password': ['cherry-' + '2']})\n"
        "config = {'db': {'login_pass': 'quince-' + '3'}}"
    )
    scripted(
        kernel,
        "print(sorted(os.environ.items()))\nprint(users.to_string(), flush=True)\n"
        "raise ValueError(config['db'])",
    )
    reply = kernel.run("%agent --yes -o r show them")
    words = ("walnut-1", "cherry-2", "quince-3")
    seen = str([m["content"] for m in reply.messages if m["msg_type"] != "execute_input"])
    assert [word in seen for word in words] == [False] * 3
    told = f"[word in f'{{engine.requests[-1].messages}}{{r.tool_calls}}' for word in {words}]"
    assert kernel.run(told).value() == "[False, False, False]"
    assert MASK in final(reply)
    kernel.run("del os.environ['MY_SERVICE_TOKEN']")


def test_plots_of_matplotlib_are_shown_once_and_closed(kernel: Kernel) -> None:
    kernel.run("%matplotlib inline")
    scripted(kernel, "import matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    reply = kernel.run("%agent --yes -o r draw it")
    pictures = [m for m in reply.messages if "image/png" in m["content"].get("data", {})]
    assert [m["msg_type"] for m in pictures] == ["display_data"]
    assert kernel.run("plt.get_fignums()").value() == "[]"


def test_an_error_is_told_to_the_model_and_is_no_error_of_the_cell(kernel: Kernel) -> None:
    scripted(kernel, "a = 1\na / 0")
    reply = kernel.run("%agent --yes fail")
    assert reply.status == "ok"
    assert "ZeroDivisionError: division by zero (line 2)" in final(reply)
    assert "error" not in {message["msg_type"] for message in reply.messages}


def test_with_live_the_models_python_runs_in_the_notebook(kernel: Kernel) -> None:
    scripted(kernel, "bound = 41 + 1", tool="python_executor")
    kernel.run("%agent --yes --live bind it")
    assert kernel.run("bound").value() == "42"
    scripted(kernel, "elsewhere = 1", tool="python_executor")
    kernel.run("%agent --yes bind it")
    assert kernel.run("'elsewhere' in globals()").value() == "False"


ALLOW = """
from dataclasses import replace
from notebook_agents.core.assessments import Allowance
from notebook_agents.core.conversations import ConversationChanges
from notebook_agents.magics.magic import installed_magics
session = installed_magics(get_ipython())._the_session()
def allow(module):
    id, actor = session.conversation_id, session.actor
    allowance = Allowance(tool="python_executor", effect="write", module=module)
    async def keep(core):
        settings = (await core.conversations.get(actor, id)).settings
        changes = ConversationChanges(settings=replace(settings, allowances=(allowance,)))
        await core.conversations.update(actor, id, changes)
    session.host.submit(keep).result(20)
"""


def test_what_was_allowed_for_good_in_the_sandbox_is_not_allowed_here(kernel: Kernel) -> None:
    kernel.run("%agent hello")
    kernel.run(ALLOW)
    cases = {"tools.base.specs()[0].module": False, "'notebook_agents.live.notebook_tools'": True}
    kernel.run("tools = core.tools")
    for module, is_allowed in cases.items():
        kernel.run(f"allow({module})")
        scripted(kernel, "allowed = 1", tool="python_executor")
        kernel.run("%agent --live bind it")
        assert kernel.run("globals().pop('allowed', 0) == 1").value() == str(is_allowed)


def test_nothing_runs_where_nobody_can_be_asked(kernel: Kernel) -> None:
    scripted(kernel, "unasked = 1")
    kernel.run("%agent bind it")
    assert kernel.run("'unasked' in globals()").value() == "False"


def test_a_variable_named_like_a_secret_is_not_used_where_nobody_can_be_asked(
    kernel: Kernel,
) -> None:
    kernel.run("used = []\nclass Plain:\n    def __str__(self): used.append(1); return 'x'")
    kernel.run("api_key = unnamed = Plain()")
    for name, is_used in (("api_key", False), ("unnamed", True)):
        scripted(kernel, f"print({name})")
        kernel.run("%agent print it")
        assert kernel.run("bool(used)").value() == str(is_used)


def test_files_are_written_to_the_notebooks_folder(kernel: Kernel) -> None:
    scripted(kernel, "open('out.txt', 'w').write('x')")
    kernel.run("%agent --yes write")
    assert kernel.run("open(folder + '/out.txt').read()").value() == "'x'"


@pytest.mark.parametrize(
    "cell", ["%agent --yes -o r go", "def f():\n    %agent --yes -o r go\nf()"]
)
def test_stop_ends_code_in_the_notebook_and_keeps_what_it_printed(
    kernel: Kernel, cell: str
) -> None:
    scripted(kernel, LOOP.replace("\\n", "\n"))
    stops: list[str] = []

    def stop_when_it_runs(message: dict[str, Any]) -> None:
        if "Running" in str(message["content"].get("data")) and not stops:
            stops.append("stop")
            kernel.manager.interrupt_kernel()

    reply = kernel.run(cell, on_message=stop_when_it_runs)
    assert reply.error["traceback"] == ["Stopped: stopped; what was written so far is kept"]
    assert kernel.run("r.state").value() == "'cancelled'"
    scripted(kernel, "after = 1")
    kernel.run("%agent --yes again")
    assert kernel.run("after").value() == "1"


SWALLOWS = """
print('partial')
import signal
for n in range({n}):
    try:
        signal.raise_signal(signal.SIGINT)
    except:
        print('caught', n)
"""


@pytest.mark.parametrize("n", [1, 2])
def test_code_that_catches_every_stop_ends_the_cell_when_it_ends(kernel: Kernel, n: int) -> None:
    scripted(kernel, SWALLOWS.format(n=n))
    reply = kernel.run("%agent --yes -o r go")
    assert reply.error["traceback"] == ["Stopped: stopped; what was written so far is kept"]
    assert kernel.run("r.state").value() == "'cancelled'"
    assert kernel.run("1 + 1").value() == "2"
    scripted(kernel, "after = 1")
    kernel.run("%agent --yes again")
    assert kernel.run("after").value() == "1"


def test_a_stop_between_two_jobs_ends_the_cell_before_the_second(kernel: Kernel) -> None:
    kernel.run("ran = []")
    calls = [f"call('run_in_notebook', {id!r}, code='ran.append({id})')" for id in "12"]
    # The first job asks for the end once its own is over, as a person who comes late.
    kernel.run(
        f"engine.script = [[{', '.join(calls)}], 'done']\n"
        "import signal\n"
        "def stop_late(_result):\n"
        "    if ran and ran[-1] == 1: signal.raise_signal(signal.SIGINT)\n"
        "get_ipython().events.register('post_run_cell', stop_late)"
    )
    reply = kernel.run("%agent --yes -o r go")
    kernel.run("get_ipython().events.unregister('post_run_cell', stop_late)")
    assert reply.error["traceback"] == ["Stopped: stopped; what was written so far is kept"]
    assert kernel.run("ran, r.state").value() == "([1], 'cancelled')"


CANCEL_LATER = """
import threading
from notebook_agents.magics.magic import installed_magics
magics = installed_magics(get_ipython())
host = magics._the_session().host
async def cancel_all(core):
    from notebook_agents.core.runs import ListRuns
    actor = magics._the_session().actor
    for run in (await core.runs.list(actor, ListRuns(states=("running",)))).items:
        await core.runs.cancel(actor, run.id)
def cancel():
    host.submit(cancel_all).result(20)
"""


def test_a_run_that_is_cancelled_elsewhere_ends_its_code(kernel: Kernel) -> None:
    kernel.run("%agent hello")
    kernel.run(CANCEL_LATER)
    code = "threading.Thread(target=cancel).start()\nwhile True: time.sleep(0.01)"
    kernel.run("import time")
    scripted(kernel, code)
    reply = kernel.run("%agent --yes -o r go")
    assert reply.status == "error"
    assert kernel.run("r.state, r.tool_calls[0].status").value() == "('cancelled', 'cancelled')"
    scripted(kernel, "after = 1")
    kernel.run("%agent --yes again")
    assert kernel.run("after").value() == "1"


DRY = """
from notebook_agents.live.fork import Limits, rehearse
def tried(code):
    rehearsal = rehearse(get_ipython(), code, Limits())
    rehearsal.ended.result(20)
    return rehearsal.preview()
"""


@needs_landlock
def test_a_dry_run_leaves_a_kernel_with_frames_and_widgets_as_it_was(kernel: Kernel) -> None:
    kernel.run(DRY)
    kernel.run(
        "import numpy as np, pandas as pd, ipywidgets, random, psutil\n"
        "df = pd.DataFrame({'a': np.arange(1000)})\n"
        "slider = ipywidgets.IntSlider(value=3)\nslider"
    )
    kernel.run("before = (np.random.get_state()[1].tolist(), random.getstate(), len(In))")
    code = (
        "df = df[df.a > 10]\nslider.value = 7\nx = np.random.rand() + random.random()\n"
        "y = (df.to_numpy() @ np.ones((1, 500))).sum()\nprint('out')\n"
        "display(df)\nlen(df)"
    )
    reply = kernel.run(f"p = tried({code!r})\n(p.refusal, p.error, p.output[-4:])")
    assert reply.value() == "('', '', '989\\n')"
    assert [m["msg_type"] for m in reply.messages if m["msg_type"].startswith("comm")] == []
    assert reply.stream("stdout") == ""
    assert kernel.run("sorted((c.name, c.kind) for c in p.changes)").value() == str(
        [("df", "changed"), ("slider", "changed"), ("x", "new"), ("y", "new")]
    )
    assert kernel.run("len(df), slider.value, 'x' in globals()").value() == "(1000, 3, False)"
    same = "before[:2] == (np.random.get_state()[1].tolist(), random.getstate())"
    assert kernel.run(same).value() == "True"
    assert kernel.run("psutil.Process().children()").value() == "[]"
    moved = kernel.run("slider.value = 8")
    assert "comm_msg" in {message["msg_type"] for message in moved.messages}


@needs_landlock
def test_approving_shows_the_dry_run_and_then_runs_the_code(kernel: Kernel) -> None:
    kernel.run("total = 1")
    kernel.run(
        "from notebook_agents.core.events import ApprovalRequested\n"
        "from notebook_agents.magics.magic import installed_magics\n"
        "from notebook_agents.magics.options import Options\n"
        "from notebook_agents.magics.waiting import await_on\n"
        "live = installed_magics(get_ipython())._the_session().live\n"
        "asked = ApprovalRequested(call_id='c', name='run_in_notebook', effect='write',"
        " arguments={'code': 'total = 2'})\n"
        "p = await await_on(live.previewer(Options())(asked))"
    )
    kernel.run(
        "of_python = [live.previewer(Options(live=is_live)) for is_live in (True, False)]\n"
        "asked = ApprovalRequested(call_id='c', name='python_executor', effect='write',"
        " arguments={'code': 'total = 2'})\n"
        "told = [await await_on(preview(asked)) for preview in of_python]"
    )
    assert kernel.run("[bool(preview) for preview in told]").value() == "[True, False]"
    assert kernel.run("p.lines()[1], total").value() == "('  ~ total: 1 → 2', 1)"
    shape = kernel.run("d = p.as_dict(); d['preview']['state'], d['preview']['changed']").value()
    assert shape == "('ran', [{'name': 'total', 'text': '1 → 2'}])"
