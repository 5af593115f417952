"""AI-Agent-API-Service, Common Response Schemas / Paginated Response."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from notebook_agents.core.ports import Page

T = TypeVar("T")
MAX_LIMIT = 100


class Links(BaseModel):
    """Where the pages before and after are; None at the ends."""

    next: str | None
    prev: str | None


class PageAnswer(BaseModel, Generic[T]):
    """Paginated Response."""

    items: list[T]
    total: int
    skip: int
    limit: int
    links: Links


class PageQuery(BaseModel):
    """``skip`` and ``limit``; a limit above the most there is gives the most."""

    model_config = ConfigDict(extra="forbid")

    skip: Annotated[int, Field(ge=0, le=2**31)] = 0
    limit: Annotated[int, Field(ge=1), AfterValidator(lambda n: min(n, MAX_LIMIT))] = MAX_LIMIT


def page_to_wire(items: list[T], page: Page[Any], path: str, query: PageQuery) -> PageAnswer[T]:
    """A page of a list at ``path``; the links keep what else the query asked for."""
    asked = query.model_dump(mode="json", exclude_none=True, exclude={"skip", "limit"})

    def link(skip: int) -> str:
        return f"{path}?{urlencode({'skip': skip, 'limit': page.limit, **asked})}"

    after = page.offset + page.limit
    return PageAnswer(
        items=items,
        total=page.total,
        skip=page.offset,
        limit=page.limit,
        links=Links(
            next=link(after) if after < page.total else None,
            prev=link(max(0, page.offset - page.limit)) if page.offset else None,
        ),
    )
