"""A search without a process: an index in a folder of the test, owners whose records are in memory, people with roles."""

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chassis import context as ctx
from chassis.context import Context
from chassis.policy import Policy
from chassis.testing import caller
from services.analytics.domain.searching import Text
from services.analytics.tantivy_index import TantivyIndex
from services.analytics.usecases.indexing import Indexing
from services.analytics.usecases.search import Found, Search
from services.auth.domain.roles import ROLES, SCOPES, VERSION

POLICY = Policy(VERSION, ROLES, SCOPES)


def person(name: str, *roles: str, tenant: str = "main") -> Context:
    """Somebody with roles, and all that these permit."""
    return caller(tenant, name, roles=frozenset(roles), permissions=POLICY.permissions(frozenset(roles)))


RITA, ROB = person("rita", "requester"), person("rob", "requester")
VIC, AMY, MAX = person("vic", "viewer"), person("amy", "agent"), person("max", "incident-manager")


class Records:
    """The services whose records are found."""

    def __init__(self) -> None:
        self.texts: dict[tuple[str, str], Text] = {}
        self.reads = 0

    async def read(self, tenant: str, subjects: Sequence[str]) -> list[Text]:
        """See `ports.Owners`."""
        self.reads += 1
        return [self.texts[tenant, each] for each in subjects if (tenant, each) in self.texts]

    async def walk(self) -> AsyncIterator[list[Text]]:
        """See `ports.Owners`."""
        texts = list(self.texts.values())
        for start in range(0, len(texts), 2):
            yield texts[start : start + 2]


class People:
    """Who belongs where."""

    def __init__(self) -> None:
        self.members: dict[str, set[str]] = {}

    async def of_caller(self) -> frozenset[str]:
        """See `Teams`."""
        return frozenset(self.members.get(ctx.current().actor.id, ()))


class SearchRoom:
    """Everything that finding takes."""

    def __init__(self, folder: Path) -> None:
        self.index, self.records, self.people = TantivyIndex(folder), Records(), People()
        self.indexing = Indexing(self.index, self.records)
        self.search = Search(self.index, lambda: POLICY, self.people)

    async def has(self, subject: str, title: str = "", *, tenant: str = "main", **more: Any) -> None:
        """A record is so from now on."""
        self.records.texts[tenant, subject] = Text(tenant=tenant, subject=subject, title=title, **more)
        await self.indexing.changed([(tenant, subject)])

    async def ask(self, who: Context, query: str, **more: Any) -> list[Found]:
        """What somebody finds."""
        with ctx.use(who):
            return await self.search.find(query, **more)

    async def finds(self, who: Context, query: str, **more: Any) -> list[str]:
        """The same by subject."""
        return [found.text.subject for found in await self.ask(who, query, **more)]

    async def seen_by(self, query: str, people: Collection[Context] = (RITA, ROB, VIC, AMY, MAX)) -> dict[str, list[str]]:
        """Who finds what, in no order."""
        return {who.actor.id: sorted(await self.finds(who, query)) for who in people}


@contextmanager
def searching(folder: Path) -> Iterator[SearchRoom]:
    """A room whose index is let go at the end."""
    room = SearchRoom(folder)
    try:
        yield room
    finally:
        room.index.close()
