"""The pages of the API documents as a person uses them, without any other host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.browser.conftest import Lab, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser complains about: scripts that fail, files it may not load."""
    found: list[str] = []

    def hear(message: Any) -> None:
        if message.type in ("error", "warning"):
            found.append(message.text)

    page.page.on("console", hear)
    page.page.on("pageerror", lambda error: found.append(str(error)))
    page.page.on("request", lambda request: page.requests.append(request.url))
    return found


def test_a_request_is_tried_out_with_a_credential(
    lab: Lab, page: Page, complaints: list[str]
) -> None:
    web = page.page
    web.goto(f"{lab.url}/notebook-agents/tektra/docs")
    web.locator("#operations-agents-getAgents").wait_for()
    assert web.title() == "Tektra AI Assistant"
    assert web.locator("html").get_attribute("lang") == "en"
    web.get_by_role("button", name="Authorize").first.click()
    form = web.locator(".auth-container", has_text="bearer")
    form.locator("input").last.fill(lab.token)
    form.get_by_role("button", name="Apply credentials").last.click()
    web.locator(".close-modal").click()
    operation = web.locator("#operations-agents-getAgents")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table")
    answer.wait_for()
    asked = operation.locator(".request-url").inner_text()
    assert f"{lab.url}/notebook-agents/tektra/v1/agents" in asked
    assert '"agents"' in answer.inner_text()
    assert page.hosts() == {"127.0.0.1"}
    assert complaints == []


def test_the_document_of_everything_is_read_and_searched(
    lab: Lab, page: Page, complaints: list[str]
) -> None:
    web = page.page
    web.set_viewport_size({"width": 1300, "height": 1000})
    web.goto(f"{lab.url}/redoc")
    web.get_by_role("heading", name="Begin a conversation").wait_for()
    assert web.get_by_text("jupyter agents keys create NAME").is_visible()
    web.get_by_placeholder("Search...").fill("heartbeat conversation")
    web.locator("[data-role='search:results'] li").first.wait_for()
    assert page.hosts() == {"127.0.0.1"}
    assert complaints == []
