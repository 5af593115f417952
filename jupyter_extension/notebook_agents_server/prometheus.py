"""``/metrics``: one page for Prometheus with Jupyter's own metrics and ours.

It stands in the place of Jupyter's page, because that accepts none of our credentials. Whether it
needs one is Jupyter's setting ``authenticate_prometheus``; a server of ours alone on this machine
needs none. It tells sums and nothing about anybody.
"""

from __future__ import annotations

import asyncio

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from notebook_agents_server.base import BaseHandler, Route
from notebook_agents_server.operations import operation


class Metrics(BaseHandler):
    """``/metrics``."""

    is_activity = False

    async def show_credential(self) -> None:
        """Ask for a credential where the deployment wants one."""
        if not self.metrics_are_open:
            await super().show_credential()

    @operation(content_type="text/plain")
    async def get(self) -> None:
        """Everything this process counts, as Prometheus reads it.

        Needs no credential where ``ServerApp.authenticate_prometheus`` is off, or where a server of
        its own listens on this machine alone.
        """
        await self.services.measured()
        # Jupyter's collectors look at processes and may take their time.
        page = await asyncio.get_running_loop().run_in_executor(None, generate_latest, REGISTRY)
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(page)


ROUTES: list[Route] = [("/metrics", Metrics)]
