"""For servers that several people share: nobody gets at Jupyter's own resources.

Kernels, terminals, files and whatever else Jupyter serves act with the rights of the server's
account, so anybody who may use them has a shell of it. Our own routes have authentication and
permissions of their own and never ask an Authorizer.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.base.handlers import APIVersionHandler
from jupyter_server.services.api.handlers import (
    APISpecHandler,
    APIStatusHandler,
    IdentityHandler,
)

from notebook_agents_server.hub import HUB_PREFIX_ENV, HUB_URL_ENV

if TYPE_CHECKING:
    from jupyter_server.auth.identity import User
    from jupyter_server.base.handlers import JupyterHandler
    from jupyter_server.serverapp import ServerApp

LOOKS = (APIVersionHandler, APIStatusHandler, APISpecHandler, IdentityHandler)
"""All of Jupyter's that people may ask; others call themselves ``api`` too and tell of files."""


class OwnResourcesOnly(Authorizer):
    """Lets people read the server's state and do nothing else with Jupyter's own resources."""

    def is_authorized(
        self,
        handler: JupyterHandler,
        user: User,  # noqa: ARG002 - what Jupyter gives
        action: str,
        resource: str,
    ) -> bool:
        """Whether it is no more than a look at ``/api`` or ``/api/status``."""
        return (action, resource) == ("read", "api") and isinstance(handler, LOOKS)


def serve_the_hub(serverapp: ServerApp) -> None:
    """Set the server up as a service of the Hub that started it; the command line still wins.

    The Hub's own tokens and logins say who asks, and nobody gets at Jupyter's own resources.
    """
    from jupyterhub.singleuser.extension import JupyterHubIdentityProvider

    serverapp.base_url = os.environ[HUB_PREFIX_ENV]
    serverapp.identity_provider_class = JupyterHubIdentityProvider
    serverapp.authorizer_class = OwnResourcesOnly
    serverapp.allow_remote_access = True  # the proxy's Host is not this machine's
    url = urlsplit(os.environ.get(HUB_URL_ENV, ""))
    if url.hostname:
        serverapp.ip = url.hostname
    if url.port:
        serverapp.port = url.port
