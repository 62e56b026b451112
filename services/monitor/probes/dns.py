"""What a name resolves to."""

from dns import asyncresolver, exception, resolver

from services.monitor.domain.check import Check, Outcome
from services.monitor.domain.check_settings import DnsSettings, dns_server
from services.monitor.probes.found import Found, Refused
from services.monitor.probes.reach import Reach

_SHOWN = 5


async def look_up(check: Check, reach: Reach) -> Found:
    """Asks one server, or the machine's own resolvers. Raises `Refused`, `OSError`."""
    settings = check.dns or DnsSettings()
    asked = await _resolver(settings.server, reach)
    asked.lifetime = asked.timeout = check.timeout.total_seconds()
    try:
        answer = await asked.resolve(check.target, settings.type, search=False)
    except resolver.NXDOMAIN:
        return Found(Outcome.FAILED, "there is no such name", 0.0)
    except resolver.NoAnswer:
        return Found(Outcome.FAILED, f"there is no {settings.type} record", 0.0)
    except resolver.NoNameservers:
        return Found(Outcome.FAILED, "no server could answer")
    except exception.Timeout:
        return Found(Outcome.FAILED, f"no answer within {check.timeout.total_seconds():g} s")
    except exception.DNSException as error:
        return Found(Outcome.FAILED, f"the answer cannot be used: {type(error).__name__}")
    found = sorted(_plain(record.to_text()) for record in answer)
    shown = ", ".join(found[:_SHOWN]) + (" …" if len(found) > _SHOWN else "")
    lacking = [text for text in settings.expected if _plain(text) not in found]
    if lacking:
        return Found(Outcome.FAILED, f"{shown}; not {', '.join(lacking[:_SHOWN])}", float(len(found)))
    return Found(Outcome.OK, shown, float(len(found)))


async def _resolver(server: str, reach: Reach) -> asyncresolver.Resolver:
    if not server:
        try:
            return asyncresolver.Resolver()
        except resolver.NoResolverConfiguration:
            raise Refused("this machine names no resolvers; the check must name a server") from None
    place = dns_server(server)
    if place is None:
        raise Refused("the server must look like host or host:port")
    host, port = place
    asked = asyncresolver.Resolver(configure=False)
    asked.nameservers, asked.port = [str(await reach.address(host, port))], port
    return asked


def _plain(text: str) -> str:
    """A record's text as people write it: without the last dot, letter case or quotes."""
    return text.strip().strip('"').rstrip(".").lower()
