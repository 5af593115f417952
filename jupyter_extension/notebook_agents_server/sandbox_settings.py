"""The settings of the kernels in which tools run."""

from __future__ import annotations

from traitlets import Bool, Enum, HasTraits, Int, Unicode

from notebook_agents.core.policy import LEVELS
from notebook_agents_server.list_trait import Listing


class SandboxSettings(HasTraits):
    """Those of the traits of `NotebookAgentsApp` that are about the sandbox."""

    sandbox_level = Enum(
        LEVELS, "medium", help="The least level at which tools run; low is not a sandbox."
    ).tag(config=True)
    sandbox_fallback = Enum(
        ("", *LEVELS),
        "",
        help="Level to use where another cannot be enforced; empty refuses the call instead.",
    ).tag(config=True)
    sandbox_protected = Listing(
        Unicode(),
        default_value=None,
        allow_none=True,
        help="Names in writable working folders that code may neither make nor change.",
    ).tag(config=True)
    sandbox_allow_soft_memory = Bool(
        True,
        help="""Whether medium may run where memory is only watched from outside, which takes a
        tenth of a second to notice: on a laptop without writable control groups. High never may.
        """,
    ).tag(config=True)
    sandbox_calls_per_user = Int(
        8, min=1, help="Tool calls of one user that run at once; 64 more wait, others are refused."
    ).tag(config=True)
    sandbox_disk_bytes = Int(
        1 << 30, min=1, help="What one tool kernel may write into its workspace, in bytes."
    ).tag(config=True)
    sandbox_zygote = Enum(
        ("off", "on", "auto"),
        "auto",
        help="""Whether tool kernels are forked from a process of their user's that has imported
        what they need: `off`, never; `on`, always; `auto`, when a user starts a second one within
        ten minutes.""",
    ).tag(config=True)
    sandbox_remote = Unicode(
        help="""Name of a kernel provisioner, such as one for pods, that starts tool kernels up to
        `sandbox_remote_level`; empty starts all of them here."""
    ).tag(config=True)
    sandbox_remote_level = Enum(
        LEVELS,
        "low",
        help="The level that `sandbox_remote` is known to keep; nothing here can look.",
    ).tag(config=True)
