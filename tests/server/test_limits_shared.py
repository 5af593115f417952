"""Limits of servers that share a Redis: they hold across all, and Redis may go away."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, ExitStack, closing
from pathlib import Path

import httpx2
import pytest
from redis import Redis

from notebook_agents.core.errors import LimitExceeded
from notebook_agents_server.counters import MemoryCounters, RedisCounters, SharedCounters
from notebook_agents_server.limits import Caller, Place, Policy, RateLimiter, build_limiter

POLICY = Policy.read({"api": {"general": "5/minute", "connections": "2"}}, {})
ALICE = Caller.user("alice", is_admin=False)
PATIENCE_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class OwnRedis:
    """A Redis of this test's own, that it may end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self._port), "--bind", "127.0.0.1", "--save", ""],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
        raise AssertionError("redis-server does not start")

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    redis = OwnRedis(tmp_path)
    try:
        redis.start()
    except FileNotFoundError:
        pytest.skip("there is no redis-server")
    yield redis
    redis.end()


@pytest.fixture(scope="session")
def redis_url() -> str:
    url = os.environ.get("NOTEBOOK_AGENTS_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if probe.connect_ex(("127.0.0.1", 6379)) != 0 and url.startswith("redis://127.0.0.1:6379"):
            pytest.skip("no Redis on 127.0.0.1:6379")
    return url


@pytest.fixture
def prefix(redis_url: str) -> Iterator[str]:
    """A prefix of the test's own, of which nothing stays."""
    prefix = f"test-{uuid.uuid4().hex}"
    yield prefix
    with closing(Redis.from_url(redis_url)) as redis:
        for key in redis.scan_iter(f"{prefix}:*"):
            redis.delete(key)


@pytest.fixture
async def two(redis_url: str, prefix: str) -> AsyncGenerator[tuple[RateLimiter, RateLimiter], None]:
    """The limiters of two servers."""
    async with AsyncExitStack() as stack:
        limiters = [
            build_limiter(POLICY, redis_url=redis_url, redis_prefix=prefix) for _ in range(2)
        ]
        for limiter in limiters:
            stack.push_async_callback(limiter.aclose)
        yield limiters[0], limiters[1]


def place(ttl_s: float = 60.0) -> Place:
    return Place(dialect="api", caller=ALICE, ttl_s=ttl_s)


async def test_requests_are_counted_together(two: tuple[RateLimiter, RateLimiter]) -> None:
    told = [await two[i % 2].count("api", "general", ALICE) for i in range(6)]
    assert [t.remaining for t in told if t] == [4, 3, 2, 1, 0, 0]
    assert [t.is_exceeded for t in told if t] == [False] * 5 + [True]
    last = told[-1]
    assert last is not None
    assert 45 < last.resets_at - time.time() <= 61
    assert 45 < last.retry_after_s <= 61
    bob = await two[0].count("api", "general", Caller.user("bob", is_admin=False))
    assert bob is not None
    assert bob.remaining == 4


async def test_no_two_requests_at_once_get_the_same_place(
    two: tuple[RateLimiter, RateLimiter],
) -> None:
    told = await asyncio.gather(*(two[i % 2].count("api", "general", ALICE) for i in range(40)))
    assert sum(t is not None and not t.is_exceeded for t in told) == 5


async def test_open_sockets_are_counted_together(two: tuple[RateLimiter, RateLimiter]) -> None:
    first, second = place(), place()
    await two[0].take(first)
    await two[1].take(second)
    for limiter in two:
        with pytest.raises(LimitExceeded, match="2 open connections"):
            await limiter.take(place())
    await two[0].keep(first)
    await two[1].give_back(second)
    await two[0].take(place())


async def test_no_two_sockets_at_once_get_the_last_place(
    two: tuple[RateLimiter, RateLimiter],
) -> None:
    results = await asyncio.gather(
        *(two[i % 2].take(place()) for i in range(20)), return_exceptions=True
    )
    assert [type(result) for result in results].count(type(None)) == 2


async def test_places_of_a_server_that_is_gone_become_free(
    two: tuple[RateLimiter, RateLimiter],
) -> None:
    await two[0].take(place(ttl_s=0.3))
    kept = place(ttl_s=0.3)
    await two[0].take(kept)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await two[1].keep(kept)  # its server lives
            try:
                await two[1].take(place())
            except LimitExceeded:
                continue
            break
    with pytest.raises(LimitExceeded):
        await two[1].take(place())


async def test_without_redis_each_server_counts_alone_and_nobody_is_refused(
    own_redis: OwnRedis, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = [0.0]
    counters = SharedCounters(
        RedisCounters(own_redis.url, prefix="t"), MemoryCounters(), now=lambda: seconds[0]
    )
    limiter = RateLimiter(POLICY, counters)
    for _ in range(5):
        await limiter.count("api", "general", ALICE)
    await limiter.take(place())
    own_redis.end()
    told = [await limiter.count("api", "general", ALICE) for _ in range(6)]
    assert [t.remaining for t in told if t] == [4, 3, 2, 1, 0, 0]
    for _ in range(2):
        await limiter.take(place())
    with pytest.raises(LimitExceeded):
        await limiter.take(place())
    warnings = [r.getMessage() for r in caplog.records if r.name.endswith("counters")]
    assert len(warnings) == 1
    assert warnings[0].startswith("Redis does not answer, this server counts alone until it does")
    own_redis.start()
    seconds[0] += 10
    again = await limiter.count("api", "general", ALICE)
    assert again is not None
    assert again.remaining == 4, "the new Redis has counted nothing yet"
    await limiter.aclose()


async def test_a_redis_that_hangs_is_not_waited_for_again_and_again() -> None:
    seconds = [0.0]
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        counters = SharedCounters(
            RedisCounters(url, prefix="t"), MemoryCounters(), now=lambda: seconds[0]
        )
        limiter = RateLimiter(POLICY, counters)
        started = time.monotonic()
        for _ in range(100):
            assert await limiter.count("api", "general", ALICE) is not None
        assert time.monotonic() - started < 30
        await limiter.aclose()


@pytest.mark.parametrize("url", ["localhost:6379", "http://localhost", "postgresql://localhost"])
def test_an_address_that_is_no_redis_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="redis_url"):
        build_limiter(POLICY, redis_url=url, redis_prefix="t")


# -- two servers -------------------------------------------------------------------------------

COMMAND = [sys.executable, "-m", "jupyter", "agents", "--allow-root"]


class Server:
    """``jupyter agents`` with a database and a Redis that another has too."""

    def __init__(self, folder: Path, redis: OwnRedis, database: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        places = ("NOTEBOOK_AGENTS_HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")
        named = {name: str(folder / name.lower()) for name in (*places, "JUPYTER_RUNTIME_DIR")}
        self.log = folder / "log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*COMMAND, "--port", str(self.port), f"--ServerApp.root_dir={folder}"],
                env={
                    **os.environ,
                    **named,
                    "JUPYTER_TOKEN": "sesame",
                    "NOTEBOOK_AGENTS_REDIS_URL": redis.url,
                    "NOTEBOOK_AGENTS_DATABASE_URL": f"sqlite:///{database}",
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def ask(self, verb: str, path: str, **options: object) -> httpx2.Response:
        headers = {"Authorization": "Bearer sesame"}
        with httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60) as client:
            return client.request(verb, path, headers=headers, **options)  # type: ignore[arg-type]

    def wait(self) -> None:
        end = time.monotonic() + 2 * PATIENCE_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.ask("GET", "/v1/agents").status_code == 200:
                    return
            except httpx2.TransportError:
                time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.mark.slow
def test_two_servers_hold_one_limit_and_go_on_without_redis(
    own_redis: OwnRedis, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        servers: list[Server] = []
        for name in ("one", "two"):  # one after the other: the first makes the database
            server = Server(tmp_path / name, own_redis, tmp_path / "shared.db")
            stack.callback(server.end)
            server.wait()
            servers.append(server)
        one, two = servers
        told = []
        for i in range(11):
            answer = servers[i % 2].ask("POST", "/v1/agents", json={"name": "a"})
            told.append((answer.status_code, answer.headers["X-RateLimit-Remaining"]))
        assert told == [(201, str(9 - i)) for i in range(10)] + [(429, "0")]
        assert two.ask("POST", "/v1/agents", json={"name": "a"}).status_code == 429
        own_redis.end()
        for server in (one, two):
            answer = server.ask("POST", "/v1/agents", json={"name": "a"})
            assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (201, "9")
            assert server.log.read_text().count("this server counts alone") == 1
