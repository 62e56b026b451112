"""Opening incidents and moving them on: one public method per command, one transaction each."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from google.api import field_behavior_pb2
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.codec import Descriptor, has_behavior
from chassis.domain import Ids, new_id
from chassis.errors import AlreadyExists, ForbiddenMove, Invalid, NotFound
from chassis.store import Store, Transaction
from services.incident.domain.incident import Incident, Source
from services.incident.domain.levels import Moment
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.note import Note
from services.incident.domain.priority import Urgency
from services.incident.domain.states import HoldReason, State
from services.incident.domain.watching import fitting
from services.incident.usecases.article_uses import ArticleUses
from services.incident.usecases.escalations import last_heard
from services.incident.usecases.families import Families, Task
from services.incident.usecases.linking import Linking
from services.incident.usecases.notes import Notes
from services.incident.usecases.policies import Policies
from services.incident.usecases.routing import Routing

OPEN_CLAIM = "open-incident"
LATEST_CLAIM = "latest-incident"
"""Points from a key of alerts to the incident that was the last to be open for it, for as long as it may come back."""
LATEST_SPARE = timedelta(hours=1)
"""For how much longer than the grace period it does: the clock that removes it is the database's."""
ALERT_KEYS = "alert/"
"""How the keys begin that alerts share an incident by."""
LONGEST_CHAIN = 20
"""Parents are followed this far; a longer chain is refused, so that no walk over incidents is without an end."""

_DESCRIPTOR: Descriptor = pb.Incident.DESCRIPTOR
_FIXED = frozenset(field.name for field in _DESCRIPTOR.fields if has_behavior(field, field_behavior_pb2.IMMUTABLE))
_OF_ALL = ("dedup_key", "alert_ids", "blocked_by_children", "ends_with_children")


