"""Our side: incidents by the incident service, reached as this service on behalf of a connection, which their history shows.

Each write has an idempotency key that follows from what it is for, so that it is done once however often it is asked for.
"""

import base64
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from google.protobuf.field_mask_pb2 import FieldMask
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.errors import AlreadyExists, Denied, ForbiddenMove, Invalid, NotFound, Stale
from chassis.rpc import Channels, call
from chassis.rpc.edge import BEHALF_KEY
from chassis.service_account import ServiceAccount
from services.gateway.sync.ports import Key, Moved, Note, Record, Refused, Saying

_SECONDS = 10.0
_PAGE = 50
_MOST_NOTES = 1_000
_MOST_ENTRIES = 200
_SAYS_NO = (Invalid, ForbiddenMove, NotFound, Denied, AlreadyExists)


class Incidents:
    """See `services.gateway.sync.ports.Ours`."""

    def __init__(self, channels: Channels, target: str, account: ServiceAccount) -> None:
        self._channels, self._target, self._account = channels, target, account

    async def me(self) -> str:
        """See `Ours`."""
        claims = (await self._account.token()).split(".")[1]
        return str(orjson.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"])

    async def read(self, id: str) -> Record | None:  # noqa: A002 - as its field
        """See `Ours`."""
        try:
            return _record(await self._call("GetIncident", pb.GetIncidentRequest(id=id, as_is=True)))
        except NotFound:
            return None

    async def open(self, values: Mapping[str, str], dedup_key: str, key: Key) -> Record:
        """See `Ours`. The key of open incidents finds what was opened and not linked yet, also when its words changed."""
        incident = _message(values)
        incident.dedup_key = dedup_key
        try:
            return _record(await self._call("OpenIncident", pb.OpenIncidentRequest(incident=incident), key))
        except AlreadyExists as there:
            found = await self.read(there.facts["id"]) if there.facts.get("id") else None
            if found is None:
                raise Refused(there.message) from there
            return found
        except _SAYS_NO as no:
            raise Refused(no.message) from no

    async def edit(self, record: Record, values: Mapping[str, str], key: Key) -> Record:
        """See `Ours`."""
        request = pb.UpdateIncidentRequest(
            id=record.id, incident=_message(values), update_mask=FieldMask(paths=sorted(values)), etag=record.version
        )
        try:
            return _record(await self._call("UpdateIncident", request, key))
        except Stale as stale:
            raise Moved from stale
        except _SAYS_NO as no:
            raise Refused(no.message) from no

    async def move(self, record: Record, verb: str, said: Saying, key: Key) -> Record:
        """See `Ours`."""
        where = key.parts[0] if key.parts else "the other system"
        requests: Mapping[str, tuple[str, Any]] = {
            "start": ("StartIncident", pb.StartIncidentRequest(id=record.id)),
            "hold": ("HoldIncident", _held(record.id, said, where)),
            "resume": ("ResumeIncident", pb.ResumeIncidentRequest(id=record.id)),
            "resolve": (
                "ResolveIncident",
                pb.ResolveIncidentRequest(
                    id=record.id, resolution_code="fixed", resolution=said.closing or f"Resolved as {where}."
                ),
            ),
            "reopen": ("ReopenIncident", pb.ReopenIncidentRequest(id=record.id, reason=f"Taken up again as {where}.")),
            "close": ("CloseIncident", pb.CloseIncidentRequest(id=record.id)),
            "cancel": ("CancelIncident", pb.CancelIncidentRequest(id=record.id, reason=f"Cancelled as {where}.")),
        }
        name, request = requests[verb]
        try:
            return _record(await self._call(name, request, key))
        except _SAYS_NO as no:
            raise Refused(no.message) from no

    async def notes(self, record_id: str, known: Collection[str]) -> Sequence[Note]:
        """See `Ours`."""
        found: list[Note] = []
        token = ""
        while len(found) < _MOST_NOTES:
            request = pb.ListNotesRequest(id=record_id, page_size=_PAGE, page_token=token)
            page = await self._call("ListNotes", request)
            fresh = [note for note in page.notes if note.id not in known]
            found += [Note(note.id, note.text, note.public, note.author_id) for note in fresh]
            token = page.next_page_token
            # The newest come first: where one is known, so are all before it but those that were left out on purpose.
            if not token or not fresh:
                break
        return found[::-1]

    async def say(self, record_id: str, text: str, *, public: bool, key: Key) -> str:
        """See `Ours`. Where they changed what they said before it was written down here, the note has its first words."""
        try:
            note = await self._call("AddNote", pb.AddNoteRequest(id=record_id, text=text, public=public), key)
        except Invalid as no:
            if no.reason != "IDEMPOTENCY_MISMATCH":
                raise Refused(no.message) from no
            mark = text.partition("\n")[0]
            return next((note.id for note in await self.notes(record_id, ()) if note.text.startswith(mark)), "")
        except _SAYS_NO as no:
            raise Refused(no.message) from no
        return str(note.id)

    async def changed_at(self, record: Record, field: str) -> datetime:
        """See `Ours`. What is personal is in no history: then it is when anything of the record last changed."""
        names = {"priority": {"priority", "impact", "urgency"}}.get(field, {field})
        token, seen = "", 0
        while seen < _MOST_ENTRIES:
            request = pb.ListTimelineRequest(id=record.id, page_size=_PAGE, page_token=token)
            page = await self._call("ListTimeline", request)
            for entry in page.entries:
                if names & {change.field for change in entry.changes}:
                    return _instant(entry.time)
            seen, token = seen + len(page.entries), page.next_page_token
            if not token:
                break
        return record.update_time

    async def _call(self, name: str, request: Any, key: Key | None = None) -> Any:
        stub = pb.IncidentServiceStub(self._channels.to(self._target))
        more = {}
        if key is not None:
            more = {BEHALF_KEY: f"connections/{key.connection_id}", "idempotency-key": f"{key.connection_id}|{key.word}"[:255]}
        return await call(
            getattr(stub, name),
            request,
            token=await self._account.token(),
            tenant=ctx.current().tenant,
            timeout=_SECONDS,
            repeatable=True,  # reads are, and every write has a key
            more=more,
        )


def _held(id: str, said: Saying, where: str) -> pb.HoldIncidentRequest:  # noqa: A002 - as its field
    reason = said.waits or "VENDOR"
    note = f"{where} waits for an answer." if reason == "CALLER" else ""
    return pb.HoldIncidentRequest(id=id, reason=reason, note=note)


def _message(values: Mapping[str, Any]) -> pb.Incident:
    return pb.Incident(**values)


def _record(message: pb.Incident) -> Record:
    return Record(
        id=message.id,
        number=message.number,
        version=message.etag,
        title=message.title,
        description=message.description,
        state=pb.Incident.State.Name(message.state),
        hold_reason=pb.Incident.HoldReason.Name(message.hold_reason) if message.hold_reason else "",
        impact=pb.Incident.Level.Name(message.impact),
        urgency=pb.Incident.Level.Name(message.urgency),
        priority=pb.Incident.Priority.Name(message.priority),
        resolution=message.resolution,
        dedup_key=message.dedup_key,
        update_time=_instant(message.update_time),
    )


def _instant(stamp: Any) -> datetime:
    moment: datetime = stamp.ToDatetime(tzinfo=UTC)
    return moment
