"""Who is counted for a request, how often passwords may be tried, and the deployment's say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from traitlets import TraitError

from notebook_agents.core.core import Core
from notebook_agents.core.users import Actor, CreateUser
from notebook_agents_server.app import NotebookAgentsApp
from notebook_agents_server.limits import Caller, Place, Policy, RateLimiter
from notebook_agents_server.mounts import DIALECT_NAMES, LIMITS, all_routes
from notebook_agents_server.testing import Answer, Client, SteppedCounters, services_of

TEKTRA = "/notebook-agents/tektra"
AIMOS_PATH = "/notebook-agents/aimos/api/agents/nobody/nothing"
"""Answered with a 404 that counts like any other request."""
LOGINS = [
    path.replace("(?:api|v2)", "v2")
    for path, _ in all_routes(DIALECT_NAMES)
    if path.endswith("/auth/login")
]


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A test's own settings, given as a parameter."""
    return dict(getattr(request, "param", {}))


async def exhaust(client: Client, verb: str, path: str, n: int, body: Any = None) -> Answer:
    """Exactly ``n`` requests that are let through, and the answer to one more."""
    for i in range(n):
        answer = await client.ask(verb, path, body)
        assert answer.status != 429, f"refused after {i} of {n}"
        assert answer.headers["X-RateLimit-Limit"] == str(n)
        assert answer.headers["X-RateLimit-Remaining"] == str(n - 1 - i)
    return await client.ask(verb, path, body)


# -- who is counted ----------------------------------------------------------------------------


async def test_a_user_is_one_whatever_the_credential_and_the_mount(
    client: Client, core: Core
) -> None:
    owner, _ = await core.users.ensure_owner("unused-password")
    actor = Actor(user_id=owner.id, username=owner.username)
    keys = [(await core.api_keys.create(actor, name))[1] for name in ("one", "two")]
    clients = [client, *(client.holding(key) for key in keys), client.below(TEKTRA)]
    left = [(await one.post("/v1/agents", {})).headers["X-RateLimit-Remaining"] for one in clients]
    assert left == ["9", "8", "7", "6"]


async def test_without_a_valid_credential_the_address_is_counted_and_nobody_else_suffers(
    client: Client,
) -> None:
    stranger = client.holding("nba_wrong").below("/notebook-agents/aimos")
    anonymous = client.holding(None).below("/notebook-agents/aimos")
    path = "/api/agents/x/y"
    for i in range(50):
        assert (await stranger.get(path)).headers["X-RateLimit-Remaining"] == str(99 - 2 * i)
        assert (await anonymous.get(path)).status == 401
    for nobody in (stranger, anonymous):
        assert (await nobody.get(path)).status == 429
    assert (await client.get(AIMOS_PATH)).status == 404


async def test_kernels_and_their_engine_are_not_limited(client: Client, jp_serverapp: Any) -> None:
    everything = {f"{dialect}.general": "1/minute" for dialect in LIMITS}
    services_of(jp_serverapp).limiter = RateLimiter(Policy.read(LIMITS, everything))
    for _ in range(3):
        assert (await client.get("/notebook-agents/engine/models")).status == 200


async def test_health_is_for_everybody(client: Client, jp_serverapp: Any) -> None:
    everything = {f"{dialect}.general": "1/minute" for dialect in LIMITS}
    services_of(jp_serverapp).limiter = RateLimiter(Policy.read(LIMITS, everything))
    for _ in range(3):
        answer = await client.holding(None).get("/v1/health")
        assert (answer.status, "X-RateLimit-Limit" in answer.headers) == (200, False)


@pytest.mark.parametrize(
    ("ip", "key"),
    [
        ("192.0.2.7", "ip:192.0.2.7/32"),
        ("::ffff:192.0.2.7", "ip:192.0.2.7/32"),
        ("2001:db8:1:2:3:4:5:6", "ip:2001:db8:1:2::/64"),
        ("fe80::1%eth0", "ip:fe80::/64"),
        ("", "ip:"),
    ],
)
def test_addresses_of_one_network_are_one_caller(ip: str, key: str) -> None:
    assert Caller.address(ip).key == key


