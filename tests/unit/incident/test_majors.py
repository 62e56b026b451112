"""Major incidents, in memory."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import AlreadyExists, ForbiddenMove, Invalid, NotFound
from chassis.store import CHANGES
from chassis.testing import caller
from services.incident.domain.incident import Incident
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.major import MAJOR_MOVES, USUAL, Major, MajorReview, MajorRole, MajorState, ReviewAction, Role
from services.incident.domain.states import State
from services.incident.domain.status_update import Audience
from services.incident.usecases.families import STEP
from services.incident.usecases.reading import Asked
from tests.unit.incident.desk import MONDAY, Desk


@pytest.fixture
def desk() -> Any:
    with ctx.use(caller(subject="alice")):
        yield Desk()


async def declared(desk: Desk, **fields: Any) -> Major:
    incident = await desk.incidents.open({"title": "the whole site", **fields})
    major = await desk.majors.propose({"incident_id": incident.number})
    return await desk.majors.declare(major.id, "", [])


async def test_an_incident_has_one_major_until_that_is_declined(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "the whole site"})
    major = await desk.majors.propose({"incident_id": incident.number})
    assert (major.title, major.incident_id, major.requester_id) == ("the whole site", incident.id, "alice")
    with pytest.raises(AlreadyExists, match=major.id):
        await desk.majors.propose({"incident_id": incident.id})
    with pytest.raises(Invalid, match="no such incident"):
        await desk.majors.propose({"incident_id": "INC0999999"})
    await desk.majors.decline(major.id, "one desk only")
    again = await desk.majors.propose({"incident_id": incident.id})
    await desk.incidents.resolve(incident.id, "fixed", "done")
    with pytest.raises(ForbiddenMove, match="not open"):
        await desk.majors.declare(again.id, "", [])


async def test_a_declared_one_is_led_and_has_the_usual_checklist(desk: Desk) -> None:
    major = await declared(desk)
    assert (major.assignee_id, [item.text for item in major.checklist]) == ("alice", list(USUAL))
    major = await desk.majors.staff(major.id, MajorRole(role=Role.SCRIBE, person_id="bob"))
    major = await desk.majors.staff(major.id, MajorRole(role=Role.COMMANDER, person_id="carol"))
    assert (major.assignee_id, [role.role for role in major.roles]) == ("carol", [Role.COMMANDER, Role.SCRIBE])
    with pytest.raises(ForbiddenMove, match="somebody leads"):
        await desk.majors.staff(major.id, MajorRole(role=Role.COMMANDER, person_id=""))
    major = await desk.majors.check(major.id, "c2", undone=False)
    version = major.version
    assert (await desk.majors.check(major.id, "c2", undone=False)).version == version
    major = await desk.majors.extend(major.id, ["call the bank"])
    assert (major.checklist[1].done_by, major.checklist[-1].key) == ("alice", f"c{len(USUAL) + 1}")
    assert (await desk.majors.check(major.id, "c2", undone=True)).checklist[1].done_time is None
    with pytest.raises(Invalid, match="no such item"):
        await desk.majors.check(major.id, "c99", undone=False)


async def test_a_public_update_reaches_whoever_reported_and_an_internal_one_does_not(desk: Desk) -> None:
    major = await declared(desk)
    child = await desk.incidents.open({"title": "no mail", "requester_id": "bob"})
    await desk.incidents.link(child.id, Link(kind=LinkKind.PARENT, target=f"incidents/{major.incident_id}"))
    await desk.majors.tell(major.id, "we know", Audience.PUBLIC, MONDAY + timedelta(hours=1))
    await desk.majors.tell(major.id, "it is the disk", Audience.INTERNAL, MONDAY + timedelta(hours=2))
    await desk.pass_on()
    for incident_id in (major.incident_id, child.id):
        rows, _ = await desk.reading.notes(Incident, incident_id, Asked())
        assert [(row["text"], row["public"]) for row in rows] == [("we know", True)]
    rows, _ = await desk.majors.updates(major.number, Asked())
    assert {row["text"] for row in rows} == {"it is the disk", "we know"}
    assert (await desk.store.get(Major, major.id)).next_update_time == MONDAY + timedelta(hours=2)
    with pytest.raises(Invalid, match="future"):
        await desk.majors.tell(major.id, "late", Audience.INTERNAL, MONDAY)


async def test_everybody_may_know_the_last_public_word_while_it_matters_and_nothing_else(desk: Desk) -> None:
    majors = [await declared(desk, title=title) for title in ("mail", "telephones", "lights")]
    for major, text in zip(majors, ("no mail", "no calls", "it is dark"), strict=True):
        desk.clock.advance(minutes=1)
        await desk.majors.tell(major.id, text, Audience.PUBLIC, desk.clock.now + timedelta(hours=1))
    desk.clock.advance(minutes=1)
    await desk.majors.tell(majors[0].id, "mail is slow", Audience.PUBLIC, None)
    await desk.majors.tell(majors[1].id, "it is the exchange of the vendor", Audience.INTERNAL, None)
    await desk.majors.resolve(majors[2].id, "fixed", "a fuse", children=False)
    proposed = await desk.incidents.open({"title": "perhaps"})
    await desk.majors.propose({"incident_id": proposed.id})

    bounded = replace(caller(subject="bob"), scope={"audience": "PUBLIC"})
    with ctx.use(bounded):
        told = await desk.majors.announced()
    assert [(each.number, each.text, each.resolved) for each in told] == [
        (majors[0].number, "mail is slow", False),
        (majors[2].number, "it is dark", True),
        (majors[1].number, "no calls", False),
    ]
    assert [each.next_update_time for each in told] == [None, None, MONDAY + timedelta(hours=1, minutes=2)]
    desk.clock.advance(hours=4)
    with ctx.use(bounded):
        assert {each.text for each in await desk.majors.announced()} == {"mail is slow", "no calls"}
    with ctx.use(caller(subject="bob", tenant="another")):
        assert await desk.majors.announced() == []


async def test_a_promised_update_that_does_not_come_is_told_once(desk: Desk) -> None:
    major = await declared(desk)
    await desk.majors.tell(major.id, "we know", Audience.INTERNAL, MONDAY + timedelta(hours=1))
    for hours in (0, 1, 1):
        desk.clock.advance(hours=hours)
        await desk.majors.miss(ctx.current().tenant, major.id)
    found = await desk.store.get(Major, major.id)
    assert (found.missed_update_count, found.next_update_time) == (1, None)


async def test_children_that_match_are_linked_in_steps_each_once(desk: Desk) -> None:
    major = await declared(desk)
    mine = [await desk.incidents.open({"title": "no mail", "category": "mail"}) for _ in range(STEP + 2)]
    other = await desk.incidents.open({"title": "no phone", "category": "phone"})
    taken = await desk.incidents.open({"title": "no mail either", "category": "mail"})
    await desk.incidents.link(taken.id, Link(kind=LinkKind.PARENT, target=f"incidents/{other.id}"))
    assert await desk.majors.link_children(major.id, [], 'category = "mail"') == STEP + 3
    await desk.majors.link_children(major.id, [other.id, major.incident_id, mine[0].id], "")
    later = await desk.incidents.open({"title": "later", "category": "mail"})
    desk.clock.advance(seconds=1)
    await desk.pass_on()
    parents = [(await desk.store.get(Incident, each.id)).parent_ids for each in (*mine, other, taken)]
    assert parents == [[major.incident_id]] * (STEP + 3) + [[other.id]]
    assert (await desk.store.get(Incident, major.incident_id)).parent_ids == []
    assert later.id
    for wrong in (([], ""), (["inc_1"], 'category = "x"')):
        with pytest.raises(Invalid, match="incidents"):
            await desk.majors.link_children(major.id, *wrong)


async def test_resolving_it_resolves_its_incident_and_the_children_of_that(desk: Desk) -> None:
    major = await declared(desk)
    child = await desk.incidents.open({"title": "no mail"})
    await desk.majors.link_children(major.id, [child.id], "")
    await desk.pass_on()
    major = await desk.majors.resolve(major.id, "fixed", "a new disk", children=True)
    await desk.pass_on()
    for incident_id in (major.incident_id, child.id):
        assert (await desk.store.get(Incident, incident_id)).state is State.RESOLVED
    assert major.state is MajorState.RESOLVED


async def test_the_review_is_written_once_it_is_resolved_and_its_actions_outlive_it(desk: Desk) -> None:
    major = await declared(desk)
    review = MajorReview(summary="a disk", actions=[ReviewAction(text="two disks", owner_id="bob")])
    with pytest.raises(ForbiddenMove):
        await desk.majors.review(major.id, review)
    await desk.majors.resolve(major.id, "fixed", "a new disk", children=False)
    with pytest.raises(ForbiddenMove, match="write its summary"):
        await desk.majors.close(major.id)
    major = await desk.majors.review(major.id, review)
    (action,) = major.review.actions
    await desk.majors.complete(major.id, action.key)
    forged = ReviewAction(key=action.key, text="three disks", done_by="mallory")
    major = await desk.majors.review(major.id, MajorReview(summary="a disk", actions=[ReviewAction(text="new"), forged]))
    assert [(each.key, each.done_by) for each in major.review.actions] == [(major.review.actions[0].key, ""), ("a9", "alice")]
    with pytest.raises(Invalid, match="no action"):
        await desk.majors.review(major.id, MajorReview(actions=[ReviewAction(key="a1", text="x")]))
    await desk.majors.close(major.id)
    major = await desk.majors.complete(major.id, major.review.actions[0].key)
    assert all(each.done_time for each in major.review.actions)
    with pytest.raises(ForbiddenMove):
        await desk.majors.review(major.id, review)


async def test_what_the_landscape_says_of_its_incident_is_on_it(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "the whole site"})
    await desk.impacts.learn(incident.id, ["svc_1"])
    major = await desk.majors.propose({"incident_id": incident.id, "service_ids": ["svc_9"]})
    assert major.impacted_service_ids == ["svc_1"]
    await desk.impacts.learn(incident.id, ["svc_1", "svc_2"])
    major = await desk.store.get(Major, major.id)
    assert (major.service_ids, major.impacted_service_ids) == (["svc_9"], ["svc_1", "svc_2"])


async def use(desk: Desk, major: Major, verb: str) -> Major:
    match verb:
        case "declare":
            return await desk.majors.declare(major.id, "bob", ["one"])
        case "staff":
            return await desk.majors.staff(major.id, MajorRole(role=Role.LIAISON, person_id=f"p{desk.clock.now.minute % 3}"))
        case "check":
            return await desk.majors.extend(major.id, ["more"])
        case "tell":
            await desk.majors.tell(major.id, "it stands", Audience.INTERNAL, desk.clock.now + timedelta(hours=1))
            return await desk.store.get(Major, major.id)
        case "resolve":
            return await desk.majors.resolve(major.id, "fixed", "done", children=False)
        case "review":
            return await desk.majors.review(major.id, MajorReview(summary=str(desk.clock.now)))
        case "close":
            return await desk.majors.close(major.id)
        case _:
            return await getattr(desk.majors, verb)(major.id, "because")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(MAJOR_MOVES)), st.integers(1, 90)), max_size=14))
async def test_no_order_of_verbs_leaves_the_table_or_loses_an_event(steps: list[tuple[str, int]]) -> None:
    with ctx.use(caller()):
        desk = Desk()
        incident = await desk.incidents.open({"title": "t"})
        major = await desk.majors.propose({"incident_id": incident.id})
        for verb, minutes in steps:
            desk.clock.advance(minutes=minutes)
            before, move = await desk.store.get(Major, major.id), MAJOR_MOVES[verb]
            try:
                major = await use(desk, major, verb)
            except ForbiddenMove as refusal:
                guarded = (verb == "close" and before.review is None) or (verb == "declare" and "incident" in str(refusal))
                assert before.state not in move.sources or guarded
                assert await desk.store.get(Major, major.id) == before
                continue
            assert before.state in move.sources
            assert major.state is move.leads(before.state)
            assert major == await desk.store.get(Major, major.id)
            assert major.state is not MajorState.DECLARED or major.assignee_id
            assert not major.next_update_time or major.state in (MajorState.DECLARED, MajorState.RESOLVED)
        told = [row for row in desk.backend.collections[CHANGES].values() if row.get("key") == major.id]
        assert sorted(row["version"] for row in told) == list(range(1, major.version + 1))


async def test_of_a_major_incident_that_is_not_there_nothing_else_is_said(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.majors.link_children("maj_unknown", [], "")
