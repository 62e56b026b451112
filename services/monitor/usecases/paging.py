"""Pages: opened by alerts and people, driven by the clock, ended by whoever takes note.

An alert has one page at most, whose id follows from it; a step is made by a save of the page as it was read. So an event or a
due instant that comes twice, here or in another process, calls nobody twice. Who is called is told by the event of the step.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from itsm.monitor import v1 as pb

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import DeadlinePassed, Invalid, NotFound, Unavailable
from chassis.listing import Listing
from chassis.store import Store, Transaction, Update
from services.monitor.domain.alert import Alert, State
from services.monitor.domain.escalation import Step, Target, TargetKind
from services.monitor.domain.page import TITLE_LENGTH, Cause, Page
from services.monitor.domain.signal import Severity
from services.monitor.ports import Members
from services.monitor.usecases.alerts import Alerts
from services.monitor.usecases.escalation import Policies
from services.monitor.usecases.reading import Document, Paged, Paging, page_of
from services.monitor.usecases.schedules import Schedules

PAGES = "pages"
DUE_FIELD = "next_due_time"
TEST_TITLE = "A test: does a call reach you?"
_SUPPRESSED_WAIT = timedelta(seconds=30)
_MOST_CALLED = 200
ACKNOWLEDGES = "alerts.acknowledge"


class Calling:
    """The verbs of pages, and what alerts and the clock do with them. `etag` is the version decided on, or empty."""

    def __init__(
        self,
        store: Store,
        listing: Listing,
        schedules: Schedules,
        policies: Policies,
        alerts: Alerts,
        members: Members,
        *,
        ids: Ids = new_id,
    ) -> None:
        self._store, self._listing, self._schedules, self._policies = store, listing, schedules, policies
        self._alerts, self._members, self._ids = alerts, members, ids

    async def create(self, fields: Mapping[str, Any]) -> Page:
        """Calls people by hand. Raises `Invalid`, also where no policy or two ways are named; `NotFound` for a policy."""
        given = dict(fields)
        if policy_id := given.pop("policy_id", ""):
            if given.get("steps"):
                raise Invalid({"steps": "come from the policy"})
            policy = await self._policies.known(policy_id)
            given |= {"policy_id": policy_id, "steps": policy.steps, "repeat_count": policy.repeat_count}
        return await self._open(self._ids("pag"), cause=Cause.HAND, **{"steps": [], "title": ""} | given)

    async def test(self) -> Page:
        """Calls the caller."""
        caller = ctx.current().actor.id
        steps = [Step(targets=[Target(kind=TargetKind.USER, id=caller)])]
        return await self._open(self._ids("pag"), cause=Cause.TEST, title=TEST_TITLE, severity=Severity.INFO, steps=steps)

    async def _open(self, id: str, **given: Any) -> Page:  # noqa: A002 - as its field
        page = Page.opened(id=id, at=self._store.clock(), creator_id=ctx.current().actor.id, **given)
        async with self._store.transaction() as tx:
            tx.add(page)
        return page

    async def acknowledge(self, id: str, *, etag: str = "") -> Page:  # noqa: A002 - as above
        """Takes note of a page; whoever it called, or who may take note of alerts, of its alert too. Raises `ForbiddenMove`
        when it is over."""
        async with self._changing(id, etag) as (tx, page):
            caller = ctx.current()
            page.acknowledge(caller.actor.id, self._store.clock())
            called = any(call.user_id == caller.actor.id for call in page.calls)
            if page.alert_id and (called or ACKNOWLEDGES in caller.permissions):
                await self._take_note(tx, page.alert_id)
        return page

    async def ask(self, id: str, user_id: str, text: str, *, etag: str = "") -> Page:  # noqa: A002 - as above
        """Calls one more person. Raises `Invalid`; `ForbiddenMove` when it is over."""
        async with self._changing(id, etag) as (_, page):
            page.ask(user_id, text, ctx.current().actor.id, self._store.clock())
        return page

    async def note(self, id: str, text: str, *, etag: str = "") -> Page:  # noqa: A002 - as above
        """Says something of it. Raises `Invalid`."""
        async with self._changing(id, etag) as (_, page):
            page.note(text, ctx.current().actor.id, self._store.clock())
        return page

    async def resolve(self, id: str, *, etag: str = "") -> Page:  # noqa: A002 - as above
        """Ends it. Raises `Invalid` for one of an alert, which ends with that."""
        async with self._changing(id, etag) as (_, page):
            if page.alert_id:
                raise Invalid({"id": f"ends with its alert {page.alert_id}"})
            page.resolve(self._store.clock())
        return page

    async def get(self, id: str) -> Document:  # noqa: A002 - as above
        """One page, to become a message."""
        return await self._store.document(Page, id, naive=True)

    async def page(self, filter_text: str, order_by: str, paging: Paging) -> Paged:
        """A page of the list of those that match."""
        return await page_of(self._store, PAGES, self._listing, filter_text, order_by, paging)

    async def fired(self, alert: pb.Alert) -> None:
        """An alert was let through to people, or became worse: it calls people where a policy says so, and has not yet.

        Inside of the transaction of the event's batch.
        """
        severity = Severity(pb.Alert.Severity.Name(alert.severity))
        policy = await self._policies.of(alert.team_id, severity)
        if policy is None:
            return
        id_ = page_id(ctx.current().tenant, alert.id)
        async with self._store.transaction() as tx:
            if await _known(tx, id_) is not None:
                return
            page = Page.opened(
                id=id_,
                at=self._store.clock(),
                title=alert.title[:TITLE_LENGTH].strip() or alert.fingerprint[:TITLE_LENGTH],
                cause=Cause.ALERT,
                severity=severity,
                alert_id=alert.id,
                asset_id=alert.asset_id,
                team_id=alert.team_id,
                policy_id=policy.id,
                steps=policy.steps,
                repeat_count=policy.repeat_count,
            )
            tx.add(page)

    async def acknowledged(self, alert: pb.Alert) -> None:
        """Somebody took note of an alert: nobody else is called because of it."""
        async with self._of(alert.id) as page:
            if page is not None and page.is_running:
                page.acknowledge(alert.acknowledged_by, self._store.clock())

    async def resolved(self, alert: pb.Alert) -> None:
        """An alert is over, and its page with it."""
        async with self._of(alert.id) as page:
            if page is not None:
                page.resolve(self._store.clock())

    async def advance(self, _tenant: str, id: str) -> None:  # noqa: A002 - as above
        """The instant of a page has come: calls whom its next step names, or ends it when there is none.

        What became of its alert is asked first: an event that tells of it may still be on the way. Raises `Unavailable`.
        """
        async with self._store.transaction() as tx:
            found, now = await tx.find(Page, {"_id": id}, limit=1), self._store.clock()
            if not found:
                return
            page = found[0]
            if not page.is_running or page.next_due_time is None or page.next_due_time > now:
                return
            alert = await self._alert(tx, page)
            if alert is not None and not alert.is_open:
                page.resolve(now)
            elif alert is not None and alert.ack_time is not None:
                page.acknowledge(alert.acknowledged_by, now)
            elif alert is not None and alert.state is State.SUPPRESSED:
                # Kept from people for now; no event, for nothing happened to the page.
                query = {"_id": id, "tenant": ctx.current().tenant, DUE_FIELD: page.next_due_time}
                tx.write(Update(PAGES, query, {"$set": {DUE_FIELD: now + _SUPPRESSED_WAIT}}, strict=False))
                return
            else:
                await self._step(page)
            tx.save(page)

    async def _step(self, page: Page) -> None:
        now = self._store.clock()
        while (following := page.following()) is not None:
            place, round_ = following
            if people := await self._people(page.steps[place]):
                page.call(place, round_, people, now)
                return
            page.pass_over(place, round_)
        page.expire(now)

    async def _people(self, step: Step) -> list[tuple[str, str]]:
        """Whom a step calls now, each once, with what names them. Where nobody is known: `Unavailable`, `DeadlinePassed`."""
        found: dict[str, str] = {}
        away: Unavailable | DeadlinePassed | None = None
        for target in step.targets:
            try:
                people = await self._behind(target)
            except (Unavailable, DeadlinePassed) as error:
                away = error  # those who are known are called all the same
                continue
            for user_id in people:
                found.setdefault(user_id, target.path)
        if away is not None and not found:
            raise away
        return list(found.items())[:_MOST_CALLED]

    async def _behind(self, target: Target) -> list[str]:
        match target.kind:
            case TargetKind.USER:
                return [target.id]
            case TargetKind.TEAM:
                return list(await self._members.of_team(target.id))
        try:
            schedule = await self._schedules.known(target.id)
        except NotFound:  # removed: the others of the step are called
            return []
        who = schedule.rota.decided(self._store.clock())
        return [who[0]] if who is not None else []

    async def _alert(self, tx: Transaction, page: Page) -> Alert | None:
        found = await tx.find(Alert, {"_id": page.alert_id}, limit=1) if page.alert_id else []
        return found[0] if found else None

    async def _take_note(self, tx: Transaction, alert_id: str) -> None:
        found = await tx.find(Alert, {"_id": alert_id}, limit=1)
        if found and found[0].is_open and found[0].ack_time is None:
            await self._alerts.acknowledge(alert_id, "by its page")

    @asynccontextmanager
    async def _of(self, alert_id: str) -> AsyncIterator[Page | None]:
        async with self._store.transaction() as tx:
            page = await _known(tx, page_id(ctx.current().tenant, alert_id))
            yield page
            if page is not None:
                tx.save(page)

    @asynccontextmanager
    async def _changing(self, id: str, etag: str) -> AsyncIterator[tuple[Transaction, Page]]:  # noqa: A002 - as above
        async with self._store.transaction() as tx:
            # Its instant is written beside the versions: the database knows it, no memory does.
            await tx.find(Page, {"_id": id}, limit=1)
            page = await tx.get(Page, id, etag=etag)
            yield tx, page
            tx.save(page)


async def _known(tx: Transaction, id: str) -> Page | None:  # noqa: A002 - as above
    """A page as it is stored, or as this transaction made it."""
    if found := await tx.find(Page, {"_id": id}, limit=1):
        return found[0]
    try:
        return await tx.get(Page, id)
    except NotFound:
        return None


def page_id(tenant: str, alert_id: str) -> str:
    """The id of the page of an alert: the same however often its events come."""
    return f"pag_{hashlib.blake2b(f'{tenant}|{alert_id}'.encode(), digest_size=16).hexdigest()}"
