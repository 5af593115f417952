"""Agent C API Documentation, Sessions / Delete All Sessions."""

from __future__ import annotations

from typing import Literal

from notebook_agents_server.bodies import Answer, Query


class ClearQuery(Query):
    """DELETE /api/v1/sessions: query parameters, an addition of ours."""

    scope: Literal["mine", "all"] = "mine"
    """``all`` is for administrators."""


class ClearAnswer(Answer):
    """DELETE /api/v1/sessions: response."""

    status: Literal["success"] = "success"
    message: str
    deleted_count: int
