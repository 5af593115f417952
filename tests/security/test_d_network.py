"""D: nothing of the machine or beyond can be reached from inside, and nothing inside from it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from .conftest import MakeBench, every_backend
from .walls import Bench

FAMILIES = {
    "AF_PACKET": 17, "AF_VSOCK": 40, "AF_ALG": 38, "AF_BLUETOOTH": 31, "AF_XDP": 44, "AF_CAN": 29,
    "AF_TIPC": 30, "AF_RDS": 21, "AF_KEY": 15, "AF_NFC": 39, "AF_QIPCRTR": 42,
}  # fmt: skip


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server on the machine, as the Jupyter server is one."""
    with socket.create_server(("", 0)) as server:
        server.setblocking(False)
        yield server


def own_address() -> str:
    """The address with which this machine would speak to others; loopback when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


@every_backend
def test_d01_d04_no_port_of_the_machine_and_no_metadata_is_reachable(
    bench: Bench, listener: socket.socket
) -> None:
    port = listener.getsockname()[1]
    code = f"""
targets = [(2, '127.0.0.1', {port}), (10, '::1', {port}), (2, '0.0.0.0', {port}),
           (2, {own_address()!r}, {port}), (2, '169.254.169.254', 80), (10, 'fd00:ec2::254', 80)]
for family, address, port in targets:
    def reach():
        with socket.socket(family) as s:
            s.settimeout(1); s.connect((address, port))
    attempt(address, reach)
attempt('name', socket.getaddrinfo, 'metadata.google.internal', 80)
"""
    assert bench.output(code) == ""
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_d02_other_kernels_cannot_be_reached(make_bench: MakeBench, secrets: object) -> None:
    for backend in ("auto", "landlock"):
        bench, other = make_bench(backend), make_bench(backend, max_tasks=60)
        other.run("1")
        files = [str(path) for path in other.run_dir.glob("nba-*/*/s/k-*")]
        assert files
        code = f"""
for path in {files!r}:
    def reach():
        with socket.socket(socket.AF_UNIX) as s: s.connect(path)
    attempt(path, reach)
"""
        assert bench.output(code) == ""


@every_backend
def test_d03_no_datagram_arrives_and_no_name_is_resolved(bench: Bench) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        code = f"""
def send(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s: s.sendto(b'x', ('127.0.0.1', port))
for port in (53, {server.getsockname()[1]}):
    try: send(port)
    except OSError: pass
attempt('name', socket.getaddrinfo, 'example.com', 80)
"""
        assert bench.output(code) == ""
        with pytest.raises(BlockingIOError):
            server.recv(1)


@every_backend
def test_d05_other_families_of_sockets_are_refused(bench: Bench) -> None:
    code = f"""
for name, family in {FAMILIES!r}.items():
    for kind in (1, 2, 3, 5): attempt(name, lambda: socket.socket(family, kind).close())
"""
    assert bench.output(code) == ""


def test_d05_netlink_is_for_the_start_only_where_the_kernel_is_sealed(single: Bench) -> None:
    code = "attempt('netlink', lambda: socket.socket(16, 3, 0)); attempt('unix', socket.socket, 1)"
    assert single.output(code) == ""


@every_backend
def test_d06_no_unix_socket_of_the_machine_can_be_connected_to(
    bench: Bench,
) -> None:
    folder = Path(mkdtemp(prefix="nbt-"))
    path, name = str(folder / "s"), f"\0nba-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as by_path, socket.socket(socket.AF_UNIX) as abstract:
        by_path.bind(path)
        abstract.bind(name)
        by_path.listen()
        abstract.listen()
        code = f"""
for address in ({path!r}, {name!r}):
    def reach():
        with socket.socket(socket.AF_UNIX) as s: s.connect(address)
    attempt(repr(address), reach)
"""
        assert bench.output(code) == ""
    Path(path).unlink()
    folder.rmdir()


def test_d07_what_listens_inside_is_not_reachable_from_outside(make_bench: MakeBench) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for backend in ("auto", "landlock"):
        bench = make_bench(backend)
        bench.run(
            f"try: s = socket.create_server(('0.0.0.0', {port}))\nexcept OSError: pass", key="d07"
        )
        with socket.socket() as client, pytest.raises(ConnectionRefusedError):
            client.connect(("127.0.0.1", port))
        bench.wait(bench.sandbox.close("d07"))
