"""What the doors must know about Tektra."""

from __future__ import annotations

from notebook_agents_server.base import Dialect
from notebook_agents_server.dialects.tektra.mapping import error_body

TEKTRA = Dialect(name="tektra", error_body=error_body)
