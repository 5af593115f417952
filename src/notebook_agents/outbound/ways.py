"""The ways out of a deployment, each with what its administrator opened for it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.web import WEB_PORTS, OutboundConfig
from notebook_agents.outbound.addresses import Network, Rules
from notebook_agents.outbound.egress import EgressProxy
from notebook_agents.outbound.pages import Pages
from notebook_agents.outbound.searching import SearxngSearch
from notebook_agents.outbound.targets import Guard, Resolve, resolve
from notebook_agents.outbound.transport import Outbound

WEB_SETTING = "web_networks"
SEARCH_SETTING = "web_search_url"


@dataclass(frozen=True, slots=True)
class WaysOut:
    """Makes each way out when it is needed."""

    config: OutboundConfig
    resolve: Resolve = resolve

    def to_receivers(self, *, allow_private: bool, setting: str) -> Outbound:
        """To addresses that users registered: of webhooks, of tool servers."""
        rules = Rules(allow_private=allow_private, refused=self._refused())
        return Outbound(Guard(rules, setting=setting, resolve=self.resolve))

    def to_pages(self) -> Pages:
        """To pages that models and people name."""
        return Pages(Outbound(self._web_guard()))

    def to_search(self) -> SearxngSearch | None:
        """To the search that an administrator named; None where none is."""
        if not self.config.web_search_url:
            return None
        # An administrator wrote the address, so it may be in a private network.
        rules = Rules(allow_private=True, refused=self._refused())
        guard = Guard(rules, setting=SEARCH_SETTING, resolve=self.resolve)
        return SearxngSearch(self.config.web_search_url, Outbound(guard))

    def of_sandboxes(self) -> EgressProxy | None:
        """Of code in tool kernels, to hosts that an administrator named; None where none are."""
        if not self.config.sandbox_hosts:
            return None
        most = self.config.sandbox_network_bytes
        return EgressProxy(self._web_guard(), self.config.sandbox_hosts, most)

    def _web_guard(self) -> Guard:
        rules = Rules(opened=networks_of(self.config.web_networks), refused=self._refused())
        ports = {*WEB_PORTS, *self.config.web_ports}
        return Guard(rules, setting=WEB_SETTING, ports=ports, allow_http=True, resolve=self.resolve)

    def _refused(self) -> tuple[Network, ...]:
        return networks_of(self.config.refused_networks)


def networks_of(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Networks as they are written; InvalidRequest names the one that is none."""
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise InvalidRequest(f"not a network: {error}", field="networks") from None
