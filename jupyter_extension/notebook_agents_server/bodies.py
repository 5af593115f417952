"""What the bodies and queries of all dialects have in common, for their wire models.

Requests refuse what they do not know; answers may grow.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

LARGEST_OFFSET = 2**31 - 1
"""What every database takes."""


class Request(BaseModel):
    """A body that a client sends."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Query(BaseModel):
    """The query of a request; everything in it is text at first."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """A body that the server sends."""

    model_config = ConfigDict(extra="allow")
