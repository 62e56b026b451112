"""Operations that every resource has and no proto names: `:batchGet`, `:batch`, `:facets`, `:select`, from the bindings.

Each is made of what the resource offers already, as the same caller and by the same rules: many reads, many writes, the
filter of its list. A binding that a proto does declare at such an address wins.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from services.gateway.rest.route import BATCH, BATCH_GET, FACETS, SELECT, Route


def derived(routes: Iterable[Route]) -> Iterator[Route]:
    """The generic operations of the collections that these bindings make up."""
    known = {(route.verb, route.template): route for route in routes}
    for collection in dict.fromkeys(_collection(template) for _, template in known):
        for route in _of(collection, known):
            if (route.verb, route.template) not in known:
                yield route


def _of(collection: str, known: dict[tuple[str, str], Route]) -> Iterator[Route]:
    listed, single = known.get(("GET", collection)), known.get(("GET", f"{collection}/{{id}}"))
    if listed is not None and listed.paged and "filter" in listed.parameters:
        yield replace(listed, template=f"{collection}:{FACETS}", generic=FACETS)
        if single is not None:
            yield replace(listed, verb="POST", template=f"{collection}:{SELECT}", body="", generic=SELECT)
    if single is not None and single.resource and single.variables == ("id",):
        yield replace(single, template=f"{collection}:{BATCH_GET}", variables=(), generic=BATCH_GET)
    writes = [route for (verb, template), route in known.items() if verb != "GET" and _collection(template) == collection]
    if writes and (listed is not None or single is not None):
        yield replace(writes[0], verb="POST", template=f"{collection}:{BATCH}", body="", variables=(), generic=BATCH)


def _collection(template: str) -> str:
    """`/api/v1/incidents` of whatever lies in or below it."""
    return "/".join(template.split("/")[:4]).partition(":")[0]
