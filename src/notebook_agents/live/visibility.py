"""Which variables of a notebook may be told to a model.

Left out are IPython's own names, names that begin with an underscore, names like those of secrets,
and what the person has hidden, by name or by a pattern such as ``patient_*``.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from notebook_agents.core.masking import Masker, is_secret_name, secrets_of_environment
from notebook_agents.live.secret_values import SecretValues

_ABSENT = object()
_SHELL_NAMES = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """The rules of one notebook."""

    hidden: tuple[str, ...] = ()
    """Names and patterns that are not told."""
    shown: tuple[str, ...] = ()
    """Names and patterns that are told although they look like those of secrets."""
    builtin: Mapping[str, Any] = field(default_factory=dict)
    """What the shell put into the namespace itself."""

    def visible(self, namespace: Mapping[str, Any]) -> dict[str, Any]:
        """The variables that may be told, in the order of the namespace."""
        return {
            name: value
            for name, value in list(namespace.items())
            if self._is_the_persons(name, value) and not self.why_hidden(name)
        }

    def secrets(self, namespace: Mapping[str, Any]) -> dict[str, Any]:
        """The person's variables that are named like secrets."""
        return {
            name: value
            for name, value in list(namespace.items())
            if self._is_the_persons(name, value) and self._is_secret(name)
        }

    def masker(
        self, namespace: Mapping[str, Any], secrets: Mapping[str, Any] | None = None
    ) -> Masker:
        """Replaces the values of the person's secrets, and what looks like one.

        ``secrets`` are looked at too, such as the variables of a function that failed.
        """
        values = SecretValues(self._is_secret)
        values.look(secrets or {})
        values.look(
            {
                name: value
                for name, value in list(namespace.items())
                if type(name) is str
                and name not in _SHELL_NAMES
                and self.builtin.get(name, _ABSENT) is not value
            }
        )
        return Masker([*secrets_of_environment(), *values.texts], values.cells)

    def why_hidden(self, name: str) -> str:
        """Why a variable is not told; empty when it may be."""
        if any(fnmatchcase(name, pattern) for pattern in self.hidden):
            return "it is hidden"
        if self._is_secret(name):
            return "its name looks like that of a secret"
        return "its name begins with an underscore" if name.startswith("_") else ""

    def _is_secret(self, name: str) -> bool:
        is_shown = any(fnmatchcase(name, pattern) for pattern in self.shown)
        return is_secret_name(name) and not is_shown

    def _is_the_persons(self, name: object, value: object) -> bool:
        return (
            type(name) is str
            and name.isidentifier()
            and not keyword.iskeyword(name)
            and not name.startswith("_")
            and name not in _SHELL_NAMES
            and self.builtin.get(name, _ABSENT) is not value
        )
