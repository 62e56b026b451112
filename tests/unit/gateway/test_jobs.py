"""Jobs: what they may do, whose rights they have, how they end, what they leave when the process dies, and their undoing."""

import contextlib
from datetime import timedelta
from typing import Any

import pytest
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.errors import DeadlinePassed, Denied, Exhausted, ForbiddenMove, Invalid, NotFound, Stale
from services.gateway.domain.job import MOST_OPEN, Format, Kind
from services.gateway.usecases.jobs import Wish
from services.gateway.usecases.reading import Asked
from tests.unit.gateway.work import Killed, Works, person


async def test_each_record_is_done_or_refused_and_the_job_tells_which() -> None:
    works = Works()
    ids = works.desk.add(3, title="down")
    with ctx.use(person()):
        job = await works.bulk("update", {"title": "up"}, [*ids, "inc_none"])
        assert (job.state, job.invertible) == ("PENDING", True)
        await works.work()
        done, rows = await works.now(job), await works.report(job)
    assert done["state"] == "SUCCEEDED"
    assert done["progress"] == {"done": 4, "total": 4, "failed": 1}
    assert [(row["_id"], row["state"], row["etag"]) for row in rows] == [
        *((each, "DONE", "2") for each in ids),
        ("inc_none", "REFUSED", ""),
    ]
    assert rows[-1]["problem"]["status"] == 404
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
