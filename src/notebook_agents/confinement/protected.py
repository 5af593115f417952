"""Names in a working folder from which people, editors and interpreters run things.

What code in a sandbox writes there would run outside of it, later, with everybody's rights: a hook
of git, a folder's environment, a file that Python reads at its start. So code may not write them.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

PROTECTED: tuple[str, ...] = (
    *(".git", ".jupyter", ".ipython", ".venv", ".vscode", ".envrc", ".env*"),
    *("*.pth", "sitecustomize.py", "usercustomize.py"),
)


def is_protected(name: str, patterns: Iterable[str] = PROTECTED) -> bool:
    """Whether an entry of a working folder is one of them."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
