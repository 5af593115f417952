"""Pages and searches of the web, as an agent meets them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.mcp.conftest import ANN, say
from tests.security.sites import OUTSIDE, Names, Site, answering, moved, ways

from notebook_agents.build import BuildConfig, OutboundConfig, build_core
from notebook_agents.core.core import Core
from notebook_agents.core.errors import RedirectDenied, ToolFailed, UrlDenied

FOUND = {
    "results": [
        {"title": "One\u200b", "url": "https://ja.example.org/日本#x", "content": "first\nline"},
        {"title": "No address", "url": "javascript:alert(1)", "content": "x"},
        {"title": "Two", "url": "https://b.example.org/", "content": ""},
        "nonsense",
    ]
}


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = await Site().open()
    yield site
    await site.close()


@pytest.fixture
async def core(site: Site, tmp_path: Path) -> AsyncIterator[Core]:
    outbound = OutboundConfig(
        web_networks=(f"{OUTSIDE}/32",), web_ports=(site.port,), web_search_url=site.url("/searx")
    )
    config = BuildConfig(home=tmp_path / "home", sandbox_level="low", outbound=outbound)
    core = build_core(config)
    await core.start()
    yield core
    await core.aclose()


async def test_an_agent_reads_a_page(core: Core, site: Site) -> None:
    site.answers["/page"] = answering(b"what it says", "text/plain; charset=ascii")
    run = await say(core, f"/web_fetch url={site.url('/page')}")
    call = run.tool_calls[0]
    assert (call.status, call.error_type) == ("succeeded", ""), call
    assert "what it says" in call.content
    run = await say(core, "/web_fetch url=http://127.0.0.1/")
    assert run.tool_calls[0].error_type == "URL_DENIED"
    assert "web_networks" in run.tool_calls[0].content


async def test_an_agent_searches_the_web(core: Core, site: Site) -> None:
    path = "/searx/search?q=two+words&format=json"
    site.answers[path] = answering(json.dumps(FOUND).encode(), "application/json")
    run = await say(core, "/web_search query='two words'")
    call = run.tool_calls[0]
    assert call.status == "succeeded", call
    asked = urlsplit(site.heads[0].split(" ")[1])
    assert parse_qs(asked.query) == {"q": ["two words"], "format": ["json"]}
    assert "[1] One\n> https://ja.example.org/%E6%97%A5%E6%9C%AC\n> first line" in call.content
    assert "[2] Two\n> https://b.example.org/" in call.content
    assert "javascript" not in call.content
    for answer in (answering(b"no", status="403 Forbidden"), answering(b"<html>", "text/html")):
        site.answers[path] = answer
        run = await say(core, "/web_search query='two words'")
        assert run.tool_calls[0].error_type == "SEARCH_FAILED"
        assert "search.formats" in run.tool_calls[0].content


async def test_only_what_came_from_outside_counts_as_words_of_strangers(
    core: Core, site: Site
) -> None:
    async def told(wish: str) -> tuple[str, str]:
        run = await say(core, wish)
        nodes = await core.conversations.messages(ANN, run.conversation_id)
        [part] = [part for node in nodes for part in node.message.tool_results]
        return run.tool_calls[0].error_type, part.origin

    site.answers = {
        "/away": moved("ftp://call-delete-all.test/"),
        "/inside": moved(f"http://127.0.0.1:{site.port}/"),
        "/none": answering(b"no", status="404 Not Found"),
        "/searx/search?q=x&format=json": answering(b"no", status="500 Oh"),
    }
    for path, error_type in (
        ("/away", "REDIRECT_DENIED"),
        ("/inside", "REDIRECT_DENIED"),
        ("/none", "URL_FAILED"),
        ("/page", ""),
    ):
        assert await told(f"/web_fetch url={site.url(path)}") == (error_type, "web"), path
    assert await told("/web_search query=x") == ("SEARCH_FAILED", "web")
    for url in ("http://127.0.0.1/", "ftp://a.test/"):
        assert await told(f"/web_fetch url={url}") == ("URL_DENIED", ""), url
    await site.close()
    assert await told(f"/web_fetch url={site.url()}") == ("UNREACHED", "")
    assert await told("/web_search query=x") == ("UNREACHED", "")


async def test_a_failure_says_whether_somebody_answered_before(site: Site) -> None:
    closed = await Site().open()
    await closed.close()
    site.answers = {"/closed": moved(closed.url()), "/unknown": moved("http://unknown.test/")}
    pages = ways(Names({}), site.port, closed.port).to_pages()
    for url, reason in ((closed.url(), "UNREACHED"), (site.url("/closed"), "URL_FAILED")):
        with pytest.raises(ToolFailed) as failure:
            await pages.fetch(url)
        assert failure.value.reason == reason
    for url, kind in (
        ("http://unknown.test/", UrlDenied),
        (site.url("/unknown"), RedirectDenied),
    ):
        with pytest.raises(UrlDenied) as refusal:
            await pages.fetch(url)
        assert type(refusal.value) is kind
    pages.close()


async def test_people_are_asked_about_the_address_that_is_meant(core: Core) -> None:
    runner = core.tools.base
    for url, text in (
        ("https://Bücher.example/a?b=c#d", "fetches https://xn--bcher-kva.example/a?b=c"),
        ("https://bank.test@evil.test/", "fetches an address that will be refused"),
    ):
        found = await runner.assess("web_fetch", {"url": url})
        assert found is not None
        assert (found.effect, found.risk, found.reason) == ("network", "network", text)
    found = await runner.assess("web_search", {"query": "secret plans"})
    assert found is not None
    assert (found.effect, found.reason) == ("network", "searches the web for 'secret plans'")


async def test_kernels_and_executions_open_what_their_server_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = OutboundConfig(web_search_url="https://search.example.org", web_ports=(8080,))
    assert OutboundConfig.read(decided.written()) == decided
    assert OutboundConfig().written() == ""
    monkeypatch.setenv("NOTEBOOK_AGENTS_OUTBOUND", decided.written())
    core = build_core(BuildConfig(home=tmp_path / "home", sandbox_level="low"))
    assert "web_search" in core.tools.names()
    await core.aclose()


async def test_a_deployment_offers_what_it_names(tmp_path: Path) -> None:
    for number, (tools, expected) in enumerate(
        (
            (None, {"web_fetch"}),
            (("think",), set()),
            (("web_fetch", "web_search"), {"web_fetch"}),
        )
    ):
        home = tmp_path / str(number)
        core = build_core(BuildConfig(home=home, sandbox_level="low", tools=tools))
        assert {name for name in core.tools.names() if name.startswith("web_")} == expected
        await core.aclose()
