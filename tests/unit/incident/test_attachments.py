"""Files of incidents: whole or not there, for whoever sees the incident, within limits, swept when they stop."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

from chassis import context as ctx
from chassis.errors import Busy, Exhausted, Invalid, NotFound, Unavailable
from chassis.store import Insert, Write
from chassis.testing import MemoryBackend, caller
from services.incident.domain.incident import Incident
from services.incident.usecases.reading import Asked
from services.incident.usecases.uploads import AT_ONCE, PIECE, PIECES, UPLOADS
from tests.unit.incident.files_room import AMY, ANN, BOB, LARGEST, MOST, PNG, QUOTA, FilesRoom


async def listed(room: FilesRoom, incident: str, **asked: Any) -> list[str]:
    rows, _ = await room.attachments.page(incident, Asked(**asked))
    return [row["_id"] for row in rows]


async def read(room: FilesRoom, incident: str, attachment: str) -> bytes:
    content, place = b"", 0
    while piece := (await room.attachments.piece(incident, attachment, place))[1]:
        content, place = content + piece, place + 1
    return content


def events(room: FilesRoom) -> list[tuple[str, str]]:
    memory: Any = room.backend
    return [(row["type"].rpartition(".")[2], row["data"]) for row in memory.collections["changes"].values() if "type" in row]


async def test_a_file_is_there_when_it_is_whole_and_its_content_and_name_are_in_no_event() -> None:
    room, content = FilesRoom(), PNG + b"secret content" + bytes(2 * PIECE)
    incident = await room.reported()
    with ctx.use(ANN):
        upload = await room.begun(incident, "../Ann's \u202egnp.png", "image/png", len(content))
        digest = await room.sent(upload, content)
        assert await listed(room, incident) == []
        with pytest.raises(NotFound):
            await room.attachments.get(incident, upload)
        made = await room.attachments.finish(upload, digest)
        assert (made.id, made.file_name, made.media_type, made.size) == (upload, "Ann's gnp.png", "image/png", len(content))
        assert (made.sha256, made.uploader_id, made.about) == (digest, "ann", f"incidents/{incident}")
        assert await listed(room, incident) == [made.id]
        assert await read(room, incident, made.id) == content
        timeline = (await room.reading.timeline(Incident, incident, Asked()))[0]
        assert timeline[0]["type"] == "itsm.incident.v1.AttachmentAdded"
    (added,) = [data for name, data in events(room) if name == "AttachmentAdded"]
    assert "secret" not in added and "gnp" not in added
    assert orjson.loads(added)["attachment"]["sha256"] == digest


async def test_the_incident_stays_as_it_is() -> None:
    room = FilesRoom()
    incident = await room.reported()
    with ctx.use(AMY):
        before = await room.reading.get(Incident, incident)
        await room.added(incident)
        assert await room.reading.get(Incident, incident) == before


async def test_whoever_does_not_see_the_incident_finds_nothing_whatever_he_knows() -> None:
    room = FilesRoom()
    incident, own = await room.reported(ANN), await room.reported(BOB)
    with ctx.use(ANN):
        upload, made = await room.begun(incident), await room.added(incident)
    for stranger in (BOB, caller("other", "ann"), caller("other", "amy")):
        with ctx.use(stranger):
            for asking in (
                room.begun(incident),
                room.attachments.add(upload, 0, PNG),
                room.attachments.finish(upload, "0" * 64),
                room.attachments.get(incident, made.id),
                room.attachments.piece(incident, made.id, 0),
                room.attachments.page(incident, Asked()),
                room.attachments.remove(incident, made.id),
            ):
                with pytest.raises(NotFound):
                    await asking
    with ctx.use(BOB), pytest.raises(NotFound):  # through an incident of his own neither
        await room.attachments.get(own, made.id)
    with ctx.use(AMY), pytest.raises(NotFound):  # nor does somebody else go on with a file that he did not begin
        await room.attachments.add(upload, 0, PNG)


async def test_an_internal_file_is_for_those_who_see_all_incidents() -> None:
    room = FilesRoom()
    incident = await room.reported()
    with ctx.use(AMY):
        made = await room.added(incident, internal=True)
        assert made.internal
        assert await listed(room, incident) == [made.id]
        await room.attachments.remove(incident, (await room.added(incident)).id)
    with ctx.use(ANN):
        assert await listed(room, incident) == []
        with pytest.raises(NotFound):
            await room.attachments.piece(incident, made.id, 0)
        timeline = (await room.reading.timeline(Incident, incident, Asked()))[0]
        assert [row["type"].rpartition(".")[2] for row in timeline] == [
            "AttachmentRemoved", "AttachmentAdded", "IncidentOpened",
        ]  # fmt: skip
        assert not (await room.added(incident, internal=True)).internal  # what he adds he sees


@pytest.mark.parametrize("content", [b"x", bytes([1]) * PIECE, bytes([1]) * LARGEST])
async def test_up_to_its_limit_a_file_of_any_size_comes_back_as_it_was(content: bytes) -> None:
    room = FilesRoom()
    incident = await room.reported()
    with ctx.use(ANN):
        made = await room.added(incident, content)
        assert await read(room, incident, made.id) == content


async def test_nothing_and_too_much_are_refused_announced_or_not() -> None:
    room = FilesRoom()
    incident = await room.reported()
    with ctx.use(ANN):
        with pytest.raises(Invalid, match="is empty"):
            await room.added(incident, b"")
        with pytest.raises(Invalid) as announced:
            await room.begun(incident, size=LARGEST + 1)
        with pytest.raises(Invalid) as sent:
            await room.added(incident, bytes(LARGEST + 1))
        assert announced.value.reason == sent.value.reason == "TOO_LARGE"
        assert await listed(room, incident) == []


async def test_what_is_not_what_was_said_is_refused_and_not_there() -> None:
    room = FilesRoom()
    incident = await room.reported()
    with ctx.use(ANN):
        for name, said in (("a.exe", ""), ("a.png.js", ""), ("a.png", "no type")):
            with pytest.raises(Invalid):
                await room.begun(incident, name, said)
        upload = await room.begun(incident, "a.png", "image/png")
        with pytest.raises(Invalid, match="says image/png"):
            await room.sent(upload, b"<html>")
        short = await room.begun(incident, size=len(PNG) + 1)
        digest = await room.sent(short, PNG)
        with pytest.raises(Invalid, match="were announced"):
            await room.attachments.finish(short, digest)
        wrong = await room.begun(incident)
        await room.sent(wrong, PNG)
        for digest in ("0" * 64, "", "../x"):
            with pytest.raises(Invalid, match="sha256"):
                await room.attachments.finish(wrong, digest)
        assert await listed(room, incident) == []


async def test_pieces_come_in_their_order_and_the_last_one_twice_is_one() -> None:
    room = FilesRoom()
    incident = await room.reported()
    with ctx.use(ANN):
        upload = await room.begun(incident)
        for place, content in ((1, PNG), (-1, PNG), (0, bytes(PIECE + 1)), (0, b"")):
            with pytest.raises(Invalid):
                await room.attachments.add(upload, place, content)
        assert await room.attachments.add(upload, 0, PNG) == len(PNG)
        assert await room.attachments.add(upload, 0, PNG) == len(PNG)
        with pytest.raises(Invalid):  # behind a piece that was the last
            await room.attachments.add(upload, 1, PNG)
        assert room.pieces() == 1


async def test_said_twice_it_is_finished_once() -> None:
    room = FilesRoom()
    incident = await room.reported()
    with ctx.use(ANN):
        upload = await room.begun(incident)
        digest = await room.sent(upload, PNG)
        first = await room.attachments.finish(upload, digest)
        assert await room.attachments.finish(upload, digest) == first
        assert await listed(room, incident) == [first.id]


async def test_a_key_attaches_once_and_is_for_one_request() -> None:
    room = FilesRoom()
    incident = await room.reported()
    keyed = replace(ANN, request_id="ann|BeginAttachment|k", request_hash="h")
    with ctx.use(keyed):
        beside = await room.begun(incident)
        digest = await room.sent(beside, PNG)
        made = await room.added(incident)
        again = await room.attachments.begin(incident, file_name="a.png", media_type="", size=0, internal=False)
        assert again.before is not None and again.before["_id"] == made.id
        assert await room.attachments.finish(beside, digest) == made  # which was on its way beside the first
    with ctx.use(replace(keyed, request_hash="other")), pytest.raises(Invalid) as refused:
        await room.begun(incident)
    assert refused.value.reason == "IDEMPOTENCY_MISMATCH"
    with ctx.use(ANN):
        assert await listed(room, incident) == [made.id]


async def test_an_incident_has_so_many_files_and_a_tenant_so_many_bytes() -> None:
    room = FilesRoom(quota=2 * MOST * len(PNG))
    incident, other = await room.reported(), await room.reported()
    with ctx.use(ANN):
        late = await room.begun(incident)
        digest = await room.sent(late, PNG)
        for _ in range(MOST):
            last = await room.added(incident)
        with pytest.raises(Invalid, match="may have 4 files"):
            await room.begun(incident)
        with pytest.raises(Invalid, match="may have 4 files"):
            await room.attachments.finish(late, digest)
        with pytest.raises(Invalid) as full:
            await room.begun(other, size=2 * MOST * len(PNG))
        assert full.value.reason == "QUOTA"
    with ctx.use(AMY):
        await room.attachments.remove(incident, last.id)
    with ctx.use(ANN):
        assert (await room.attachments.finish(late, digest)).id == late


async def test_the_quota_holds_for_what_was_not_announced() -> None:
    room = FilesRoom(quota=len(PNG))
    incident = await room.reported()
    with ctx.use(ANN):
        await room.added(incident)
        with pytest.raises(Invalid) as full:
            await room.added(incident)
        assert full.value.reason == "QUOTA"


async def test_files_that_are_finished_at_once_are_all_counted() -> None:
    room = FilesRoom(most=50)
    incident = await room.reported()
    with ctx.use(ANN):
        uploads = [await room.begun(incident) for _ in range(10)]
        digests = [await room.sent(upload, PNG) for upload in uploads]

        async def finished(upload: str, digest: str) -> None:
            while True:
                try:
                    await room.attachments.finish(upload, digest)
                except Busy:
                    await asyncio.sleep(0)
                else:
                    return

        await asyncio.gather(*map(finished, uploads, digests))
        assert len(await listed(room, incident)) == 10
    memory: Any = room.backend
    assert {row["count"] for row in memory.collections["attachment_usage"].values()} == {10}


async def test_what_stops_is_swept_and_what_became_a_file_is_not() -> None:
    room = FilesRoom()
    incident = await room.reported()
    with ctx.use(ANN):
        stopped = await room.begun(incident)
        await room.attachments.add(stopped, 0, bytes(PIECE))
        await room.attachments.add(stopped, 1, b"half")
        made = await room.added(incident)
    await room.sweeper.round()
    assert room.pieces() == 3
    room.clock.advance(hours=2)
    await room.sweeper.round()
    memory: Any = room.backend
    assert list(memory.collections[PIECES]) == [f"{made.id}|0"]
    assert not memory.collections[UPLOADS]
    with ctx.use(ANN):
        with pytest.raises(NotFound):
            await room.attachments.add(stopped, 2, b"more")
        assert await read(room, incident, made.id) == PNG


async def test_who_begins_without_end_is_stopped() -> None:
    room = FilesRoom()
    incident = await room.reported()
    with ctx.use(ANN):
        for _ in range(AT_ONCE):
            await room.begun(incident)
        with pytest.raises(Exhausted):
            await room.begun(incident)
    with ctx.use(AMY):
        await room.begun(incident)


async def test_what_is_removed_is_gone_with_its_content_and_stays_on_the_timeline() -> None:
    room = FilesRoom()
    incident = await room.reported()
    with ctx.use(AMY):
        made, kept = await room.added(incident), await room.added(incident)
        assert room.pieces() == 2
        removed = await room.attachments.remove(incident, made.id, etag=made.etag)
        assert (removed.file_name, removed.delete_time) == ("", room.clock())
        for asking in (room.attachments.get(incident, made.id), room.attachments.remove(incident, made.id)):
            with pytest.raises(NotFound):
                await asking
        assert await listed(room, incident) == [kept.id]
    await room.sweeper.round()
    assert room.pieces() == 1
    assert [name for name, _ in events(room)].count("AttachmentRemoved") == 1


async def test_pages_of_a_list_hold_each_file_once_the_newest_first() -> None:
    room = FilesRoom()
    incident = await room.reported()
    made = []
    with ctx.use(ANN):
        for _ in range(MOST):
            room.clock.advance(seconds=1)
            made.append((await room.added(incident)).id)
        first, token = await room.attachments.page(incident, Asked(size=3))
        rest, last = await room.attachments.page(incident, Asked(size=3, token=token))
    assert [row["_id"] for row in (*first, *rest)] == made[::-1]
    assert not last


class FullDisk(MemoryBackend):
    """A database that takes no piece any more."""

    full = False

    async def write(self, writes: Sequence[Write]) -> None:
        if self.full and any(isinstance(each, Insert) and each.collection == PIECES for each in writes):
            raise Unavailable("there is no room")
        await super().write(writes)


async def test_without_room_a_file_is_not_there_and_those_before_it_are_whole() -> None:
    disk = FullDisk()
    room = FilesRoom(disk, quota=QUOTA)
    incident = await room.reported()
    with ctx.use(ANN):
        made, upload = await room.added(incident), await room.begun(incident)
        disk.full = True
        with pytest.raises(Unavailable):
            await room.sent(upload, PNG)
        assert await listed(room, incident) == [made.id]
        assert await read(room, incident, made.id) == PNG
        disk.full = False
        assert (await room.attachments.finish(upload, await room.sent(upload, PNG))).id == upload


async def test_a_dry_run_keeps_nothing() -> None:
    room = FilesRoom()
    incident = await room.reported()
    with ctx.use(replace(ANN, dry_run=True)):
        upload = await room.begun(incident)
    with ctx.use(ANN), pytest.raises(NotFound):
        await room.attachments.add(upload, 0, PNG)
