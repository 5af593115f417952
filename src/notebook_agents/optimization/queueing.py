"""Waiting for a free server: the M/M/c queue.

Requests come at random and each server answers one at a time. Source: Erlang 1917; Kleinrock 1975,
Queueing Systems vol. 1, §3.5. Real arrivals are burstier, so the model is used for ratios only: how
much longer an answer takes after a change than before it.
"""

from __future__ import annotations


def erlang_c(n_servers: int, load: float) -> float:
    """The share of requests that wait; ``load`` is the mean number of busy servers.

    Raises ValueError when the load is not below the number of servers.
    """
    if not 0 <= load < n_servers:
        raise ValueError(f"a load of {load:g} needs more than {n_servers} servers")
    blocked = 1.0  # Erlang B by its recursion, which does not overflow as the factorials do
    for n in range(1, n_servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked / (1 - load / n_servers * (1 - blocked))


def response_factor(n_servers: int, load: float) -> float:
    """Mean time from request to answer, in units of the time to compute it."""
    return 1 + erlang_c(n_servers, load) / (n_servers - load)
