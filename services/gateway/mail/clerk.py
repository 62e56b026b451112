"""Works what came in: a message opens an incident, goes on with one, or is what nobody wrote.

A sender is whom the message names, which proves nothing. So a person reaches by mail what he may see himself and nothing
more, an address without an account only what it takes part in. It is his word about an incident where it answers to an id that
receivers alone know, or where a trusted server vouches for him; a number in a subject, which anybody can guess, is only told.
Everything may be done twice: the services are given the same key each time.
"""

import asyncio
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.errors import DeadlinePassed, Denied, Error, Exhausted, Internal, NotFound, Unauthenticated, Unavailable
from chassis.failpoints import OFF, Failpoints
from chassis.store import Store
from services.gateway.domain.mailbox import KEPT, MailState, Strangers
from services.gateway.mail.addresses import Address
from services.gateway.mail.bounces import Bounces
from services.gateway.mail.careful import Unreadable
from services.gateway.mail.desk import Desk, Somebody
from services.gateway.mail.reading import Incoming, read, topic
from services.gateway.mail.roots import Roots
from services.gateway.usecases.addressing import address_id
from services.gateway.usecases.log import DELIVERIES
from services.gateway.usecases.postbox import DUE_FIELD, NOTHING_KEPT, Postbox

MOST_OF_SENDER, WITHIN = 30, timedelta(minutes=10)
LONGEST_WAIT = timedelta(days=3)
"""For how long a message waits for its turn among those of its sender."""
LONGEST_WORK = timedelta(hours=20)
"""For how long a message is tried. The keys by which nothing happens twice live for a day."""
_LATER = (Unavailable, DeadlinePassed, Exhausted, Internal, Unauthenticated)
"""What may end otherwise another time: a token that has just ended, a service that is away, or about to be mended."""
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=10)
_TEXT_LENGTH, _TITLE_LENGTH, _REASON_LENGTH = 60_000, 250, 1_000
_NUMBER = re.compile(r"\bINC\d{7,12}\b", re.IGNORECASE)
_OURS = re.compile(r"dlv_[0-9a-f]{32}")
_WAKE = "(wake)"
_OVER = frozenset({pb.Incident.CLOSED, pb.Incident.CANCELLED})


