"""Engines behind TLS: a certificate that is given is trusted, and nothing else is."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.engine.config import EngineConfig
from notebook_agents.engine.remote import RemoteEngine
from notebook_agents.engine.routes import make_application
from notebook_agents.engine.trust import trust_for


def make_certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate for another host, its key beside it."""
    path = folder / f"{name}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={name}.example", "-addext", f"subjectAltName=DNS:{name}.example"]
    command += ["-keyout", str(path.with_suffix(".key")), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of the server."""
    return make_certificate(tmp_path_factory.mktemp("tls"), "mine")


@pytest.fixture
async def tls_url(certificate: Path, tmp_path: Path) -> AsyncIterator[str]:
    """An engine behind TLS; what it serves comes from another client of the same port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    served = RemoteEngine(EngineConfig(run_dir=tmp_path / "run"))
    server = HTTPServer(make_application(served, token="secret"), ssl_options=context)
    listener, port = bind_unused_port()
    server.add_socket(listener)
    yield f"https://127.0.0.1:{port}"
    server.stop()
    await server.close_all_connections()
    await served.aclose()


def client(tmp_path: Path, url: str, certificate: str) -> RemoteEngine:
    return RemoteEngine(
        EngineConfig(run_dir=tmp_path, url=url, token="secret", certificate=certificate)
    )


async def test_the_given_certificate_is_trusted_on_a_loopback_host(
    tls_url: str, tmp_path: Path, certificate: Path
) -> None:
    engine = client(tmp_path, tls_url, str(certificate))
    assert BUNDLED_MODEL in {info.id for info in await engine.models()}
    await engine.aclose()


async def test_without_it_or_with_another_nobody_is_believed(tls_url: str, tmp_path: Path) -> None:
    for other in ("", str(make_certificate(tmp_path, "other"))):
        engine = client(tmp_path, tls_url, other)
        with pytest.raises(EngineUnavailable, match="no engine answers"):
            await engine.models()
        await engine.aclose()


async def test_a_certificate_that_cannot_be_read_is_engine_unavailable(tmp_path: Path) -> None:
    engine = client(tmp_path, "https://127.0.0.1:1", str(tmp_path / "nowhere.pem"))
    with pytest.raises(EngineUnavailable, match="cannot be read") as raised:
        await engine.models()
    assert str(tmp_path) not in raised.value.message
    await engine.aclose()


def test_the_host_name_counts_everywhere_but_on_this_machine(certificate: Path) -> None:
    for host, counts in (("localhost", False), ("[::1]", False), ("engine.example", True)):
        context = trust_for(f"https://{host}:8443", str(certificate))
        assert isinstance(context, ssl.SSLContext)
        assert context.check_hostname == counts
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.cert_store_stats()["x509"] == 1
