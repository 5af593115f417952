"""A front end made of messages: what a browser would do with a panel, without one."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

PATIENCE_S = 20.0
VIEW_MIME = "application/vnd.jupyter.widget-view+json"
SETUP = """
%load_ext notebook_agents
import asyncio, sys, notebook_agents
from pathlib import Path
from notebook_agents.build import default_home
from notebook_agents.core.clock import SystemClock
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.reports.files import ProcessReports
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import ScriptedEngine, ScriptedTools, call, fake_core

class Slow(asyncio.Event):
    async def wait(self):
        await asyncio.sleep(0.02)

engine = ScriptedEngine()
tools = ScriptedTools(
    {"python_executor": lambda code: f"ran: {code}",
     "file_writer": lambda path, content="": f"wrote {path}",
     "file_editor": lambda path, old_text, new_text: f"edited {path}"},
    effects={"file_writer": "write", "file_editor": "write"},
)
home = default_home() / "scripted"
home.mkdir(parents=True, exist_ok=True)
core = lambda: fake_core(
    engine=engine, tools=tools, clock=SystemClock(), home=home / "workspaces",
    store=SqlStore.open(f"sqlite:///{home}/store.db", Holders(home / "holders")),
    event_log=JsonlEventLog(home / "events"), report_files=ProcessReports(home / "reports"),
)
notebook_agents.use_core(core)
"""


@dataclass
class View:
    """A panel as one view of it knows it, kept up by what the kernel tells."""

    state: dict[str, Any] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    """Every custom message."""
    times: list[float] = field(default_factory=list)
    traits: dict[str, Any] = field(default_factory=dict)

    def take(self, content: dict[str, Any]) -> None:
        self.told.append(content)
        self.times.append(time.monotonic())
        if content["kind"] == "snapshot":
            self.state = copy.deepcopy(content["state"])
        for operation in content.get("ops", ()):
            self.apply(operation)

    def apply(self, op: dict[str, Any]) -> None:
        messages = self.state["messages"]
        if op["op"] == "set":
            self.state[op["key"]] = op["value"]
        elif op["op"] == "message":
            put(messages, copy.deepcopy(op["message"]))
        elif op["op"] == "block":
            [message] = [m for m in messages if m["id"] == op["message"]]
            put(message["blocks"], dict(op["block"]))
        elif op["op"] == "append":
            [block] = [b for m in messages for b in m["blocks"] if b["id"] == op["block"]]
            block[op["field"]] += op["text"]
        else:
            raise AssertionError(f"unknown operation {op}")

    @property
    def run(self) -> str:
        return str(self.state.get("run", {}).get("state", ""))

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(m["role"], words(m)) for m in self.state["messages"]]

    def blocks(self, type: str) -> list[dict[str, Any]]:
        return [b for m in self.state["messages"] for b in m["blocks"] if b["type"] == type]


def words(message: dict[str, Any]) -> str:
    return "".join(block["text"] for block in message["blocks"] if block["type"] == "text")


def put(items: list[dict[str, Any]], item: dict[str, Any]) -> None:
    for number, known in enumerate(items):
        if known["id"] == item["id"]:
            items[number] = item
            return
    items.append(item)


class Front:
    """A kernel's front end: runs cells, and has a view of every panel."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client
        self.views: dict[str, View] = {}
        self.outputs: list[dict[str, Any]] = []
        """Those of the last cell, as they would be saved."""
        self._display_ids: dict[str, dict[str, Any]] = {}
        self._n_requests = 0

    def run(self, code: str, cell: str = "a cell") -> str:
        """Run a cell; what it printed. Its error is ours."""
        self.outputs = []
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        sent = self.client.session.msg("execute_request", content, metadata={"cellId": cell})
        self.client.shell_channel.send(sent)
        printed: list[str] = []
        errors: list[str] = []

        def is_over(message: dict[str, Any]) -> bool:
            kind, told = message["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != sent["header"]["msg_id"]:
                return False
            if kind == "error":
                errors.extend(told["traceback"])
            if kind == "stream":
                printed.append(told["text"])
            return bool(kind == "status" and told["execution_state"] == "idle")

        self.listen(is_over)
        assert not errors, "\n".join(errors)
        return "".join(printed)

    def chat(self, code: str = "notebook_agents.chat()", cell: str = "chat") -> str:
        """Run a cell that shows a panel; its comm."""
        self.run(code, cell)
        [shown] = [o["data"][VIEW_MIME] for o in self.outputs if VIEW_MIME in o["data"]]
        return str(shown["model_id"])

    def view(self, comm: str) -> View:
        return self.views[comm]

    def ask(self, comm: str, what: str, buffers: tuple[bytes, ...] = (), **more: Any) -> Any:
        """What a panel asks for, and what the kernel tells about that very request."""
        self._n_requests += 1
        request = f"r{self._n_requests}"
        content = {**more, "kind": what, "request": request}
        data = {"method": "custom", "content": content}
        sent = self.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        socket: Any = self.client.shell_channel.socket
        self.client.session.send(socket, sent, buffers=list(buffers) or None)
        view = self.view(comm)
        if what == "refresh":
            n_told = len(view.told)
            return self.wait(comm, lambda view: len(view.told) > n_told)
        self.wait(comm, lambda view: any(told.get("request") == request for told in view.told))
        return next(told for told in view.told if told.get("request") == request)

    def say(self, comm: str, text: str, **more: Any) -> View:
        """Send a message and wait for the end of the answer."""
        told = self.ask(comm, "send", text=text, **more)
        assert told["kind"] == "done", told
        return self.rest(comm)

    def rest(self, comm: str) -> View:
        return self.wait(comm, lambda view: view.run == "idle" and not view.state["queue"])

    def wait(self, comm: str, until: Callable[[View], bool]) -> View:
        if not until(self.view(comm)):
            self.listen(lambda _message: until(self.view(comm)))
        return self.view(comm)

    def listen(self, until: Callable[[dict[str, Any]], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                message = self.client.iopub_channel.get_msg(timeout=0.5)
            except Empty:
                continue
            self._take(message)
            if until(message):
                return
        last = [view.told[-2:] for view in self.views.values()][-1:]
        raise AssertionError(f"nothing came; the last: {str(last)[:3000]}")

    def transcript(self) -> dict[str, Any]:
        """The second output of the last panel, as it would be saved now."""
        data: dict[str, Any] = list(self._display_ids.values())[-1]["data"]
        return data

    def _take(self, message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind == "comm_open" and content["data"]["state"].get("_model_name") == "AnyModel":
            self.views[content["comm_id"]] = View(traits=content["data"]["state"])
        elif kind == "comm_msg" and content["comm_id"] in self.views:
            data = content["data"]
            if data["method"] == "custom":
                self.views[content["comm_id"]].take(data["content"])
            else:
                self.views[content["comm_id"]].traits |= data["state"]
        elif kind == "display_data":
            self.outputs.append(content)
            if id := content["transient"].get("display_id"):
                self._display_ids[id] = content
        elif kind == "update_display_data":
            self._display_ids[content["transient"]["display_id"]]["data"] = content["data"]


def asked(front: Front, comm: str, text: str = "write") -> View:
    """Send a message and wait for the question."""
    front.ask(comm, "send", text=text)
    return front.wait(
        comm, lambda view: any(b["decision"] is None for b in view.blocks("approval"))
    )
