"""``jupyter agents users``: what it does to accounts, and that no password is an argument."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from notebook_agents.build import BuildConfig, build_core
from notebook_agents.core.errors import NotAuthenticated
from notebook_agents_server.passwords import Argon2Hasher
from notebook_agents_server.users_app import UsersApp


@pytest.fixture(autouse=True)
def no_instance_stays() -> None:
    UsersApp.clear_instance()


def run(
    monkeypatch: pytest.MonkeyPatch, home: Path, *words: str, line: str = "long enough\n"
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(line))
    app = UsersApp()
    app.initialize([f"--home={home}", *words])
    app.start()


def logs_in(home: Path, name: str, password: str) -> bool:
    async def ask() -> bool:
        core = build_core(BuildConfig(home=home, database_url=""), hasher=Argon2Hasher())
        try:
            await core.users.authenticate(name, password)
        except NotAuthenticated:
            return False
        finally:
            await core.aclose()
        return True

    return asyncio.run(ask())


def test_accounts_are_opened_blocked_and_promoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, tmp_path, "create", "ann", "ann@example.org")
    assert capsys.readouterr().out == "created ann (user, number 2)\n"
    assert logs_in(tmp_path, "ann", "long enough")
    run(monkeypatch, tmp_path, "disable", "ann")
    assert not logs_in(tmp_path, "ann", "long enough")
    run(monkeypatch, tmp_path, "enable", "ann")
    run(monkeypatch, tmp_path, "promote", "ann")
    run(monkeypatch, tmp_path, "password", "ann", line="\n")
    made = capsys.readouterr().out.rpartition("password: ")[2].strip()
    assert logs_in(tmp_path, "ann", made)
    run(monkeypatch, tmp_path, "list")
    listed = capsys.readouterr().out.splitlines()
    assert listed[1].startswith("2  ann  ann@example.org  admin  active  ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "al", "al@example.org"), "at least 3 characters"),
        (("create", "alice", "nowhere"), "Email must be an address"),
        (("disable", "nobody"), "was not found"),
        (("disable", "admin"), "cannot be disabled"),
        (("destroy", "ann"), "usage: jupyter agents users"),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, tmp_path, *words)
    assert said in str(end.value)