@dataclass(frozen=True, slots=True)
class _Sender:
    """Who wrote: a person with the token by which we act, or an address. `id` stands for either."""

    id: str
    token: str = ""
    person: bool = False


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a message is. Of what became nothing little is kept."""

    state: MailState
    reason: str = ""
    record: str = ""
    kept: timedelta = KEPT


def _nothing(state: MailState, reason: str, record: str = "") -> _Verdict:
    return _Verdict(state, reason, record, NOTHING_KEPT)


class Clerk:
    """See above. `domain` is that of our own messages' ids, `own` the address that we write from, `roots` what they answer to,
    `authserv_ids` name the servers that vouch for senders."""

    def __init__(
        self,
        store: Store,
        postbox: Postbox,
        desk: Desk,
        *,
        domain: str,
        own: Address,
        roots: Roots,
        authserv_ids: Collection[str] = (),
        failpoints: Failpoints = OFF,
    ) -> None:
        self._store, self._postbox, self._desk = store, postbox, desk
        self._domain, self._own, self._failpoints = domain, own, failpoints
        self._bounces, self._authserv_ids, self._roots = Bounces(store), authserv_ids, roots

    async def work(self, tenant: str, id: str) -> None:  # noqa: A002, ARG002 - as a `DueWorker` calls it
        """Works one message. What has to wait is due again later."""
        row = await self._postbox.row(id)
        if row is None or row["state"] != MailState.PENDING.value:
            return
        await self._failpoints.reached("M1")
        try:
            verdict = await self._verdict(row)
        except _LATER as failure:
            verdict = await self._given_up(id, failure)
        if verdict is None:
            count = row["attempt_count"]
            pause = min(_FIRST_PAUSE * (1 << min(count, 10)), _LONGEST_PAUSE)
            await self._postbox.note(id, {"attempt_count": count + 1, DUE_FIELD: self._store.clock() + pause})
            return
        await self._failpoints.reached("M2")
        await self._postbox.end(id, verdict.state, verdict.reason, verdict.record, kept=verdict.kept)

    async def _given_up(self, id: str, failure: Error) -> _Verdict | None:  # noqa: A002 - as above
        """The end of what was tried for long enough; None where it is to be tried again."""
        row = await self._postbox.row(id)
        begun = row.get("begin_time") if row else None
        if row is None or begun is None or self._store.clock() - begun < LONGEST_WORK:
            return None
        reason = f"given up after {LONGEST_WORK // timedelta(hours=1)} hours: {failure.message}"
        return _Verdict(MailState.DONE if row["record"] else MailState.REFUSED, reason, row["record"])

    async def _verdict(self, row: Mapping[str, Any]) -> _Verdict | None:
        """What it is; None where it has to wait."""
        try:
            mail = await asyncio.to_thread(read, await self._postbox.raw(row["_id"]), self._authserv_ids)
        except (Unreadable, NotFound) as why:  # the latter where it was kept long enough
            return _nothing(MailState.REFUSED, str(why))
        if mail.bounce is not None:
            return _nothing(MailState.IGNORED, *await self._bounces.heard(mail.bounce))
        if await self._is_ours(mail):
            return _nothing(MailState.IGNORED, "it is one of our own that came back")
        if mail.automatic:
            return _nothing(MailState.IGNORED, mail.automatic)
        if "begin_time" not in row:
            stranger, now = address_id(mail.sender.key), self._store.clock()
            if await self._postbox.recent(stranger, now - WITHIN, MOST_OF_SENDER) >= MOST_OF_SENDER:
                # Whoever it names may not have sent the others: his own waits among them, and is not lost.
                end = f"{MOST_OF_SENDER} came from its sender within ten minutes, again and again for {LONGEST_WAIT.days} days"
                return _Verdict(MailState.REFUSED, end) if now - row["receive_time"] >= LONGEST_WAIT else None
            await self._postbox.note(row["_id"], {"sender_id": stranger, "begin_time": now})
        try:
            return await self._worked(row, mail, await self._sender(mail.sender))
        except _LATER:
            raise
        except Error as refused:  # again would end the same
            return _nothing(MailState.REFUSED, f"it could become no incident: {refused.message}")

    async def _is_ours(self, mail: Incoming) -> bool:
        if mail.sender.key == self._own.key or self._ours(mail.message_id):
            return True
        return await self._postbox.addressed(mail.sender) is not None

    async def _sender(self, address: Address) -> _Sender:
        person: Somebody | None = await self._desk.somebody(address)
        if person is None:
            return _Sender(address_id(address.key))
        token = await self._desk.token(person)
        return _Sender(person.id, token, person=True) if token else _Sender(address_id(address.key))

    async def _worked(self, row: Mapping[str, Any], mail: Incoming, sender: _Sender) -> _Verdict:
        record, left = row["record"], row.get("left", "")
        if not record:
            mailbox = await self._postbox.mailbox(row["mailbox_id"])
            incident, his_own = await self._meant(row, mail, sender)
            # What was merged goes on in another: what its reporter answers is heard there.
            if incident is not None and (incident.merged_into_id or incident.state not in _OVER):
                left = await self._answered(row, mail, sender, incident, his_own=his_own)
            elif not sender.person and mailbox["strangers"] != Strangers.ACCEPTED.value:
                return _nothing(MailState.REFUSED, "nobody here has its sender's address, and the mailbox takes no strangers")
            else:
                incident, left = await self._opened(row, mail, sender, mailbox, incident), mailbox["team_id"]
            record = f"incidents/{incident.id}"
            # At once: what else is to be done may be tried for longer than the services know what they did.
            await self._postbox.note(row["_id"], {"record": record, "left": left})
        await self._finished(row, record.partition("/")[2], left)
        await self._postbox.remember(record, row["mailbox_id"], row["message_id"])
        left_out = await self._attached(row, mail, record.partition("/")[2], sender.token)
        return _Verdict(MailState.DONE, left_out, record)

    async def _finished(self, row: Mapping[str, Any], id: str, left: str) -> None:  # noqa: A002 - as above
        """What is left to be done for an incident that a message opened or goes on with: a team's id, to give it there, or
        `_WAKE`, where it waited for whom the message is from."""
        if left == _WAKE:
            await self._desk.resume(id)
        elif left:
            await self._desk.assign(id, left, row["_id"])

    async def _meant(self, row: Mapping[str, Any], mail: Incoming, sender: _Sender) -> tuple[pb.Incident | None, bool]:
        """The incident that it goes on with, and whether it is a word of its sender's, who may see it himself."""
        subject = await self._referred(row["mailbox_id"], mail)
        named = subject.partition("/")[2] or (self._named(mail) if mail.proven else "")
        if not named:
            return None, False
        if sender.token and (seen := await self._desk.incident(named, sender.token)) is not None:
            takes_part = bool(subject) or sender.id in (seen.requester_id, seen.assignee_id)
            return (seen, True) if takes_part else (None, False)
        found = await self._desk.incident(named, "")
        if found is not None and (found.requester_id == sender.id or (subject and await self._was_told(subject, sender.id))):
            return found, False
        return None, False

    async def _referred(self, mailbox_id: str, mail: Incoming) -> str:
        """The record that the nearest message belongs to which it answers: one of ours, or one that came in here.

        Their ids are known to those alone who got them, and so are proven roots.
        """
        ours = {each: name for each in mail.references if (name := self._ours(each))}
        roots = {each: record for each in mail.references if (record := self._roots.proven(each))}
        sent = await self._store.find(DELIVERIES, {"_id": {"$in": list(ours.values())}})
        subjects = {f"{row['_id']}@{self._domain}": row["content"].get("thread") or row["subject"] for row in sent}
        subjects |= await self._postbox.records(mailbox_id, [each for each in mail.references if each not in ours]) | roots
        known = (subjects[each] for each in mail.references if each in subjects)
        return next((subject for subject in known if subject.startswith("incidents/")), "")

    def _named(self, mail: Incoming) -> str:
        """The incident that it names by the root of a conversation, which whoever sees the incident can make up, or by the
        number in its subject: nothing unless the sender is proven."""
        kind, found = "incidents/", (self._roots.named(each) for each in mail.references)
        return next((root.removeprefix(kind) for root in found if root.startswith(kind)), _number(mail))

    def _ours(self, message_id: str) -> str:
        """What we call a message of ours; empty for those of others, who may be at home in the same domain."""
        name, _, domain = message_id.rpartition("@")
        return name if domain == self._domain and _OURS.fullmatch(name) else ""

    async def _was_told(self, subject: str, target_id: str) -> bool:
        """Whether mail about it went to this address: who was written to may answer."""
        query = {"target_id": target_id, "channel": "MAIL", "content.thread": subject}
        return await self._store.count(DELIVERIES, query, limit=1) > 0

    async def _answered(
        self, row: Mapping[str, Any], mail: Incoming, sender: _Sender, incident: pb.Incident, *, his_own: bool
    ) -> str:
        """Adds the note; says what is left to be done."""
        text = _cut(mail.answer or "(no text)") + _files(mail)
        if his_own:
            try:
                await self._desk.say(incident.id, text, sender.token, row["_id"])
            except Denied:  # who may read and no more; whoever is written to may answer all the same
                pass
            else:
                return ""
        await self._desk.say(incident.id, f"{_named(mail)} wrote:\n\n{text}", "", row["_id"])
        waits = incident.state == pb.Incident.ON_HOLD and incident.hold_reason == pb.Incident.CALLER
        return _WAKE if waits and incident.requester_id == sender.id else ""

    async def _attached(self, row: Mapping[str, Any], mail: Incoming, incident_id: str, token: str) -> str:
        """Adds its files to an incident, each once however often this is done; says which were not taken, and why."""
        left_out = []
        for place, file in enumerate(mail.attached):
            key = f"{row['_id']}|{place}"
            try:
                try:
                    await self._desk.attach(incident_id, file.name, file.content, token, key)
                except (Denied, NotFound):
                    if not token:
                        raise
                    await self._desk.attach(incident_id, file.name, file.content, "", key)  # as what he says is added
            except _LATER:
                raise
            except Error as refused:
                left_out.append(f"{file.name}: {refused.message}")
        return f"without {'; '.join(left_out)}"[:_REASON_LENGTH] if left_out else ""

    async def _opened(
        self, row: Mapping[str, Any], mail: Incoming, sender: _Sender, mailbox: Mapping[str, Any], before: pb.Incident | None
    ) -> pb.Incident:
        body = _cut(mail.text or "(no text)") + _files(mail)
        claimed = "" if mail.proven or before is not None else _number(mail)
        if before is not None:
            body = f"Follows {before.number}, which is over.\n\n{body}"
        if not sender.person:
            await self._postbox.meet(sender.id, mail.sender, mail.name)
        if claimed or not sender.person:
            body = f"{_named(mail)} wrote:\n\n{body}"
        if claimed:
            body = f"Its subject names {claimed}. Nothing proves that it belongs there, or who sent it.\n\n{body}"
        title = topic(mail.subject) or next((each.strip() for each in mail.text.split("\n") if each.strip()), "(no subject)")
        wanted = pb.Incident(
            title=title[:_TITLE_LENGTH],
            description=body,
            source=pb.Incident.MAIL,
            requester_id=sender.id,
            category=mailbox["category"],
            service_id=mailbox["service_id"],
        )
        if sender.token and not claimed:
            try:
                return await self._desk.open(wanted, sender.token, row["_id"])
            except Denied:  # mail is a way in for everybody who has an account
                pass
        return await self._desk.open(wanted, "", row["_id"])


def own_context(tenant: str) -> ctx.Context:
    """Who works mail: this service, in the tenant of the mailbox."""
    return ctx.Context(tenant=tenant, actor=ctx.Actor(id="itsm-gateway", kind="service"))


def _number(mail: Incoming) -> str:
    """The incident that its subject names, empty where it names none."""
    found = _NUMBER.search(mail.subject)
    return found[0].upper() if found else ""


def _named(mail: Incoming) -> str:
    return f"{mail.name} <{mail.sender}>" if mail.name else str(mail.sender)


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_LENGTH else f"{text[:_TEXT_LENGTH]}\n\n(The rest is in the mail.)"


def _files(mail: Incoming) -> str:
    return f"\n\nWith the mail: {', '.join(mail.files)}"[:3000] if mail.files else ""
