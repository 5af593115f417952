"""N10, N11: guessing passwords, and logins that go through somebody else's server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from tests.server import openid_provider
from tests.server.test_oauth import AUTHORIZE, CALLBACK, begin, log_in

from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, InvalidRequest, NotAuthenticated
from notebook_agents.core.users import CreateUser, Users
from notebook_agents.testing import MemoryStore
from notebook_agents_server.testing import Client

PASSWORD = "correct horse battery"
LOGINS = {
    "/v1/auth/login": "username",
    "/api/auth/login": "email",
    "/api/v1/auth/login": "email",
}
TWINS = ("ann", "ANN", "\uff41nn", "a\u200bnn", "\u0430nn", "ann ", "ann\u0000", "\U0001d41ann")


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    command = [sys.executable, str(Path(openid_provider.__file__))]
    provider = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert provider.stdout is not None
    yield provider.stdout.readline().strip()
    provider.communicate("", timeout=60)


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    if "n11" not in request.node.name:
        return dict(getattr(request, "param", {}))
    return {
        "rate_limiting": False,
        "oauth_issuer": request.getfixturevalue("issuer"),
        "oauth_client_id": "our-client",
        "oauth_client_secret": "our-secret",
        "oauth_redirects": ["https://app.example.org/after"],
    }


async def ann(core: Core) -> None:
    await core.users.register(
        CreateUser(username="ann", email="ann@example.org", password=PASSWORD)
    )


async def test_n10_a_thousand_wrong_passwords_are_a_few(client: Client, core: Core) -> None:
    await ann(core)
    anybody, statuses = client.holding(None), []
    for number in range(1000):
        body = {"username": "ann", "password": f"wrong {number}"}
        statuses.append((await anybody.post("/v1/auth/login", body)).status)
    assert set(statuses) == {401, 429}
    assert statuses.count(401) <= 5
    right = await anybody.post("/v1/auth/login", {"username": "ann", "password": PASSWORD})
    assert right.status == 429  # the account too is counted, from wherever somebody asks


@pytest.mark.parametrize("settings", [{"rate_limiting": False}], indirect=True)
async def test_n10_nobody_learns_who_has_an_account(client: Client, core: Core) -> None:
    await ann(core)
    anybody = client.holding(None)
    for path, field in LOGINS.items():
        there = "ann" if field == "username" else "ann@example.org"
        missing = there.replace("ann", "bob")
        bodies = []
        for name in (there, missing):
            answer = await anybody.post(
                path, {field: name, "password": "wrong"}, X_Request_ID="same"
            )
            assert answer.status == 401
            bodies.append(answer.body.split(b'"timestamp"')[0])
        assert bodies[0] == bodies[1], path


class CountingHasher:
    """Knows how often it had to work."""

    n_checks = 0

    async def hash(self, password: str) -> str:
        """Plain: nothing is kept."""
        return password

    async def verify(self, password: str, stored: str) -> bool:
        """Compare."""
        self.n_checks += 1
        return bool(stored) and password == stored


async def test_n10_a_missing_account_costs_the_same_work() -> None:
    hasher = CountingHasher()
    users = Users(MemoryStore(), SystemClock(), hasher)
    await users.register(CreateUser(username="ann", email="ann@example.org", password=PASSWORD))
    for name in ("ann", "nobody"):
        before = hasher.n_checks
        with pytest.raises(NotAuthenticated, match="is wrong"):
            await users.authenticate(name, "not it")
        assert hasher.n_checks == before + 1


@pytest.mark.parametrize("settings", [{"rate_limiting": False}], indirect=True)
async def test_n10_huge_passwords_and_twins_of_names_lead_nowhere(
    client: Client, core: Core
) -> None:
    await ann(core)
    for n_chars, statuses in ((60_000, (400, 401, 422)), (1 << 20, (413,))):
        huge = {"username": "ann", "password": "x" * n_chars}
        assert (await client.holding(None).post("/v1/auth/login", huge)).status in statuses
    for twin in TWINS:
        wish = CreateUser(username=twin, email="twin@example.org", password=PASSWORD)
        with pytest.raises((Conflict, InvalidRequest)):
            await core.users.register(wish)


async def test_n11_a_login_elsewhere_is_bound_to_what_began_it(client: Client) -> None:
    anybody = client.holding(None)
    own = f"{client.origin}{client.base_path}{CALLBACK}"
    for variant in (
        "https://app.example.org/after.evil.com",
        "https://app.example.org/after/",
        "https://app.example.org/after#x",
        "https://app.example.org%2Fafter",
        "https://app.example.org:8443/after",
        "http://app.example.org/after",
        "https://app.example.org@evil.com/after",
        f"{own}/../../evil",
        own.replace(client.origin, f"{client.origin}0"),
    ):
        asked = await anybody.get(f"{AUTHORIZE}?redirect_uri={quote(variant, safe='')}")
        assert asked.status == 400, variant
    url = await begin(client)
    assert parse_qs(urlsplit(url).query)["code_challenge_method"] == ["S256"]
    query = await log_in(client, url)
    code = parse_qs(query)["code"][0]
    for wrong in (f"code={code}", f"code={code}&state=", f"code={code}&state=forged.by.somebody"):
        assert (await anybody.get(f"{CALLBACK}?{wrong}")).status in (400, 422), wrong
    assert (await anybody.get(f"{CALLBACK}?{query}")).status == 200
    assert (await anybody.get(f"{CALLBACK}?{query}")).status == 400  # state and code are used up
