"""A line in the log for each request that is refused for who sent it, or how often: by its id, without anything that it said.

Whoever floods us with bad proofs shall not flood the log too: so many lines a second, and then how many more there were.
"""

import logging
import time
from collections.abc import Callable
from urllib.parse import quote

from services.gateway.rest.exchange import Scope, request_id, trace_id

_log = logging.getLogger(__name__)

TOLD = frozenset({401, 403, 429})
LINES_A_SECOND = 50
_LONGEST_PATH = 200


class Refusals:
    """Notes refusals. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second = self._lines = self._left_out = 0

    def note(self, scope: Scope, status: int) -> None:
        """Tells of an answer, where it is such a refusal."""
        if status not in TOLD:
            return
        second = int(self._clock())
        if second != self._second:
            if self._left_out:
                _log.warning("More requests were refused than are told of.", extra={"count": self._left_out})
            self._second, self._lines, self._left_out = second, 0, 0
        if self._lines >= LINES_A_SECOND:
            self._left_out += 1
            return
        self._lines += 1
        # The span of the request has ended when its answer is sent.
        trace = trace_id(scope)
        # An address of mail stays one that the log blanks.
        path = quote(scope["path"][:_LONGEST_PATH], safe="/:@")
        _log.info(
            "Request refused.",
            extra={
                "request": request_id(scope),
                "status": status,
                "method": scope["method"],
                "path": path,
                **({"trace_id": trace} if trace else {}),
            },
        )
