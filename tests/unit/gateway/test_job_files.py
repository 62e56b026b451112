"""Files of exports: how much is kept, for how long and for whom, and how a job is removed."""

from datetime import timedelta

import pytest

from chassis import context as ctx
from chassis.errors import Denied, Exhausted, ForbiddenMove, NotFound
from services.gateway.domain.job import FILE_KEPT, Format, Job, Kind
from services.gateway.usecases.files import PIECES
from services.gateway.usecases.jobs import Wish
from services.gateway.usecases.reading import Asked
from services.gateway.usecases.reports import ITEMS
from tests.unit.gateway.work import Works, person

WISH = Wish(kind=Kind.EXPORT, resource="incidents", fields=["id", "title"], format=Format.CSV)


async def exported(works: Works) -> Job:
    job = await works.jobs.create(WISH)
    await works.work()
    return job


def kept(works: Works) -> int:
    """Pieces that are not about to go."""
    return sum(row["expire_time"] > works.clock() for row in works.backend.collections.get(PIECES, {}).values())


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> Works:
    monkeypatch.setattr("services.gateway.jobs.exporting.PIECE", 1000)
    found = Works()
    found.desk.add(100, title="x" * 50)
    return found


async def test_what_one_person_keeps_is_bounded_and_removing_makes_room(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    with ctx.use(person("liz", "viewer")):
        first = await exported(works)
        monkeypatch.setattr("services.gateway.usecases.files.OF_A_PERSON", kept(works))
        with pytest.raises(Exhausted, match=first.id):
            await works.jobs.create(WISH)
    with ctx.use(person("ann")):
        other = await works.jobs.create(WISH)
        assert (await works.now(other))["state"] == "PENDING", "another person has room of his own"
    with ctx.use(person("liz", "viewer")):
        gone = await works.jobs.delete(first.id)
        assert (gone.delete_time, kept(works)) == (works.clock(), 0)
        assert (await works.now(await exported(works)))["state"] == "SUCCEEDED"


async def test_what_a_tenant_keeps_is_bounded_whoever_it_is_of(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    with ctx.use(person("liz", "viewer")):
        await exported(works)
    monkeypatch.setattr("services.gateway.usecases.files.OF_A_TENANT", kept(works))
    with ctx.use(person("ann")), pytest.raises(Exhausted, match="others have to"):
        await works.jobs.create(WISH)
    with ctx.use(person("ann", tenant="acme")):
        await works.jobs.create(WISH)


async def test_a_file_that_finds_no_room_while_it_grows_ends_and_leaves_nothing(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.jobs.exporting._LOOK", 1)
    monkeypatch.setattr("services.gateway.usecases.files.OF_A_PERSON", 3)
    with ctx.use(person("liz", "viewer")):
        job = await exported(works)
        found = await works.now(job)
    assert (found["state"], "all that is kept" in found["reason"], kept(works)) == ("FAILED", True, 0)


async def test_a_file_is_there_for_a_day_and_what_became_of_it_for_longer(works: Works) -> None:
    with ctx.use(person("liz", "viewer")):
        job = await exported(works)
        assert {row["expire_time"] for row in works.backend.collections[PIECES].values()} == {works.clock() + FILE_KEPT}
        works.clock.advance(seconds=(FILE_KEPT - timedelta(seconds=1)).total_seconds())
        assert (await works.jobs.piece(job.id, 0))[1]
        works.clock.advance(seconds=1)
        with pytest.raises(NotFound):
            await works.jobs.piece(job.id, 0)
        assert (await works.now(job))["state"] == "SUCCEEDED"


async def test_a_file_is_not_for_whoever_lost_the_role_with_which_it_was_made(works: Works) -> None:
    with ctx.use(person("ann")):
        job = await exported(works)
        assert (await works.jobs.piece(job.id, 0))[1]
    with ctx.use(person("ann", "requester")), pytest.raises(Denied, match="agent"):
        await works.jobs.piece(job.id, 0)


async def test_a_removed_job_is_nowhere_and_only_what_has_ended_is_removed(works: Works) -> None:
    ids = works.desk.add(2)
    with ctx.use(person("ann")):
        job = await works.bulk("update", {"title": "y"}, ids)
        with pytest.raises(ForbiddenMove):
            await works.jobs.delete(job.id)
        await works.work()
        back = await works.jobs.undo(job.id)
        with pytest.raises(ForbiddenMove, match=back.id):
            await works.jobs.delete(job.id)
        await works.work()
    with ctx.use(person("liz", "viewer")), pytest.raises(NotFound):
        await works.jobs.delete(job.id)
    with ctx.use(person("ann")):
        await works.jobs.delete(job.id)
        for gone in (
            works.jobs.get(job.id),
            works.jobs.delete(job.id),
            works.jobs.undo(job.id),
            works.jobs.items(job.id, Asked()),
        ):
            with pytest.raises(NotFound):
                await gone
        assert [row["_id"] for row in (await works.jobs.page(Asked()))[0]] == [back.id]
    left = {row["expire_time"] > works.clock() for row in works.backend.collections[ITEMS].values() if job.id in row["job_id"]}
    assert left == {False}, "its report goes with it"
    assert works.desk.incidents[ids[0]].title == ""


async def test_rows_of_reports_are_bounded_too_and_nobody_is_kept_from_taking_back_what_he_did(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = works.desk.add(6)
    monkeypatch.setattr("services.gateway.usecases.reports.OF_A_PERSON", 9)
    with ctx.use(person()):
        first = await works.bulk("start", {}, ids)
        second = await works.bulk("start", {}, ids)  # there is room as long as neither has begun
        await works.work()
        assert (await works.now(first))["state"] == "SUCCEEDED"
        late = await works.now(second)
        assert (late["state"], first.id in late["reason"]) == ("FAILED", True), late
        with pytest.raises(Exhausted, match=first.id):
            await works.bulk("start", {}, ids[:4])
        await works.bulk("update", {"title": "x"}, ids[:3])
        await works.work()
    with ctx.use(person("bob")):
        await works.bulk("start", {}, ids)
    with ctx.use(person()):
        await works.jobs.delete(first.id)
        await works.bulk("start", {}, ids)
