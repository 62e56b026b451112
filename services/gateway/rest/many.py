"""`:batchGet` and `:facets`: one question about many records, asked of what a resource offers already.

Fails: `Problem` 422 for what is asked in another form; whatever the service says of the whole.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from google.protobuf.message import Message

from chassis.errors import Invalid, NotFound
from chassis.http.problems import Problem, pointer
from chassis.listing.facets import ANSWER_KEY, ASKED_KEY, TOTAL, unpacked
from services.gateway.rest import manners
from services.gateway.rest.route import Route
from services.gateway.rest.sparse import Tree

AT_ONCE = 16

Ask = Callable[[Message, list[tuple[str, str]], dict[str, Any] | None], Awaitable[Message]]
"""Calls the operation's RPC as the caller, with more metadata; fills what it says beside its answer."""


def nothing_else(parameters: Mapping[str, Any], *known: str) -> None:
    """Raises `Problem` 422 for parameters that the operation does not take."""
    if wrong := [(pointer([name]), "is no parameter of this") for name in parameters if name not in known]:
        raise Problem(422, "validation", f"{wrong[0][0]}: {wrong[0][1]}", reason=Invalid.reason, errors=wrong)


async def batch_get(route: Route, wanted: Sequence[str], fields: Tree, ask: Ask) -> bytes:
    """The records in the order in which they were asked for, and the ids of those that there are none of.

    The first refusal ends the rest: nobody waits for what will not be told.
    """
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(id: str) -> Message | None:  # noqa: A002 - the field's name everywhere
        async with slots:
            try:
                return await ask(route.rpc.request(id=id), [], None)
            except NotFound:
                return None

    try:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(one(each)) for each in wanted]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    found = [task.result() for task in asked]
    records = [orjson.Fragment(manners.written(reply, fields)) for reply in found if reply is not None]
    missing = [each for each, reply in zip(wanted, found, strict=True) if reply is None]
    return orjson.dumps({route.resource: records, "missing": missing})


async def facets(route: Route, parameters: dict[str, list[str]], ask: Ask) -> bytes:
    """How often each value of some fields occurs among the records that match."""
    nothing_else(parameters, "fields", "filter")
    for name, texts in parameters.items():
        if len(texts) > 1:
            raise _wrong(name, "is said more than once")
    fields = parameters.get("fields", [""])[0]
    if not fields or not fields.isascii() or not fields.isprintable():
        raise _wrong("fields", "expected names of fields, separated by commas")
    if fields == TOTAL:
        raise _wrong("fields", "expected names of fields, separated by commas")
    said: dict[str, Any] = {}
    request = route.rpc.request(filter=parameters.get("filter", [""])[0])
    await ask(request, [(ASKED_KEY, fields)], said)
    return unpacked(said[ANSWER_KEY])


def _wrong(name: str, text: str) -> Problem:
    return Problem(422, "validation", f"/{name}: {text}", reason=Invalid.reason, errors=[(f"/{name}", text)])
