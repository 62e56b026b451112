"""Looking: one function for each kind of check that the service itself runs, and what they share.

Checks look at the inside on purpose, so any address may be reached but those that no policy ever allows (link-local ones, where
clouds keep credentials) and those that the settings deny. Time, size and redirects have limits.

Fails: never. Whatever happens becomes a result; a look that could not be made says UNKNOWN and what is missing.
"""

import asyncio
import logging
import os
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from chassis.errors import Invalid
from chassis.outbound import Policy, stood_in_line
from services.monitor.domain.check import Check, CheckResult, Outcome
from services.monitor.domain.check_settings import Kind, plugin_target
from services.monitor.probes.dns import look_up
from services.monitor.probes.found import Found, Refused
from services.monitor.probes.http import Http
from services.monitor.probes.ping import ping
from services.monitor.probes.plugin import CheckPlugin, by_plugin
from services.monitor.probes.reach import Reach
from services.monitor.probes.tcp import connect
from services.monitor.probes.tls import days_left

_log = logging.getLogger(__name__)

_ANYWHERE = "0.0.0.0/0,::/0"
_ANY_PORT = "1-65535"

Look = Callable[[Check], Awaitable[Found]]


class Probes:
    """Looks at targets. `denied` are networks that no check reaches, `roots` further certificates that are trusted, `plugins`
    further kinds of looks by name."""

    def __init__(
        self, *, denied: str = "", roots: ssl.SSLContext | None = None, plugins: Mapping[str, CheckPlugin] | None = None
    ) -> None:
        policy = Policy.of(networks=_ANYWHERE, denied=denied, ports=_ANY_PORT, http=True)
        self._policy = policy
        reach = Reach(policy)
        trusting = roots or ssl.create_default_context()
        self._http = Http(policy, trusting)
        self._looks: Mapping[Kind, Look] = {
            Kind.HTTP: self._http.ask,
            Kind.TCP: lambda check: connect(check, reach),
            Kind.PING: lambda check: ping(check, reach),
            Kind.DNS: lambda check: look_up(check, reach),
            Kind.TLS: lambda check: days_left(check, reach, trusting),
            Kind.PLUGIN: lambda check: by_plugin(check, self._plugins),
        }
        self._plugins = plugins or {}

    def refuse(self, check: Check) -> None:
        """Raises `Invalid` for a target that no look could ever reach."""
        if check.kind is Kind.HTTP:
            self._policy.check(check.target, name="target")
        elif check.kind is Kind.PLUGIN and plugin_target(check.target)[0] not in self._plugins:
            known = ", ".join(sorted(self._plugins)) or "none"
            raise Invalid({"target": f"there is no plugin {plugin_target(check.target)[0]} in this installation, but {known}"})

    async def look(self, check: Check, at: datetime) -> CheckResult:
        """What is found now; the result bears the instant `at`."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(check.timeout.total_seconds()):
                found = await self._looks[check.kind](check)
        except TimeoutError:
            found = Found(Outcome.FAILED, f"no answer within {check.timeout.total_seconds():g} s")
            if stood_in_line():
                # Names of others were slow; of this one nothing is known.
                found = Found(Outcome.UNKNOWN, "the name was not looked up in time: too many lookups at once")
        except Refused as refused:
            found = Found(Outcome.UNKNOWN, str(refused))
        except Invalid as invalid:
            found = Found(Outcome.UNKNOWN, "; ".join(invalid.violations.values()))
        except OSError as error:
            found = Found(Outcome.FAILED, reason(error))
        except Exception as error:  # whatever one target does to a probe, the others must go on
            _log.error("A probe failed.", extra={"check": check.id, "kind": check.kind.value}, exc_info=error)
            found = Found(Outcome.UNKNOWN, f"the look failed: {type(error).__name__}")
        took = timedelta(seconds=time.monotonic() - began) if found.latency is None else found.latency
        if found.outcome is Outcome.OK and check.slow_after is not None and took > check.slow_after:
            found = replace(found, outcome=Outcome.DEGRADED, message=f"took {took.total_seconds():.3f} s")
        took -= timedelta(microseconds=took.microseconds % 1000)
        return CheckResult(time=at, outcome=found.outcome, latency=took, message=found.message, value=found.value)

    async def close(self) -> None:
        """Lets go of connections."""
        await self._http.close()


def reason(error: OSError) -> str:
    """What went wrong, in a word for people, without addresses."""
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'handshake'}"
    return os.strerror(error.errno).lower() if error.errno else type(error).__name__
