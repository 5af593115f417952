"""The mechanisms by their names."""

from __future__ import annotations

from notebook_agents.sandbox.bubblewrap import NamespaceBackend
from notebook_agents.sandbox.landlocked import LandlockBackend
from notebook_agents.sandbox.plan import Backend, LaunchPlan
from notebook_agents.sandbox.process import ProcessBackend

_ALL: tuple[Backend, ...] = (
    ProcessBackend(),
    NamespaceBackend(),
    NamespaceBackend("namespaces-noproc", has_proc=False),
    LandlockBackend(),
)
BACKENDS: dict[str, Backend] = {backend.name: backend for backend in _ALL}


def backend_of(plan: LaunchPlan) -> Backend:
    """The mechanism that a plan names."""
    return BACKENDS[plan.mechanism]