class Incidents:
    """What people and other services may do with incidents. `etag` is the version that the caller decided on, or empty."""

    def __init__(
        self,
        store: Store,
        policies: Policies,
        *,
        reopen_window: timedelta = timedelta(days=7),
        grace: timedelta = timedelta(minutes=15),
        ids: Ids = new_id,
        routing: Routing | None = None,
    ) -> None:
        self._store = store
        self._routing = routing
        self._policies = policies
        self._reopen_window = reopen_window
        self._pointed = grace + LATEST_SPARE
        self._ids = ids
        self._families = Families(store, ids=ids)
        self._notes, self._linking = Notes(store, ids=ids), Linking(store)
        self._uses = ArticleUses(store)

    async def open(self, fields: Mapping[str, Any], *, of_alert: bool = False) -> Incident:
        """A new incident. Raises `AlreadyExists` with the holder's id when one with this dedup key is open.

        Keys of alerts are for what opens incidents of them, which says `of_alert`. Raises `Invalid` for anybody else's.
        """
        if not of_alert:
            _check_opening(fields)
        number, moment = await self._store.number("INC"), await self._policies.moment()
        if ctx.current().scope:  # who sees only some incidents reports for nobody else
            fields = {**fields, "requester_id": moment.by}
        fields = fields if self._routing is None else await self._routing.placed(fields)
        async with self._store.transaction() as tx:
            incident = Incident.open(moment, id=self._ids("inc"), number=number, **fields)
            await self._take(tx, incident)
            tx.add(incident)
        return incident

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Incident:  # noqa: A002 - as its field
        """Changes the named fields. Raises `Invalid` for one that is fixed once it is open."""
        _check_alone(fields)
        async with self._changing(id, etag) as (incident, moment):
            if fields.get("ends_with_children") and not incident.ends_with_children:
                await self._families.begin(Task.SETTLE, incident.id)
            fixed = [name for name in _FIXED & fields.keys() if getattr(incident, name) != fields[name]]
            if fixed:
                raise Invalid(dict.fromkeys(sorted(fixed), "cannot be changed"))
            incident.edit(moment, **fields)
        return incident

    async def hear_alert(self, id: str, alert_id: str, urgency: Urgency, *, newly: bool) -> Incident:  # noqa: A002 - as its field
        """An alert of it fires, `newly` or worse than it was."""
        async with self._changing(id, "") as (incident, moment):
            incident.hear_alert(moment, alert_id, urgency, newly=newly)
        return incident

    async def come_back(self, id: str, alert_id: str, urgency: Urgency, reason: str, *, newly: bool) -> Incident:  # noqa: A002
        """It was resolved, and an alert of it fires. Raises `AlreadyExists` as `reopen` does."""
        async with self._changing(id, "") as (incident, moment):
            incident.come_back(moment, alert_id, urgency, newly=newly, reason=reason, window=self._reopen_window)
        return incident

    async def alert_cleared(self, id: str, code: str, text: str) -> Incident:  # noqa: A002 - as above
        """One of its alerts is over, and with the last one the incident itself."""
        async with self._changing(id, "") as (incident, moment):
            incident.alert_cleared(moment, code=code, text=text)
        return incident

    async def assign(self, id: str, team_id: str, assignee_id: str, *, etag: str = "") -> Incident:  # noqa: A002 - as above
        """Gives it to a team and, where named, to a person."""
        async with self._changing(id, etag) as (incident, moment):
            incident.assign(moment, team_id=team_id, assignee_id=assignee_id)
        return incident

    async def start(self, id: str, *, etag: str = "") -> Incident:  # noqa: A002 - as above
        """Work begins, by the caller where nobody was assigned."""
        async with self._changing(id, etag) as (incident, moment):
            incident.start(moment)
        return incident

    async def hold(self, id: str, reason: HoldReason, note: str, *, etag: str = "") -> Incident:  # noqa: A002 - as above
        """Waits; what the caller is told becomes a public note."""
        async with self._changing(id, etag) as (incident, moment):
            incident.hold(moment, reason, note=note)
            if note:
                async with self._store.transaction() as tx:
                    tx.add(self._notes.said(Incident, incident.id, note, True, moment))
        return incident

    async def resume(self, id: str, *, etag: str = "") -> Incident:  # noqa: A002 - as above
        """Work goes on."""
        async with self._changing(id, etag) as (incident, moment):
            incident.resume(moment)
        return incident

    async def resolve(
        self,
        id: str,  # noqa: A002 - as above
        code: str,
        resolution: str,
        *,
        etag: str = "",
        resolve_children: bool = False,
    ) -> Incident:
        """Says how it ended; its dedup key is free again. Its open children follow where that is wished."""
        async with self._changing(id, etag) as (incident, moment):
            if not resolve_children:
                await self._families.check_free(incident, "resolve")
            incident.resolve(moment, resolution_code=code, resolution=resolution)
            if resolve_children and await self._families.has_open(incident.id):
                await self._families.begin(Task.RESOLVE, incident.id, code=code, text=resolution)
        return incident

    async def reopen(self, id: str, reason: str, *, etag: str = "") -> Incident:  # noqa: A002 - as above
        """It was not over. Raises `AlreadyExists` when another incident with its dedup key was opened meanwhile."""
        async with self._changing(id, etag) as (incident, moment):
            incident.reopen(moment, reason=reason, window=self._reopen_window)
        return incident

    async def close(self, id: str, *, etag: str = "") -> Incident:  # noqa: A002 - as above
        """Over for good."""
        async with self._changing(id, etag) as (incident, moment):
            await self._families.check_free(incident, "close")
            incident.close(moment)
        return incident

    async def cancel(self, id: str, reason: str, *, etag: str = "") -> Incident:  # noqa: A002 - as above
        """It was none."""
        async with self._changing(id, etag) as (incident, moment):
            incident.cancel(moment, reason=reason)
        return incident

    async def link(self, id: str, link: Link, *, etag: str = "") -> Incident:  # noqa: A002 - as above
        """Refers to another record. Raises `Invalid` when that is an incident which the caller cannot see."""
        async with self._changing(id, etag) as (incident, moment):
            incident.link(moment, await self._known(incident, link))
        return incident

    async def unlink(self, id: str, link: Link, *, etag: str = "") -> Incident:  # noqa: A002 - as above
        """Takes a reference away."""
        async with self._changing(id, etag) as (incident, moment):
            incident.unlink(moment, link)
        return incident

    async def watch(self, id: str, user_ids: Sequence[str], *, etag: str = "") -> Incident:  # noqa: A002 - as above
        """These people hear of it, or the caller where nobody is named."""
        async with self._changing(id, etag) as (incident, moment):
            incident.watch(moment, _watchers(user_ids, moment.by))
        return incident

    async def unwatch(self, id: str, user_ids: Sequence[str], *, etag: str = "") -> Incident:  # noqa: A002 - as above
        """These people hear of it no more, or the caller."""
        async with self._changing(id, etag) as (incident, moment):
            incident.watch(moment, (), _watchers(user_ids, moment.by))
        return incident

    async def note(
        self,
        id: str,  # noqa: A002 - as above
        text: str,
        public: bool,
        names: Sequence[str] = (),
        *,
        to_children: bool = False,
    ) -> Note:
        """Says something. What a caller says who sees only some rows is public, else they could not read it themselves.

        The reporter's answer to what was asked takes work up again; whom it `names` watch the incident from then on, as far as
        there is room and where the caller may name others at all. Any other note leaves the incident as it is.
        """
        document, moment = await self._answering(id), await self._policies.moment()
        async with self._store.transaction() as tx:
            note = self._notes.said(Incident, document["_id"], text, public, moment, names)
            if note.public and _is_awaited(document, moment.by):
                incident = await tx.get(Incident, document["_id"])
                if incident.state is State.ON_HOLD:
                    incident.resume(moment)
                    tx.save(incident)
            if note.mentioned_ids and not ctx.current().scope:  # who sees only some incidents names nobody else a watcher
                incident = await tx.get(Incident, document["_id"])
                incident.watch(moment, fitting(incident.watcher_ids, note.mentioned_ids))
                tx.save(incident)
            tx.add(note)
            await self._families.told(document, note, to_children=to_children)
        return note

    async def shown(self, id: str, *, as_is: bool = False) -> Mapping[str, Any]:  # noqa: A002 - as above
        """One incident, to become a message: of one that was merged, the one that answers for it where the caller sees that."""
        document = await self._store.document(Incident, id, naive=True)
        with suppress(NotFound):
            for _ in range(0 if as_is else LONGEST_CHAIN):
                if not document.get("merged_into_id"):
                    break
                document = await self._store.document(Incident, document["merged_into_id"], naive=True)
        return document

    async def _answering(self, id: str) -> Mapping[str, Any]:  # noqa: A002 - as above
        """What a note is about: of one that was merged, the one that answers for it, unless the caller does not see that."""
        document = await self._store.document(Incident, id)
        for _ in range(LONGEST_CHAIN):
            into_id = document.get("merged_into_id")
            if not into_id or ctx.current().scope:
                break
            document = await self._store.document(Incident, into_id)
        return document

    @asynccontextmanager
    async def _changing(self, id: str, etag: str) -> AsyncIterator[tuple[Incident, Moment]]:  # noqa: A002 - as above
        """The incident inside a transaction, saved after the block; its dedup key is held exactly while it is open."""
        moment = await self._policies.moment()
        async with self._store.transaction() as tx:
            incident = await tx.get(Incident, id, etag=etag)
            was_open, links = incident.state.is_open, incident.links
            incident.hear(moment, await last_heard(self._store, incident, moment.at))
            yield incident, moment
            await self._uses.follow(links, incident.links)
            if incident.state.is_open and not was_open:
                await self._take(tx, incident)
            elif was_open and not incident.state.is_open:
                await self._let_go(tx, incident, moment)
                await self._families.done(incident.parent_ids)
            tx.save(incident)

    async def _take(self, tx: Transaction, incident: Incident) -> None:
        if incident.dedup_key:
            holder = await tx.holder(OPEN_CLAIM, incident.dedup_key)
            if holder is not None:
                shown = "" if ctx.current().scope else holder
                raise AlreadyExists("incident", shown, f"{shown or 'another'} is open for this deduplication key")
            tx.claim(OPEN_CLAIM, incident.dedup_key, incident.id)
        held = await tx.holders((OPEN_CLAIM, key) for key in incident.merged_keys)
        for key in incident.merged_keys:
            if (OPEN_CLAIM, key) not in held:
                tx.claim(OPEN_CLAIM, key, incident.id)

    async def _let_go(self, tx: Transaction, incident: Incident, moment: Moment) -> None:
        """Its key is free again, and those of what was merged into it, but for one that another has taken since."""
        held = await tx.holders((OPEN_CLAIM, key) for key in incident.merged_keys)
        merged = (key for key in incident.merged_keys if held.get((OPEN_CLAIM, key)) == incident.id)
        for key in (incident.dedup_key, *merged):
            if key:
                tx.release(OPEN_CLAIM, key)
                if incident.source is Source.ALERT:
                    tx.point(LATEST_CLAIM, key, incident.id, until=moment.at + self._pointed)

    async def _known(self, incident: Incident, link: Link) -> Link:
        """The link by id. Raises `ForbiddenMove` for a parent that has the incident above itself."""
        found, target = await self._linking.known(link)
        if link.kind is LinkKind.PARENT and isinstance(target, Incident):
            await self._check_chain(incident, target)
        return found

    async def _check_chain(self, incident: Incident, parent: Incident) -> None:
        seen: set[str] = set()
        level = {parent.id}
        for _ in range(LONGEST_CHAIN):
            if not level:
                return
            if incident.id in level:
                raise ForbiddenMove(incident.state, "link", "this would make the incident a parent of itself")
            seen |= level
            level = await self._families.parents(level) - seen
        raise ForbiddenMove(incident.state, "link", f"more than {LONGEST_CHAIN} incidents would stand above each other")


