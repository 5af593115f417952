"""A letter reaches the checked address and nothing else, whatever the receiver does."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from notebook_agents.core.deliveries import Letter
from notebook_agents.webhooks.sender import HttpSender

Write = Callable[..., Letter]
Make = Callable[..., HttpSender]


def answering(status: str, *headers: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", body]
    return "\r\n".join(lines).encode()


async def test_a_letter_arrives_as_documented(
    receiver: Any, sender: HttpSender, letter_to: Write
) -> None:
    receipt = await sender.send(letter_to(receiver.url()))
    assert (receipt.status_code, receipt.error) == (200, "")
    assert receipt.duration_ms > 0
    (request,) = receiver.requests
    assert request.line == "POST /hook?x=1 HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert {"webhook-id", "webhook-timestamp", "webhook-signature"} <= set(request.headers)
    assert not {"cookie", "authorization", "referer"} & set(request.headers)
    assert json.loads(request.body)["data"]["conversation_id"] == "conv_xyz789"


async def test_the_connection_goes_to_the_address_that_was_looked_at(
    receiver: Any, open_receiver: Any, make_sender: Make, letter_to: Write
) -> None:
    """A resolver that changes its answer (DNS rebinding) is asked once a letter."""
    other = await open_receiver("127.0.0.2", receiver.port)
    sender = make_sender(["127.0.0.1"], ["127.0.0.2"])
    receipt = await sender.send(letter_to(receiver.url("hooks.example.org")))
    assert receipt.error == ""
    assert (receiver.n_connections, other.n_connections) == (1, 0)
    assert receiver.requests[0].headers["host"] == f"hooks.example.org:{receiver.port}"


async def test_a_name_that_turns_private_after_registration_is_not_reached(
    receiver: Any, make_sender: Make, letter_to: Write
) -> None:
    sender = make_sender(["93.184.215.14"], ["127.0.0.1"], allow_private=False)
    url = receiver.url("hooks.example.org")
    await sender.check(url.replace("http:", "https:"))
    receipt = await sender.send(letter_to(url))
    assert receipt.status_code is None
    assert "private" in receipt.error
    assert receiver.n_connections == 0


async def test_the_next_address_is_tried_when_one_does_not_answer(
    receiver: Any, make_sender: Make, letter_to: Write
) -> None:
    sender = make_sender(["127.0.0.3", "127.0.0.1"])
    receipt = await sender.send(letter_to(receiver.url("hooks.example.org")))
    assert receipt.error == ""


async def test_redirects_are_not_followed(
    receiver: Any, open_receiver: Any, sender: HttpSender, letter_to: Write
) -> None:
    other = await open_receiver()
    for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"):
        receiver.answer = answering(status, f"Location: {other.url()}")
        receipt = await sender.send(letter_to(receiver.url()))
        assert receipt.status_code == int(status[:3])
        assert "redirects are not followed" in receipt.error
    assert other.n_connections == 0


async def test_proxies_of_the_environment_are_not_used(
    receiver: Any,
    open_receiver: Any,
    make_sender: Make,
    letter_to: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = await open_receiver()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    sender = await asyncio.get_running_loop().run_in_executor(None, make_sender)
    receipt = await sender.send(letter_to(receiver.url()))
    assert receipt.error == ""
    assert proxy.n_connections == 0


async def drip(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"H")
        await writer.drain()
        await asyncio.sleep(0.01)


async def flood_of_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Header: " + b"x" * 1000 + b"\r\n")
        await writer.drain()


async def endless_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        await writer.drain()


async def slow_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\nx")
    await asyncio.Event().wait()


async def silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (silence, "no answer within"),
        (drip, ""),
        (flood_of_headers, ""),
        (hang_up, "the connection broke"),
        (b"garbage\r\n\r\n", "not HTTP"),
        (answering("500 Oops", body="secret of the receiver"), "answered 500"),
        (answering("404 Not Found"), "answered 404"),
        (answering("100 Continue"), ""),
    ],
)
async def test_what_is_no_success_is_a_short_failure_in_words_of_ours(
    receiver: Any,
    make_sender: Make,
    letter_to: Write,
    answer: bytes | Callable[[asyncio.StreamWriter], Awaitable[None]],
    error: str,
) -> None:
    receiver.answer = answer
    sender = await asyncio.get_running_loop().run_in_executor(
        None, lambda: make_sender(total_timeout_s=1.0)
    )
    receipt = await sender.send(letter_to(receiver.url()))
    assert receipt.error
    assert error in receipt.error
    assert "secret of the receiver" not in receipt.error
    assert len(receipt.error) < 200


@pytest.mark.parametrize("answer", [endless_body, slow_body])
async def test_a_success_is_one_whatever_its_body_does(
    receiver: Any, sender: HttpSender, letter_to: Write, answer: object
) -> None:
    receiver.answer = answer
    receipt = await sender.send(letter_to(receiver.url()))
    assert receipt.error == ""
    assert receipt.duration_ms < 10_000


async def test_nobody_listens(sender: HttpSender, letter_to: Write) -> None:
    receipt = await sender.send(letter_to("http://127.0.0.1:1/"))
    assert "refused" in receipt.error


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", None), ("-5", None)],
)
async def test_retry_after_is_read_in_both_forms(
    receiver: Any, sender: HttpSender, letter_to: Write, header: str, seconds: float | None
) -> None:
    receiver.answer = answering("429 Too Many", f"Retry-After: {header}")
    receipt = await sender.send(letter_to(receiver.url()))
    assert (receipt.status_code, receipt.retry_after_s) == (429, seconds)


async def test_a_secret_sealed_with_another_key_is_a_failure_that_says_so(
    receiver: Any, sender: HttpSender, letter_to: Write
) -> None:
    letter = letter_to(receiver.url(), sealed_secret="e30..x.y.z")
    receipt = await sender.send(letter)
    assert "another key" in receipt.error
    assert receiver.n_connections == 0


async def test_neither_secrets_nor_urls_come_into_the_log(
    receiver: Any, sender: HttpSender, letter_to: Write, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = receiver.url(path="/hook/path-token?key=query-token")
    await sender.send(letter_to(url, secret="the-secret-of-ann"))
    text = caplog.text
    assert "the-secret-of-ann" not in text
    for record in caplog.records:
        if record.levelno > logging.DEBUG:
            assert "token" not in record.getMessage()


# -- TLS ---------------------------------------------------------------------------------------


def certificate(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for a name, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = signed.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "both.pem"
    file.write_bytes(private + pem)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return certificate("hooks.example.org", tmp_path)


@pytest.fixture
def trusting(make_sender: Make, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> HttpSender:
    return make_sender(["127.0.0.1"], trusted=tls[1])


async def test_the_certificate_is_checked_for_the_name_not_the_address(
    open_receiver: Any, trusting: HttpSender, letter_to: Write, tls: tuple[ssl.SSLContext, object]
) -> None:
    names: list[str | None] = []
    tls[0].sni_callback = lambda _socket, name, _context: names.append(name)
    receiver = await open_receiver(tls=tls[0])
    url = f"https://hooks.example.org:{receiver.port}/"
    assert (await trusting.send(letter_to(url))).error == ""
    assert names == ["hooks.example.org"]
    receipt = await trusting.send(letter_to(url.replace("hooks.", "other.")))
    assert "certificate" in receipt.error
    assert len(receiver.requests) == 1


async def test_a_certificate_that_nobody_trusts_is_refused(
    open_receiver: Any, make_sender: Make, letter_to: Write, tls: tuple[ssl.SSLContext, object]
) -> None:
    receiver = await open_receiver(tls=tls[0])
    sender = await asyncio.get_running_loop().run_in_executor(
        None, lambda: make_sender(["127.0.0.1"])
    )
    receipt = await sender.send(letter_to(f"https://hooks.example.org:{receiver.port}/"))
    assert "certificate" in receipt.error
    assert receiver.requests == []
