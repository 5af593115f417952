"""The command ``jupyter agents``: help at once, subcommands without a server, else the server.

A server is imported only to be started or to tell all of its settings, because that takes seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from jupyter_core.application import JupyterApp
from traitlets import Int, Unicode
from traitlets.config import Configurable
from traitlets.utils.importstring import import_item

from notebook_agents import __version__
from notebook_agents_server.config import ServerSettings

DEFAULT_PORT = 8000
DESCRIPTION = """\
AI agents in a Jupyter server: REST and WebSocket APIs, inference, tools, analytics.

Without a subcommand it starts a server, on port 8000 unless --port says otherwise."""
EXAMPLES = """\
jupyter agents                        a server on http://127.0.0.1:8000
jupyter agents --port 9000            on another port
jupyter agents keys create ci         print a new API key of the owner
jupyter agents users create ann a@b.c open an account and ask for its password
jupyter agents tasks list             what runs by itself, and when
jupyter agents events export          what happened, as a file for other programs
jupyter agents doctor                 which levels of the sandbox this machine enforces

The owner's first password is in the file that the log names; Jupyter's token opens the APIs too.
"""
SUBCOMMANDS = {
    "keys": (
        "notebook_agents_server.keys.KeysApp",
        "Make, list and revoke API keys; replace the signing key.",
    ),
    "users": (
        "notebook_agents_server.users_app.UsersApp",
        "Open, list, block and promote accounts.",
    ),
    "tasks": ("notebook_agents_server.tasks_app.TasksApp", "Make, run and schedule tasks."),
    "events": (
        "notebook_agents_server.events_app.EventsApp",
        "Look at the log of events, keep it small, export it.",
    ),
    "doctor": (
        "notebook_agents_server.doctor_app.DoctorApp",
        "Say what this machine can enforce, and what is missing.",
    ),
}
"""Where each is, and what it does; traitlets imports the one that is called."""
ALIASES = {
    **JupyterApp.aliases,
    "ip": "ServerApp.ip",
    "port": "ServerApp.port",
    "home": "NotebookAgentsApp.home",
    "sandbox-level": "NotebookAgentsApp.sandbox_level",
}
HELP, VERSION = {"-h", "--help"}, {"-V", "--version"}


class ServerApp(Configurable):
    """What the help shows of Jupyter's class of this name; a test compares."""

    ip = Unicode("localhost", help="The IP address the Jupyter server will listen on.").tag(
        config=True
    )
    port = Int(DEFAULT_PORT, help="The port the server will listen on (env: JUPYTER_PORT).").tag(
        config=True
    )


class NotebookAgentsApp(ServerSettings, JupyterApp):
    """What the help shows of the class of this name in `app`."""

    name = "notebook_agents"
    description = DESCRIPTION
    examples = EXAMPLES
    classes = [ServerApp]  # noqa: RUF012 - declared as an instance variable by traitlets
    aliases = ALIASES
    subcommands = SUBCOMMANDS


def main(argv: Sequence[str] | None = None) -> None:
    """Do what the command line says."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        try:
            _obey(words)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read what we print, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _obey(words: list[str]) -> None:
    ours = set(words[: words.index("--")] if "--" in words else words)
    if words and words[0] in SUBCOMMANDS:
        app = import_item(SUBCOMMANDS[words[0]][0]).instance()
        app.initialize(words[1:])
        app.start()
    elif ours & HELP:
        NotebookAgentsApp().print_help()
    elif ours & VERSION:
        sys.stdout.write(f"{__version__}\n")
    else:
        from notebook_agents_server.app import serve

        serve(words)
