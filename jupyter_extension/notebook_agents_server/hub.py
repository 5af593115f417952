"""How a JupyterHub says that it started this server, and for whom."""

from __future__ import annotations

import os

HUB_PREFIX_ENV = "JUPYTERHUB_SERVICE_PREFIX"
"""A Hub sets it for the servers it starts."""
HUB_URL_ENV = "JUPYTERHUB_SERVICE_URL"
HUB_USER_ENV = "JUPYTERHUB_USER"
"""A Hub says here whose server it started; a service is nobody's."""


def is_hub_service() -> bool:
    """Whether a JupyterHub started this server for everybody, and not for one user."""
    return bool(os.environ.get(HUB_PREFIX_ENV)) and not os.environ.get(HUB_USER_ENV)
