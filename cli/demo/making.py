"""Makes the tenant for demonstration, removes it, and says what there is. All of it goes through the public interface.

Fails: `CliError` where the tenant is another one, has something already, or the platform refuses; what was made until then
stays, and `make` with `again` begins anew.
"""

import asyncio
import csv
import io
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

from agent.platforms import this_platform
from agent.runner import Agent
from agent.settings import Settings, settings
from cli.demo.cast import ADMIN, TENANT
from cli.demo.desk import Desk
from cli.demo.estate import Estate, Item, estate
from cli.demo.measured import Month, send, sender
from cli.demo.platform import API, Platform
from cli.demo.tickets import Quarter, Ticket
from cli.errors import CliError
from cli.sending import sent

SOURCE = "demo"
SERVICES = ("gateway", "monitor", "incident", "asset", "analytics", "auth")
"""Those that tell before those that hear."""
COUNTED = ("assets", "incidents", "requests", "problems", "changes", "releases", "articles", "majors", "alerts")
_KEYS = ("INTEGRATION", "AGENT")
"""Of what sends here; those of people stay with them."""
_ROWS, _OPERATIONS = 900, 50
_SETTLED = 1.5
"""Seconds for what was on its way when the services were emptied first; it is why they are emptied twice."""
_INVENTORY_SECONDS = 60

Told = Callable[[str, int, int], None]
"""Hears what is made: of what, how many of it are, of how many (0: not known)."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be made. `ingest` is where alerts are taken; empty for none. `inventory` takes this machine in, too."""

    seed: int = 1
    scale: float = 1.0
    ingest: str = ""
    inventory: bool = True


def require_tenant(there: Platform) -> None:
    """Raises `CliError` unless the caller belongs to a tenant for demonstration."""
    tenant = there.get("users:whoami")["tenant"]
    if tenant != TENANT and not tenant.startswith(f"{TENANT}-"):
        hint = "sign in as somebody of the tenant for demonstration"
        raise CliError(f"{tenant!r} is no tenant for demonstration; nothing was changed", hint=hint)


def status(there: Platform) -> dict[str, int]:
    """How many records of each kind there are."""
    require_tenant(there)
    return {plural: _count(there, plural) for plural in COUNTED}


def _count(there: Platform, plural: str) -> int:
    if plural in ("assets", "alerts"):
        return sum(1 for _ in there.of(ADMIN).pages(f"{API}/{plural}", plural, limit=None))
    return int(there.get(f"{plural}:count").get("value", 0))


def remove(there: Platform, told: Told) -> int:
    """Takes everything away; says how many documents there were. Twice, for what was on its way from one to the other."""
    require_tenant(there)
    removed = 0
    for token in there.all("tokens", "tokens"):
        if token["kind"] in _KEYS and not token.get("revokeTime"):
            there.of(ADMIN).send("DELETE", f"{API}/tokens/{token['id']}", etag=token["etag"])
    for turn in range(2):
        for place, service in enumerate(SERVICES, 1):
            removed += int(there.post(ADMIN, f"services/{service}:empty")["removedCount"])
            told("services emptied", turn * len(SERVICES) + place, 2 * len(SERVICES))
        if not turn:
            time.sleep(_SETTLED)
    return removed


def make(there: Platform, wish: Wish, told: Told, *, now: datetime | None = None) -> None:
    """Makes all of it."""
    require_tenant(there)
    there.learn()
    now = now or datetime.now(UTC).replace(microsecond=0)
    made = estate(wish.seed, wish.scale)
    _assets(there, made, told)
    desk = Desk(there, made, now, wish.scale, Random(f"desk {wish.seed}"))  # noqa: S311 - no secret
    _each(told, "settings", desk.settings())
    quarter = Quarter(wish.seed, now, wish.scale, made, there.named)
    # Beside each other what has nothing to do with the other.
    with ThreadPoolExecutor(3) as pool:
        work: list[Future[None]] = [
            pool.submit(_incidents, there, quarter, told),
            pool.submit(_each, told, "articles and requests", chain(desk.articles(), desk.requests())),
            pool.submit(_machine, there, wish, told),
        ]
        for each in work:
            each.result()
    for name, steps in (("changes", desk.changes()), ("problems", desk.problems()), ("major incident", desk.major())):
        _each(told, name, steps)
    if wish.ingest:
        month = Month(wish.seed, now, wish.scale, made)
        _each(told, "alerts", send(wish.ingest, sender(there), month))


