"""Keeping what is seen beside runs: requests, streams, letters, the engine.

None of it is worth failing a request or a letter for: what cannot be kept is counted and told of
once, and nobody who watches live is shown it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from notebook_agents.core.errors import StorageUnavailable
from notebook_agents.core.journal import Source

if TYPE_CHECKING:
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.observation_events import ObservationBody

NOBODY = Source(user_id="")
"""Of what belongs to the server alone."""
_log = logging.getLogger(__name__)


class Observations:
    """Keeps observations in the log, as far as that is possible."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.n_lost = 0
        """Attempts to keep something that failed, since the process started."""
        self._is_failing = False

    def keep(self, body: ObservationBody, source: Source = NOBODY) -> bool:
        """Whether it could be kept; a full disk is logged when it begins, not each time."""
        try:
            self._journal.append(body, source)
        except StorageUnavailable as error:
            self.n_lost += 1
            if not self._is_failing:
                _log.warning("what the server does is not recorded: %s", error.message)
            self._is_failing = True
            return False
        self._is_failing = False
        return True
