"""Which providers there are: a name is enough for well-known ones, ``name=url`` is any other.

Keys come from the environment alone (``OPENAI_API_KEY``, ``LAB_API_KEY`` for ``lab=https://…``), so
that they stand in no configuration, command line or record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from notebook_agents.core.errors import InvalidRequest

Kind = Literal["openai", "anthropic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig:
    """One provider."""

    name: str
    """What its models' ids begin with: ``openai/…``."""
    url: str
    kind: Kind = "openai"
    """The API it speaks."""
    n_retries: int = 2
    """How often a request is made again that the provider was too busy for."""
    key: str = field(default="", repr=False)
    key_name: str = ""
    """The variable of the environment that the key is read from."""


KNOWN: dict[str, ProviderConfig] = {
    config.name: config
    for config in (
        ProviderConfig(name="openai", url="https://api.openai.com/v1", key_name="OPENAI_API_KEY"),
        ProviderConfig(
            name="anthropic",
            url="https://api.anthropic.com",
            kind="anthropic",
            key_name="ANTHROPIC_API_KEY",
        ),
        ProviderConfig(
            name="google",
            url="https://generativelanguage.googleapis.com/v1beta/openai",
            key_name="GEMINI_API_KEY",
        ),
        ProviderConfig(name="mistral", url="https://api.mistral.ai/v1", key_name="MISTRAL_API_KEY"),
        ProviderConfig(name="groq", url="https://api.groq.com/openai/v1", key_name="GROQ_API_KEY"),
        ProviderConfig(
            name="openrouter", url="https://openrouter.ai/api/v1", key_name="OPENROUTER_API_KEY"
        ),
        ProviderConfig(name="ollama", url="http://localhost:11434/v1"),
    )
}
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
RESERVED = "notebook-agents"


def read_providers(
    entries: Sequence[str] | None, environment: Mapping[str, str]
) -> tuple[ProviderConfig, ...]:
    """The providers that are named; None takes the well-known ones whose key is there.

    Raises InvalidRequest on the field ``providers`` for an entry that means nothing.
    """
    if entries is None:
        entries = [name for name, known in KNOWN.items() if environment.get(known.key_name)]
    return tuple(_read(entry.strip(), environment) for entry in entries)


def _read(entry: str, environment: Mapping[str, str]) -> ProviderConfig:
    name, has_url, url = entry.partition("=")
    if not _NAME.fullmatch(name) or name == RESERVED:
        raise _wrong(entry, "a name is lower-case letters, digits, - and _")
    known = KNOWN.get(name)
    if known is None and not has_url:
        raise _wrong(entry, f"known are {', '.join(KNOWN)}; any other is name=url")
    key_name = known.key_name if known else f"{name.upper().replace('-', '_')}_API_KEY"
    if has_url and urlsplit(url).scheme not in ("http", "https"):
        raise _wrong(entry, "its url must begin with http:// or https://")
    return ProviderConfig(
        name=name,
        url=(url if has_url else known.url if known else "").rstrip("/"),
        kind=known.kind if known else "openai",
        key=environment.get(key_name, "") if key_name else "",
        key_name=key_name,
    )


def _wrong(entry: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"the provider {entry!r} cannot be used: {why}", field="providers")
