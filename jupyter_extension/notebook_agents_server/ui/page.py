"""The page itself: a frame without data, which its scripts fill with what they ask for."""

from __future__ import annotations

import asyncio
import html
from typing import Any
from urllib.parse import parse_qsl, urlencode

from notebook_agents.core.errors import NotAuthenticated
from notebook_agents.dashboards import charts_program
from notebook_agents_server.ui.files import assets
from notebook_agents_server.ui.session import SessionDoor

HTML = "text/html; charset=UTF-8"
FILES_AT = "/notebook-agents/ui/files"
PAGE_AT = "/notebook-agents/ui/"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # Plotly writes styles into the page.
        "style-src 'self' 'unsafe-inline'",
        # The picture of a chart that is saved is made of these.
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)


class Page(SessionDoor):
    """``/ui/``."""

    is_activity = True
    _is_stranger = False

    async def show_credential(self) -> None:
        """Let nobody in who is not logged in; a browser is sent to Jupyter's login afterwards."""
        try:
            await super().show_credential()
        except NotAuthenticated:
            provider = self.identity_provider
            if not self._asks_for_a_page or not provider.auth_enabled:
                raise
            self._is_stranger = True

    async def get(self) -> None:
        """The dashboard."""
        if self._is_stranger:
            self.redirect(self._login_address())
        elif "token" in self.request.query_arguments:
            self.redirect(self._without_token())  # the login it made is in a cookie now
        else:
            await self._show()

    async def _show(self) -> None:
        self._open_ahead()
        known = await asyncio.to_thread(assets)
        base = self.base_url.rstrip("/")
        values: dict[str, Any] = {
            "files": f"{base}{FILES_AT}/{known.digest}",
            "plotly": charts_program.NAME,
            "api": f"{base}{PAGE_AT}api",
            "name": self.actor.username,
        }
        page = known.page
        for name, value in values.items():
            page = page.replace(f"[[{name}]]", html.escape(value))
        self.set_header("Content-Type", HTML)
        self.set_header("Content-Security-Policy", POLICY)
        self.finish(page)

    def _open_ahead(self) -> None:
        """What the page will ask for takes a while to open: meanwhile its files are fetched."""
        sees_all = self.actor.is_admin and self.get_query_argument("everybody", "") == "true"
        self.core.analytics.open_ahead(None if sees_all else self.actor.user_id)

    @property
    def _asks_for_a_page(self) -> bool:
        return "text/html" in self.request.headers.get("Accept", "")

    def _login_address(self) -> str:
        address = self.get_login_url()
        if "?" in address:  # a Hub's, which knows already where to return to
            return address
        return f"{address}?{urlencode({'next': self._without_token()})}"

    def _without_token(self) -> str:
        kept = [(k, v) for k, v in parse_qsl(self.request.query) if k != "token"]
        return f"{self.request.path}?{urlencode(kept)}" if kept else self.request.path
