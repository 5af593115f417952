"""How a kernel finds its data directory and its engine; the only reader of the environment here.

A kernel that a server with the extension has started finds the server's URL and a token in its
environment and shares the server's model. Any other process starts an engine worker of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_agents.magics.errors import OFFER

if TYPE_CHECKING:
    from notebook_agents.core.core import Core


ENGINE_PATH = "/notebook-agents/engine"
"""Where a server offers its engine to its kernels, below its base URL."""
MAGIC_PREFIX = "NOTEBOOK_AGENTS_MAGIC_"
"""What the variables begin with that set traits of AgentMagics."""


def server_url() -> str:
    """The server whose engine this kernel shares, or nothing."""
    has_token = os.environ.get("NOTEBOOK_AGENTS_TOKEN", "")
    return os.environ.get("NOTEBOOK_AGENTS_URL", "").rstrip("/") if has_token else ""


def engine_place() -> str:
    """Where the engine is, for people."""
    url = server_url()
    return f"shared through {url}" if url else "in a worker of this process"


def execution_id() -> str:
    """The execution of a task that this kernel works for, or nothing."""
    return os.environ.get("NOTEBOOK_AGENTS_EXECUTION", "")


def task_folder() -> str:
    """The folder of the notebooks that the server's tasks may run, or nothing."""
    return os.environ.get("NOTEBOOK_AGENTS_TASK_FOLDER", "")


def replay_wish() -> str:
    """``1``, ``verify`` or the path of a notebook, where prompts are to be answered as recorded."""
    wish = os.environ.get("NOTEBOOK_AGENTS_REPLAY", "").strip()
    return "" if wish in ("0", "false", "no") else wish


def notebook_path(namespace: Mapping[str, Any]) -> Path | None:
    """The notebook that this kernel belongs to, where a server or an editor says so."""
    told = os.environ.get("JPY_SESSION_NAME") or namespace.get("__vsc_ipynb_file__")
    return Path(told) if isinstance(told, str) and told.endswith(".ipynb") else None


def magic_variable_name(trait: str) -> str:
    """The variable of the environment that sets a trait of AgentMagics."""
    return f"{MAGIC_PREFIX}{trait.upper()}"


def magic_variable(trait: str) -> str | None:
    """What the environment says of a trait, or None."""
    return os.environ.get(magic_variable_name(trait))


def default_core() -> Core:
    """The core of this machine's owner, with the least strict sandbox where medium cannot be.

    In an execution nobody sits in front: there it is built as the server's is.
    """
    from notebook_agents.build import BuildConfig, build_core

    given: dict[str, Any] = {"sandbox_fallback": "low", "task_folder": task_folder()}
    if names := os.environ.get(OFFER, ""):
        given["models"] = tuple(name.strip() for name in names.split(",") if name.strip())
    if execution_id():
        told = json.loads(os.environ.get("NOTEBOOK_AGENTS_BUILD") or "{}")
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in told.items()}
    if url := server_url():
        given["engine_url"] = f"{url}{ENGINE_PATH}"
        given["engine_token"] = os.environ.get("NOTEBOOK_AGENTS_TOKEN", "")
        given["engine_certificate"] = os.environ.get("NOTEBOOK_AGENTS_CERTIFICATE", "")
    return build_core(BuildConfig(**given), server=server_url())
