"""A list as a setting, also when the command line is read before the setting is known."""

from __future__ import annotations

from ast import literal_eval
from typing import Any

from traitlets import List


class Listing(List[Any]):
    """``--App.names=one --App.names=two``, ``--App.names='["one", "two"]'`` or ``--App.names=one``.

    Only the first works with traitlets' own list in an extension, whose class the server's command
    line does not know.
    """

    def from_string(self, s: str) -> list[Any] | None:
        """What one word on the command line means."""
        if s == "None" and self.allow_none:
            return None
        if s.startswith("[") and s.endswith("]"):
            try:
                return list(literal_eval(s))
            except (ValueError, SyntaxError):
                pass  # The setting refuses the text as it is.
        return [s]
