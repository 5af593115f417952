"""Dotted names of what libraries offer, and what they say."""

from __future__ import annotations

from notebook_agents.core.code_guards import CONTROLS
from notebook_agents.core.code_knowledge import (
    CHANGING_METHODS,
    LISTED_MODULES,
    NETWORK_MODULES,
    QUIET,
    QUIET_MODULES,
    REACHED_THROUGH,
    SHELL_MODULES,
    WRITE_MODULES,
)
from notebook_agents.core.code_method_names import GENERAL_PURE, WRITING_METHODS

ALIASES = {
    "plotly.graph_objs": "plotly.graph_objects",
    "builtins.open": "io.open",
    "posix": "os",
    "nt": "os",
}
MODULES_OF_FUNCTIONS = frozenset(
    {"sys.stdout", "sys.stderr", "matplotlib.pyplot", "numpy.char", "numpy.ma", "IPython.display"}
)


def normal(origin: str) -> str:
    """The usual dotted name of a library's thing, also where another library exposes it."""
    parts = origin.split(".")
    for at in range(len(parts) - 1, 0, -1):
        if parts[at].lstrip("_") in REACHED_THROUGH:
            return normal(".".join([parts[at].lstrip("_"), *parts[at + 1 :]]))
    for prefix, usual in ALIASES.items():
        if origin == prefix or origin.startswith(f"{prefix}."):
            return f"{usual}{origin[len(prefix) :]}"
    if parts[0] == "pathlib" and len(parts) > 1 and parts[1].startswith("_"):
        return ".".join(["pathlib", *parts[2:]])
    return origin


def is_control(origin: str) -> bool:
    """Whether it is of the product itself, and more than its version."""
    return origin.partition(".")[0] == CONTROLS and not origin.endswith("__version__")


def is_quiet(origin: str) -> bool:
    """Whether a library's thing is known to be harmless by its name or that of its module."""
    parts = origin.split(".")
    prefixes = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
    if prefixes & QUIET:
        return True
    return bool(prefixes & QUIET_MODULES) and parts[0] not in (
        LISTED_MODULES | SHELL_MODULES | NETWORK_MODULES | WRITE_MODULES
    )


def is_unbound(origin: str) -> bool:
    """Whether it is a method reached through its class: ``list.append``, ``pd.DataFrame.pop``."""
    holder = origin.rpartition(".")[0].rpartition(".")[2]
    is_type = holder in {"list", "dict", "set", "ndarray", "Tensor", "DataFrame", "Series", "Index"}
    return is_type or origin.startswith("builtins.object.")


def is_looking(origin: str) -> bool:
    """Whether such a method leaves its object alone, or is seen elsewhere to write."""
    name = origin.rpartition(".")[2]
    is_known = name in GENERAL_PURE or name in WRITING_METHODS or name.startswith("from")
    is_calling = name in {"agg", "aggregate", "apply", "map", "pipe", "transform"}
    return is_known and not is_calling and not (name == "sort" and "list" in origin)


def changes_library(origin: str) -> bool:
    """Whether a thing of a library is changed: ``sys.path.append``, ``plt.rcParams.update``."""
    holder, _, last = origin.rpartition(".")
    is_thing = "." in holder and holder not in MODULES_OF_FUNCTIONS
    return last in CHANGING_METHODS and is_thing and is_quiet(origin)
