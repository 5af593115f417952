"""A server that is killed: right after an event, or while a receiver has not answered yet.

killed_server.py HOME DATABASE_URL RECEIVER_URL before|during
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from notebook_agents.build import BuildConfig, build_core
from notebook_agents.core.events import AgentCreated
from notebook_agents.core.journal import Source
from notebook_agents.core.users import Actor
from notebook_agents.core.webhooks import CreateWebhook

OWNER = "0193aaaa-0000-7000-8000-000000000001"
SECRET = "webhook_secret_key"
KEY = b"k" * 32


async def main(home: str, database_url: str, url: str, moment: str) -> None:
    config = BuildConfig(home=Path(home), database_url=database_url, webhook_allow_private=True)
    core = build_core(config, secret_keys=lambda: [KEY])
    actor = Actor(user_id=OWNER, username="ann")
    wish = CreateWebhook(url=url, events=("agent.created",), secret=SECRET)
    await core.webhooks.create(actor, wish)
    if moment == "during":
        await core.start()
    core.journal.record(AgentCreated(name="a"), Source(user_id=OWNER, agent_id=OWNER))
    if moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