def _each(told: Told, name: str, steps: Iterator[None]) -> None:
    count = 0
    for count, _ in enumerate(steps, 1):
        told(name, count, 0)


def _assets(there: Platform, made: Estate, told: Told) -> None:
    """The table of assets, who needs how many of what, and the relations."""
    items = list(made.items.values())
    for start in range(0, len(items), _ROWS):
        piece = items[start : start + _ROWS]
        text, columns = _table(there, piece)
        body = {"text": text, "source": SOURCE, "mapping": {column: column for column in columns}}
        looked = there.post(ADMIN, "imports", body)
        applied = there.post(ADMIN, f"imports/{looked['id']}:apply")
        for item, row in zip(piece, applied["rows"], strict=True):
            if not row["assetId"]:
                raise CliError(f"{item.name} was refused: {row['reason']}")
            there.ids["asset", item.key] = row["assetId"]
        told("assets", start + len(piece), len(items))
    for item in items:
        if item.minimum:
            group, least = item.minimum
            asset = there.named("asset", item.key)
            needs = {"redundancy": [{"group": group, "minimumCount": least}]}
            there.change(ADMIN, f"assets/{asset}", needs)
    _relations(there, made, told)


def _table(there: Platform, items: Iterable[Item]) -> tuple[str, list[str]]:
    rows = []
    for item in items:
        row: dict[str, str] = {
            "key": item.key,
            "name": item.name,
            "class": item.class_,
            "attributes.tags": SOURCE,
            "state": "IN_USE",
            **item.values,
        }
        row |= {"teamId": there.team(item.team)} if item.team else {}
        row |= {"ownerId": there.person(item.owner)} if item.owner else {}
        rows.append(row)
    columns = sorted({name for row in rows for name in row})
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue(), columns


def _relations(there: Platform, made: Estate, told: Told) -> None:
    for start in range(0, len(made.ties), _OPERATIONS):
        piece = made.ties[start : start + _OPERATIONS]
        operations = []
        for tie in piece:
            ends = {"providerId": there.named("asset", tie.provider), "consumerId": there.named("asset", tie.consumer)}
            operations.append({"method": "POST", "body": {**ends, "kind": tie.kind, "group": tie.group}})
        for result in there.post(ADMIN, "relations:batch", {"operations": operations})["results"]:
            if result["status"] not in (200, 201, 409):
                raise CliError(f"a relation was refused: {result}")
        told("relations", start + len(piece), len(made.ties))


def _incidents(there: Platform, quarter: Quarter, told: Told) -> None:
    count, tickets = 0, list(quarter.tickets())
    for results in sent(there.of(ADMIN).send, SOURCE, tickets):
        for ticket, result in results:
            _require_taken(ticket, result)
        count += len(results)
        told("incidents", count, len(tickets))


def _require_taken(ticket: Ticket, result: dict[str, Any]) -> None:
    if result["outcome"] == "REFUSED":
        raise CliError(f"{ticket.number} was refused: {result.get('message', '')}")


def _machine(there: Platform, wish: Wish, told: Told) -> None:
    """This machine, by the agent's own code, as an agent of this tenant that reports once."""
    if not wish.inventory:
        return
    key = there.post(ADMIN, "tokens", {"kind": "AGENT", "name": "this machine", "roles": ["enroller"]})
    with tempfile.TemporaryDirectory(prefix="itsm-demo-") as folder:
        file = Path(folder, "enrollment.key")
        file.touch(mode=0o600)
        file.write_text(key["secret"])
        chosen = {"server": there.url, "ingest": wish.ingest or there.url, "key_file": str(file), "state": folder}
        done = asyncio.run(_reported(settings(chosen)))
    told("this machine" if done else "this machine could not be taken in whole", 1, 1)


async def _reported(chosen: Settings) -> bool:
    async with Agent(chosen, this_platform()) as agent, asyncio.timeout(_INVENTORY_SECONDS):
        return await agent.once()