@pytest.mark.parametrize(
    "settings", [{"rate_limits": {"aimos.general": "1/minute"}}], indirect=True
)
async def test_a_client_cannot_choose_the_address_it_is_counted_by(client: Client) -> None:
    anybody = client.holding(None)
    ips = ("192.0.2.1", "192.0.2.2")
    answers = [await anybody.get(AIMOS_PATH, X_Forwarded_For=ip) for ip in ips]
    assert [answer.status for answer in answers] == [401, 429]


@pytest.mark.parametrize(
    "settings", [{"rate_limits": {"aimos.general": "1/minute"}}], indirect=True
)
async def test_behind_a_trusted_proxy_the_address_is_the_clients(
    client: Client, http_server: HTTPServer
) -> None:
    http_server.xheaders = True  # what ServerApp.trust_xheaders says to it
    anybody = client.holding(None)
    # What a client writes there itself stands before what the proxy saw.
    forwarded = ("192.0.2.1", "192.0.2.2", "192.0.2.2, 192.0.2.1", "192.0.2.3, 192.0.2.2")
    answers = [await anybody.get(AIMOS_PATH, X_Forwarded_For=ips) for ips in forwarded]
    assert [answer.status for answer in answers] == [401, 401, 429, 429]


# -- passwords ---------------------------------------------------------------------------------


async def test_n67_five_attempts_to_log_in_a_minute_from_an_address(client: Client) -> None:
    anybody = client.holding(None)
    for i in range(5):
        body = {"username": f"user{i}", "password": "wrong password"}
        answer = await anybody.post("/v1/auth/login", body)
        assert answer.status == 401, i
        assert answer.headers["X-RateLimit-Limit"] == "5"
    for path in LOGINS:
        refused = await anybody.post(path, {"username": "x", "password": "y" * 8})
        assert refused.status == 429, path
    assert (await client.get("/v1/agents")).status == 200


async def test_n67_and_into_one_account_from_wherever(client: Client, jp_serverapp: Any) -> None:
    counters = SteppedCounters()
    limiter = RateLimiter(Policy.read(LIMITS, {}), counters)
    services_of(jp_serverapp).limiter = limiter
    for i in range(5):
        await limiter.count("aimos", "authentication", Caller.account(" Admin" if i else "ADMIN"))
    body = {"username": "admin", "password": "whatever it is"}
    answer = await client.holding(None).post("/v1/auth/login", body)
    assert (answer.status, answer.headers["X-RateLimit-Remaining"]) == (429, "0")


@pytest.mark.parametrize(
    ("is_known", "last"), [(True, 429), (False, 401)], ids=["an account", "nobody"]
)
async def test_the_names_of_an_account_are_counted_together(
    client: Client, core: Core, http_server: HTTPServer, *, is_known: bool, last: int
) -> None:
    http_server.xheaders = True
    if is_known:
        await core.users.register(
            CreateUser(username="ann", email="ann@example.org", password="her own password")
        )
    anybody, answers = client.holding(None), []
    names = ("ann", "ANN", "ann ", "aNN", "Ann", "ann@example.org")
    for i, name in enumerate(names):
        # Each from an address of its own, so that only the account is counted more than once.
        body = {"email" if "@" in name else "username": name, "password": "wrong password"}
        answers.append(await anybody.post("/api/auth/login", body, X_Forwarded_For=f"192.0.2.{i}"))
    assert [answer.status for answer in answers] == [401] * 5 + [last]
    # Whether there is an account does not show before it is refused.
    assert [a.headers["X-RateLimit-Remaining"] for a in answers[:5]] == ["4", "3", "2", "1", "0"]


# -- the deployment's say ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [{"rate_limits": {"tektra.agent_creation": "2/hour", "tektra.general": "3/minute; 4/day"}}],
    indirect=True,
)
async def test_every_number_can_be_replaced_and_groups_without_one_limited(client: Client) -> None:
    tektra = client.below(TEKTRA)
    refused = await exhaust(tektra, "POST", "/v1/agents", 2, {"name": "a"})
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert (await exhaust(tektra, "GET", "/v1/agents", 3)).status == 429


