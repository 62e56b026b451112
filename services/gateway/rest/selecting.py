"""`:select`: how many records of a list match a filter, and a signed text that stands for them (usecases/selections.py).

What is selected are all that the caller may see, asked of the list itself. Counted exactly up to 100,000; more are said to be
capped, and no job takes them. Fails: `Problem` for a body that says anything but a filter; whatever the list says of it.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from chassis import protojson
from chassis.domain import Clock
from chassis.errors import Invalid
from chassis.guard import Guard
from chassis.http import problems
from chassis.listing.facets import ANSWER_KEY, ASKED_KEY, COUNTED, TOTAL, unpacked
from services.gateway.rest.many import Ask
from services.gateway.rest.route import Route
from services.gateway.rest.routes import PREFIX
from services.gateway.usecases.selections import Selection, Selections


class Selecting:
    """Makes selections."""

    def __init__(self, selections: Selections, guard: Guard, clock: Clock) -> None:
        self._selections, self._guard, self._clock = selections, guard, clock

    async def answer(self, route: Route, content: bytes, metadata: Sequence[tuple[str, str]], ask: Ask) -> bytes:
        """What a body asks for. Raises `Problem`, and what the list raises."""
        filter_ = _filter(content)
        said = dict(metadata)
        at, counted = self._clock(), dict[str, Any]()
        await ask(route.rpc.request(filter=filter_), [(ASKED_KEY, TOTAL)], counted)
        # Whoever is not who he says was refused by the list.
        token = said["authorization"].removeprefix("Bearer ")
        caller = await self._guard.verify(token, said.get("x-itsm-tenant", ""))
        found = orjson.loads(unpacked(counted[ANSWER_KEY]))
        count = COUNTED + 1 if found["capped"] else found["count"]
        resource = route.template.removeprefix(PREFIX).partition(":")[0]
        text, until = self._selections.made(caller.tenant, caller.subject, resource, Selection(filter_, count, at))
        told = {"selection": text, "count": found["count"], "capped": found["capped"], "expireTime": until}
        return orjson.dumps(told, option=orjson.OPT_UTC_Z)


def _filter(content: bytes) -> str:
    try:
        body = protojson.parse(content) if content else {}
        if not isinstance(body, dict):
            raise Invalid({"": "expected an object"})
        if wrong := [name for name in body if name != "filter"]:
            raise Invalid(dict.fromkeys(wrong, "is no field of this"))
        if not isinstance(body.get("filter", ""), str):
            raise Invalid({"filter": "expected a text"})
    except Invalid as error:
        raise problems.of_error(error) from error
    return str(body.get("filter", ""))
