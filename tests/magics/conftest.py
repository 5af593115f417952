"""Shells and kernels with the magics loaded."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from traitlets.config import Config

import notebook_agents
from notebook_agents.core.core import Core
from notebook_agents.core.models import GenerateRequest
from notebook_agents.core.tools import SandboxCall, SandboxOutcome
from notebook_agents.testing import (
    FakeSandbox,
    MemoryStore,
    ScriptedEngine,
    ScriptedTools,
    fake_core,
)

QUIET = Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}})
FAKE_CORE = """
%load_ext notebook_agents
import asyncio, notebook_agents
from pathlib import Path
from notebook_agents.core.clock import SystemClock
from notebook_agents.testing import ScriptedEngine, ScriptedTools, call, fake_core
engine = ScriptedEngine()
core = fake_core(engine=engine, clock=SystemClock(), home=Path("workspaces"))
notebook_agents.use_core(core)
"""

AS_NEW = """
import os
os.chdir({folder!r})
os.environ.update({homes!r})
get_ipython().extension_manager.unload_extension("notebook_agents")
get_ipython().reset(new_session=True)
"""


class RecordingSandbox(FakeSandbox):
    """Runs what it is asked to, each conversation in variables of its own, and keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[SandboxCall] = []
        self.failure: SandboxOutcome | None = None
        self.namespaces: dict[str, dict[str, Any]] = {}

    async def execute(self, call: SandboxCall) -> SandboxOutcome:
        self.calls.append(call)
        if self.failure is not None:
            return self.failure
        printed: list[str] = []
        names = self.namespaces.setdefault(call.key, {})

        def keep(*words: object) -> None:
            printed.append(" ".join(map(str, words)))

        names["print"] = keep
        exec(call.code, names)  # noqa: S102 - our own code
        return SandboxOutcome(reason="", output="\n".join(printed), enforced_level=call.level)


@dataclass
class Cell:
    """One executed cell of a terminal-like shell."""

    value: Any
    error: BaseException | None


@dataclass
class AgentShell:
    """An IPython shell without a kernel, whose magics work with a core of doubles."""

    shell: InteractiveShell
    engine: ScriptedEngine
    core: Core
    tools: ScriptedTools
    store: MemoryStore
    sandbox: RecordingSandbox

    def run(self, code: str) -> Cell:
        """Execute a cell."""
        run: Any = self.shell.run_cell
        result = run(code, store_history=True)
        return Cell(result.result, result.error_before_exec or result.error_in_exec)

    @property
    def last_request(self) -> GenerateRequest:
        """What the engine was asked last."""
        return self.engine.requests[-1]

    @property
    def last_text(self) -> str:
        """The text of the user that the engine saw last."""
        return [m for m in self.last_request.messages if m.role == "user"][-1].text


@pytest.fixture
def ipython_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a profile of the person who runs the tests."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def agent_shell(ipython_home: Path) -> Iterator[AgentShell]:
    make: Any = InteractiveShell
    shell = make(config=QUIET)
    engine, store = ScriptedEngine(), MemoryStore()
    tools = ScriptedTools(
        {"python_executor": lambda code: f"ran: {code}", "file_writer": lambda path: "written"},
        effects={"file_writer": "write"},
    )
    sandbox = RecordingSandbox()
    home = ipython_home / "workspaces"
    core = fake_core(engine=engine, tools=tools, store=store, sandbox=sandbox, home=home)
    notebook_agents.load_ipython_extension(shell)
    notebook_agents.use_core(core, shell=shell)
    yield AgentShell(shell, engine, core, tools, store, sandbox)
    notebook_agents.unload_ipython_extension(shell)


@dataclass
class Reply:
    """What came back from one execution in a kernel."""

    status: str = ""
    error: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    """What the kernel asked."""

    def displays(self) -> dict[str, list[str]]:
        """The successive Markdown of every updatable output, by display id."""
        found: dict[str, list[str]] = {}
        for message in self.messages:
            if message["msg_type"] in ("display_data", "update_display_data"):
                content = message["content"]
                key = content["transient"].get("display_id", "")
                found.setdefault(key, []).append(content["data"].get("text/markdown", ""))
        return found

    def stream(self, name: str) -> str:
        """All text written to stdout or stderr."""
        texts = [m["content"] for m in self.messages if m["msg_type"] == "stream"]
        return "".join(content["text"] for content in texts if content["name"] == name)

    def value(self) -> str:
        """The text of the cell's value."""
        for message in self.messages:
            if message["msg_type"] == "execute_result":
                return str(message["content"]["data"]["text/plain"])
        return ""


class Kernel:
    """A real kernel and its client."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    def run(
        self,
        code: str,
        *,
        on_message: Callable[[dict[str, Any]], None] = lambda _message: None,
        answer: str | None = None,
    ) -> Reply:
        """Execute code; ``answer`` is given to every question the kernel asks."""
        reply = Reply()

        def keep(message: dict[str, Any]) -> None:
            reply.messages.append(message)
            on_message(message)

        def say(message: dict[str, Any]) -> None:
            reply.questions.append(message["content"]["prompt"])
            self.client.input(answer or "")

        content = self.client.execute_interactive(
            code,
            timeout=60,
            output_hook=keep,
            stdin_hook=say,
            allow_stdin=answer is not None,
        )["content"]
        reply.status, reply.error = content["status"], content
        return reply


@pytest.fixture(scope="session")
def kernel_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for all tests that leave it running: starting one takes seconds."""
    home = tmp_path_factory.mktemp("kernel")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(home / name.lower()))
        with started_kernel(home) as running:
            yield running


@contextmanager
def started_kernel(folder: Path) -> Iterator[Kernel]:
    """A kernel of its own that works in a folder."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield Kernel(manager, client)
    client.stop_channels()
    manager.shutdown_kernel()


@pytest.fixture
def kernel(kernel_process: Kernel, ipython_home: Path) -> Kernel:
    """A kernel without variables, history and extensions, with a core of doubles."""
    homes = {name: os.environ[name] for name in ("IPYTHONDIR", "JUPYTER_DATA_DIR")}
    assert kernel_process.run(AS_NEW.format(folder=str(ipython_home), homes=homes)).status == "ok"
    assert kernel_process.run(FAKE_CORE).status == "ok"
    return kernel_process


@pytest.fixture
def own_kernel(ipython_home: Path) -> Iterator[Kernel]:
    """The same for a test that ends or restarts it."""
    with started_kernel(ipython_home) as running:
        assert running.run(FAKE_CORE).status == "ok"
        yield running


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()
