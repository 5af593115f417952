"""Pages of the API documents: from this server alone, for anybody, with nothing inline."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.users import CreateUser
from notebook_agents_server.docs_pages import ASSETS_AT, STATIC, TYPES, Book
from notebook_agents_server.testing import Client

PAGES = [
    "/docs",
    "/redoc",
    "/notebook-agents/docs",
    "/notebook-agents/redoc",
    "/notebook-agents/tektra/docs",
    "/notebook-agents/tektra/redoc",
    "/api/docs",
    "/api/redoc",
    "/notebook-agents/aimos/api/docs",
]


class Page(HTMLParser):
    """What a page asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.document = ""
        self.language = ""
        self.inline: list[str] = []
        self.title = ""
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in = tag
        found = dict(attrs)
        self.links += [link for name in ("src", "href") if (link := found.get(name))]
        self.document = found.get("data-document") or self.document
        self.language = found.get("lang") or self.language
        self.inline += [name for name in found if name.startswith("on") or name == "style"]

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "title":
            self.title += data
        if self._in in ("script", "style") and data.strip():
            self.inline.append(data)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_needs_no_credential_and_nothing_from_elsewhere(
    client: Client, path: str
) -> None:
    anybody = client.holding(None)
    answer = await anybody.get(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=UTF-8"
    page = Page(answer.body.decode())
    assert page.inline == []
    assert page.language == "en"
    assert page.title
    for link in {*page.links, page.document} - {"data:,"}:
        assert not urlsplit(link).netloc, link
        assert link.startswith(client.base_path), link
        found = await anybody.get(link.removeprefix(client.base_path))
        assert found.status == 200, link


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_lets_no_script_in_but_ours(client: Client, path: str) -> None:
    policy = (await client.get(path)).headers["Content-Security-Policy"]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split("; ")}
    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == ["'self'"]
    assert rules["connect-src"] == ["'self'"]
    assert rules["frame-ancestors"] == ["'self'"]
    assert not any("http" in source for sources in rules.values() for source in sources)


async def test_o_72_o_73_the_documented_pages_show_aimos_alone(client: Client) -> None:
    for path in ("/api/docs", "/api/redoc"):
        page = Page((await client.get(path)).body.decode())
        assert page.document == f"{client.base_path}/api/openapi.json"
        document = (await client.get("/api/openapi.json")).json
        assert document["info"]["title"] == page.title == "AI Operating System"
        assert all(path.startswith("/api") for path in document["paths"])


@pytest.mark.parametrize("mount", ["", "/notebook-agents/aimos"])
async def test_o_10_the_form_of_the_page_logs_in(client: Client, core: Core, mount: str) -> None:
    """Swagger UI sends what OAuth2 says: the kind of grant beside name and password."""
    email, password = "ann@example.org", "correct horse"
    await core.users.create(CreateUser(username="ann", email=email, password=password))
    form = urlencode({"grant_type": "password", "username": "ann", "password": password})
    kind = "application/x-www-form-urlencoded"
    path = f"{mount}/api/auth/login"
    answer = await client.holding(None).ask("POST", path, form.encode(), Content_Type=kind)
    assert answer.status == 200, answer.body
    me = await client.holding(answer.json["access_token"]).get(f"{mount}/api/auth/me")
    assert me.json["username"] == "ann"
    other = form.replace("=password", "=client_credentials", 1).encode()
    assert (await client.holding(None).ask("POST", path, other, Content_Type=kind)).status == 400


async def test_a_document_says_how_to_get_a_credential(client: Client) -> None:
    document = (await client.get("/notebook-agents/openapi.json")).json
    words = document["info"]["description"]
    assert "jupyter agents keys create" in words
    assert "Authorization: Bearer" in words
    assert f"({client.base_path}/notebook-agents/tektra/docs)" in words


@pytest.mark.parametrize("name", TYPES)
async def test_files_of_pages_are_kept_by_the_browser(client: Client, name: str) -> None:
    first = await client.holding(None).get(f"{ASSETS_AT}/{name}")
    assert first.headers["Content-Type"].startswith(TYPES[name])
    assert first.headers["Cache-Control"] == "public, max-age=3600"
    again = await client.get(f"{ASSETS_AT}/{name}", If_None_Match=first.headers["Etag"])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "name", ["nothing.js", "vendor/NOTICE.md", "../docs_pages.py", "vendor/../../docs_pages.py"]
)
async def test_no_other_file_is_served(client: Client, name: str) -> None:
    answer = await client.get(f"{ASSETS_AT}/{name}")
    assert answer.status == 404
    assert answer.json["code"] == "not_found"


async def test_a_page_cannot_be_changed(client: Client) -> None:
    assert (await client.post("/notebook-agents/docs")).status == 405


def test_what_others_made_is_named_with_its_licence() -> None:
    vendor = STATIC / "vendor"
    notice = (vendor / "NOTICE.md").read_text(encoding="utf-8")
    files = {file.name for file in vendor.iterdir()} - {"NOTICE.md"}
    assert {name for name in re.findall(r"`([\w.-]+)`", notice) if "." in name} >= files
    redoc = (vendor / "redoc.standalone.js").read_text(encoding="utf-8")
    told = re.search(
        r'Version: "([\d.]+)"', (vendor / "redoc.standalone.js.LICENSE.txt").read_text()
    )
    assert told is not None
    assert f"npm `redoc` | {told.group(1)}" in notice
    assert "cdn.redoc.ly" not in redoc
    swagger = (vendor / "swagger-ui-bundle.js").read_text(encoding="utf-8")
    version = re.search(r"npm `swagger-ui-dist` \| ([\d.]+)", notice)
    assert version is not None
    assert json.dumps(version.group(1)) in swagger
    for name in TYPES:
        text = (STATIC / name).read_text(encoding="utf-8")
        assert not re.search(r"^/[/*]# sourceMappingURL=", text, re.MULTILINE), name


async def test_of_many_who_ask_for_a_document_one_has_it_written() -> None:
    written: list[str] = []
    is_asked = threading.Event()

    def write(base_url: str) -> Mapping[str, Any]:
        assert is_asked.wait(60)
        written.append(base_url)
        return {"openapi": "3.1.1"}

    book = Book(title="t", document="/openapi.json", write=write)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):  # the first client leaves
            await book.text("/base")
    is_asked.set()
    texts = await asyncio.gather(*(book.text("/base") for _ in range(20)))
    assert (set(texts), written) == ({b'{"openapi": "3.1.1"}'}, ["/base"])


async def test_a_document_that_could_not_be_written_is_tried_again() -> None:
    outcomes: list[Mapping[str, Any]] = [{}]

    def write(_base_url: str) -> Mapping[str, Any]:
        if outcomes:
            outcomes.pop()
            raise RuntimeError("no")
        return {"a": 1}

    book = Book(title="t", document="/openapi.json", write=write)
    with pytest.raises(RuntimeError):
        await book.text("")
    assert await book.text("") == b'{"a": 1}'
