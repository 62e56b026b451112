"""What people set up for daily work: views, macros, templates, replies; and time that they write down."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import Denied, ForbiddenMove, Invalid, NotFound
from chassis.testing import caller
from services.incident import store as kept
from services.incident.domain.catalog import Money
from services.incident.domain.incident import Incident
from services.incident.domain.kept import Sharing
from services.incident.domain.macro import NEEDS, WINDOW, Step, StepKind
from services.incident.domain.placeholders import check, filled
from services.incident.domain.priority import Urgency
from services.incident.domain.reply import CannedReply
from services.incident.domain.states import HoldReason, State
from services.incident.usecases.cupboard import MOST_OWN
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.macros import REOPEN, Macros
from services.incident.usecases.reading import Asked
from services.incident.usecases.replies import CannedReplies, TicketTemplates
from services.incident.usecases.time_entries import TimeEntries
from services.incident.usecases.views import Views
from tests.unit.incident.desk import KEY, Again, Desk

RIGHTS = frozenset({*NEEDS.values(), REOPEN, "incidents.list"})
NO_MAIL = {"title": "no mail"}


class Tools(Desk):
    """A desk with tools; who is in which team can be said."""

    def __init__(self) -> None:
        super().__init__()
        self.teams: dict[str, frozenset[str]] = {}
        lists = kept.listings(KEY, self.clock)
        incidents = Incidents(self.store, self.promises)
        self.views = Views(self.store, lists, self.reading, self)
        self.macros = Macros(self.store, lists["macros"], self, incidents)
        self.templates = TicketTemplates(self.store, lists["ticketTemplates"], incidents)
        self.replies = CannedReplies(self.store, CannedReply, lists["cannedReplies"], "crp", self)
        self.times = TimeEntries(self.store, lists["timeEntries"])

    async def of_caller(self) -> frozenset[str]:
        """See `Teams`."""
        return self.teams.get(ctx.current().actor.id, frozenset())


def person(subject: str, *more: str) -> Any:
    return caller(subject=subject, permissions=RIGHTS.union(more))


@pytest.fixture
def tools() -> Any:
    with ctx.use(person("alice")):
        yield Tools()


async def test_a_view_is_seen_by_whom_it_is_shared_with_and_counts_what_the_caller_sees(tools: Tools) -> None:
    for number in range(3):
        await tools.incidents.open({"title": f"no mail {number}", "requester_id": "bob" if number else "alice"})
    view = await tools.views.create(
        {"name": "new ones", "resource": "incidents", "filter": "state = NEW", "columns": ["number"]}
    )
    assert await tools.views.count(view.id) == (view.id, 3, False)
    with ctx.use(person("bob")):
        with pytest.raises(NotFound):
            await tools.views.count(view.id)
        assert await tools.views.counts([view.id]) == []
    tools.teams = {"alice": frozenset({"t1"}), "bob": frozenset({"t1"})}
    await tools.views.share(view.id, "t1")
    with ctx.use(person("bob")):
        assert [row["_id"] for row in (await tools.views.page(Asked()))[0]] == [view.id]
        with pytest.raises(Denied):
            await tools.views.update(view.id, {"name": "mine"})
    with ctx.use(replace(person("bob"), permissions=frozenset())), pytest.raises(Denied):
        await tools.views.count(view.id)
    with ctx.use(person("carol")), pytest.raises(NotFound):
        await tools.views.get(view.id)
    await tools.views.publish(view.id)
    with ctx.use(person("carol", "views.publish")):
        assert (await tools.views.update(view.id, {"name": "all new ones"})).sharing is Sharing.EVERYBODY
        await tools.views.delete(view.id)
        with pytest.raises(NotFound):
            await tools.views.get(view.id)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"resource": "users"}, "resource"),
        ({"filter": "nonsense = 3"}, "filter"),
        ({"order_by": "title"}, "orderBy"),
        ({"columns": ["secret"]}, "columns"),
        ({"name": " "}, "name"),
    ],
)
async def test_a_view_that_its_list_does_not_have_is_refused(tools: Tools, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await tools.views.create({"name": "x", "resource": "incidents", **fields})
    assert field in refused.value.violations


async def test_everybody_may_have_so_many_of_his_own_whatever_others_have(tools: Tools) -> None:
    for number in range(MOST_OWN):
        last = await tools.replies.create({"name": f"reply {number}", "text": "hello"})
    with pytest.raises(Invalid, match="100 at most"):
        await tools.replies.create({"name": "one more", "text": "hello"})
    with ctx.use(person("bob")):
        await tools.replies.create({"name": "his first", "text": "hello"})
    await tools.replies.delete(last.id)
    await tools.replies.create({"name": "in its place", "text": "hello"})
    owned = {index.collection for index in kept.INDEXES if list(index.keys) == [("tenant", 1), ("owner_id", 1)]}
    assert {"views", "macros", "canned_replies"} <= owned


async def test_nobody_shares_with_a_team_that_he_is_not_in(tools: Tools) -> None:
    view = await tools.views.create({"name": "x", "resource": "incidents"})
    with pytest.raises(Invalid, match="team_id"):
        await tools.views.share(view.id, "t1")


STEPS = [
    Step(kind=StepKind.ASSIGN, team_id="t2", assignee_id="me"),
    Step(kind=StepKind.UPDATE, urgency=Urgency.LOW),
    Step(kind=StepKind.WATCH, user_ids=["bob"]),
    Step(kind=StepKind.NOTE, text="{{me}} looks at {{ incident.number }}", public=True),
    Step(kind=StepKind.HOLD, hold_reason=HoldReason.VENDOR),
]


async def begun(tools: Tools) -> Incident:
    incident = await tools.incidents.open(NO_MAIL)
    await tools.incidents.assign(incident.id, "t1", "bob")
    started: Incident = await tools.incidents.start(incident.id)
    return started


async def test_a_preview_says_what_would_change_and_changes_nothing(tools: Tools) -> None:
    incident = await begun(tools)
    macro = await tools.macros.create({"name": "to the vendor", "steps": STEPS})
    before = await tools.store.get(Incident, incident.id)
    seen = await tools.macros.preview(macro.id, incident.number)
    assert seen.incident.state is State.ON_HOLD
    assert set(seen.changes) == {"state", "hold_reason", "urgency", "priority", "team_id", "assignee_id", "watcher_ids"}
    assert seen.changes["team_id"] == ("t1", "t2")
    assert seen.notes == [f"alice looks at {incident.number}"]
    assert await tools.store.get(Incident, incident.id) == before
    assert tools.backend.collections.get("notes", {}) == {}


async def test_what_a_macro_did_is_taken_back_but_for_what_was_said(tools: Tools) -> None:
    incident = await begun(tools)
    macro = await tools.macros.create({"name": "to the vendor", "steps": STEPS})
    run = await Again(tools.macros).apply(macro.id, incident.id)
    assert run.stays == ["what was said"]
    with ctx.use(person("bob")), pytest.raises(ForbiddenMove):
        await Again(tools.macros).undo(run.id)
    undone = await Again(tools.macros).undo(run.id)
    assert undone.undone
    after = await tools.store.get(Incident, incident.id)
    was = (incident.state, incident.urgency, incident.team_id, incident.assignee_id, incident.watcher_ids)
    assert (after.state, after.urgency, after.team_id, after.assignee_id, after.watcher_ids) == was
    with pytest.raises(ForbiddenMove):
        await Again(tools.macros).undo(run.id)


async def test_nothing_is_taken_back_over_the_work_of_others_or_too_late(tools: Tools) -> None:
    incident = await begun(tools)
    macro = await tools.macros.create({"name": "over", "steps": [Step(kind=StepKind.RESOLVE, resolution_code="x", text="y")]})
    late = await Again(tools.macros).apply(macro.id, incident.id)
    tools.clock.advance(seconds=WINDOW.total_seconds() + 1)
    with pytest.raises(ForbiddenMove, match="any more"):
        await Again(tools.macros).undo(late.id)
    await tools.incidents.reopen(incident.id, "no")
    again = await Again(tools.macros).apply(macro.id, incident.id)
    await tools.incidents.watch(incident.id, ["carol"])
    with pytest.raises(ForbiddenMove, match="changed since"):
        await Again(tools.macros).undo(again.id)


async def test_a_macro_is_done_whole_or_not_at_all_and_by_the_rights_of_each_step(tools: Tools) -> None:
    incident = await tools.incidents.open(NO_MAIL)
    steps = [Step(kind=StepKind.NOTE, text="hello"), Step(kind=StepKind.RESUME)]
    macro = await tools.macros.create({"name": "x", "steps": steps})
    with pytest.raises(ForbiddenMove):
        await Again(tools.macros).apply(macro.id, incident.id)
    assert tools.backend.collections.get("notes", {}) == {}
    with ctx.use(caller(subject="alice", permissions=frozenset({"incidents.note"}))), pytest.raises(Denied):
        await Again(tools.macros).apply(macro.id, incident.id)


@pytest.mark.parametrize(
    "step",
    [
        Step(kind=StepKind.UPDATE),
        Step(kind=StepKind.ASSIGN),
        Step(kind=StepKind.HOLD),
        Step(kind=StepKind.RESOLVE, text="no code"),
        Step(kind=StepKind.NOTE, text=" "),
        Step(kind=StepKind.NOTE, text="{{ incident.secret }}"),
        Step(kind=StepKind.NOTE, text="{% for x in y %}{{"),
        Step(kind=StepKind.RESUME, text="no"),
    ],
)
async def test_a_step_that_could_not_be_made_is_refused(tools: Tools, step: Step) -> None:
    with pytest.raises(Invalid):
        await tools.macros.create({"name": "x", "steps": [step]})


async def test_a_reply_says_what_the_incident_says_and_reads_nothing_of_it_as_places(tools: Tools) -> None:
    incident = await tools.incidents.open({"title": "{{me}} {{incident.number}}"})
    reply = await tools.replies.create({"name": "hi", "text": "{{ incident.title }}: {{incident.state}}, {{incident.teamId}}."})
    assert await tools.replies.render(reply.id, incident.id) == "{{me}} {{incident.number}}: NEW, ."
    with pytest.raises(Invalid, match="text"):
        await Again(tools.replies).update(reply.id, {"text": "{{ incident.__class__ }}"})
    check("no places at all { }", "text")
    assert filled("{{me}}", {}) == ""


async def test_a_template_opens_what_its_team_gets(tools: Tools) -> None:
    template = await tools.templates.create({"name": "mail", "title": "No mail", "urgency": Urgency.HIGH, "team_id": "t1"})
    opened = await Again(tools.templates).use(template.id, title="No mail in room 2")
    assert (opened.title, opened.urgency, opened.team_id, opened.state) == (
        "No mail in room 2",
        Urgency.HIGH,
        "t1",
        State.ASSIGNED,
    )
    with ctx.use(caller(subject="ann", scope={"requester_id": "ann"})):
        own = await Again(tools.templates).use(template.id, requester_id="bob")
    assert (own.requester_id, own.state) == ("ann", State.NEW)


async def test_time_is_added_up_with_its_cost_by_currency(tools: Tools) -> None:
    incident = await tools.incidents.open(NO_MAIL)
    about = f"incidents/{incident.number}"
    hours = {"about": about, "duration": timedelta(minutes=100)}
    first = await tools.times.create({**hours, "rate": Money(amount="0.10", currency="EUR")})
    assert (first.user_id, first.cost, first.about) == (
        "alice",
        Money(amount="0.17", currency="EUR"),
        f"incidents/{incident.id}",
    )
    assert first.start_time == tools.clock.now - timedelta(minutes=100)
    await tools.times.create({**hours, "rate": Money(amount="60", currency="EUR")})
    await tools.times.create(hours)
    gone = await tools.times.create({**hours, "rate": Money(amount="9", currency="USD")})
    await tools.times.delete(gone.id)
    found = await tools.times.sum(about)
    assert (found.duration, found.costs, found.count) == (
        timedelta(minutes=300),
        [Money(amount="100.17", currency="EUR")],
        3,
    )
    with ctx.use(person("bob")), pytest.raises(Denied):
        await tools.times.update(first.id, {"comment": "mine"})
    assert (await tools.times.update(first.id, {"duration": timedelta(hours=1)})).cost == Money(amount="0.10", currency="EUR")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"about": "incidents/inc_none"}, "about"),
        ({"about": "nonsense"}, "about"),
        ({"duration": timedelta(days=2)}, "duration"),
        ({"rate": Money(amount="NaN", currency="EUR")}, "rate"),
        ({"rate": Money(amount="1", currency="euro")}, "rate"),
        ({"user_id": "bob"}, "user_id"),
    ],
)
async def test_time_that_nobody_can_have_spent_is_refused(tools: Tools, fields: dict[str, Any], field: str) -> None:
    incident = await tools.incidents.open(NO_MAIL)
    with pytest.raises(Invalid) as refused:
        await tools.times.create({"about": f"incidents/{incident.id}", "duration": timedelta(hours=1), **fields})
    assert set(refused.value.violations) == {field}
