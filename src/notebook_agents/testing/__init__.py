"""The doubles we ship: for our tests and for those of people who build on the product.

They answer the core's ports with plain Python objects and no files, processes or clocks, and keep
the promises of the ports (bounds, errors, order), so that what passes on them passes on the real
adapters. ``fake_core`` builds a whole Core of them.
"""

from notebook_agents.testing.core import FakeClock, PlainHasher, fake_core
from notebook_agents.testing.engine import ScriptedEngine, call
from notebook_agents.testing.files import MemoryFiles
from notebook_agents.testing.prices import FixedPrices
from notebook_agents.testing.reports import MemoryReports
from notebook_agents.testing.store import MemoryAnalytics, MemoryEventLog, MemoryStore
from notebook_agents.testing.tasks import ScriptedRunner
from notebook_agents.testing.tool_servers import FakeToolServers
from notebook_agents.testing.tools import FakeSandbox, ScriptedTools
from notebook_agents.testing.webhooks import Postbox

__all__ = [
    "FakeClock",
    "FakeSandbox",
    "FakeToolServers",
    "FixedPrices",
    "MemoryAnalytics",
    "MemoryEventLog",
    "MemoryFiles",
    "MemoryReports",
    "MemoryStore",
    "PlainHasher",
    "Postbox",
    "ScriptedEngine",
    "ScriptedRunner",
    "ScriptedTools",
    "call",
    "fake_core",
]
