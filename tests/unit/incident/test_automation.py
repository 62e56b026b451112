"""Rules about events: what they do, once, by whose rights, and what stops them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import Denied, ForbiddenMove, Invalid, Unavailable
from chassis.store import CHANGES
from chassis.testing import caller
from services.incident.domain.automation import ActionKind, AutomationRule, Outcome, RuleAction, RuleRun, circle, filled
from services.incident.domain.incident import Incident
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.note import Note
from services.incident.domain.problem import Problem
from services.incident.domain.states import HoldReason, State
from services.incident.domain.task import Task
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.running import TRIES, WORK
from tests.unit.incident.machine import MANAGER, Machine

OPENED = "itsm.incident.v1.IncidentOpened"
UPDATED = "itsm.incident.v1.IncidentUpdated"


@pytest.fixture
def machine() -> Any:
    made = Machine()
    with made.by(MANAGER):
        yield made


def rule(*actions: RuleAction, **more: Any) -> dict[str, Any]:
    return {"name": "a rule", "event_types": [OPENED], "actions": list(actions), **more}


def note(text: str) -> RuleAction:
    return RuleAction(kind=ActionKind.NOTE, text=text)


def fields(**given: str) -> RuleAction:
    return RuleAction(kind=ActionKind.SET_FIELDS, fields=given)


async def texts(machine: Machine) -> list[str]:
    rows = sorted(machine.backend.collections.get("notes", {}).values(), key=lambda row: row["_id"])
    return sorted([(await machine.store.get(Note, row["_id"])).text for row in rows])


async def test_a_rule_does_its_actions_in_order_once_however_often_the_event_comes(machine: Machine) -> None:
    await machine.rules.create(
        rule(
            RuleAction(kind=ActionKind.ASSIGN, team_id="team_mail", assignee_id="bob"),
            fields(category="email", urgency="HIGH"),
            RuleAction(kind=ActionKind.NOTE, text="{{number}}: {{title}}", public=True),
            RuleAction(kind=ActionKind.NOTIFY, text="look", user_ids=["eve"]),
            RuleAction(kind=ActionKind.LINK, link=Link(kind=LinkKind.RELATED, target="assets/ast_1")),
            RuleAction(kind=ActionKind.START),
            RuleAction(kind=ActionKind.CREATE_TASK, fields={"title": "ask {{requesterId}}"}),
            filter='title:"mail" AND priority IN (P1, P2, P3)',
        )
    )
    incident = await machine.incidents.open({"title": "No mail"})
    other = await machine.incidents.open({"title": "No disk"})
    await machine.settle(times=3)
    await machine.hear()
    await machine.work()
    done = await machine.store.get(Incident, incident.id)
    assert (done.team_id, done.assignee_id, done.category, done.state) == ("team_mail", "bob", "email", State.IN_PROGRESS)
    assert (done.urgency.value, done.watcher_ids) == ("HIGH", ["eve"])
    assert done.links == [Link(kind=LinkKind.RELATED, target="assets/ast_1")]
    assert await texts(machine) == [f"{incident.number}: No mail", "look"]
    (task,) = machine.backend.collections["tasks"].values()
    assert (await machine.store.get(Task, task["_id"])).title == f"ask {MANAGER}"
    assert (await machine.store.get(Incident, other.id)).version == 1
    (run,) = await machine.runs()
    assert (run.outcome, run.subject, len(run.steps)) == (Outcome.DONE, f"incidents/{incident.id}", 7)
    assert machine.backend.collections[WORK] == {}
    last = [row for row in machine.backend.collections[CHANGES].values() if row.get("key") == incident.id][-1]
    assert (last["actor"], last["act"], last["causation_id"]) == (
        {"id": run.rule_id, "kind": "service"},
        MANAGER,
        run.event_id,
    )


async def test_rules_of_one_event_act_in_their_order_and_a_disabled_one_never(machine: Machine) -> None:
    for order, name in ((5, "last"), (-1, "first"), (5, "after")):
        await machine.rules.create(rule(fields(title=f"{{{{title}}}} {name}", category=name), name=name, order=order))
    await machine.rules.create(rule(note("never"), name="off", enabled=False))
    incident = await machine.incidents.open({"title": "No mail"})
    await machine.settle()
    assert [run.rule_name for run in await machine.runs()] == ["first", "after", "last"]
    assert (await machine.store.get(Incident, incident.id)).category == "last"
    assert await texts(machine) == []


async def test_what_fails_does_nothing_and_holds_up_nobody(machine: Machine) -> None:
    await machine.rules.create(
        rule(note("half done"), RuleAction(kind=ActionKind.RESOLVE, resolution_code="x", text="y"), order=1)
    )
    await machine.rules.create(rule(note("whole"), order=2))
    incident = await machine.incidents.open({"title": "No mail"})
    await machine.incidents.cancel(incident.id, "false-alarm")
    await machine.settle()
    failed, done = await machine.runs()
    assert (failed.outcome, failed.steps, done.outcome) == (Outcome.FAILED, [], Outcome.DONE)
    assert "CANCELLED" in failed.message
    assert await texts(machine) == ["whole"]


async def test_a_rule_does_no_more_than_its_maker_might_and_may(machine: Machine) -> None:
    with machine.by("rita"), pytest.raises(Denied):
        await machine.rules.create(rule(RuleAction(kind=ActionKind.ASSIGN, team_id="t")))
    with ctx.use(caller(subject=MANAGER, permissions=frozenset({"incidents.note"}))):
        narrow = await machine.rules.create(rule(note("from a token"), name="narrow"))
    assert (narrow.owner_id, narrow.limits) == (MANAGER, ["incidents.note"])
    assign = await machine.rules.create(rule(RuleAction(kind=ActionKind.ASSIGN, team_id="t"), name="wide"))
    await machine.incidents.open({"title": "one"})
    await machine.settle()
    assert [run.outcome for run in await machine.runs()] == [Outcome.DONE, Outcome.DONE]
    machine.roles[MANAGER] = ("viewer",)
    machine.ticks += 16
    second = await machine.incidents.open({"title": "two"})
    await machine.settle()
    assert [run.outcome for run in (await machine.runs())[2:]] == [Outcome.FAILED, Outcome.FAILED]
    assert "incidents.assign" in (await machine.runs())[3].message
    assert (await machine.store.get(Incident, second.id)).version == 1
    machine.roles["peter"] = ("incident-manager",)
    with machine.by("peter"):
        assert (await machine.rules.update(assign.id, {"order": 9})).owner_id == MANAGER
        assert (await machine.rules.update(assign.id, {"filter": 'title = "three"'})).owner_id == "peter"
    third = await machine.incidents.open({"title": "three"})
    await machine.settle()
    assert (await machine.store.get(Incident, third.id)).team_id == "t"


async def test_while_nobody_can_say_what_the_maker_may_the_work_waits(machine: Machine) -> None:
    await machine.rules.create(rule(note("later")))
    await machine.incidents.open({"title": "one"})
    machine.away = True
    await machine.hear()
    with pytest.raises(Unavailable):
        await machine.work()
    assert len(machine.backend.collections[WORK]) == 1
    machine.away = False
    await machine.work()
    assert await texts(machine) == ["later"]


async def test_a_rule_never_answers_itself_and_a_chain_ends(machine: Machine) -> None:
    self_made = await machine.rules.create(
        rule(fields(title="{{title}}!"), name="self", event_types=[OPENED, UPDATED], filter='title:"echo"')
    )
    for at in range(7):
        await machine.rules.create(
            rule(fields(category=f"c{at + 1}"), name=f"chain {at}", event_types=[UPDATED], filter=f'category = "c{at}"')
        )
    incident = await machine.incidents.open({"title": "echo"})
    chained = await machine.incidents.open({"title": "chain"})
    await machine.incidents.update(chained.id, {"category": "c0"})
    await machine.settle()
    assert (await machine.store.get(Incident, incident.id)).title == "echo!"
    runs = [run for run in await machine.runs() if run.subject == f"incidents/{incident.id}"]
    assert [run.outcome for run in runs] == [Outcome.DONE, Outcome.SUPPRESSED]
    assert runs[1].caused_by_rule_ids == [self_made.id]
    assert (await machine.store.get(Incident, chained.id)).category == "c5"
    last = [run for run in await machine.runs() if run.subject == f"incidents/{chained.id}"][-1]
    assert (last.outcome, len(last.caused_by_rule_ids)) == (Outcome.SUPPRESSED, 5)


async def test_a_circle_through_somebody_else_ends_too_and_fills_no_log(machine: Machine) -> None:
    await machine.rules.create(rule(note("again"), event_types=[UPDATED]))
    incident = await machine.incidents.open({"title": "one"})
    for at in range(30):
        await machine.incidents.update(incident.id, {"category": f"c{at}"})
        await machine.settle()
    runs = await machine.runs()
    assert [run.outcome for run in runs].count(Outcome.DONE) == 20
    assert [run.outcome for run in runs].count(Outcome.SUPPRESSED) == 1
    machine.clock.advance(hours=2)
    await machine.incidents.update(incident.id, {"category": "later"})
    await machine.settle()
    assert (await machine.runs())[-1].outcome is Outcome.DONE


def test_a_circle_is_seen_in_the_chain_its_length_and_its_pace() -> None:
    assert circle("a", ["b"], 19) == ""
    assert "itself" in circle("a", ["b", "a"], 0)
    assert "5 rules" in circle("a", list("bcdef"), 0)
    assert "20 times" in circle("a", [], 20)


@given(st.text(max_size=40), st.dictionaries(st.sampled_from(["title", "state"]), st.text(max_size=10)))
def test_texts_take_only_fields_of_the_record(text: str, record: dict[str, Any]) -> None:
    assert filled(text + "{{title}}{{nothing}}", record) == filled(text, record) + record.get("title", "")
    assert filled("{{list}}{{none}}", {"list": ["a", 1], "none": None}) == "a, 1"


async def test_what_a_rule_cannot_do_is_refused_with_all_that_is_wrong(machine: Machine) -> None:
    for wrong, named in (
        (rule(RuleAction(kind=ActionKind.ASSIGN)), {"actions[0].team_id"}),
        (rule(RuleAction(kind=ActionKind.NOTE)), {"actions[0].text"}),
        (rule(note("x"), event_types=["itsm.monitor.v1.AlertFired"]), {"event_types"}),
        (rule(note("x"), event_types=["itsm.incident.v1.RuleRan"]), {"event_types"}),
        (rule(note("x"), event_types=["itsm.incident.v1.*.x"]), {"event_types"}),
        (rule(note("x"), filter="nothing = 1"), {"filter"}),
        (rule(fields(state="CLOSED")), {"actions[0].fields.state"}),
        (rule(fields(urgency="LOUD")), {"actions[0].fields.urgency"}),
        (rule(RuleAction(kind=ActionKind.START), event_types=["itsm.incident.v1.ProblemOpened"]), {"actions[0].kind"}),
        (rule(RuleAction(kind=ActionKind.CREATE_INCIDENT, fields={"category": "x"})), {"actions[0].fields.title"}),
        (rule(name=" "), {"name", "actions"}),
        (rule(note("x"), order=10_001), {"order"}),
    ):
        with pytest.raises(Invalid) as refused:
            await machine.rules.create(wrong)
        assert set(refused.value.violations) == named
    assert machine.backend.collections.get("automation_rules", {}) == {}
    with ctx.use(ctx.Context(tenant="main", actor=ctx.Actor(id="key", kind="service"))), pytest.raises(Denied):
        await machine.rules.create(rule(note("x")))


async def test_the_past_tells_what_a_rule_would_have_done_and_nothing_is_done(machine: Machine) -> None:
    incident = await machine.incidents.open({"title": "No mail"})
    await machine.incidents.update(incident.id, {"urgency": "HIGH"})
    await machine.incidents.open({"title": "No disk"})
    before = len(machine.backend.collections[CHANGES])
    tried = rule(note("{{number}} is {{priority}}"), event_types=["itsm.incident.v1.Incident*"], filter='changed:"urgency"')
    matches, matched, looked_at, capped = await machine.asked.attempt(tried, None)
    assert ([match.event_type for match in matches], matched, looked_at, capped) == ([UPDATED], 1, 3, False)
    assert matches[0].steps == [f"say: {incident.number} is P2"]
    assert len(machine.backend.collections[CHANGES]) == before
    assert not machine.backend.collections.get(WORK)
    machine.clock.advance(days=8)
    assert (await machine.asked.attempt(tried, 7))[2] == 0
    with pytest.raises(Invalid):
        await machine.asked.attempt(tried, 31)


async def test_rules_hear_of_notes_and_problems_too(machine: Machine) -> None:
    await machine.rules.create(
        rule(
            RuleAction(kind=ActionKind.ASSIGN, team_id="team_1"),
            event_types=["itsm.incident.v1.NoteAdded"],
            filter="public = true",
        )
    )
    opens = RuleAction(kind=ActionKind.CREATE_INCIDENT, fields={"title": "Watch {{number}}", "impact": "LOW"})
    await machine.rules.create(rule(opens, fields(category="seen"), event_types=["itsm.incident.v1.ProblemOpened"], name="p"))
    incident = await machine.incidents.open({"title": "one"})
    await machine.incidents.note(incident.id, "hidden", False)
    await machine.settle()
    assert (await machine.store.get(Incident, incident.id)).team_id == ""
    await machine.incidents.note(incident.id, "seen", True)
    problem = await machine.problems.open({"title": "leaks"})
    await machine.settle()
    assert (await machine.store.get(Incident, incident.id)).team_id == "team_1"
    assert (await machine.store.get(Problem, problem.id)).category == "seen"
    titles = {row["title"]: row for row in machine.backend.collections["incidents"].values()}
    assert titles[f"Watch {problem.number}"]["links"] == [{"kind": "RELATED", "target": f"problems/{problem.id}"}]


async def test_a_rule_that_is_gone_or_was_changed_meanwhile_does_nothing(machine: Machine) -> None:
    gone, off = [await machine.rules.create(rule(note(name), name=name)) for name in ("gone", "off")]
    await machine.incidents.open({"title": "one"})
    await machine.hear()
    await machine.rules.delete(gone.id)
    await machine.rules.update(off.id, {"enabled": False})
    await machine.work()
    assert await texts(machine) == []
    assert machine.backend.collections[WORK] == {}
    rule_again = await machine.rules.update(off.id, {"enabled": True})
    assert rule_again.enable_time == machine.clock.now
    assert await machine.store.get(AutomationRule, off.id)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["open", "hear", "hear twice", "work", "die", "note", "hold"]), max_size=14))
async def test_whatever_dies_in_between_each_rule_acts_once_on_each_event(steps: list[str]) -> None:
    machine = Machine()
    with machine.by(MANAGER):
        await machine.rules.create(rule(note("{{number}} a"), name="a"))
        await machine.rules.create(rule(note("{{number}} b"), name="b", order=1))
        numbers: list[str] = []
        for step in steps:
            machine.clock.advance(minutes=1)
            match step:
                case "open":
                    numbers.append((await machine.incidents.open({"title": "one"})).number)
                case "hear":
                    await machine.hear()
                case "hear twice":
                    await machine.hear(times=2)
                case "work":
                    await machine.work()
                case "die":  # the worker's process ends after it acted and before it said so: its work is there again
                    left = dict(machine.backend.collections.get(WORK, {}))
                    await machine.work()
                    machine.backend.collections[WORK] = left
                case "note" if numbers:
                    await machine.incidents.note(numbers[-1], "x", False)
                case "hold" if numbers:
                    try:
                        await machine.incidents.hold(numbers[-1], HoldReason.VENDOR, "")
                    except ForbiddenMove:
                        continue
        await machine.settle()
        said = [text for text in await texts(machine) if text != "x"]
        assert said == sorted(f"{number} {name}" for number in numbers for name in "ab")
        assert len(await machine.runs()) == 2 * len(numbers)


def test_runs_are_forgotten_after_a_month() -> None:
    at = datetime(2126, 6, 3, tzinfo=UTC)
    names = ("id", "rule_id", "rule_name", "event_id", "event_type", "subject", "owner_id")
    run = RuleRun.ran(at=at, outcome=Outcome.DONE, **dict.fromkeys(names, "x"))
    assert run.expire_time - at == timedelta(days=30)


async def test_a_note_on_a_change_fails_what_is_not_for_changes_and_holds_up_no_later_event(machine: Machine) -> None:
    noted = "itsm.incident.v1.NoteAdded"
    for action in (
        RuleAction(kind=ActionKind.ASSIGN, team_id="team_1"),
        fields(category="x"),
        RuleAction(kind=ActionKind.START),
        RuleAction(kind=ActionKind.NOTIFY, text="look", user_ids=["eve"]),
    ):
        await machine.rules.create(rule(action, name=action.kind, event_types=[noted]))
    at = machine.clock.now
    async with machine.store.transaction() as tx:
        tx.add(Note.said(id="note_1", about="changes/chg_1", text="seen", public=True, by="bob", at=at))
    await machine.settle()
    runs = await machine.runs()
    assert [run.outcome for run in runs] == [Outcome.FAILED] * 4
    assert all("changes" in run.message for run in runs)
    assert machine.backend.collections[WORK] == {}


async def test_what_fails_unforeseen_is_tried_some_times_and_then_has_failed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await machine.rules.create(rule(RuleAction(kind=ActionKind.ASSIGN, team_id="t"), name="breaks"))
    await machine.rules.create(rule(note("whole"), name="works", order=1))
    await machine.incidents.open({"title": "one"})
    await machine.hear()

    async def broken(*_: Any) -> None:
        raise KeyError("changes")

    monkeypatch.setattr(Incidents, "assign", broken)
    for _ in range(TRIES - 1):
        with pytest.raises(KeyError):
            await machine.work()
    assert await machine.runs() == []
    await machine.settle()
    assert [(run.rule_name, run.outcome) for run in await machine.runs()] == [
        ("breaks", Outcome.FAILED),
        ("works", Outcome.DONE),
    ]
    assert machine.backend.collections[WORK] == {}


async def test_no_rule_owns_what_it_starts_or_opens(machine: Machine) -> None:
    opens = RuleAction(kind=ActionKind.CREATE_INCIDENT, fields={"title": "Watch {{number}}"})
    await machine.rules.create(rule(RuleAction(kind=ActionKind.START), opens, filter='title:"mail"'))
    await machine.rules.create(rule(opens, name="p", event_types=["itsm.incident.v1.ProblemOpened"]))
    with machine.by("rita"):
        incident = await machine.incidents.open({"title": "No mail"})
    problem = await machine.problems.open({"title": "leaks"})
    await machine.settle()
    started = await machine.store.get(Incident, incident.id)
    assert (started.state, started.assignee_id) == (State.IN_PROGRESS, "")
    requesters = {row["title"]: row["requester_id"] for row in machine.backend.collections["incidents"].values()}
    assert requesters[f"Watch {incident.number}"] == "rita"
    assert requesters[f"Watch {problem.number}"] == MANAGER
