"""Releases."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, given, to_message
from chassis.timeline import timeline_entry
from services.incident.api.shared import asked, named
from services.incident.domain.release import Release
from services.incident.usecases.notes import Notes
from services.incident.usecases.reading import Reading
from services.incident.usecases.releases import Releases


class ReleaseApi(pb.ReleaseServiceServicer):
    """`itsm.incident.v1.ReleaseService`."""

    def __init__(self, releases: Releases, reading: Reading, notes: Notes) -> None:
        self._releases, self._reading, self._notes = releases, reading, notes

    async def OpenRelease(self, request: pb.OpenReleaseRequest, context: Any) -> pb.Release:
        return _told(await self._releases.open(given(request.release, Release)))

    async def GetRelease(self, request: pb.GetReleaseRequest, context: Any) -> pb.Release:
        return document_to_message(await self._reading.get(Release, request.id), pb.Release)

    async def ListReleases(self, request: pb.ListReleasesRequest, context: Any) -> pb.ListReleasesResponse:
        rows, token = await self._reading.page(Release, asked(request))
        return pb.ListReleasesResponse(releases=[document_to_message(row, pb.Release) for row in rows], next_page_token=token)

    async def CountReleases(self, request: pb.CountReleasesRequest, context: Any) -> pb.CountReleasesResponse:
        value, capped = await self._reading.count(Release, request.filter)
        return pb.CountReleasesResponse(value=value, capped=capped)

    async def UpdateRelease(self, request: pb.UpdateReleaseRequest, context: Any) -> pb.Release:
        fields = named(request, request.release, Release)
        return _told(await self._releases.update(request.id, fields, etag=request.etag))

    async def AddReleaseChange(self, request: pb.AddReleaseChangeRequest, context: Any) -> pb.Release:
        return _told(await self._releases.fill(request.id, request.change_id, removed=False, etag=request.etag))

    async def RemoveReleaseChange(self, request: pb.RemoveReleaseChangeRequest, context: Any) -> pb.Release:
        return _told(await self._releases.fill(request.id, request.change_id, removed=True, etag=request.etag))

    async def BuildRelease(self, request: pb.BuildReleaseRequest, context: Any) -> pb.Release:
        return _told(await self._releases.move(request.id, "build", etag=request.etag))

    async def TestRelease(self, request: pb.TestReleaseRequest, context: Any) -> pb.Release:
        return _told(await self._releases.move(request.id, "test", etag=request.etag))

    async def ReworkRelease(self, request: pb.ReworkReleaseRequest, context: Any) -> pb.Release:
        return _told(await self._releases.move(request.id, "rework", request.reason, etag=request.etag))

    async def DeployRelease(self, request: pb.DeployReleaseRequest, context: Any) -> pb.Release:
        return _told(await self._releases.move(request.id, "deploy", etag=request.etag))

    async def SupportRelease(self, request: pb.SupportReleaseRequest, context: Any) -> pb.Release:
        return _told(await self._releases.move(request.id, "support", etag=request.etag))

    async def CloseRelease(self, request: pb.CloseReleaseRequest, context: Any) -> pb.Release:
        return _told(await self._releases.close(request.id, request.result, etag=request.etag))

    async def CancelRelease(self, request: pb.CancelReleaseRequest, context: Any) -> pb.Release:
        return _told(await self._releases.cancel(request.id, request.reason, etag=request.etag))

    async def AddReleaseNote(self, request: pb.AddReleaseNoteRequest, context: Any) -> pb.Note:
        return to_message(await self._notes.say(Release, request.id, request.text, request.public), pb.Note)

    async def ListReleaseNotes(self, request: pb.ListReleaseNotesRequest, context: Any) -> pb.ListReleaseNotesResponse:
        rows, token = await self._reading.notes(Release, request.id, asked(request))
        notes = [document_to_message(row, pb.Note) for row in rows]
        return pb.ListReleaseNotesResponse(notes=notes, next_page_token=token)

    async def ListReleaseTimeline(self, request: pb.ListReleaseTimelineRequest, context: Any) -> pb.ListReleaseTimelineResponse:
        rows, token = await self._reading.timeline(Release, request.id, asked(request))
        entries = [timeline_entry(row, "release") for row in rows]
        return pb.ListReleaseTimelineResponse(entries=entries, next_page_token=token)


def _told(release: Release) -> pb.Release:
    return to_message(release, pb.Release)
