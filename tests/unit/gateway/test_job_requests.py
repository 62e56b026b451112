"""Asking for jobs: what is refused at once, whose rights they need, who sees them, and what cannot be undone."""

from dataclasses import replace
from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import (
    Denied,
    Exhausted,
    ForbiddenMove,
    Invalid,
    NotFound,
    Unauthenticated,
)
from services.gateway.domain.job import MOST_OPEN, Kind
from services.gateway.usecases.jobs import Wish
from services.gateway.usecases.reading import Asked
from tests.unit.gateway.work import Works, person


async def test_what_cannot_be_undone_says_why() -> None:
    works = Works()
    ids = works.desk.add(1)
    with ctx.use(person()):
        resolving = await works.bulk("resolve", {"resolution": "done", "resolutionCode": "SOLVED"}, ids)
        with pytest.raises(ForbiddenMove, match="has not ended"):
            await works.jobs.undo(resolving.id)
        await works.work()
        with pytest.raises(ForbiddenMove, match="no inverse"):
            await works.jobs.undo(resolving.id)
        late = await works.bulk("update", {"title": "x"}, ids)
        await works.work()
        works.clock.advance(hours=25)
        with pytest.raises(ForbiddenMove, match="too long ago"):
            await works.jobs.undo(late.id)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"action": "explode"}, "action"),
        ({"action": ""}, "action"),
        ({"resource": "unicorns"}, "resource"),
        ({"resource": "jobs", "action": "cancel"}, "resource"),
        ({"resource": "webhooks", "action": "rotate"}, "action"),
        ({"parameters": {}}, "parameters"),
        ({"parameters": {"titel": "x"}}, "parameters.titel"),
        ({"parameters": {"urgency": "SOON"}}, "parameters.urgency"),
        ({"parameters": {"number": "INC1"}}, "parameters.number"),
        ({"action": "assign", "parameters": {"assigneeId": "max"}}, "parameters.teamId"),
        ({"action": "assign", "parameters": {"teamId": "a", "etag": "1"}}, "parameters.etag"),
        ({"ids": []}, "ids"),
        ({"selection": "bm9uZQ"}, "ids"),
        ({"ids": [], "selection": "bm9uZQ"}, "selection"),
        ({"ids": ["x" * 300]}, "ids"),
        ({"ids": [str(each) for each in range(10_001)]}, "ids"),
        ({"filter": "a = 1"}, "filter"),
        ({"kind": Kind.EXPORT}, "action"),
        ({"kind": Kind.EXPORT, "action": "", "parameters": {}, "ids": [], "fields": ["titel"]}, "fields"),
        ({"kind": Kind.EXPORT, "action": "", "parameters": {}, "ids": [], "resource": "kpis"}, "resource"),
    ],
)
async def test_what_no_record_would_take_is_refused_at_once_and_named(wish: dict[str, Any], field: str) -> None:
    works = Works()
    asked = {"kind": Kind.BULK, "resource": "incidents", "action": "update", "parameters": {"title": "x"}, "ids": ["inc_1"]}
    with ctx.use(person("max", "admin")), pytest.raises(Invalid) as refused:
        await works.jobs.create(Wish(**(asked | wish)))
    assert field in refused.value.violations


async def test_a_selection_is_good_for_its_maker_its_resource_and_an_hour() -> None:
    works = Works()
    with ctx.use(person()):
        mine = works.selection("mail", 1)
        large = works.selection("mail", 100_001)
        with pytest.raises(Invalid, match="a job takes 100000 records"):
            await works.bulk("update", {"title": "x"}, selection=large)
    for context in (person("liz", "agent"), person("ann", "agent", "other")):
        with ctx.use(context), pytest.raises(Invalid, match="none of yours"):
            await works.bulk("update", {"title": "x"}, selection=mine)
    with ctx.use(person()):
        with pytest.raises(Invalid, match="none of yours"):
            await works.bulk("update", {"title": "x"}, selection=mine[:-4] + "AAAA")
        with pytest.raises(Invalid, match="none of yours"):
            wish = Wish(kind=Kind.BULK, resource="alerts", action="acknowledge", selection=mine)
            await works.jobs.create(wish)
        works.clock.advance(hours=1)
        with pytest.raises(Invalid, match="too old"):
            await works.bulk("update", {"title": "x"}, selection=mine)


async def test_a_job_needs_what_its_action_needs_and_a_person() -> None:
    works = Works()
    with ctx.use(person("liz", "viewer")), pytest.raises(Denied, match=r"incidents\.update"):
        await works.bulk("update", {"title": "x"}, ["inc_1"])
    limited = person(permissions=frozenset({"jobs.create", "incidents.get"}))
    with ctx.use(limited), pytest.raises(Denied, match=r"incidents\.update"):
        await works.bulk("update", {"title": "x"}, ["inc_1"])
    key = person("crd_1", "admin")
    machine = replace(key, actor=replace(key.actor, kind="service"))
    with ctx.use(machine), pytest.raises(Invalid, match="a key has none"):
        await works.bulk("update", {"title": "x"}, ["inc_1"])


async def test_removing_many_records_asks_for_a_fresh_proof() -> None:
    works = Works()
    wish = Wish(kind=Kind.BULK, resource="webhooks", action="delete", ids=("whk_1",))
    with ctx.use(person("max", "admin", attended=True)), pytest.raises(Unauthenticated) as refused:
        await works.jobs.create(wish)
    assert refused.value.reason == "INSUFFICIENT_USER_AUTHENTICATION"
    with ctx.use(person("max", "admin", attended=True)):
        assert (await works.bulk("cancel", {"reason": "DUPLICATE"}, ["inc_1"])).invertible is False


async def test_others_do_not_see_a_job_and_administrators_do() -> None:
    works = Works()
    ids = works.desk.add(1)
    with ctx.use(person()):
        job = await works.bulk("update", {"title": "x"}, ids)
    for stranger in (person("liz", "agent"), person("ann", "agent", "other")):
        with ctx.use(stranger):
            assert (await works.jobs.page(Asked()))[0] == []
            for refused in (works.now(job), works.report(job), works.jobs.cancel(job.id), works.jobs.undo(job.id)):
                with pytest.raises(NotFound):
                    await refused
    with ctx.use(person("max", "admin")):
        assert (await works.now(job))["creator_id"] == "ann"
        await works.work()
        assert len(await works.report(job)) == 1
        assert (await works.jobs.undo(job.id)).creator_id == "max"


async def test_nobody_has_more_jobs_waiting_than_so_many() -> None:
    works = Works()
    with ctx.use(person()):
        for _ in range(MOST_OPEN):
            await works.bulk("update", {"title": "x"}, ["inc_1"])
        with pytest.raises(Exhausted):
            await works.bulk("update", {"title": "x"}, ["inc_1"])
    with ctx.use(person("max", "admin")):
        await works.bulk("update", {"title": "x"}, ["inc_1"])
