"""From a name to the addresses that may be reached."""

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from chassis.outbound import Address, Policy, resolve
from services.monitor.probes.found import Refused


@dataclass(frozen=True, slots=True)
class Reach:
    """What probes may reach."""

    policy: Policy

    async def address(self, host: str, port: int = 0) -> Address:
        """The address to look at, resolved once. Raises `Refused` for one that is not allowed, `OSError` for no address."""
        try:
            found = [ip_address(host)]
        except ValueError:
            found = [ip_address(each.partition("%")[0]) for each in await resolve(host, port)]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        for address in found:
            if self.policy.refusal(address) is not None:
                raise Refused("this address is not looked at")
        return found[0]


async def opened(address: Address, port: int, **more: object) -> asyncio.StreamWriter:
    """A connection. Raises `OSError`."""
    _, writer = await asyncio.open_connection(str(address), port, **more)  # type: ignore[arg-type] # ssl and server_hostname
    return writer


async def closed(writer: asyncio.StreamWriter) -> None:
    """Ends a connection at once: what its peer still has to say is of no interest."""
    writer.transport.abort()
    await asyncio.sleep(0)
