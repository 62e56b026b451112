"""To whom incidents go: by rules when they are opened, by people's skills, room and presence afterwards."""

import asyncio
from collections import Counter
from contextvars import copy_context
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import AlreadyExists, Busy, Invalid, NotFound, Unavailable
from chassis.testing import caller
from services.incident.domain.incident import Incident
from services.incident.domain.routing import AgentProfile, Method, OnCallShift, RoutingRule, choose
from services.incident.domain.states import State
from tests.unit.incident.desk import MONDAY, Again
from tests.unit.incident.machine import MANAGER, Machine


@pytest.fixture
def machine() -> Any:
    made = Machine()
    with made.by(MANAGER):
        yield made


def person(user_id: str, **more: Any) -> AgentProfile:
    return AgentProfile(id=f"agp_{user_id}", create_time=MONDAY, update_time=MONDAY, user_id=user_id, team_ids=["t"], **more)


def routing(method: Method, *skills: str) -> RoutingRule:
    return RoutingRule(
        id="rtr_1", name="r", team_id="t", method=method, skills=list(skills), create_time=MONDAY, update_time=MONDAY
    )


PEOPLE = st.lists(
    st.builds(
        person,
        st.sampled_from("abcdef"),
        capacity=st.integers(0, 4),
        away=st.booleans(),
        skills=st.lists(st.sampled_from(["mail", "disk", "sql"]), unique=True),
    ),
    unique_by=lambda each: each.user_id,
)


@given(
    st.sampled_from(Method), PEOPLE, st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 4)), st.sampled_from("abcdef")
)
def test_nobody_without_room_presence_or_skill_is_ever_chosen(
    method: Method, people: list[AgentProfile], loads: dict[str, int], last: str
) -> None:
    found = choose(routing(method, "mail"), people, loads, last, MONDAY)
    if not found.user_id:
        able = [p for p in people if not p.away and loads.get(p.user_id, 0) < p.capacity and "mail" in p.skills]
        assert method in (Method.TEAM_ONLY, Method.ON_CALL) or not able
        return
    chosen = next(each for each in people if each.user_id == found.user_id)
    assert not chosen.away
    assert loads.get(chosen.user_id, 0) < chosen.capacity
    assert "mail" in chosen.skills
    if method is Method.LEAST_LOADED:
        able = [p for p in people if not p.away and loads.get(p.user_id, 0) < p.capacity and "mail" in p.skills]
        assert loads.get(chosen.user_id, 0) / chosen.capacity == min(loads.get(p.user_id, 0) / p.capacity for p in able)


def test_each_way_to_choose_says_why() -> None:
    shift = OnCallShift(start_time=MONDAY, end_time=MONDAY + timedelta(hours=8))
    people = [person("a", skills=["mail"]), person("b", skills=["mail", "sql"], on_call=[shift]), person("c", capacity=100)]
    loads = {"a": 1, "b": 2, "c": 5}

    def by(method: Method, *skills: str, last: str = "") -> tuple[str, str]:
        found = choose(routing(method, *skills), people, loads, last, MONDAY)
        return found.user_id, found.why

    assert by(Method.TEAM_ONLY) == ("", "the team takes it from its queue")
    assert by(Method.LEAST_LOADED) == ("c", "has the most room: 5 of 100 open")
    assert by(Method.SKILL, "mail", "sql") == ("b", "knows mail, sql")
    assert by(Method.ON_CALL) == ("b", "is on call: 2 of 10 open")
    assert [by(Method.ROUND_ROBIN, last=last)[0] for last in ("", "a", "b", "c")] == ["a", "b", "c", "a"]
    assert by(Method.LEAST_LOADED, "cobol")[0] == ""
    assert choose(routing(Method.ON_CALL), people, {}, "", MONDAY + timedelta(hours=8)).user_id == ""


async def test_the_team_is_there_when_an_incident_is_opened_and_the_person_soon_after(machine: Machine) -> None:
    await machine.routing.create_rule(
        {"name": "mail", "filter": 'title:"mail" AND priority = P1', "team_id": "team_mail", "method": Method.LEAST_LOADED}
    )
    await machine.routing.create_rule({"name": "rest", "order": 5, "team_id": "team_desk"})
    for user, capacity in (("bob", 2), ("eve", 4)):
        await machine.routing.create_profile({"user_id": user, "team_ids": ["team_mail"], "capacity": capacity})
    pressing = {"impact": "HIGH", "urgency": "HIGH"}
    mails = [await machine.incidents.open({"title": "Mail down", **pressing}) for _ in range(7)]
    rest = await machine.incidents.open({"title": "Mail slow"})
    assert [(each.team_id, each.state, each.assignee_id) for each in mails] == [("team_mail", State.ASSIGNED, "")] * 7
    assert (rest.team_id, rest.version) == ("team_desk", 1)
    await machine.settle(times=2)
    assigned = Counter([(await machine.store.get(Incident, each.id)).assignee_id for each in mails])
    assert assigned == {"bob": 2, "eve": 4, "": 1}
    assert (await machine.store.get(Incident, rest.id)).version == 1
    assert await machine.routing.open_counts(["bob", "eve"]) == {"bob": 2, "eve": 4}
    runs = await machine.runs()
    assert {run.rule_name for run in runs} == {"mail"}
    assert "nobody of the team" in [run.steps[0] for run in runs][-1]


