"""What a deployment says about the OpenID provider that people may log in with."""

from __future__ import annotations

import os
from dataclasses import dataclass

from traitlets import HasTraits, Unicode, default

from notebook_agents_server.kernels import OAUTH_SECRET_ENV
from notebook_agents_server.list_trait import Listing

GOOGLE = "https://accounts.google.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthSettings:
    """What the deployment says about the provider."""

    issuer: str = GOOGLE
    client_id: str = ""
    """Empty switches this login off."""
    client_secret: str = ""
    redirects: tuple[str, ...] = ()
    """Further addresses to which the provider may send people back."""


class ProviderSettings(HasTraits):
    """The traits of `NotebookAgentsApp` that are about that provider."""

    oauth_issuer = Unicode(
        GOOGLE, help="The OpenID provider of Netra's Google login, as its tokens name it."
    ).tag(config=True)
    oauth_client_id = Unicode(
        help="This server's name at `oauth_issuer`; empty switches that login off.",
    ).tag(config=True)
    oauth_client_secret = Unicode(
        help="""Its secret there.
        Default: the environment's NOTEBOOK_AGENTS_OAUTH_CLIENT_SECRET.""",
    ).tag(config=True)
    oauth_redirects = Listing(
        Unicode(),
        help="""Addresses of other origins to which `oauth_issuer` may send people back, whole and
        exact; those at this server may always be used.""",
    ).tag(config=True)

    @default("oauth_client_secret")
    def _default_oauth_client_secret(self) -> str:
        return os.environ.get(OAUTH_SECRET_ENV, "")

    def oauth_settings(self) -> OAuthSettings:
        """What the login with an OpenID provider needs of all this."""
        return OAuthSettings(
            issuer=self.oauth_issuer,
            client_id=self.oauth_client_id,
            client_secret=self.oauth_client_secret,
            redirects=tuple(self.oauth_redirects),
        )
