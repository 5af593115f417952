"""Secrets of tool servers: sealed with the server's key, renewed, and useless without it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.mcp.conftest import ANN, plain, say

from notebook_agents.build import BuildConfig, build_core
from notebook_agents.core.errors import Unsupported
from notebook_agents.core.tool_servers import ToolServer, ToolServerChanges
from notebook_agents.webhooks.signatures import SealedSecrets

OLD, NEW = b"o" * 32, b"n" * 32


async def test_secrets_outlive_a_new_key_and_are_nothing_without_one(tmp_path: Path) -> None:
    keys = [OLD]
    config = BuildConfig(home=tmp_path / "home", sandbox_level="low")
    core = build_core(config, secret_keys=lambda: keys)
    await core.start()
    server = await core.tool_servers.register(ANN, plain(secrets={"TOKEN": "t0ken"}))
    assert "t0ken" not in server.sealed
    assert SealedSecrets(lambda: [OLD]).open(server.sealed) is None  # of another purpose
    keys.insert(0, NEW)
    await core.tool_servers.renew_secrets()
    keys.remove(OLD)
    server = await core.tool_servers.get(ANN, server.id)
    assert (await core.tool_servers.refresh(ANN, server.id)).status == "ready"
    keys[:] = [OLD]
    await core.tool_servers.update(ANN, server.id, ToolServerChanges(is_enabled=True))
    lost: ToolServer = await core.tool_servers.refresh(ANN, server.id)
    assert "cannot be read here; set them again" in lost.last_error
    await core.aclose()
    stored = b"".join(path.read_bytes() for path in (tmp_path / "home").glob("store.db*"))
    assert b"t0ken" not in stored


async def test_a_process_without_keys_uses_servers_without_secrets(tmp_path: Path) -> None:
    core = build_core(BuildConfig(home=tmp_path / "home", sandbox_level="low"))
    await core.start()
    await core.tool_servers.register(ANN, plain())
    assert (await say(core, "/plain__echo text=hi")).tool_calls[0].status == "succeeded"
    with pytest.raises(Unsupported, match="jupyter agents"):
        await core.tool_servers.register(ANN, plain("other", secrets={"A": "b"}))
    await core.aclose()
