"""Major incidents."""

from datetime import UTC
from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, given, part, to_message
from chassis.errors import Invalid
from chassis.timeline import timeline_entry
from services.incident.api.shared import asked, named
from services.incident.domain.major import Major, MajorReview, MajorRole, Role
from services.incident.domain.status_update import Audience
from services.incident.usecases.majors import Majors
from services.incident.usecases.notes import Notes
from services.incident.usecases.reading import Reading


class MajorApi(pb.MajorServiceServicer):
    """`itsm.incident.v1.MajorService`."""

    def __init__(self, majors: Majors, reading: Reading, notes: Notes) -> None:
        self._majors, self._reading, self._notes = majors, reading, notes

    async def ProposeMajor(self, request: pb.ProposeMajorRequest, context: Any) -> pb.Major:
        return _told(await self._majors.propose(given(request.major, Major)))

    async def GetMajor(self, request: pb.GetMajorRequest, context: Any) -> pb.Major:
        return document_to_message(await self._reading.get(Major, request.id), pb.Major)

    async def ListMajors(self, request: pb.ListMajorsRequest, context: Any) -> pb.ListMajorsResponse:
        rows, token = await self._reading.page(Major, asked(request))
        return pb.ListMajorsResponse(majors=[document_to_message(row, pb.Major) for row in rows], next_page_token=token)

    async def CountMajors(self, request: pb.CountMajorsRequest, context: Any) -> pb.CountMajorsResponse:
        value, capped = await self._reading.count(Major, request.filter)
        return pb.CountMajorsResponse(value=value, capped=capped)

    async def UpdateMajor(self, request: pb.UpdateMajorRequest, context: Any) -> pb.Major:
        fields = named(request, request.major, Major)
        return _told(await self._majors.update(request.id, fields, etag=request.etag))

    async def DeclareMajor(self, request: pb.DeclareMajorRequest, context: Any) -> pb.Major:
        return _told(await self._majors.declare(request.id, request.commander_id, list(request.checklist), etag=request.etag))

    async def DeclineMajor(self, request: pb.DeclineMajorRequest, context: Any) -> pb.Major:
        return _told(await self._majors.decline(request.id, request.reason, etag=request.etag))

    async def StaffMajor(self, request: pb.StaffMajorRequest, context: Any) -> pb.Major:
        role = MajorRole(role=Role(pb.MajorRole.Role.Name(request.role)), person_id=request.person_id)
        return _told(await self._majors.staff(request.id, role, etag=request.etag))

    async def CheckMajor(self, request: pb.CheckMajorRequest, context: Any) -> pb.Major:
        return _told(await self._majors.check(request.id, request.key, undone=request.undone, etag=request.etag))

    async def ExtendMajor(self, request: pb.ExtendMajorRequest, context: Any) -> pb.Major:
        return _told(await self._majors.extend(request.id, list(request.checklist), etag=request.etag))

    async def LinkChildren(self, request: pb.LinkChildrenRequest, context: Any) -> pb.LinkChildrenResponse:
        wanted = await self._majors.link_children(request.id, list(request.incident_ids), request.filter)
        return pb.LinkChildrenResponse(wanted=wanted)

    async def ResolveMajor(self, request: pb.ResolveMajorRequest, context: Any) -> pb.Major:
        code, text, children = request.resolution_code, request.resolution, request.resolve_children
        return _told(await self._majors.resolve(request.id, code, text, children=children, etag=request.etag))

    async def ReopenMajor(self, request: pb.ReopenMajorRequest, context: Any) -> pb.Major:
        return _told(await self._majors.reopen(request.id, request.reason, etag=request.etag))

    async def ReviewMajor(self, request: pb.ReviewMajorRequest, context: Any) -> pb.Major:
        review = MajorReview(**given(request.review, MajorReview))
        return _told(await self._majors.review(request.id, review, etag=request.etag))

    async def CompleteAction(self, request: pb.CompleteActionRequest, context: Any) -> pb.Major:
        return _told(await self._majors.complete(request.id, request.key, etag=request.etag))

    async def CloseMajor(self, request: pb.CloseMajorRequest, context: Any) -> pb.Major:
        return _told(await self._majors.close(request.id, etag=request.etag))

    async def AddStatusUpdate(self, request: pb.AddStatusUpdateRequest, context: Any) -> pb.StatusUpdate:
        update = request.status_update
        if not update.text:
            raise Invalid({"status_update.text": "must say something"})
        audience = Audience(pb.StatusUpdate.Audience.Name(update.audience or pb.StatusUpdate.INTERNAL))
        following = update.next_update_time.ToDatetime(UTC) if update.HasField("next_update_time") else None
        return to_message(await self._majors.tell(request.id, update.text, audience, following), pb.StatusUpdate)

    async def ListStatusUpdates(self, request: pb.ListStatusUpdatesRequest, context: Any) -> pb.ListStatusUpdatesResponse:
        rows, token = await self._majors.updates(request.id, asked(request))
        updates = [document_to_message(row, pb.StatusUpdate) for row in rows]
        return pb.ListStatusUpdatesResponse(status_updates=updates, next_page_token=token)

    async def ListAnnouncements(self, request: pb.ListAnnouncementsRequest, context: Any) -> pb.ListAnnouncementsResponse:
        found = await self._majors.announced()
        return pb.ListAnnouncementsResponse(announcements=[part(each, pb.Announcement) for each in found])

    async def AddMajorNote(self, request: pb.AddMajorNoteRequest, context: Any) -> pb.Note:
        return to_message(await self._notes.say(Major, request.id, request.text, request.public), pb.Note)

    async def ListMajorNotes(self, request: pb.ListMajorNotesRequest, context: Any) -> pb.ListMajorNotesResponse:
        rows, token = await self._reading.notes(Major, request.id, asked(request))
        return pb.ListMajorNotesResponse(notes=[document_to_message(row, pb.Note) for row in rows], next_page_token=token)

    async def ListMajorTimeline(self, request: pb.ListMajorTimelineRequest, context: Any) -> pb.ListMajorTimelineResponse:
        rows, token = await self._reading.timeline(Major, request.id, asked(request))
        return pb.ListMajorTimelineResponse(entries=[timeline_entry(row, "major") for row in rows], next_page_token=token)


def _told(major: Major) -> pb.Major:
    return to_message(major, pb.Major)