def _check_opening(fields: Mapping[str, Any]) -> None:
    """Raises `Invalid` for what only this service says of an incident, and of who sees only some for what concerns others."""
    if str(fields.get("dedup_key", "")).startswith(ALERT_KEYS):
        raise Invalid({"dedup_key": f"keys that begin with {ALERT_KEYS} are those of alerts"})
    _check_alone(fields)
    if ctx.current().scope and fields.get("source") is Source.ALERT:
        raise Invalid({"source": "you are no alert"})


def _check_alone(fields: Mapping[str, Any]) -> None:
    """Raises `Invalid` where who sees only some incidents would decide about those, and the alerts, of others."""
    if ctx.current().scope and (wrong := [name for name in _OF_ALL if fields.get(name)]):
        raise Invalid(dict.fromkeys(wrong, "is for those who see all incidents"))


def _watchers(user_ids: Sequence[str], caller: str) -> Sequence[str]:
    """Whom a caller may name: others only where all is seen."""
    if ctx.current().scope and set(user_ids) - {caller}:
        raise Invalid({"user_ids": "you may name yourself alone"})
    return user_ids or [caller]


def _is_awaited(document: Mapping[str, Any], who: str) -> bool:
    """Whether the incident waits for this person, who reported it. Who works on it too says when it goes on."""
    waits = document.get("hold_reason") == HoldReason.CALLER.value
    return waits and bool(document["requester_id"] == who != document["assignee_id"])
