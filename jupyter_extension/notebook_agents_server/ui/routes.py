"""Where the page and what belongs to it are, below our prefix."""

from __future__ import annotations

from notebook_agents_server.base import Route
from notebook_agents_server.ui.data import BoardData, FileData, QueryData
from notebook_agents_server.ui.files import PageFile
from notebook_agents_server.ui.page import Page
from notebook_agents_server.ui.runs import RunData

AT = "/notebook-agents/ui"
ROUTES: list[Route] = [
    (f"{AT}/?", Page),
    (rf"{AT}/files/([\w-]+)/([\w.-]+)", PageFile),
    (f"{AT}/api/board", BoardData),
    (f"{AT}/api/runs/([^/]+)", RunData),
    (f"{AT}/api/query", QueryData),
    (f"{AT}/api/download", FileData),
]
