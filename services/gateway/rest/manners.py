"""What every operation understands beside what its proto says: `fields`, `dryRun`, `Server-Timing`."""

import orjson
from google.protobuf.message import Message

from chassis import protojson
from chassis.errors import Invalid
from chassis.http.problems import Problem
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.route import Route
from services.gateway.rest.shedding import Class
from services.gateway.rest.sparse import Tree, pruned, wanted

DRY_RUN, FIELDS = "dryRun", "fields"
MAX_IDS = 200
COSTS = {Class.CRITICAL: 1, Class.NORMAL: 1, Class.SHEDDABLE: 2, Class.BULK: 10}
"""Units of a rate limit; an operation of a batch and a record of many cost as if they came alone."""


def ids(given: dict[str, list[str]]) -> list[str]:
    """The ids that a `:batchGet` asks for, each once, in their order. Raises `Problem` 422."""
    found = list(dict.fromkeys(each for text in given.get("ids", []) for each in text.split(",") if each))
    if not 0 < len(found) <= MAX_IDS:
        text = f"expected 1 to {MAX_IDS} ids"
        raise Problem(422, "validation", f"/ids: {text}", reason=Invalid.reason, errors=[("/ids", text)])
    return found


def taken(exchange: Exchange, route: Route, given: dict[str, list[str]]) -> dict[str, list[str]]:
    """The parameters without those that are understood here, which the exchange keeps. Raises `Problem` 422."""
    if FIELDS in given and route.verb == "GET" and FIELDS not in route.parameters:
        exchange.fields = wanted(_once(FIELDS, given), route.rpc.response.DESCRIPTOR)
        given = {name: texts for name, texts in given.items() if name != FIELDS}
    if DRY_RUN in given and route.verb != "GET" and DRY_RUN not in route.parameters:
        text = _once(DRY_RUN, given)
        if text not in ("true", "false"):
            raise Problem(422, "validation", "/dryRun: expected true or false", errors=[("/dryRun", "expected true or false")])
        exchange.dry_run = text == "true"
        given = {name: texts for name, texts in given.items() if name != DRY_RUN}
    return given


def _once(name: str, given: dict[str, list[str]]) -> str:
    if len(given[name]) > 1:
        raise Problem(422, "validation", f"/{name}: is said more than once", errors=[(f"/{name}", "is said more than once")])
    return given[name][0]


def written(reply: Message, fields: Tree) -> bytes:
    """The answer as JSON, with no more than what was asked for."""
    return orjson.dumps(pruned(protojson.to_dict(reply), fields)) if fields else protojson.encode(reply)


def timing(whole: float, upstream: float) -> bytes:
    """`Server-Timing`: milliseconds in the gateway and behind it."""
    return b"gateway;dur=%.1f, upstream;dur=%.1f" % ((whole - upstream) * 1000, upstream * 1000)
