"""``jupyter agents users``: what it does to accounts, and that no password is an argument."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from notebook_agents.build import BuildConfig, build_core
from notebook_agents.core.errors import NotAuthenticated
from notebook_agents.core.users import CreateUser
from notebook_agents_server.account_commands import AccountCommand
from notebook_agents_server.keys import KeysApp
from notebook_agents_server.passwords import Argon2Hasher
from notebook_agents_server.users_app import UsersApp


@pytest.fixture(autouse=True)
def no_instance_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTEBOOK_AGENTS_DATABASE_URL", raising=False)
    UsersApp.clear_instance()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home, as a server's start leaves it."""

    async def make() -> None:
        core = build_core(BuildConfig(home=tmp_path, database_url=""), hasher=Argon2Hasher())
        await core.aclose()

    asyncio.run(make())
    return tmp_path


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
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, home, "create", "ann", "ann@example.org")
    assert capsys.readouterr().out == "created ann (user, number 2)\n"
    assert logs_in(home, "ann", "long enough")
    run(monkeypatch, home, "disable", "ann")
    assert not logs_in(home, "ann", "long enough")
    run(monkeypatch, home, "enable", "ann")
    run(monkeypatch, home, "promote", "ann")
    run(monkeypatch, home, "password", "ann", line="\n")
    made = capsys.readouterr().out.rpartition("password: ")[2].strip()
    assert logs_in(home, "ann", made)
    run(monkeypatch, home, "list")
    listed = capsys.readouterr().out.splitlines()
    assert listed[0] == "number  username  email  role  state  last login"
    assert listed[2].startswith("2  ann  ann@example.org  admin  active  ")


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
    home: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, home, *words)
    assert said in str(end.value)


@pytest.mark.parametrize(
    ("app", "words"),
    [
        (UsersApp, ("list",)),
        (UsersApp, ("create", "ann", "ann@example.org")),
        (KeysApp, ("list",)),
        (KeysApp, ("create", "ci")),
        (KeysApp, ("rotate-signing-key",)),
    ],
)
def test_a_folder_that_is_no_home_is_refused_and_stays_as_it_is(
    tmp_path: Path, app: type[AccountCommand], words: tuple[str, ...]
) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "nowhere" / "x", tmp_path / "empty"):
        command = app()
        command.initialize([f"--home={folder}", *words])
        with pytest.raises(SystemExit) as end:
            command.start()
        assert f"{folder} is no home of notebook-agents" in str(end.value)
    assert list(tmp_path.rglob("*")) == [tmp_path / "empty"]


@pytest.mark.parametrize("days", ["x", "-1"])
def test_a_wrong_option_is_named_as_it_is_typed(
    home: Path, days: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        KeysApp().initialize([f"--home={home}", "create", "ci", f"--days={days}"])
    said = caplog.text + capfd.readouterr().err
    assert (end.value.code, "option --days" in said) == (1, True)
    assert "expires_in_days" not in said


def test_what_others_named_cannot_steer_the_terminal(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def make() -> None:
        core = build_core(BuildConfig(home=home, database_url=""), hasher=Argon2Hasher())
        name = "eve\n\x1b[2J\u202egro"
        await core.users.create(CreateUser(username=name, email="eve@example.org"))
        await core.aclose()

    asyncio.run(make())
    run(monkeypatch, home, "list")
    assert r"eve\n\x1b[2J\u202egro" in capsys.readouterr().out
