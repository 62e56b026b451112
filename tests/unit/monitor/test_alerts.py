"""What people, the clock and incidents do with alerts, in memory."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsm.incident import v1 as incident_pb

from chassis import context as ctx
from chassis.domain import uuid7
from chassis.errors import AlreadyExists, ForbiddenMove, Invalid, NotFound, Stale
from chassis.events.wire import Envelope
from chassis.testing import caller
from services.monitor.domain.alert import MOST_OUTAGES, Alert, Ending, State, Suppression, SuppressionReason
from services.monitor.domain.integration import IntegrationKind, IntegrationState
from services.monitor.domain.signal import AlertKind, Severity, Signal
from services.monitor.reactions import incidents
from services.monitor.usecases.alerts import Alerts
from services.monitor.usecases.integrations import Integrations
from services.monitor.usecases.reading import Paging
from tests.unit.incident.desk import Again
from tests.unit.monitor.alerting import NOON, Room, firing, minute, resolved


class Desk(Room):
    """The room with the verbs."""

    def __init__(self) -> None:
        super().__init__()
        self.verbs: Any = Again(Alerts(self.store))
        self.integrations = Again(Integrations(self.store))

    async def an_alert(self, fingerprint: str = "f") -> str:
        await self.intake.take([firing(0, fingerprint)])
        (alert,) = await self.alerts(fingerprint=fingerprint)
        return str(alert["_id"])


@pytest.fixture
def desk() -> Iterator[Desk]:
    with ctx.use(caller(subject="alice")):
        yield Desk()


async def test_taking_note_says_who_and_when_once(desk: Desk) -> None:
    alert_id = await desk.an_alert()
    desk.clock.advance(minutes=1)
    await desk.verbs.acknowledge(alert_id, "looking")
    with ctx.use(caller(subject="bob")):
        alert = await desk.verbs.acknowledge(alert_id)
    assert (alert.state, alert.acknowledged_by, alert.ack_time) == (State.ACKNOWLEDGED, "alice", minute(1))
    assert await desk.events() == ["AlertFired", "AlertAcknowledged"]
    last = (await desk.reading.explain(alert_id))[-1]
    assert (last["stage"], last["outcome"], last["reason"], last["actor"]) == ("by-hand", "ACKNOWLEDGED", "looking", "alice")


async def test_an_alert_that_was_ended_by_hand_stays_over_until_its_sender_tells_of_a_new_episode(desk: Desk) -> None:
    alert_id = await desk.an_alert()
    desk.clock.advance(minutes=5)
    alert = await desk.verbs.resolve(alert_id)
    assert (alert.state, alert.end_time) == (State.RESOLVED, minute(5))
    await desk.intake.take([firing(0), resolved(0, 7)])
    assert len(await desk.alerts()) == 1
    # The sender's clock is behind ours: its new episode begins before our end.
    await desk.intake.take([firing(4)])
    assert [each["state"] for each in await desk.alerts()] == ["RESOLVED", "FIRING"]


@pytest.mark.parametrize("title", ["", " ", "\x00 \x00"])
def test_an_alert_without_a_title_is_called_by_its_fingerprint(title: str) -> None:
    assert Alert.fired(firing(0, title=title), id="alr_1", at=NOON).title == "f"


async def test_an_ended_alert_that_has_a_due_time_all_the_same_is_due_no_more(desk: Desk) -> None:
    alert_id = await desk.an_alert()
    await desk.verbs.resolve(alert_id)
    await desk.backend.update_many("alerts", desk.store.scoped({"_id": alert_id}), {"$set": {"expire_time": minute(1)}})
    desk.clock.advance(minutes=2)
    await desk.verbs.expire("main", alert_id)
    assert (await desk.alerts())[0]["expire_time"] is None
    assert await desk.events() == ["AlertFired", "AlertResolved"]


def test_an_end_is_never_later_than_we_heard_of_it() -> None:
    alert = Alert.fired(firing(0), id="alr_1", at=NOON)
    alert.resolve(Ending.RESOLVED, datetime.max.replace(tzinfo=NOON.tzinfo), minute(3))
    assert alert.end_time == minute(3)


@pytest.mark.parametrize("verb", ["acknowledge", "resolve"])
async def test_what_is_over_takes_no_verb(desk: Desk, verb: str) -> None:
    alert_id = await desk.an_alert()
    await desk.intake.take([resolved(0, 1)])
    with pytest.raises(ForbiddenMove):
        await getattr(desk.verbs, verb)(alert_id)


async def test_a_verb_on_an_older_version_or_another_tenant_is_refused(desk: Desk) -> None:
    alert_id = await desk.an_alert()
    await desk.verbs.acknowledge(alert_id, etag="1")
    with pytest.raises(Stale):
        await desk.verbs.resolve(alert_id, etag="1")
    with ctx.use(caller(tenant="other")), pytest.raises(NotFound):
        await desk.verbs.resolve(alert_id)
    with ctx.use(caller(tenant="other")), pytest.raises(NotFound):
        await desk.reading.explain(alert_id)


async def test_an_alert_whose_sender_fell_silent_expires_and_comes_back_with_it(desk: Desk) -> None:
    def posted() -> list[Signal]:
        return [firing(0, expire_time=desk.clock.now + timedelta(minutes=5))]

    await desk.intake.take(posted())
    desk.clock.advance(minutes=4)
    await desk.intake.take(posted())
    (alert,) = await desk.alerts()
    desk.clock.advance(minutes=2)
    await desk.verbs.expire("main", alert["_id"])
    assert (await desk.alerts())[0]["state"] == "FIRING"
    desk.clock.advance(minutes=3)
    await desk.verbs.expire("main", alert["_id"])
    await desk.verbs.expire("main", alert["_id"])
    (over,) = await desk.alerts()
    assert (over["state"], over["end_time"], over["expire_time"]) == ("RESOLVED", minute(9), None)
    await desk.intake.take(posted())
    assert len(await desk.alerts()) == 2
    assert await desk.claims() == {"f"}


async def test_an_alert_learns_of_its_incident_once(desk: Desk) -> None:
    first, second = await desk.an_alert("f"), await desk.an_alert("g")
    handler = incidents(desk.verbs).handler("itsm.incident.v1", "itsm.incident.v1.IncidentOpened")
    assert handler is not None
    incident = incident_pb.Incident(id="inc_1", alert_ids=[first, second, "alr_unknown", first])
    event = incident_pb.IncidentOpened(incident=incident)
    for _ in range(2):
        await handler.handler(event, an_envelope())
    assert [alert["incident_id"] for alert in await desk.alerts()] == ["inc_1", "inc_1"]
    assert sorted(await desk.events()) == ["AlertFired", "AlertFired", "AlertLinked", "AlertLinked"]


async def test_an_edit_of_an_incident_takes_no_alert_from_another(desk: Desk) -> None:
    alert_id, second = await desk.an_alert("f"), await desk.an_alert("g")
    await desk.verbs.link("inc_new", [alert_id])
    handler = incidents(desk.verbs).handler("itsm.incident.v1", "itsm.incident.v1.IncidentUpdated")
    assert handler is not None
    edited = incident_pb.IncidentUpdated(incident=incident_pb.Incident(id="inc_old", alert_ids=[alert_id]))
    edited.changes.add(field="title").new.string_value = "another"
    await handler.handler(edited, an_envelope())
    grown = incident_pb.IncidentUpdated(incident=incident_pb.Incident(id="inc_old", alert_ids=[alert_id, second]))
    grown.changes.add(field="alertIds").old.list_value.values.add().string_value = alert_id
    await handler.handler(grown, an_envelope())
    shown = {alert["fingerprint"]: alert["incident_id"] for alert in await desk.alerts()}
    assert shown == {"f": "inc_new", "g": "inc_old"}


def an_envelope() -> Envelope:
    return Envelope(
        id=uuid7(),
        type="itsm.incident.v1.IncidentOpened",
        time=NOON,
        tenant="main",
        subject="incidents/inc_1",
        version=1,
        epoch=1,
        key="main/inc_1",
        source="/itsm/local/incident",
        actor="alice",
        actor_kind="user",
        correlation_id="",
        causation_id="",
        trace="",
    )


async def test_lists_are_filtered_by_state_severity_and_label(desk: Desk) -> None:
    await desk.intake.take(
        [
            firing(0, "f", severity=Severity.CRITICAL, labels={"host.name": "web-1", "job": "x"}),
            firing(0, "g", labels={"host.name": "web-2", "job": "x"}),
        ]
    )
    found, _ = await desk.reading.alerts('severity = "CRITICAL" AND state = "FIRING"', "", Paging())
    assert [row["fingerprint"] for row in found] == ["f"]
    found, _ = await desk.reading.alerts('labels : "host.name=web-2"', "", Paging())
    assert [row["fingerprint"] for row in found] == ["g"]
    assert await desk.reading.count('labels : "job=x"') == (2, False)


SILENCE = Suppression(reason=SuppressionReason.SILENCE, since=NOON)
VERBS: Mapping[str, Callable[[Alert, datetime], object]] = {
    "acknowledge": lambda alert, at: alert.acknowledge(at, "alice"),
    "suppress": lambda alert, at: alert.suppress(SILENCE, at),
    "unsuppress": lambda alert, at: alert.unsuppress(at),
    "wait again": lambda alert, at: alert.unsuppress(at, hold_until=at + timedelta(minutes=1)),
    "route": lambda alert, at: alert.route(at),
    "resolve": lambda alert, at: alert.resolve(Ending.BY_HAND, at, at),
    "link": lambda alert, at: alert.link("inc_1", at),
    "update": lambda alert, at: alert.update(at, flapping=not alert.flapping),
    "follow": lambda alert, at: alert.follow(firing(1, severity=Severity.CRITICAL), at),
}


def down(start: float, since: float, **more: Any) -> Signal:
    return firing(start, kind=AlertKind.AVAILABILITY, severity_time=minute(since), **more)


def spans(alert: Alert) -> list[tuple[datetime, datetime | None]]:
    return [(each.start_time, each.end_time) for each in alert.outages]


def hear(alert: Alert, signal: Signal, at: datetime) -> None:
    alert.follow(signal, at)
    alert.take_recorded()


def test_only_while_it_is_down_its_asset_is_out() -> None:
    alert = Alert.fired(down(0, 0, severity=Severity.WARNING), id="alr_1", at=minute(1))
    assert spans(alert) == []
    hear(alert, down(0, 20, severity=Severity.CRITICAL), minute(21))
    hear(alert, down(0, 22, severity=Severity.ERROR), minute(23))
    assert spans(alert) == [(minute(20), None)]
    hear(alert, down(0, 25, severity=Severity.WARNING), minute(25))
    hear(alert, down(0, 40, severity=Severity.ERROR), minute(41))
    alert.resolve(Ending.RESOLVED, minute(50), minute(51))
    assert spans(alert) == [(minute(20), minute(25)), (minute(40), minute(50))]
    assert spans(alert.again(minute(52), id="alr_2", at=minute(52))) == [(minute(52), None)]


def test_a_sender_that_does_not_say_since_when_it_is_worse_says_so_as_it_comes() -> None:
    alert = Alert.fired(firing(0, kind=AlertKind.AVAILABILITY, severity=Severity.INFO), id="alr_1", at=minute(0))
    hear(alert, firing(0, kind=AlertKind.AVAILABILITY, severity=Severity.ERROR), minute(7))
    assert spans(alert) == [(minute(7), None)]


def test_thresholds_are_no_outage() -> None:
    assert Alert.fired(firing(0, kind=AlertKind.THRESHOLD, severity=Severity.CRITICAL), id="alr_1", at=NOON).outages == []


@given(st.lists(st.tuples(st.sampled_from(Severity), st.integers(-5, 3)), max_size=200))
def test_outages_follow_each_other_and_are_bounded(told: list[tuple[Severity, int]]) -> None:
    alert = Alert.fired(down(0, 0), id="alr_1", at=NOON)
    for number, (severity, since) in enumerate(told, 1):
        hear(alert, down(0, number + since, severity=severity), minute(number))
        assert alert.is_down == (alert.outages[-1].end_time is None)
    alert.resolve(Ending.RESOLVED, minute(len(told)), minute(len(told)))
    edges = [edge for start, end in spans(alert) for edge in (start, end)]
    assert None not in edges
    assert edges == sorted(edge for edge in edges if edge is not None)
    assert len(alert.outages) <= MOST_OUTAGES


def test_beyond_what_is_kept_the_nearest_outages_become_one() -> None:
    alert = Alert.fired(down(0, 0), id="alr_1", at=NOON)
    for number in range(MOST_OUTAGES):
        gap = 0.5 if number == 30 else 1
        hear(alert, down(0, 10 * number + 10 - gap, severity=Severity.WARNING), minute(10 * number + 10))
        hear(alert, down(0, 10 * number + 10), minute(10 * number + 10))
    assert len(alert.outages) == MOST_OUTAGES
    assert (minute(300), minute(319)) in spans(alert)


@given(st.lists(st.sampled_from(sorted(VERBS)), max_size=12))
def test_no_order_of_verbs_leaves_the_alert_in_a_state_that_contradicts_itself(verbs: list[str]) -> None:
    alert = Alert.fired(firing(0), id="alr_1", at=NOON)
    for number, verb in enumerate(verbs):
        try:
            VERBS[verb](alert, minute(number))
        except ForbiddenMove:
            assert alert.state is State.RESOLVED
        told = alert.take_recorded()
        assert told is None or told.DESCRIPTOR.name.startswith("Alert")
        assert (alert.state is State.RESOLVED) == (alert.end_time is not None)
        assert alert.state is not State.SUPPRESSED or alert.suppression is not None
        assert alert.state is not State.ACKNOWLEDGED or alert.ack_time is not None
        assert not (alert.hold_until and (alert.suppression or not alert.is_open))


async def test_an_integration_is_made_changed_and_found_by_its_key(desk: Desk) -> None:
    made = await desk.integrations.create(
        {"name": "ours", "kind": IntegrationKind.ALERTMANAGER, "key_id": "crd_1", "severities": {"Red": Severity.CRITICAL}}
    )
    assert (made.severity_label, made.severities) == ("severity", {"red": Severity.CRITICAL})
    await desk.integrations.update(made.id, {"key_id": "crd_2", "group_by": ["cluster"]})
    assert await desk.integrations.of_key("crd_1") is None
    found = await desk.integrations.of_key("crd_2")
    assert found is not None
    assert found.group_by == ["cluster"]
    await desk.integrations.disable(made.id)
    assert (await desk.integrations.disable(made.id)).state is IntegrationState.DISABLED
    assert (await desk.integrations.enable(made.id)).state is IntegrationState.ENABLED


async def test_a_key_belongs_to_one_integration(desk: Desk) -> None:
    first = await desk.integrations.create({"name": "a", "kind": IntegrationKind.OTHER, "key_id": "crd_1"})
    with pytest.raises(AlreadyExists, match=first.id):
        await desk.integrations.create({"name": "b", "kind": IntegrationKind.OTHER, "key_id": "crd_1"})
    await desk.integrations.update(first.id, {"key_id": ""})
    await desk.integrations.create({"name": "b", "kind": IntegrationKind.OTHER, "key_id": "crd_1"})


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 300}, "name"),
        ({"group_by": ["x"] * 30}, "group_by"),
        ({"group_by": [""]}, "group_by"),
        ({"severities": {"": Severity.INFO}}, "severities"),
    ],
)
async def test_an_integration_beyond_its_limits_is_refused_by_the_field(desk: Desk, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(Invalid) as caught:
        await desk.integrations.create({"name": "a", "kind": IntegrationKind.OTHER, **fields})
    assert list(caught.value.violations) == [named]
