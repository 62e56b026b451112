"""Jobs at work: what becomes of each record, how they end, what they leave when the process dies, and their undoing."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsm.gateway import v1 as gateway_pb
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.errors import (
    DeadlinePassed,
    Denied,
    Error,
    ForbiddenMove,
    Invalid,
    NotFound,
    Stale,
    Unavailable,
)
from services.gateway.api.jobs import JobApi
from services.gateway.domain.job import Format, Kind
from services.gateway.rest.shedding import Shedding
from services.gateway.usecases.jobs import Wish
from tests.unit.gateway.work import Killed, Works, person


async def test_each_record_is_done_or_refused_and_the_job_tells_which() -> None:
    works = Works()
    ids = works.desk.add(3, title="down")
    with ctx.use(person()):
        job = await works.bulk("update", {"title": "up"}, [*ids, "inc_none"])
        assert (job.state, job.invertible) == ("PENDING", True)
        await works.work()
        done, rows = await works.now(job), await works.report(job)
        api, asked = JobApi(works.jobs), gateway_pb.ListJobItemsRequest(job_id=job.id, filter="state = REFUSED")
        told = await api.ListJobItems(asked, None)
        whole = await api.GetJob(gateway_pb.GetJobRequest(id=job.id), None)
    assert done["state"] == "SUCCEEDED"
    assert done["progress"] == {"done": 4, "total": 4, "failed": 1}
    assert [(row["_id"], row["state"], row["etag"]) for row in rows] == [
        *((each, "DONE", "2") for each in ids),
        ("inc_none", "REFUSED", ""),
    ]
    assert [(item.id, item.etag, item.problem.status, item.problem.reason) for item in told.items] == [
        ("inc_none", "", 404, "NOT_FOUND")
    ]
    assert dict(whole.parameters) == {"title": "up"}
    assert (whole.etag, whole.HasField("undo_expire_time")) == ("4", True)
    assert {each.title for each in works.desk.incidents.values()} == {"up"}


async def test_a_selection_is_what_matched_and_was_there_and_never_more_than_was_counted() -> None:
    works = Works()
    works.desk.add(450, category="mail")
    works.desk.add(3, category="print")
    with ctx.use(person()):
        job = await works.bulk(
            "resolve", {"resolution": "done", "resolutionCode": "SOLVED"}, selection=works.selection("mail", 450)
        )
        works.clock.advance(seconds=60)
        works.desk.incidents["inc_new"] = pb.Incident(id="inc_new", etag="1", category="mail", create_time=works.clock())
        await works.work()
        assert (await works.now(job))["progress"] == {"done": 450, "total": 450, "failed": 0}
        assert works.desk.incidents["inc_new"].state != pb.Incident.RESOLVED
        fewer = await works.bulk("update", {"title": "x"}, selection=works.selection("mail", 400))
        await works.work()
        found = await works.now(fewer)
    assert (found["state"], found["progress"]["done"]) == ("FAILED", 0)
    assert "400 records were selected" in found["reason"]
    assert "x" not in {each.title for each in works.desk.incidents.values()}


async def test_an_update_is_taken_back_where_nobody_has_changed_the_record_since() -> None:
    works = Works()
    first, second, third = works.desk.add(3, title="down", description="old")
    with ctx.use(person()):
        job = await works.bulk("update", {"title": "up", "description": "new"}, [first, second, third])
        await works.work()
        works.desk.incidents[second].etag = "9"
        back = await works.jobs.undo(job.id)
        assert (back.undo_of, (await works.now(job))["undone_by"]) == (job.id, back.id)
        await works.work()
        rows = {row["_id"]: row for row in await works.report(back)}
        with pytest.raises(ForbiddenMove, match="takes it back already"):
            await works.jobs.undo(job.id)
        with pytest.raises(ForbiddenMove, match="no inverse"):
            await works.jobs.undo(back.id)
    assert {each: row["state"] for each, row in rows.items()} == {first: "DONE", second: "REFUSED", third: "DONE"}
    assert rows[second]["problem"]["detail"] == "somebody has changed it since"
    titles = {each.id: (each.title, each.description) for each in works.desk.incidents.values()}
    assert titles == {first: ("down", "old"), second: ("up", "new"), third: ("down", "old")}


async def test_an_assignment_goes_back_to_whom_each_record_belonged() -> None:
    works = Works()
    (one,), (other,) = works.desk.add(1, team_id="a", assignee_id="ann"), works.desk.add(1, team_id="b")
    with ctx.use(person()):
        job = await works.bulk("assign", {"teamId": "c", "assigneeId": "max"}, [one, other])
        await works.work()
        back = await works.jobs.undo(job.id)
        await works.work()
        assert (await works.now(back))["progress"] == {"done": 2, "total": 2, "failed": 0}
    owners = [(each.team_id, each.assignee_id) for each in works.desk.incidents.values()]
    assert owners == [("a", "ann"), ("b", "")]


async def test_a_job_ends_where_its_creator_loses_his_role_and_says_so() -> None:
    works = Works()
    ids = works.desk.add(3)
    with ctx.use(person()):
        job = await works.bulk("update", {"title": "x"}, ids)
        works.held["ann"] = {"admin"}  # whatever he came to hold later is not what he asked with
        await works.work()
        found = await works.now(job)
    assert (found["state"], found["progress"]["done"]) == ("FAILED", 0)
    assert "holds no role any more" in found["reason"]
    assert not works.desk.writes


async def test_a_role_that_is_lost_on_the_way_ends_the_job_and_the_rest_has_no_turn() -> None:
    works = Works()
    ids = works.desk.add(60)

    def fault(name: str, request: Any) -> Error | None:
        if name == "UpdateIncident" and request.id == ids[45]:
            works.held["ann"] = {"viewer"}
            return Unavailable("away", timedelta(0))  # the next turn asks for another token
        return None

    works.desk.faults = fault
    with ctx.use(replace(person(), roles=frozenset({"agent", "viewer"}))):
        job = await works.bulk("update", {"title": "x"}, ids)
        await works.work()
        found, states = await works.now(job), Counter(row["state"] for row in await works.report(job))
    assert found["state"] == "FAILED"
    assert "incidents.update" in found["reason"]
    assert states.keys() == {"DONE", "SKIPPED"}
    assert states["DONE"] == found["progress"]["done"] >= 40


async def test_a_canceled_job_leaves_the_rest_and_tells_which() -> None:
    works = Works()
    ids = works.desk.add(100)
    with ctx.use(person()):
        waiting = await works.bulk("update", {"title": "x"}, ids)
        assert (await works.jobs.cancel(waiting.id)).state == "CANCELLED"
        with pytest.raises(ForbiddenMove):
            await works.jobs.cancel(waiting.id)
        job = await works.bulk("update", {"title": "x"}, ids)

        reached = asyncio.Event()

        def fault(name: str, request: Any) -> Error | None:
            if name == "UpdateIncident" and not reached.is_set():
                reached.set()
                return Unavailable("away", timedelta(0))
            return None

        works.desk.faults = fault
        begun = await works.runner.begin()
        await reached.wait()
        assert (await works.jobs.cancel(job.id)).cancel_requested
        await works.work()
        found, rows = await works.now(job), await works.report(job)
    assert begun == 1
    assert found["state"] == "CANCELLED"
    done = [row for row in rows if row["state"] == "DONE"]
    assert found["progress"] == {"done": len(done), "total": 100, "failed": 0}
    assert {row["state"] for row in rows} - {"DONE"} == {"SKIPPED"}


async def test_a_record_that_others_change_meanwhile_is_read_again_and_given_up_in_the_end() -> None:
    works = Works()
    calm, busy = works.desk.add(2)
    stale = 0

    def fault(name: str, request: Any) -> Error | None:
        nonlocal stale
        if name != "UpdateIncident":
            return None
        if request.id == busy or stale == 0:
            stale += 1
            return Stale("7", given=request.etag)
        return None

    works.desk.faults = fault
    with ctx.use(person()):
        job = await works.bulk("update", {"title": "x"}, [calm, busy])
        await works.work()
        states = [(row["_id"], row["state"]) for row in await works.report(job)]
    assert states == [(calm, "DONE"), (busy, "REFUSED")]


async def test_an_answer_that_never_comes_in_time_stops_one_record_and_not_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    works = Works()
    slow, fine = works.desk.add(2)
    works.desk.faults = lambda name, request: (
        DeadlinePassed("too slow") if name == "UpdateIncident" and request.id == slow else None
    )
    with ctx.use(person()):
        job = await works.bulk("update", {"title": "x"}, [slow, fine])
        await works.work()
        rows = await works.report(job)
    assert [(row["_id"], row["state"]) for row in rows] == [(slow, "REFUSED"), (fine, "DONE")]
    assert rows[0]["problem"]["status"] == 504


async def test_a_job_is_let_in_after_everybody_else_and_leaves_its_place_meanwhile() -> None:
    works = Works()
    ids = works.desk.add(1)
    works.shedding = Shedding(4)
    works.shedding.in_flight = 2
    with ctx.use(person()):
        jobs = [await works.bulk("update", {"title": name}, ids) for name in ("first", "second", "third")]
        assert await works.runner.begin() == 2, "so many of a tenant at once"
        await works.runner.settle()
        assert await works.runner.begin() == 1, "those that wait leave their place to the next"
        await works.runner.settle()
        assert await works.runner.begin() == 0
        assert not works.desk.tokens
        works.shedding.in_flight = 0
        works.seconds += 0.5
        assert await works.runner.begin() == 0, "it waits as long as it was asked to"
        await works.work()
        assert {(await works.now(job))["state"] for job in jobs} == {"SUCCEEDED"}


@given(
    deaths=st.lists(st.integers(min_value=1, max_value=120), max_size=8, unique=True),
    count=st.integers(min_value=1, max_value=12),
    selected=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_no_record_is_done_twice_or_left_out_wherever_the_process_dies(deaths: list[int], count: int, selected: bool) -> None:
    async def life() -> None:
        works = Works()
        ids = works.desk.add(count, title="down", category="mail")
        with ctx.use(person()):
            which: dict[str, Any] = {"selection": works.selection("mail", count)} if selected else {"ids": ids}
            job = await works.bulk("update", {"title": "up"}, **which)
            works.deaths.at = {works.deaths.visits + each for each in deaths}
            await survived(works)
            found = await works.now(job)
            assert (found["state"], found["progress"]) == ("SUCCEEDED", {"done": count, "total": count, "failed": 0})
            assert works.desk.writes == dict.fromkeys(ids, 1)
            works.deaths.at.clear()
            back = await works.jobs.undo(job.id)
            works.deaths.at = {works.deaths.visits + each for each in deaths}
            await survived(works)
            assert (await works.now(back))["progress"] == {"done": count, "total": count, "failed": 0}
            assert {each.title for each in works.desk.incidents.values()} == {"down"}
            assert works.desk.writes == dict.fromkeys(ids, 2)

    asyncio.run(life())


async def survived(works: Works) -> None:
    """Works on, in a new process after each death."""
    for _ in range(100):
        try:
            await works.work()
        except BaseExceptionGroup as dead:
            assert dead.subgroup(Killed) is not None
        except Killed:
            pass
        else:
            return
        works.runner = works.fresh()
    raise AssertionError("it never ended")


async def test_an_export_is_a_file_in_pieces_and_begins_anew_after_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.jobs.exporting.PIECE", 1000)
    works = Works()
    works.desk.add(450, title="=down", category="mail")
    works.desk.add(5, category="print")
    with ctx.use(person("liz", "viewer")):
        wish = Wish(kind=Kind.EXPORT, resource="incidents", filter="mail", fields=["id", "title"], format=Format.CSV)
        job = await works.jobs.create(wish)
        works.deaths.at = {works.deaths.visits + 6}
        with pytest.raises(NotFound):
            await works.jobs.piece(job.id, 0)
        await survived(works)
        found = await works.now(job)
        pieces = []
        while content := (await works.jobs.piece(job.id, len(pieces)))[1]:
            pieces.append(content)
    for other in (person("ann"), person("max", "admin")):
        with ctx.use(other), pytest.raises(NotFound):
            await works.jobs.piece(job.id, 0)
    narrow = person("liz", "viewer", permissions=frozenset({"jobs.get"}))
    with ctx.use(narrow), pytest.raises(Denied, match=r"incidents\.list"):
        await works.jobs.piece(job.id, 0)
    lines = b"".join(pieces).decode().splitlines()
    assert (found["state"], found["progress"]["done"], found["progress"]["total"]) == ("SUCCEEDED", 450, 450)
    assert found["result"]["size"] == sum(map(len, pieces))
    assert lines[:2] == ["id,title", "inc_0,'=down"]
    assert len(lines) == len(set(lines)) == 451


async def test_a_job_that_meets_a_defect_again_and_again_ends_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    works = Works()
    ids = works.desk.add(1)

    def broken(name: str, request: Any) -> Error | None:
        raise ZeroDivisionError

    works.desk.faults = broken
    with ctx.use(person()):
        job = await works.bulk("update", {"title": "x"}, ids)
        await works.work()
        found = await works.now(job)
    assert (found["state"], found["reason"]) == ("FAILED", "a defect on this side; it is in the log")


async def test_a_job_of_yesterday_is_given_up() -> None:
    works = Works()
    ids = works.desk.add(1)
    with ctx.use(person()):
        job = await works.bulk("update", {"title": "x"}, ids)
        works.clock.advance(hours=21)
        await works.work()
        assert (await works.now(job))["state"] == "FAILED"
    assert not works.desk.writes


async def test_two_processes_at_one_job_do_each_record_once() -> None:
    works = Works()
    ids = works.desk.add(30, title="down")
    with ctx.use(person()):
        job = await works.bulk("update", {"title": "up"}, ids)
        both = [works.fresh(), works.fresh()]
        works.desk.turns = works.backend.turns = partial(Random(7).randrange, 9)  # noqa: S311 - no secret
        while (await works.now(job))["state"] in ("PENDING", "RUNNING"):
            for runner in both:
                await runner.begin()
            await asyncio.gather(*(runner.settle() for runner in both))
            works.seconds += 10
        found, rows = await works.now(job), await works.report(job)
        assert works.desk.writes == dict.fromkeys(ids, 1)
        await works.jobs.undo(job.id)
        await works.work()
    assert {each.title for each in works.desk.incidents.values()} == {"down"}
    assert {(row["state"], row["etag"]) for row in rows} == {("DONE", "2")}
    assert found["progress"]["failed"] == 0


@pytest.mark.parametrize(
    ("resource", "parameters", "at"),
    [
        ("connections", {"secret": "s3cret"}, "parameters.secret"),
        ("chatRooms", {"url": "https://chat.example/hook"}, "parameters.url"),
        ("directories", {"password": "s3cret"}, "action"),  # it is sensitive besides
        ("webhooks", {"description": "other"}, "action"),
        ("notificationRules", {"enabled": False}, "action"),
    ],
)
async def test_no_job_holds_a_secret_or_takes_over_what_goes_by_the_rights_of_who_changed_it(
    resource: str, parameters: dict[str, Any], at: str
) -> None:
    works = Works()
    wish = Wish(kind=Kind.BULK, resource=resource, action="update", parameters=parameters, ids=["x"])
    with ctx.use(person("max", "admin")), pytest.raises(Invalid) as refused:
        await works.jobs.create(wish)
    assert list(refused.value.violations) == [at]
    assert await works.backend.count("jobs", {}) == 0
