"""Benches behind every mechanism of the sandbox, planted secrets, and a server of an ordinary user.

How to use them stands in `walls.py`; a case is text that prints what it should not have got.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from notebook_agents.core.tools import LevelReport
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.probe import probe

from .walls import Bench, as_ordinary_user

collect_ignore_glob = ["injected/*"]
"""They are read by a model, not run."""
CANARY = "canary-5f1d7c2e90a4"
SECRET_NAMES = ("JUPYTER_TOKEN", "OPENAI_API_KEY", "JUPYTERHUB_API_TOKEN")
SECRET_FILES = (
    *(".ssh/id_ed25519", ".aws/credentials", "runtime/jpserver-1.json"),
    *("runtime/jupyter_cookie_secret", "notebook-agents/agents.sqlite", "other/workspace/a.csv"),
)
AUTO = pytest.param("auto", marks=pytest.mark.pod)
EVERY_BACKEND = (AUTO, "namespaces-noproc", "landlock")
"""For the first set of cases; the others run behind what the machine's probe chooses."""

every_backend = pytest.mark.parametrize("backend", EVERY_BACKEND)
MakeBench = Callable[..., Bench]


@dataclass(frozen=True)
class Secrets:
    """What a sandbox must never see."""

    canary: str
    folder: Path

    @property
    def paths(self) -> list[str]:
        return [str(self.folder / name) for name in SECRET_FILES]


@cache
def reports(backend: str) -> tuple[LevelReport, ...]:
    config = SandboxConfig(Path("unused"))
    if backend != "auto":
        config = SandboxConfig(Path("unused"), backends=(backend,))
    return probe(config)


def need(backend: str, level: str = "medium") -> None:
    """Skip where a mechanism cannot be had, and say why."""
    report = next(report for report in reports(backend) if report.level == level)
    if not report.is_available:
        pytest.skip(f"{backend} at {level}: {report.evidence}; {report.remedy}")


@pytest.fixture
def backend() -> str:
    """The mechanism of a case that names none: what the probe of the machine chooses."""
    return "auto"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secrets]:
    """Canaries in the server's environment and in files beside the workspaces."""
    folder = tmp_path_factory.mktemp("secrets")
    for name in SECRET_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(CANARY)
    with pytest.MonkeyPatch.context() as patch:
        for name in SECRET_NAMES:
            patch.setenv(name, CANARY)
        yield Secrets(CANARY, folder)


@pytest.fixture(scope="module")
def make_bench(tmp_path_factory: pytest.TempPathFactory, secrets: Secrets) -> Iterator[MakeBench]:
    """A bench for a mechanism and a level; the same one again for the same wish."""
    made: dict[str, Bench] = {}
    folders: list[str] = []

    def make(backend: str = "auto", level: str = "medium", **config: Any) -> Bench:
        if level != "low":
            need(backend, level)
        wish = repr((backend, level, sorted(config.items())))
        if wish not in made:
            folders.append(mkdtemp(prefix="nbt-"))
            workspace = tmp_path_factory.mktemp("workspace")
            made[wish] = Bench(backend, level, workspace, Path(folders[-1]), config)
        return made[wish]

    yield make
    for bench in made.values():
        bench.close()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def bench(make_bench: MakeBench, backend: str) -> Bench:
    """Level medium, the workspace read-only."""
    return make_bench(backend)


@pytest.fixture
def single(make_bench: MakeBench, backend: str) -> Bench:
    """Level high: each call has a kernel of its own."""
    return make_bench(backend, "high")


@pytest.fixture
def writable(
    make_bench: MakeBench, backend: str, tmp_path_factory: pytest.TempPathFactory
) -> Bench:
    """Level medium in a workspace of ours, in which code may write."""
    return make_bench(backend, writable_root=tmp_path_factory.getbasetemp())


@pytest.fixture
def ordinary_user() -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Run calls in a server of an unprivileged user; skipped unless this one is root's."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user; here every case is an ordinary user's")
    folder = Path(mkdtemp(prefix="nbu-"))
    os.chown(folder, 65534, 65534)

    def run(*calls: Any, **config: Any) -> list[dict[str, Any]]:
        return as_ordinary_user(folder, *calls, **config)

    yield run
    for path in (folder, Path(f"{folder}-keep")):
        shutil.rmtree(path, ignore_errors=True)
