"""D08 to D11: code reaches hosts that an administrator named, through the proxy, and no other."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from tempfile import mkdtemp

import pytest

from notebook_agents.core.tools import SandboxCall, SandboxOutcome
from notebook_agents.outbound.addresses import Rules
from notebook_agents.outbound.egress import EgressProxy
from notebook_agents.outbound.targets import Guard
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox

from .sites import OUTSIDE, Names, Site

BUDGET = 100_000
ASK = """
import os, socket, urllib.parse
proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])

def ask(head, data=b"GET / HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n"):
    with socket.create_connection((proxy.hostname, proxy.port)) as there:
        there.sendall(head.encode("latin-1") + b"\\r\\n\\r\\n")
        said = there.recv(4096)
        print(int(said.split()[1]), end=" ")
        if said.split()[1] == b"200" and data:
            there.sendall(data)
            there.shutdown(socket.SHUT_WR)
            while piece := there.recv(65536):
                said = piece
            print(said.splitlines()[-1], end=" ")

"""


@dataclass
class Bench:
    """A sandbox with one allowed host, and what else could be reached."""

    sandbox: KernelSandbox
    names: Names
    site: Site
    inner: Site
    workspace: Path

    async def run(self, code: str, key: str = "talk", level: str = "medium") -> SandboxOutcome:
        return await self.sandbox.execute(
            SandboxCall(
                key=key,
                owner_id="ann",
                workspace=str(self.workspace),
                level="high" if level == "high" else "medium",
                timeout_s=30,
                memory_bytes=512 << 20,
                code=code,
            )
        )


Make = Callable[..., Awaitable[Bench]]


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="nbd-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def make_bench(folder: Path) -> AsyncIterator[Make]:
    site, inner = await Site().open(), await Site().open("127.0.0.1")
    opened: list[KernelSandbox] = []

    async def make(**options: object) -> Bench:
        names = Names(
            {
                "allowed.test": [[OUTSIDE]],
                "inside.test": [["127.0.0.1"]],
                "cluster.test": [["10.0.0.1"]],
                "evil.test": [[OUTSIDE]],
                "allowed.test.evil.test": [[OUTSIDE]],
            }
        )
        rules = Rules(opened=(ip_network(f"{OUTSIDE}/32"),))
        guard = Guard(rules, resolve=names, ports=[443, site.port, inner.port])
        hosts = ["Allowed.test", "inside.test", "cluster.test"]
        egress = EgressProxy(guard, hosts, BUDGET)
        config = SandboxConfig(folder, egress=egress, **options)  # type: ignore[arg-type]
        sandbox = KernelSandbox(config)
        opened.append(sandbox)
        workspace = folder / "work"
        workspace.mkdir(exist_ok=True)
        return Bench(sandbox, names, site, inner, workspace)

    yield make
    for sandbox in opened:
        await sandbox.aclose()
    await site.close()
    await inner.close()


async def namespaces(bench: Bench) -> None:
    reports = {report.level: report for report in await bench.sandbox.levels()}
    if "namespaces" not in reports["medium"].backend:
        pytest.skip("needs network namespaces (bubblewrap)")


async def test_d08_only_named_hosts_are_reached_by_one_form_of_their_names(
    make_bench: Make,
) -> None:
    bench = await make_bench()
    await namespaces(bench)
    port = bench.site.port
    refused = [
        f"evil.test:{port}", f"{OUTSIDE}:{port}", f"127.0.0.1:{bench.inner.port}", f"[::1]:{port}",
        f"allowed.test.evil.test:{port}", f"evil.test#allowed.test:{port}",
        f"allowed.test\0.evil.test:{port}", f"allowed.test.:{port}", f"allowed%2etest:{port}",
        f"evil.test@allowed.test:{port}", f"xn--allowed.test:{port}", f"2130706433:{port}",
    ]  # fmt: skip
    heads = [f"CONNECT {place} HTTP/1.1" for place in refused]
    code = f"ask('CONNECT ALLOWED.test:{port} HTTP/1.1')\nfor head in {heads!r}: ask(head)"
    outcome = await bench.run(ASK + code)
    assert outcome.output.split() == ["200", "b'hello'", *["403"] * len(heads)], outcome
    assert (bench.site.n_connections, bench.inner.n_connections) == (1, 0)
    events = "\n".join(outcome.security_events)
    assert f"connected to allowed.test:{port}" in events
    assert events.count("network: refused CONNECT") == len(heads)
    assert bench.names.asked == ["allowed.test"], "what is refused is not looked up"


async def test_d09_other_ports_other_methods_and_smuggled_headers_are_refused(
    make_bench: Make,
) -> None:
    bench = await make_bench()
    await namespaces(bench)
    port = bench.site.port
    connect = f"CONNECT allowed.test:{port} HTTP/1.1"
    heads = {
        "CONNECT allowed.test:22 HTTP/1.1": 403,
        "CONNECT allowed.test:25 HTTP/1.1": 403,
        "CONNECT allowed.test:0443 HTTP/1.1": 403,
        "CONNECT allowed.test HTTP/1.1": 403,
        f"{connect}\r\nContent-Length: 5": 400,
        f"{connect}\r\nTransfer-Encoding: chunked": 400,
        f"{connect}\r\nHost : evil.test": 400,
        f"{connect}\r\n folded: x": 400,
        f"{connect}\r\nX: a\nCONNECT evil.test:443 HTTP/1.1": 400,
        f"GET http://allowed.test:{port}/ HTTP/1.1": 405,
        f"{connect}\r\nX: {'x' * 20_000}": 431,
    }
    outcome = await bench.run(ASK + f"for head in {list(heads)!r}: ask(head)")
    assert outcome.output.split() == [str(status) for status in heads.values()], outcome
    assert bench.site.n_connections == 0


async def test_d10_a_named_host_inside_is_refused_and_the_bytes_have_an_end(
    make_bench: Make,
) -> None:
    bench = await make_bench()
    await namespaces(bench)
    port = bench.site.port
    heads = [
        f"CONNECT {name}:{bench.inner.port} HTTP/1.1" for name in ("inside.test", "cluster.test")
    ]
    outcome = await bench.run(ASK + f"for head in {heads!r}: ask(head)")
    assert outcome.output.split() == ["403", "403"], outcome
    assert "is private" in "\n".join(outcome.security_events)
    assert bench.inner.n_connections == 0
    much = f"""
