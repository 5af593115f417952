"""The settings and the core's BuildConfig agree."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from traitlets import TraitError
from traitlets.config import Application

from notebook_agents.build import BuildConfig
from notebook_agents.core.web import OutboundConfig
from notebook_agents_server.app import NotebookAgentsApp
from notebook_agents_server.config import ServerSettings

SERVER_ONLY = {
    "agent_c_open",
    "environment",
    "sample_interval_s",
    "root_dialects",
    "token_lifetime_s",
    "password_login",
    "login_lifetime_s",
    "registration",
    "oauth_issuer",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_redirects",
    "allow_hosts",
    "allow_origins",
    "allow_origin_pat",
    "rate_limiting",
    "rate_limits",
    "heartbeat_s",
    "first_frame_timeout_s",
    "max_body_bytes",
    "core_factory",
}
OUTBOUND = {
    "outbound_refused_networks",
    "web_networks",
    "web_ports",
    "web_search_url",
    "sandbox_network_hosts",
    "sandbox_network_bytes",
}
"""What is built into one OutboundConfig."""


def default_of(name: str) -> Any:
    spec = next(f for f in fields(BuildConfig) if f.name == name)
    return spec.default_factory() if spec.default_factory is not MISSING else spec.default


def test_settings_and_build_config_have_the_same_names_and_defaults() -> None:
    names = set(ServerSettings.class_traits()) - SERVER_ONLY - OUTBOUND
    assert names == {f.name for f in fields(BuildConfig)} - {"outbound"}
    built = ServerSettings().build_config()
    assert built.outbound == OutboundConfig()
    assert len(OUTBOUND) == len(fields(OutboundConfig))
    for name in names:
        assert getattr(built, name) == default_of(name), name


def test_every_setting_is_configurable_and_explained() -> None:
    for name, trait in NotebookAgentsApp.class_traits(config=True).items():
        if name in ServerSettings.class_traits():
            assert len(trait.help) > 20, name
    assert set(ServerSettings.class_traits()) <= set(NotebookAgentsApp.class_traits(config=True))


def test_units_are_in_the_names_or_the_help() -> None:
    for name, trait in ServerSettings.class_traits().items():
        if name.endswith("_s"):
            assert "seconds" in trait.help
        if name.endswith("_bytes"):
            assert "bytes" in trait.help


def test_given_settings_reach_the_build_config(tmp_path: Path) -> None:
    app = NotebookAgentsApp(
        home=str(tmp_path), models=["a/b"], sandbox_fallback="low", tools=["file_reader"]
    )
    built = app.build_config()
    assert (built.home, built.models) == (tmp_path, ("a/b",))
    assert (built.sandbox_fallback, built.tools) == ("low", ("file_reader",))


def test_the_environment_names_home_and_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTEBOOK_AGENTS_HOME", str(tmp_path / "named"))
    monkeypatch.setenv("NOTEBOOK_AGENTS_DATABASE_URL", "postgresql://db/x")
    built = ServerSettings().build_config()
    assert (built.home, built.database_url) == (tmp_path / "named", "postgresql://db/x")


def test_passwords_are_not_taken_under_a_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ServerSettings().password_login
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/alice/")
    assert not ServerSettings().password_login


class Elsewhere(Application):
    """Reads the command line without knowing the extension, as Jupyter's server does."""


def given(*words: str) -> NotebookAgentsApp:
    """The extension with settings from the command line of a server."""
    server = Elsewhere()
    server.parse_command_line([f"--NotebookAgentsApp.{word}" for word in words])
    return NotebookAgentsApp(config=server.config)


@pytest.mark.parametrize(
    ("words", "providers"),
    [
        (['providers=["lab=http://h:1/v1"]'], ["lab=http://h:1/v1"]),
        (['providers=["lab=http://h:1/v1", "openai"]'], ["lab=http://h:1/v1", "openai"]),
        (["providers=lab=http://h:1/v1"], ["lab=http://h:1/v1"]),
        (["providers=openai", "providers=lab=http://h:1/v1"], ["openai", "lab=http://h:1/v1"]),
        (["providers=[]"], []),
        (["providers=None"], None),
    ],
)
def test_lists_on_the_command_line_are_taken_in_every_form(
    words: list[str], providers: list[str] | None
) -> None:
    assert given(*words).providers == providers


def test_other_lists_on_the_command_line_are_lists_too() -> None:
    app = given('models=["/models/qwen"]', 'root_dialects=["netra", "tektra"]')
    assert app.models == ["/models/qwen"]
    assert app.root_dialects == ["netra", "tektra"]


@pytest.mark.parametrize("entry", ["Lab=http://h/v1", "lab", "lab=h:1", '["lab=http://h/v1'])
def test_a_provider_that_means_nothing_is_refused_in_one_line(entry: str) -> None:
    with pytest.raises(TraitError, match="cannot be used") as refused:
        given(f"providers={entry}")
    assert len(str(refused.value).splitlines()) == 1
