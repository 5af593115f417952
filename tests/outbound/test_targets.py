"""Where nothing may be sent: judged by address, on every look, whatever the URL looks like."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import httpx2
import pytest
from hypothesis import given, settings, strategies

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.outbound.addresses import Rules, why_refused
from notebook_agents.outbound.targets import parse_target
from notebook_agents.webhooks.sender import HttpSender

PUBLIC = ["93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "100.64.0.1", "::1", "fc00::1", "fd12::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]  # fmt: skip
NEVER = [
    "169.254.169.254", "169.254.1.1", "fe80::1", "fe80::1%lo", "0.0.0.0", "0.1.2.3", "::",  # noqa: S104
    "198.18.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255", "192.88.99.1", "192.0.0.8", "ff02::1", "ff0e::1", "fec0::1",
    "5f00::1", "2001:db8::1", "100::1", "64:ff9b:1::1", "168.63.129.16", "100.100.100.200",
    "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::",
]  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_reached(text: str) -> None:
    assert why_refused(ipaddress.ip_address(text), Rules(allow_private=False)) == ""


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_are_an_administrators_choice(text: str) -> None:
    assert why_refused(ipaddress.ip_address(text), Rules(allow_private=False))
    if ":" not in text or text in ("::1", "fc00::1", "fd12::1"):
        assert why_refused(ipaddress.ip_address(text), Rules(allow_private=True)) == ""


@pytest.mark.parametrize("text", NEVER)
@pytest.mark.parametrize("allow_private", [False, True])
def test_other_addresses_are_never_reached(text: str, allow_private: bool) -> None:
    assert why_refused(ipaddress.ip_address(text), Rules(allow_private=allow_private))


def test_the_machines_own_public_address_is_not_reached() -> None:
    mine = ipaddress.ip_address("93.184.215.14")
    assert why_refused(mine, Rules(), own=[mine])
    assert why_refused(mine, Rules(allow_private=True), own=[mine]) == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost:8000/", "http://[::1]/", "http://0/",
        "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/",
        "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://169.254.169.254/latest/",
        "https://10.0.0.1/", "http://LOCALHOST./", "http://[fc00::1]/",
    ],
)  # fmt: skip
async def test_known_private_receivers_are_refused_on_registration(
    make_sender: Callable[..., HttpSender], url: str
) -> None:
    with pytest.raises(InvalidRequest) as error:
        await make_sender(allow_private=False).check(url)
    assert error.value.details["field"] == "url"


async def test_the_refusal_says_what_an_administrator_can_do(
    make_sender: Callable[..., HttpSender],
) -> None:
    with pytest.raises(InvalidRequest, match="webhook_allow_private"):
        await make_sender(allow_private=False).check("http://127.0.0.1/")


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "100.100.100.200", "224.0.0.1"])
@pytest.mark.parametrize("allow_private", [False, True])
async def test_the_refusal_advises_no_setting_that_does_not_open_it(
    make_sender: Callable[..., HttpSender], host: str, allow_private: bool
) -> None:
    with pytest.raises(InvalidRequest) as error:
        await make_sender(allow_private=allow_private).check(f"http://{host}/latest/")
    assert "webhook_allow_private" not in error.value.message
    assert "no setting opens it" in error.value.message


async def test_plain_http_is_an_administrators_choice(
    make_sender: Callable[..., HttpSender],
) -> None:
    closed = make_sender(["93.184.215.14"], allow_private=False)
    with pytest.raises(InvalidRequest, match=r"use https://.*webhook_allow_private") as error:
        await closed.check("http://example.org/")
    assert error.value.details["field"] == "url"
    assert await closed.check("https://example.org/") == "example.org"
    opened = make_sender(["93.184.215.14"], allow_private=True)
    assert await opened.check("http://example.org/") == "example.org"


@pytest.mark.parametrize(
    "url",
    [
        "", "example.org", "//example.org/", "ftp://example.org/", "file:///etc/passwd",
        "gopher://example.org/", "http:///x", "http://", "http://user:pass@example.org/",
        "http://allowed@127.0.0.1/", "http://evil\\@example.org/", "http://127.0.0.1\\@example.org/",
        "http://example.org:0/", "http://example.org:70000/", "http://example.org:x/",
        "http://exa mple.org/", "http://example.org/\r\nX: y", "http://example.org/a b",
        "http://exam\tple.org/", "http://example.org/é", "http://example.org/#fragment",
        "http://example.org#@127.0.0.1/", "http://[fe80::1%25lo]/", "http://[::1/", "http://ex%61mple/",
        "http://-/", "http://" + "a" * 300 + "/", "http://.../", "javascript:alert(1)",
    ],
)  # fmt: skip
async def test_what_is_no_address_of_a_receiver_is_refused(
    make_sender: Callable[..., HttpSender], url: str
) -> None:
    with pytest.raises(InvalidRequest) as error:
        await make_sender(["93.184.215.14"]).check(url)
    assert error.value.details["field"] == "url"


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://your-app.com/webhooks/tektra", "your-app.com", "/webhooks/tektra"),
        ("http://example.org:8443?a=b&c", "example.org:8443", "/?a=b&c"),
        ("https://Bücher.example/", "xn--bcher-kva.example", "/"),
        ("http://[2606:4700::1111]:81/x", "[2606:4700::1111]:81", "/x"),
        ("https://example.org.:443/", "example.org", "/"),
    ],
)
def test_a_url_is_taken_apart(url: str, authority: str, path: str) -> None:
    target = parse_target(url)
    assert (target.authority, target.path) == (authority, path)


async def test_a_name_with_one_private_address_is_refused(
    make_sender: Callable[..., HttpSender],
) -> None:
    sender = make_sender(["93.184.215.14", "127.0.0.1"], allow_private=False)
    with pytest.raises(InvalidRequest, match="private") as error:
        await sender.check("https://example.org/")
    assert "127.0.0.1" not in error.value.message, "our own network's names are not told"


async def test_a_name_that_cannot_be_resolved_now_is_accepted(
    make_sender: Callable[..., HttpSender],
) -> None:
    sender = make_sender(OSError("no such name"), allow_private=False)
    assert await sender.check("https://your-app.com/webhooks/tektra") == "your-app.com"


@settings(max_examples=500, deadline=None)
@given(
    strategies.builds(
        "".join,
        strategies.tuples(
            strategies.sampled_from(["", "http://", "https://", "http://[", "HTTP://a@"]),
            strategies.text(max_size=30),
            strategies.text(max_size=30),
        ),
    )
)
def test_whatever_is_taken_apart_goes_to_the_address_that_was_judged(url: str) -> None:
    try:
        target = parse_target(url)
    except InvalidRequest:
        return
    address = ipaddress.ip_address("127.0.0.1")
    request = httpx2.Request("POST", target.at(address), headers={"Host": target.authority})
    assert request.url.host == "127.0.0.1"
    assert request.headers["Host"] == target.authority
