"""A Redis to share, one that can be away, and relays on it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.relay.redis import Bounds, RedisRelay

PATIENCE_S = 60
MakeRelay = Callable[..., RedisRelay]


class Redis:
    """A Redis of the test's own, that can be away for a while."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_S)
            self._process = None


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server to start")
    redis = Redis(tmp_path)
    yield redis
    redis.stop()


@pytest.fixture
def redis_url() -> str:
    url = os.environ.get("NOTEBOOK_AGENTS_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
    with socket.socket() as probe:
        probe.settimeout(0.5)
        host, port = url.partition("//")[2].partition("/")[0].rsplit(":", 1)
        if probe.connect_ex((host, int(port))) != 0:
            pytest.skip(f"no Redis on {host}:{port}")
    return url


@pytest.fixture
async def relay(redis_url: str) -> AsyncGenerator[MakeRelay, None]:
    made: list[RedisRelay] = []
    prefix = f"test-{uuid.uuid4().hex}"

    def make(url: str = redis_url, **bounds: Any) -> RedisRelay:
        quick = {"keep_s": 120.0} | bounds
        made.append(RedisRelay(url, prefix=prefix, bounds=Bounds(**quick)))
        return made[-1]

    yield make
    for each in made:
        await each.aclose()