try: ask("CONNECT allowed.test:{port} HTTP/1.1", b"x" * {2 * BUDGET})
except OSError: print("cut", end=" ")
ask("CONNECT allowed.test:{port} HTTP/1.1")
"""
    outcome = await bench.run(ASK + much)
    assert outcome.output.split()[-1] == "403", outcome
    assert "all it may" in "\n".join(outcome.security_events)
    assert (await bench.run("import os; os._exit(1)")).reason == "KERNEL_LOST"
    outcome = await bench.run(ASK + f"ask('CONNECT allowed.test:{port} HTTP/1.1')")
    assert outcome.output.split() == ["403"], "a new kernel has no new budget"


async def test_d11_without_the_proxy_nothing_is_reached_and_other_walls_say_so(
    make_bench: Make, folder: Path
) -> None:
    bench = await make_bench()
    await namespaces(bench)
    code = f"""
import json, os, socket
for name in [name for name in os.environ if "proxy" in name.lower()]: del os.environ[name]
reached = []
for place in [("{OUTSIDE}", {bench.site.port}), ("127.0.0.1", {bench.inner.port}), ("8.8.8.8", 53)]:
    try: socket.create_connection(place, 2); reached.append(place)
    except OSError: pass
try: reached.append(socket.getaddrinfo("allowed.test", 443))
except OSError: pass
print(json.dumps(reached))
"""
    outcome = await bench.run(code)
    assert json.loads(outcome.output) == [], outcome
    assert (bench.site.n_connections, bench.inner.n_connections) == (0, 0)
    high = await bench.run("import os; print(os.environ.get('HTTPS_PROXY'))", "alone", "high")
    assert high.output.strip() == "None"
    assert "no host can be reached" in "\n".join(high.security_events)