async def test_of_several_windows_the_nearest_to_its_end_is_told() -> None:
    counters = SteppedCounters()
    table = {"api": {"general": "1000/hour; 60/minute"}}
    limiter = RateLimiter(Policy.read(table, {}), counters, now=lambda: counters.seconds)
    caller = Caller.user("u", is_admin=False)
    told = [await limiter.count("api", "general", caller) for _ in range(100)]
    assert {standing.limit for standing in told if standing is not None} == {60}
    assert [standing.is_exceeded for standing in told if standing is not None].count(False) == 60
    for _ in range(15):
        counters.seconds += 60
        told = [await limiter.count("api", "general", caller) for _ in range(60)]
        assert not any(standing is None or standing.is_exceeded for standing in told)
    counters.seconds += 60
    told = [await limiter.count("api", "general", caller) for _ in range(60)]
    last = told[-1]
    assert last is not None
    assert (last.limit, last.is_exceeded) == (1000, True), "what was refused was not counted"


@pytest.mark.parametrize(
    "settings",
    [
        {"rate_limiting": False},
        {"rate_limits": {"tektra.agent_creation": "off", "aimos.general_admin": " Off"}},
    ],
    indirect=True,
)
async def test_limits_can_be_off(client: Client) -> None:
    for _ in range(11):
        answer = await client.post("/v1/agents", {"name": "a"})
        assert (answer.status, "X-RateLimit-Limit" in answer.headers) == (201, False)
    assert "X-RateLimit-Limit" not in (await client.get(AIMOS_PATH)).headers


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"tektra.agents": "1/minute"}, "has no group 'tektra.agents'; did you mean 'tektra."),
        ({"nobody.general": "1/minute"}, "'nobody.general'"),
        ({"general": "1/minute"}, "'general'"),
        ({"tektra.general": "10/fortnight"}, "rate_limits['tektra.general'] is '10/fortnight'"),
        ({"tektra.general": "many"}, "such as '10/minute'"),
        ({"tektra.general": "0/minute"}, "or 'off'"),
        ({"tektra.general": ""}, "rate_limits['tektra.general'] is ''"),
        ({"aimos.connections": "100/minute"}, "a number of connections such as '100'"),
        ({"aimos.connections": "0"}, "rate_limits['aimos.connections'] is '0'"),
    ],
)
def test_a_wrong_entry_is_named_at_the_start(entry: dict[str, str], said: str) -> None:
    with pytest.raises(TraitError) as caught:
        NotebookAgentsApp(rate_limits=entry)
    assert said in str(caught.value)


def test_limits_are_given_on_the_command_line() -> None:
    app = NotebookAgentsApp()
    app.parse_command_line(["--NotebookAgentsApp.rate_limits=tektra.conversations=20/minute"])
    assert app.rate_limits == {"tektra.conversations": "20/minute"}
    assert app.rate_policy().rates["tektra.conversations"][0].amount == 20


def test_every_documented_limit_is_told() -> None:
    text = (Path(__file__).parents[2] / "docs/security.md").read_text()
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    told = {
        name: row[2].strip(" `") for row in rows for name in re.findall(r"`(\w+\.\w+)`", row[1])
    }
    assert told == {
        f"{d}.{group}": limit for d, table in LIMITS.items() for group, limit in table.items()
    }


async def test_what_has_ended_takes_no_memory() -> None:
    counters = SteppedCounters()
    policy = Policy.read({"api": {"general": "5/minute", "connections": "5"}}, {})
    limiter = RateLimiter(policy, counters, now=lambda: counters.seconds)
    for i in range(1000):
        stranger = Caller.address(f"2001:db8:{i:x}::1")
        await limiter.count("api", "general", stranger)
        await limiter.take(Place(dialect="api", caller=stranger, ttl_s=30))
    counters.seconds += 61
    await limiter.count("api", "general", Caller.address("192.0.2.1"))
    assert (len(counters._windows), len(counters._leases)) == (1, 0)
