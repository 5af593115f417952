"""What a person sees at once, while what serves the first prompt is still being imported."""

from __future__ import annotations

from typing import Any

from IPython.core.displaypub import CapturingDisplayPublisher

STARTING = "Starting…"


def first_sign(shell: Any) -> Any:
    """An output that says that it starts, and is to be replaced.

    None outside notebooks, and where outputs are collected, as an update would be one more.
    """
    if not hasattr(shell, "kernel") or isinstance(shell.display_pub, CapturingDisplayPublisher):
        return None
    from IPython.display import display

    bundle = {"text/markdown": f"<small>{STARTING}</small>", "text/plain": STARTING}
    return display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
