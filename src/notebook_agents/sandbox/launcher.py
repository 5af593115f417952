"""The first program of a tool kernel: limits on itself, then a lean IPython kernel.

Run as a script with ``-I``, so that neither the environment nor the working directory decides what
it imports. No history database, no startup files, no configuration files, no profile of the user;
the working directory is the last place where an import is looked for, never the first.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import importlib.util
import json
import os
import re
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
FIGURES = {"application/vnd.plotly.v1+json", "image/png"}
DRAWS = re.compile(r"\.(?:plot|hist|boxplot)\b")
"""Code that may draw a data frame."""


def main(argv: list[str]) -> None:
    """Start a kernel as the settings in the first argument say."""
    settings: dict[str, Any] = json.loads(argv[1])
    restrict(settings)
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # 120 ms, and it opens ports
    # Plotly imports nbformat, which imports this for a check that nobody asks for: 1.2 s.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    if settings["is_alone"]:
        leave_out_the_pipe_of_children()
    app = build_app(settings["connection_file"])
    bind_threads_to_calls()
    escape_lone_surrogates()
    mention_large_figures(app.shell, settings["max_display_bytes"])
    draw_frames_with_plotly(app.shell)
    sys.path = ordered(sys.path, settings["import_paths"], settings["folder"])
    if settings.get("network_socket"):
        forward_network(settings["network_socket"])
    if settings["is_alone"]:
        seal()
    app.start()


def ordered(found: list[str], import_paths: list[str], folder: str) -> list[str]:
    """Where imports are looked for: what comes with Python, our packages, all else, the folder.

    The interpreter may have another copy of our packages installed; it is not the one to run.
    """
    library = Path(os.__file__).parent
    own = (str(library), str(library / "lib-dynload"))
    n_own = max((at + 1 for at, entry in enumerate(found) if entry in own), default=0)
    entries = [*found[:n_own], *import_paths, *found[n_own:], folder]
    return list(dict.fromkeys(entry for entry in entries if entry))


def restrict(settings: dict[str, Any]) -> None:
    """Give up what can be given up before any other code runs."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot give up new privileges")
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    limits = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, settings["max_file_bytes"]),
    ]
    if settings["memory_bytes"]:
        limits.append((resource.RLIMIT_DATA, settings["memory_bytes"]))
    if settings["max_tasks"]:
        limits.append((resource.RLIMIT_NPROC, settings["max_tasks"]))
    for kind, value in limits:
        resource.setrlimit(kind, (value, value))
    os.umask(0o077)


def leave_out_the_pipe_of_children() -> None:
    """There will be no child process whose output a port would have to be opened for."""
    from ipykernel.iostream import IOPubThread

    def leave_out(self: Any) -> None:
        self._pipe_flag = False

    IOPubThread._setup_pipe_in = leave_out  # type: ignore[method-assign]


def forward_network(socket: str) -> None:
    """Let programs find the proxy that lets them out to some hosts."""
    from notebook_agents.sandbox.forwarder import forward_to

    forward_to(socket)


def seal() -> None:
    """Refuse, for every thread and for good, what no code of a call may do.

    From here on no sockets, no processes, no memory that the limit does not count, no say over
    other processes, no changes of attributes.
    """
    from notebook_agents.confinement.filters import assemble, install
    from notebook_agents.confinement.lockdown import late

    install(assemble(late()), all_threads=True)


def bind_threads_to_calls() -> None:
    """What a thread prints belongs to the call that started it, also when that call is over."""
    start = threading.Thread.start

    def start_in_context(self: threading.Thread) -> None:
        context, run = contextvars.copy_context(), self.run
        self.run = lambda: context.run(run)  # type: ignore[method-assign]
        start(self)

    threading.Thread.start = start_in_context  # type: ignore[method-assign]


def escape_lone_surrogates() -> None:
    """Text that cannot be encoded is printed with escapes, as a terminal would; see PEP 383."""
    from ipykernel.iostream import OutStream

    write = OutStream.write

    def write_escaped(self: Any, string: str) -> int | None:
        if isinstance(string, str):
            string = string.encode("utf-8", "backslashreplace").decode()
        return write(self, string)

    OutStream.write = write_escaped  # type: ignore[method-assign]


def mention_large_figures(shell: Any, max_bytes: int) -> None:
    """Send a figure that is too large without its content: the whole message would end the call."""

    def cut(message: dict[str, Any]) -> dict[str, Any]:
        data = message["content"].get("data", {})  # there is none in one that clears the output
        for kind in FIGURES & data.keys():
            content = data[kind]
            text = content if isinstance(content, str | bytes) else json.dumps(content)
            if len(text) > max_bytes:
                message["content"]["data"] = {kind: None}
        return message

    shell.display_pub.register_hook(cut)
    shell.displayhook.register_hook(cut)


def draw_frames_with_plotly(shell: Any) -> None:
    """Let ``df.plot`` draw with plotly where matplotlib is missing, from its first use on."""

    def choose(info: Any) -> None:
        if not DRAWS.search(info.raw_cell):
            return
        shell.events.unregister("pre_run_cell", choose)
        if importlib.util.find_spec("matplotlib") is None:
            with contextlib.suppress(ImportError, ValueError):
                importlib.import_module("pandas").options.plotting.backend = "plotly"

    shell.events.register("pre_run_cell", choose)


def build_app(connection_file: str) -> Any:
    """An initialised kernel application, its sockets bound."""
    from ipykernel.kernelapp import IPKernelApp
    from traitlets.config import Config

    class ToolKernelApp(IPKernelApp):
        """A kernel that reads no file but its connection file."""

        def load_config_file(self, *args: Any, **kwargs: Any) -> None:
            """Nothing is configured from files."""

        def _run_startup_files(self) -> None:
            """Nothing is run at start."""

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShellApp.exec_PYTHONSTARTUP = False
    config.IPKernelApp.connection_file = connection_file
    app: Any = ToolKernelApp.instance(config=config)
    app.initialize([])
    return app


if __name__ == "__main__":
    main(sys.argv)
