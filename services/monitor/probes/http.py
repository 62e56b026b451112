"""What is answered to a request."""

import ssl
from urllib.parse import urljoin

from chassis.outbound import Answer, Failure, Limits, Outbound, Policy
from services.monitor.domain.check import Check, Outcome
from services.monitor.domain.check_settings import HttpSettings
from services.monitor.probes.found import Found, Refused
from services.monitor.probes.tls import unchecked

REDIRECTS = 5
BODY_BYTES = 256 * 1024
AT_ONCE = 1024  # more than a worker has under way: a look never waits for another
_LIMITS = Limits(connect=60.0, total=60.0, body_bytes=BODY_BYTES)  # the check's own time is shorter
_MOVED = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"user-agent": "itsm-check", "accept": "*/*"}
_SAID = {
    "ConnectError": "the connection was not possible",
    "ConnectTimeout": "nobody answers",
    "ReadError": "the connection broke",
    "RemoteProtocolError": "what it answers is no HTTP",
    "gaierror": "the name cannot be resolved",
}


class Http:
    """Asks over HTTP, with and without trust in certificates."""

    def __init__(self, policy: Policy, trusting: ssl.SSLContext) -> None:
        self._trusting = Outbound(policy, _LIMITS, tls=trusting, at_once=AT_ONCE)
        self._blind = Outbound(policy, _LIMITS, tls=unchecked(), at_once=AT_ONCE)

    async def ask(self, check: Check) -> Found:
        """One request, and those that it is redirected to where the check follows. Raises `Refused`."""
        settings = check.http or HttpSettings()
        outbound = self._trusting if settings.verify_tls else self._blind
        address = check.target
        for _ in range(REDIRECTS + 1):
            answer = await outbound.send(settings.method, address, _HEADERS)
            if isinstance(answer, Failure):
                return _failed(answer)
            where = answer.headers.get("location") if answer.status in _MOVED and settings.follow_redirects else None
            if where is None:
                return _judged(answer, settings)
            address = urljoin(address, where).partition("#")[0]
        return Found(Outcome.FAILED, f"more than {REDIRECTS} redirects")

    async def close(self) -> None:
        """Lets go of connections."""
        await self._trusting.close()
        await self._blind.close()


def _failed(failure: Failure) -> Found:
    if failure.refused:
        raise Refused(failure.why)
    kind = failure.why.rpartition(": ")[2]
    return Found(Outcome.FAILED, _SAID.get(kind, failure.why))


def _judged(answer: Answer, settings: HttpSettings) -> Found:
    status = answer.status
    if not (status in settings.statuses if settings.statuses else 200 <= status < 400):
        return Found(Outcome.FAILED, f"answered {status}", float(status))
    if settings.contains and settings.contains.encode() not in answer.body:
        return Found(Outcome.FAILED, f"answered {status} without the expected text", float(status))
    return Found(Outcome.OK, f"answered {status}", float(status))
