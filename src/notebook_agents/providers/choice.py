"""Puts the providers of a deployment beside its own engine; imports nothing heavy without them."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.core.routed_engine import RoutedEngine
from notebook_agents.providers.config import read_providers

if TYPE_CHECKING:
    from notebook_agents.core.ports import Engine


def with_providers(
    local: Engine, names: Sequence[str] | None, local_ids: Collection[str]
) -> Engine:
    """The engine with the providers that are named, or whose keys are in the environment.

    Raises InvalidRequest for an entry that means nothing, and EngineUnavailable when providers are
    named and the extra that they need is not installed.
    """
    is_installed = all(find_spec(module) for module in ("pydantic_ai", "openai", "anthropic"))
    if not is_installed and names is None:
        return local
    configs = read_providers(names, os.environ)
    if not configs:
        return local
    if not is_installed:
        raise EngineUnavailable("providers need an extra: pip install 'notebook-agents[providers]'")
    from notebook_agents.providers.engine import ProviderEngine

    engines = {config.name: ProviderEngine(config) for config in configs}
    return RoutedEngine(local, engines, local_ids)
