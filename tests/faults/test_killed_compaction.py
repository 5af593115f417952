"""kill -9 of writers and of who compacts, at any moment: each event is there once, for all."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.writer import JsonlEventLog

from .log_worker import AT_ONCE, check_each_once, event_of, numbers_in_sql, numbers_in_streams

pytestmark = [pytest.mark.slow]
N_LOOKS = 8
N_KILLS = 3
WORKER = Path(__file__).with_name("log_worker.py")


class Workers:
    """Processes of which what they say is noted while they live, and after they are killed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.said: Counter[str] = Counter()
        """The last number of each writer, and how often something was compacted."""
        self._heard = threading.Condition()
        self._processes: list[tuple[subprocess.Popen[str], threading.Thread]] = []

    def start(self, *words: str) -> None:
        process = subprocess.Popen(
            [sys.executable, str(WORKER), words[0], str(self.home), *words[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        thread = threading.Thread(target=self._listen, args=(process,))
        thread.start()
        self._processes.append((process, thread))

    def go_on(self, times: int = 1) -> None:
        for process, _ in self._processes:
            assert process.stdin is not None
            process.stdin.write("go on\n" * times)
            process.stdin.flush()

    def wait_for(self, name: str, number: int) -> None:
        with self._heard:
            assert self._heard.wait_for(lambda: self.said[name] >= number, 60), self.said

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        for process, _ in self._processes:
            process.kill()
        for process, thread in self._processes:
            thread.join(60)
            process.communicate(timeout=60)
        self._processes.clear()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.endswith("\n"):
                continue
            name, _, number = line.strip().partition(" ")
            with self._heard:
                self.said[name] = int(number) if number else self.said[name] + 1
                self._heard.notify_all()

    def acknowledged(self) -> Counter[str]:
        with self._heard:
            return Counter({name: n for name, n in self.said.items() if name != "compacted"})


def check(home: Path, acknowledged: Counter[str]) -> None:
    """What was said before this look is there once, as SQL sees it and as replays do."""
    check_each_once(numbers_in_sql(home), acknowledged)
    check_each_once(numbers_in_streams(home), acknowledged)


def test_four_writers_one_who_compacts_and_readers_agree_at_every_moment(tmp_path: Path) -> None:
    log, own = JsonlEventLog(tmp_path), 0
    with Workers(tmp_path) as workers:
        for name in ("p", "q", "r"):
            workers.start("write", name)
        workers.start("compact")
        for n_looks in range(N_LOOKS):
            workers.go_on()
            for _ in range(20):
                own += 1
                log.append(event_of("own@two", own))
            check(tmp_path, workers.acknowledged() + Counter({"own@two": own}))
            for name in ("p", "q", "r"):
                workers.wait_for(f"{name}@two", n_looks * AT_ONCE)
        workers.wait_for("compacted", 3)
    asyncio.run(log.aclose())
    check(tmp_path, workers.acknowledged() + Counter({"own@two": own}))
    assert EventLogKeeping(tmp_path).verify() == []


@pytest.mark.parametrize("seed", [3])
def test_kills_at_random_points_lose_and_double_nothing(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - repeatable
    with Workers(tmp_path) as workers:
        for round_ in range(N_KILLS):
            names = [f"{writer}{round_}" for writer in "pqr"]
            workers.start("compact")
            for name in names:
                workers.start("write", name)
            workers.go_on(10)
            workers.wait_for(f"{dice.choice(names)}@two", dice.randint(1, 10 * AT_ONCE))
            workers.kill()
            check(tmp_path, workers.acknowledged())
    keeping = EventLogKeeping(tmp_path)
    keeping.compact(0)
    check(tmp_path, workers.acknowledged())
    assert keeping.verify() == []
    assert list((tmp_path / "events" / "hot").iterdir()) == []
    assert {path.suffix for path in (tmp_path / "events" / "cold").iterdir()} == {".parquet"}