async def test_what_is_open_with_a_whole_team_is_one_question(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, asked = machine.store.backend, list[str]()

    def counted(name: str) -> Any:
        method = getattr(backend, name)

        def told(*arguments: Any, **named: Any) -> Any:
            asked.append(f"{name} {arguments[0]}")
            return method(*arguments, **named)

        return told

    for name in ("find", "find_one", "count", "aggregate"):
        monkeypatch.setattr(backend, name, counted(name))
    people = [f"person-{number}" for number in range(100)]
    assert await machine.routing.open_counts(people) == dict.fromkeys(people, 0)
    assert asked == ["find incidents"]
    assert await machine.routing.open_counts([]) == {}
    assert len(asked) == 1, "of nobody nothing is asked"


async def test_in_turn_each_gets_one_and_nobody_two(machine: Machine) -> None:
    await machine.routing.create_rule({"name": "all", "team_id": "t", "method": Method.ROUND_ROBIN})
    for user in ("a", "b", "c"):
        await machine.routing.create_profile({"user_id": user, "team_ids": ["t"]})
    opened = [await machine.incidents.open({"title": str(at)}) for at in range(7)]
    await machine.settle()
    assert [(await machine.store.get(Incident, each.id)).assignee_id for each in opened] == list("abcabca")


async def test_who_was_named_stays_and_who_took_it_meanwhile_too(machine: Machine) -> None:
    await machine.routing.create_rule({"name": "all", "team_id": "t", "method": Method.LEAST_LOADED})
    await machine.routing.create_profile({"user_id": "a", "team_ids": ["t"]})
    named = await machine.incidents.open({"title": "one", "team_id": "other", "state": State.ASSIGNED})
    taken = await machine.incidents.open({"title": "two"})
    await machine.hear()
    await machine.incidents.assign(taken.id, "t", "zoe")
    await machine.work()
    assert (await machine.store.get(Incident, named.id)).assignee_id == ""
    assert (await machine.store.get(Incident, taken.id)).assignee_id == "zoe"
    machine.clock.advance(minutes=1)
    assert (await machine.doing.route(named.id))[1] == "all"
    routed = await machine.store.get(Incident, named.id)
    assert (routed.team_id, routed.assignee_id) == ("t", "a")


async def test_people_say_when_they_are_away_and_have_one_profile(machine: Machine) -> None:
    made = await machine.routing.create_profile({"user_id": "a", "team_ids": ["t"]})
    with pytest.raises(AlreadyExists):
        await machine.routing.create_profile({"user_id": "a"})
    with ctx.use(caller(subject="a")):
        away = await machine.routing.set_away(True, machine.clock.now + timedelta(days=1))
    assert away.is_away(machine.clock.now)
    assert not away.is_away(machine.clock.now + timedelta(days=1))
    with ctx.use(caller(subject="b")), pytest.raises(NotFound):
        await machine.routing.set_away(True, None)
    await machine.routing.delete_profile(made.id)
    assert (await machine.routing.create_profile({"user_id": "a"})).capacity == 10


async def test_a_profile_whose_removal_dies_half_way_gets_no_work_and_is_never_there_twice(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await machine.routing.create_rule({"name": "all", "team_id": "t", "method": Method.LEAST_LOADED})
    made = await machine.routing.create_profile({"user_id": "a", "team_ids": ["t"]})
    incident = await machine.incidents.open({"title": "one"})
    write, writes = machine.backend.write, list[Any]()

    async def dies(given: Any) -> None:
        writes.append(given)
        if len(writes) > 1:
            raise Unavailable("it died")
        await write(given)

    monkeypatch.setattr(machine.backend, "write", dies)
    with pytest.raises(Unavailable):
        await machine.routing.delete_profile(made.id)
    monkeypatch.undo()
    machine.clock.advance(minutes=1)
    await machine.doing.route(incident.id)
    assert (await machine.store.get(Incident, incident.id)).assignee_id == ""
    with pytest.raises(NotFound):
        await Again(machine.routing).update_profile(made.id, {"capacity": 1})
    with ctx.use(caller(subject="a")), pytest.raises(NotFound):
        await Again(machine.routing).set_away(True, None)
    again = await machine.routing.create_profile({"user_id": "a", "team_ids": ["t"]})
    assert [row["_id"] for row in machine.backend.collections["agent_profiles"].values()] == [again.id]
    with pytest.raises(AlreadyExists):
        await machine.routing.create_profile({"user_id": "a"})


async def test_a_removal_lets_go_of_nobody_whom_another_profile_holds(machine: Machine) -> None:
    old = await machine.routing.create_profile({"user_id": "a", "team_ids": ["t"]})
    machine.backend.collections["agent_profiles"]["agp_old"] = {
        **machine.backend.collections["agent_profiles"][old.id],
        "_id": "agp_old",
    }
    await machine.routing.delete_profile("agp_old")
    with pytest.raises(AlreadyExists):
        await machine.routing.create_profile({"user_id": "a"})


async def test_what_is_wrong_with_rules_and_people_is_told_by_field(machine: Machine) -> None:
    for fields, named in (
        ({"team_id": "t"}, {"name"}),
        ({"name": "r"}, {"team_id"}),
        ({"name": "r", "team_id": "t", "filter": "nothing = 1"}, {"filter"}),
        ({"name": "r", "team_id": "t", "method": Method.SKILL}, {"skills"}),
        ({"name": "r", "team_id": "t", "skills": ["a", "a"], "order": 10_001}, {"skills", "order"}),
    ):
        with pytest.raises(Invalid) as refused:
            await machine.routing.create_rule(fields)
        assert set(refused.value.violations) == named
    backwards = OnCallShift(start_time=MONDAY, end_time=MONDAY)
    with pytest.raises(Invalid) as refused:
        await machine.routing.create_profile({"user_id": "", "capacity": -1, "on_call": [backwards]})
    assert set(refused.value.violations) == {"user_id", "capacity", "on_call[0].end_time"}


async def test_a_rule_that_was_changed_or_removed_counts_at_once_here_and_a_second_later_elsewhere(machine: Machine) -> None:
    made = await machine.routing.create_rule({"name": "all", "team_id": "t"})
    assert (await machine.incidents.open({"title": "one"})).team_id == "t"
    await machine.routing.update_rule(made.id, {"team_id": "u"})
    assert (await machine.incidents.open({"title": "two"})).team_id == "u"
    await machine.routing.delete_rule(made.id)
    assert (await machine.incidents.open({"title": "three"})).team_id == ""


async def test_of_two_who_choose_at_the_same_time_one_sees_what_the_other_gave(machine: Machine) -> None:
    await machine.routing.create_rule({"name": "all", "team_id": "t", "method": Method.LEAST_LOADED})
    for user in ("a", "b"):
        await machine.routing.create_profile({"user_id": user, "team_ids": ["t"], "capacity": 2})
    opened = [await machine.incidents.open({"title": str(at)}) for at in range(4)]
    outside = copy_context()
    await machine.doing.route(opened[0].id, placed=True)
    with pytest.raises(Busy):
        async with machine.store.transaction() as tx:
            incident = await tx.get(Incident, opened[1].id)
            assert (await machine.routing.choice(tx, incident, placed=True))[1].user_id == "b"
            await asyncio.get_running_loop().create_task(machine.doing.route(opened[2].id, placed=True), context=outside)
    await machine.doing.route(opened[1].id, placed=True)
    given = [(await machine.store.get(Incident, each.id)).assignee_id for each in opened[:3]]
    assert given == ["a", "a", "b"]


async def test_where_nobody_is_chosen_and_the_team_stays_whoever_has_it_keeps_it(machine: Machine) -> None:
    rule = await machine.routing.create_rule({"name": "all", "team_id": "t", "method": Method.LEAST_LOADED})
    incident = await machine.incidents.open({"title": "one"})
    await machine.incidents.assign(incident.id, "t", "zoe")
    await machine.doing.route(incident.id)
    assert (await machine.store.get(Incident, incident.id)).assignee_id == "zoe"
    await machine.routing.update_rule(rule.id, {"team_id": "u"})
    await machine.doing.route(incident.id)
    routed = await machine.store.get(Incident, incident.id)
    assert (routed.team_id, routed.assignee_id) == ("u", "")


async def test_a_rule_about_requesters_holds_for_what_they_open_themselves(machine: Machine) -> None:
    await machine.routing.create_rule({"name": "bosses", "filter": f'requesterId = "{MANAGER}"', "team_id": "team_vip"})
    assert (await machine.incidents.open({"title": "one"})).team_id == "team_vip"
    assert (await machine.incidents.open({"title": "two", "requester_id": "rita"})).team_id == ""


async def test_only_what_is_open_with_those_who_may_get_it_is_counted(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await machine.routing.create_rule({"name": "all", "team_id": "t", "method": Method.LEAST_LOADED, "skills": ["mail"]})
    for user, more in (("a", {"skills": ["mail"]}), ("b", {"skills": ["mail"], "away": True}), ("c", {})):
        await machine.routing.create_profile({"user_id": user, "team_ids": ["t"], **more})
    incident = await machine.incidents.open({"title": "one"})
    count, counted = machine.routing.open_counts, list[str]()

    async def counts(people: Any) -> dict[str, int]:
        counted.extend(people)
        return await count(people)

    monkeypatch.setattr(machine.routing, "open_counts", counts)
    await machine.doing.route(incident.id)
    assert (await machine.store.get(Incident, incident.id)).assignee_id == "a"
    assert set(counted) == {"a"}
