"""The only doors that Jupyter's own login opens: those of the dashboard's page.

Everywhere else a credential is given in words, and cookies are neither read nor written. A page is
opened by a browser, which has nothing but the cookie of its login; so here that counts too, and
what another site could make the browser send with it is refused: a request for data must say with
a header of ours that the page itself asks, which a browser sends for no other origin unasked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import NotPermitted
from notebook_agents_server.base import BaseHandler
from notebook_agents_server.identity import acting_through
from notebook_agents_server.openness import OWN_PAGES

if TYPE_CHECKING:
    from notebook_agents_server.services import Services

PAGE_HEADER = "X-Notebook-Agents-Page"
"""What the page's own requests carry."""
NOT_THE_PAGE = f"with a login of the browser's, data is given to the page alone; send {PAGE_HEADER}"


class SessionDoor(BaseHandler):
    """A door for whoever is logged in to Jupyter, or gives a credential as elsewhere."""

    is_internal = True
    is_activity = False

    def initialize(self, services: Services) -> None:
        """Leave the cookies in place, which every other door takes away."""
        cookies = self.request.headers.get("Cookie")
        super().initialize(services)
        if cookies is not None and "Authorization" not in self.request.headers:
            self.request.headers["Cookie"] = cookies

    async def show_credential(self) -> None:
        """Take a credential that is given in words, else the login of the browser."""
        if "Authorization" in self.request.headers:
            await super().show_credential()
            return
        self.check_xsrf_cookie()
        self._visitor = actor = await self.gatekeeper.identify_login(self)
        self._actor = acting_through(actor, self.dialect.name)

    # -- what identity providers of Jupyter expect of a handler ---------------------------------

    @property
    def token(self) -> str:
        """Jupyter's own."""
        return str(self.identity_provider.token or "")

    @property
    def identity_provider(self) -> Any:
        """Jupyter's."""
        return self.gatekeeper.provider


class DataDoor(SessionDoor):
    """A door for what the page asks for after it was opened."""

    def check_xsrf_cookie(self) -> None:
        """Refuse what another site makes a browser send; Jupyter's own cookie is not needed.

        Tornado asks this of its own accord before it takes a POST.
        """
        headers = self.request.headers
        if "Authorization" in headers or "Cookie" not in headers:
            return  # nothing that a browser adds by itself
        origin = headers.get("Origin", "")
        is_own = headers.get("Sec-Fetch-Site", "") in OWN_PAGES and origin in ("", self.origin)
        if PAGE_HEADER not in headers or not is_own:
            raise NotPermitted(NOT_THE_PAGE)
