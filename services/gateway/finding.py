"""What a console begins with and what it asks while somebody types, put together from the services that know it.

They are asked side by side as the caller. A service that is away leaves its part out and is named in `missing`; what the caller
may not list is left out and not named. Fails: `Unavailable` where nobody can say who the caller is.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from google.protobuf import descriptor_pool
from itsm.gateway import v1 as pb
from itsm.type.v1 import annotations_pb2

from chassis import context as ctx
from chassis.codec import to_message
from chassis.errors import DeadlinePassed, Denied, NotFound, Unavailable
from services.gateway.callers import Callers
from services.gateway.rest.routes import PREFIX, descriptors
from services.gateway.usecases.inbox import Inbox
from services.gateway.usecases.lookups import Suggestion, filter_of, place_of, ranked
from services.gateway.usecases.preferences import ME, Preferences

VIEWS = 20
_LOOKED_AT = 40
"""So many that fit are read before the best are chosen."""

Found = Sequence[Suggestion]


class Finding:
    """See above."""

    def __init__(self, callers: Callers, preferences: Preferences, inbox: Inbox) -> None:
        self._callers, self._preferences, self._inbox = callers, preferences, inbox
        self._numbers = _prefixes()
        self._ways: Mapping[str, Callable[[Sequence[str]], Awaitable[Found]]] = {
            "users": self._users,
            "teams": self._teams,
            "assets": self._assets,
        }

    async def bootstrap(self) -> pb.Bootstrap:
        """What a console needs to begin."""
        who, views = await asyncio.gather(self._callers.get(f"{PREFIX}users:whoami"), self._views())
        tenant, teams = await asyncio.gather(self._tenant(who.tenant), self._own_teams(who.team_ids))
        answer = pb.Bootstrap(
            me=pb.Bootstrap.Me(
                id=who.subject,
                display_name=who.display_name,
                username=who.username,
                tenant=who.tenant,
                tenant_name=tenant or who.tenant,
                roles=who.roles,
                permissions=who.permissions,
                teams=teams or (),
            ),
            views=views or (),
            unread_count=await self._inbox.unread(),
            missing=[name for name, part in (("views", views), ("teams", teams)) if part is None],
        )
        if who.kind == "user":
            answer.preferences.CopyFrom(to_message(await self._preferences.get(ME), pb.NotificationPreferences))
            if answer.preferences.etag in ("", "0"):  # never set: made up at this moment
                answer.preferences.ClearField("create_time")
                answer.preferences.ClearField("update_time")
        answer.etag = hashlib.blake2b(answer.SerializeToString(deterministic=True), digest_size=12).hexdigest()
        return answer

    async def suggest(self, kinds: Sequence[str], words: Sequence[str], most: int) -> tuple[list[Suggestion], list[str]]:
        """The best of each kind that the caller may list, and the kinds whose service does not answer."""
        may = [kind for kind in kinds if f"{kind}.list" in ctx.current().permissions]
        parts = await asyncio.gather(*(_unless_away(self._ways[kind](words)) for kind in may))
        found = [each for part in parts for each in ranked(part or (), words, most)]
        return found, [kind for kind, part in zip(may, parts, strict=True) if part is None]

    async def resolve(self, number: str) -> tuple[str, str, str]:
        """Kind, id and number of a record. Raises `NotFound`, also for what the caller may not see."""
        kind, written = place_of(number, self._numbers)
        try:
            found = await self._callers.get(f"{PREFIX}{kind}/{{id}}", id=written)
        except Denied:
            raise NotFound("record", written) from None
        return kind, found.id, found.number

    async def _views(self) -> list[pb.Bootstrap.CountedView] | None:
        if "views.list" not in ctx.current().permissions:
            return []
        listed = await _unless_away(self._callers.get(f"{PREFIX}views", page_size=200))
        if listed is None:
            return None
        own = ctx.current().actor.id
        views = sorted(listed.views, key=lambda view: view.owner_id != own)[:VIEWS]
        counted = await _unless_away(self._counts([view.id for view in views]))
        counts = counted or {}
        names = ("id", "name", "resource", "filter", "order_by", "owner_id")
        return [
            pb.Bootstrap.CountedView(
                **{name: getattr(view, name) for name in names},
                columns=view.columns,
                count=counts[view.id].value,
                capped=counts[view.id].capped,
            )
            for view in views
            if view.id in counts
        ]

    async def _counts(self, ids: Sequence[str]) -> Mapping[str, Any]:
        answer = await self._callers.get(f"{PREFIX}views:counts", ids=ids) if ids else None
        return {each.id: each for each in answer.counts} if answer is not None else {}

    async def _tenant(self, id: str) -> str:  # noqa: A002 - as its field
        found = await _unless_away(self._callers.get(f"{PREFIX}tenants/{{id}}", id=id))
        return str(found.name) if found is not None else ""

    async def _own_teams(self, ids: Sequence[str]) -> list[pb.Suggestion] | None:
        if not ids or "teams.list" not in ctx.current().permissions:
            return [pb.Suggestion(kind="teams", id=each) for each in ids]
        among = " OR ".join(f'id = "{each}"' for each in ids[:50])
        found = await _unless_away(self._callers.get(f"{PREFIX}teams", page_size=200, filter=among))
        return found and [pb.Suggestion(kind="teams", id=each.id, name=each.name) for each in found.teams]

    async def _users(self, words: Sequence[str]) -> Found:
        named = filter_of(words, "displayName")
        exact = f'({named} OR username = "{words[0]}")' if len(words) == 1 and words[0].isalnum() else named
        among = " AND ".join(["enabled = true", *([exact] if exact else [])])
        found = await self._callers.get(f"{PREFIX}users", page_size=_LOOKED_AT, filter=among)
        return [Suggestion("users", each.id, each.display_name or each.username, each.username) for each in found.users]

    async def _teams(self, words: Sequence[str]) -> Found:
        found = await self._callers.get(f"{PREFIX}teams", page_size=_LOOKED_AT, filter=filter_of(words, "name"))
        return [Suggestion("teams", each.id, each.name) for each in found.teams]

    async def _assets(self, words: Sequence[str]) -> Found:
        """By the search, which forgives slips; by name where it is away, or where there is nothing to look for."""
        if any(letter.isalnum() for word in words for letter in word) and "search.query" in ctx.current().permissions:
            hits = await _unless_away(
                self._callers.get(f"{PREFIX}search", query=" ".join(words), kinds="assets", page_size=_LOOKED_AT)
            )
            if hits is not None and not hits.building:
                return [Suggestion("assets", each.id, each.title, each.state) for each in hits.hits]
        found = await self._callers.get(f"{PREFIX}assets", page_size=_LOOKED_AT, filter=filter_of(words, "name"))
        states = found.DESCRIPTOR.fields_by_name["assets"].message_type.fields_by_name["state"].enum_type.values_by_number
        return [Suggestion("assets", each.id, each.name, states[each.state].name) for each in found.assets]


async def _unless_away(question: Awaitable[Any]) -> Any:
    """The answer; None where its service does not answer, or knows nothing of the caller's."""
    try:
        return await question
    except (Unavailable, DeadlinePassed, Denied, NotFound):
        return None


def _prefixes() -> Mapping[str, str]:
    """By what their numbers begin with the kinds of records, as the protos say."""
    pool, found = descriptor_pool.Default(), {}
    for file in descriptors().file:
        for message in file.message_type:
            options: Any = pool.FindMessageTypeByName(f"{file.package}.{message.name}").GetOptions()
            resource = options.Extensions[annotations_pb2.resource]
            if resource.number_prefix:
                found[resource.number_prefix] = resource.plural
    return found
