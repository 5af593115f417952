"""The dashboard's page: who may open it, and what it is made of."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from jupyter_server.serverapp import ServerApp
from tests.server.recorded_core import recorded_core

from notebook_agents.core.core import Core
from notebook_agents_server.testing import Client

AT = "/notebook-agents/ui"
FROM_PAGE = {"X_Notebook_Agents_Page": "1"}
TEXT = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def core(tmp_path: Path) -> Core:
    return recorded_core(tmp_path)


class Tags(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.files: list[str] = []
        self.inline: list[str] = []
        self.body: dict[str, str | None] = {}
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in, found = tag, dict(attrs)
        if tag == "body":
            self.body = found
        links = [found.get("src"), found.get("href") if tag == "link" else None]
        self.files += [link for link in links if link and not link.startswith("data:")]
        self.inline += [name for name in found if name.startswith("on") or name == "style"]

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in in ("script", "style") and data.strip():
            self.inline.append(data)


async def log_in(client: Client) -> dict[str, str]:
    """The cookie of a browser that has opened the page with the server's token."""
    token = client.headers["Authorization"].removeprefix("Bearer ")
    answer = await client.holding(None).get(f"{AT}/?days=30&token={token}", **TEXT)
    assert answer.status == 302
    assert token not in answer.headers["Location"]
    cookie = answer.headers["Set-Cookie"].split(";")[0]
    return {"Cookie": cookie}


# -- who may open it ---------------------------------------------------------------------------


async def test_a_browser_without_login_is_sent_to_log_in_and_back(client: Client) -> None:
    answer = await client.holding(None).get(f"{AT}/?days=30&model=m", **TEXT)
    assert answer.status == 302
    where = urlsplit(answer.headers["Location"])
    assert where.path == f"{client.base_path}/login"
    assert parse_qs(where.query)["next"] == [f"{client.base_path}{AT}/?days=30&model=m"]


async def test_a_program_without_credential_is_refused_in_json(client: Client) -> None:
    answer = await client.holding(None).get(f"{AT}/")
    assert answer.status == 401
    assert "log in" in answer.json["message"]


async def test_a_token_in_the_address_becomes_a_login_and_leaves_the_address(
    client: Client,
) -> None:
    cookie = await log_in(client)
    answer = await client.holding(None).get(f"{AT}/", **TEXT, **cookie)
    assert answer.status == 200
    assert Tags(answer.body.decode()).body["data-name"] == "admin"


async def test_a_wrong_token_or_cookie_opens_nothing(client: Client) -> None:
    nobody = client.holding(None)
    cookie = {"Cookie": (await log_in(client))["Cookie"][:-9] + '"x|y|z"'}
    for path in (f"{AT}/?token=wrong", f"{AT}/"):
        assert (await nobody.get(path, **TEXT, **cookie)).status == 302
    assert (await nobody.get(f"{AT}/api/board", **cookie, **FROM_PAGE)).status == 401


async def test_the_cookie_opens_the_page_and_its_data_and_no_other_door(client: Client) -> None:
    browser, cookie = client.holding(None), await log_in(client)
    assert (await browser.get(f"{AT}/api/board", **cookie, **FROM_PAGE)).status == 200
    for path in ("/v1/agents", "/api/agents", "/metrics"):
        assert (await browser.get(path, **cookie, **FROM_PAGE)).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**FROM_PAGE, "Origin": "https://elsewhere.example"},
        {**FROM_PAGE, "Sec_Fetch_Site": "cross-site"},
        {**FROM_PAGE, "Sec_Fetch_Site": "same-site"},
    ],
)
async def test_what_another_site_makes_a_browser_send_is_refused(
    client: Client, headers: dict[str, str]
) -> None:
    browser, cookie = client.holding(None), await log_in(client)
    body = {"sql": "SELECT 1"}
    assert (await browser.get(f"{AT}/api/board", **cookie, **headers)).status == 403
    assert (await browser.post(f"{AT}/api/query", body, **cookie, **headers)).status == 403


class TestWithoutLogin:
    """A server that lets everybody in."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: Any) -> Any:
        jp_server_config["IdentityProvider"]["token"] = ""
        return jp_server_config

    async def test_the_page_stays_closed_and_says_why(
        self, client: Client, jp_serverapp: ServerApp
    ) -> None:
        jp_serverapp.identity_provider.token = ""
        answer = await client.holding(None).get(f"{AT}/", **TEXT)
        assert answer.status == 401
        assert "%agent dashboard" in answer.json["message"]


# -- what it is made of ------------------------------------------------------------------------


async def test_the_page_loads_files_of_this_server_alone_and_nothing_inline(
    client: Client,
) -> None:
    answer = await client.get(f"{AT}/", **TEXT)
    tags = Tags(answer.body.decode())
    assert tags.inline == []
    names = {Path(link).name for link in tags.files}
    assert {"page.css", "theme.js", "plotly-basic.min.js", "main.js"} <= names
    for link in tags.files:
        assert link.startswith(f"{client.base_path}{AT}/files/")
        file = await client.holding(None).get(link.removeprefix(client.base_path))
        assert file.status == 200
        assert "immutable" in file.headers["Cache-Control"]
        assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert tags.body["data-api"] == f"{client.base_path}{AT}/api"


async def test_modules_are_named_ahead_so_that_none_waits_for_another(client: Client) -> None:
    page = Tags((await client.get(f"{AT}/", **TEXT)).body.decode())
    named = {link.removeprefix(client.base_path) for link in page.files}
    for link in tuple(named):
        if link.endswith(".js") and "plotly" not in link:
            script = (await client.get(link)).body.decode()
            folder = link.rpartition("/")[0]
            wanted = re.findall(r'^import .* from "\./(.+)";$', script, re.MULTILINE)
            assert {f"{folder}/{name}" for name in wanted} <= named, link


async def test_the_policy_lets_no_other_script_in(client: Client) -> None:
    answer = await client.get(f"{AT}/", **TEXT)
    rules = {
        rule.split()[0]: rule.split()[1:]
        for rule in answer.headers["Content-Security-Policy"].split("; ")
    }
    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == ["'self'"]
    assert rules["frame-ancestors"] == ["'self'"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_files_are_sent_compressed_to_whoever_takes_that(client: Client) -> None:
    page = Tags((await client.get(f"{AT}/", **TEXT)).body.decode())
    path = next(link for link in page.files if "plotly" in link).removeprefix(client.base_path)
    small = await client.get(path, Accept_Encoding="gzip")
    assert small.headers.get("X-Consumed-Content-Encoding") == "gzip"
    assert (await client.get(path)).body == small.body


async def test_a_file_of_another_version_is_not_found(client: Client) -> None:
    assert (await client.get(f"{AT}/files/0123456789abcdef/main.js")).status == 404
    page = Tags((await client.get(f"{AT}/", **TEXT)).body.decode())
    folder = page.files[0].rsplit("/", 1)[0].removeprefix(client.base_path)
    assert (await client.get(f"{folder}/page.html")).status == 404
