"""What Alertmanager, Grafana and Prometheus send, read as signals."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Invalid
from services.monitor.domain.integration import Integration, IntegrationKind
from services.monitor.domain.signal import AlertKind, Severity, Status
from services.monitor.ingest.alertmanager import RESOLVE_TIMEOUT, alerts, webhook
from services.monitor.ingest.fingerprint import fingerprint
from tests.support.ingest import ZERO, a_notification, an_alert
from tests.unit.monitor.alerting import NOON


def an_integration(**more: Any) -> Integration:
    made = Integration.create(NOON, id="itg_1", name="ours", kind=IntegrationKind.ALERTMANAGER, **more)
    made.take_recorded()
    return made


def test_a_firing_alert_is_read_with_all_that_it_says() -> None:
    (signal,) = webhook(a_notification(an_alert()), None, NOON).signals
    assert (signal.fingerprint, signal.status, signal.severity) == ("00a1b2c3d4e5f607", Status.FIRING, Severity.CRITICAL)
    assert (signal.title, signal.description) == ("web-1 is down", "no answer for a minute")
    assert signal.start_time == datetime(2126, 6, 3, 11, 59, 0, 123_000, tzinfo=UTC)
    assert (signal.end_time, signal.expire_time, signal.kind) == (None, None, AlertKind.AVAILABILITY)
    assert signal.asset_hint.names == ("web-1.example", "web-1.example:9100")
    assert signal.source == "alertmanager"


def test_one_notification_may_open_and_resolve() -> None:
    over = an_alert(status="resolved", endsAt="2126-06-03T13:59:30+02:00", fingerprint="ff00112233445566")
    first, second = webhook(a_notification(an_alert(), over), None, NOON).signals
    assert (first.status, second.status) == (Status.FIRING, Status.RESOLVED)
    assert second.end_time == datetime(2126, 6, 3, 11, 59, 30, tzinfo=UTC)


def test_an_alert_without_a_start_or_a_fingerprint_is_read_all_the_same() -> None:
    bare = {"status": "firing", "labels": {"alertname": "Odd"}, "startsAt": ZERO}
    (signal,) = webhook(a_notification(bare), None, NOON).signals
    assert (signal.start_time, signal.start_known) == (NOON, False)
    assert (signal.title, signal.severity) == ("Odd", Severity.WARNING)
    assert signal.fingerprint == fingerprint({"alertname": "Odd"})


def test_a_sender_cannot_take_the_fingerprint_of_a_check() -> None:
    (signal,) = webhook(a_notification(an_alert(fingerprint="check/chk_1")), None, NOON).signals
    assert signal.fingerprint == fingerprint(an_alert()["labels"])


def test_fingerprints_are_those_of_prometheus() -> None:
    # What Alertmanager itself says of these labels.
    assert fingerprint({"alertname": "Y"}) == "d2aaefc389c68e6f"
    assert (
        fingerprint({"severity": "päge", "alertname": "X", "instance": "web-1.example:9100"})
        == fingerprint({"alertname": "X", "instance": "web-1.example:9100", "severity": "päge"})
        == "3dc819bdcb1595ad"
    )


def test_grafana_is_known_by_its_organization() -> None:
    body = a_notification(an_alert(values={"A": 1.5}, silenceURL="http://x"), version="1", orgId=1, title="x", state="alerting")
    (signal,) = webhook(body, None, NOON).signals
    assert signal.source == "grafana"


@pytest.mark.parametrize("body", [{}, {"alerts": None}, {"text": "a custom payload"}, [], "x", 1, None])
def test_a_body_without_alerts_is_refused_by_the_field(body: Any) -> None:
    with pytest.raises(Invalid, match="alerts"):
        webhook(body, None, NOON)


def test_what_is_no_alert_is_named_and_the_rest_is_taken() -> None:
    broken = [1, {"status": "firing"}, an_alert(labels={"a": 1}), an_alert(status="odd"), an_alert(startsAt="yesterday")]
    read = webhook(a_notification(*broken, an_alert()), None, NOON)
    assert len(read.signals) == 1
    assert list(read.violations) == [
        "alerts[0]", "alerts[1].labels", "alerts[2].labels", "alerts[3].status", "alerts[4].startsAt",
    ]  # fmt: skip


def test_alerts_that_were_cut_off_are_counted_and_end_nothing() -> None:
    read = webhook(a_notification(an_alert(), truncatedAlerts=7), None, NOON)
    assert (read.truncated, len(read.signals)) == (7, 1)


def test_an_integration_says_how_its_alerts_are_read() -> None:
    ours = an_integration(
        severity_label="level",
        severities={"Red": Severity.ERROR},
        group_by=["cluster", "job"],
        team_id="team_1",
        asset_id="ast_1",
    )
    labels = {"alertname": "X", "level": "RED", "cluster": "north"}
    (signal,) = webhook(a_notification(an_alert(labels=labels)), ours, NOON).signals
    assert (signal.severity, signal.team_id, signal.integration_id) == (Severity.ERROR, "team_1", "itg_1")
    assert signal.group_key == "itg_1/cluster=north,job="
    assert signal.asset_hint.fallback_id == "ast_1"


def test_what_prometheus_posts_ends_unless_it_is_sent_again() -> None:
    labels = {"alertname": "X"}
    ends = (NOON + timedelta(minutes=4)).isoformat()
    first, second, third = alerts(
        [{"labels": labels}, {"labels": labels, "endsAt": ends}, {"labels": labels, "endsAt": "2126-06-03T11:00:00Z"}],
        None,
        NOON,
    ).signals
    assert (first.status, first.expire_time, first.start_known) == (Status.FIRING, NOON + RESOLVE_TIMEOUT, False)
    assert (second.status, second.expire_time) == (Status.FIRING, NOON + timedelta(minutes=4))
    assert (third.status, third.start_time, third.end_time) == (
        Status.RESOLVED,
        NOON - timedelta(hours=1),
        NOON - timedelta(hours=1),
    )


def test_both_doors_know_one_alert_by_one_fingerprint() -> None:
    labels = an_alert()["labels"]
    (posted,) = alerts([{"labels": labels}], None, NOON).signals
    notified = an_alert()
    del notified["fingerprint"]
    (signal,) = webhook(a_notification(notified), None, NOON).signals
    assert signal.fingerprint == posted.fingerprint


def test_a_blank_text_is_no_title() -> None:
    blank = {"summary": " ", "title": "\t"}
    first, second, third = webhook(
        a_notification(
            an_alert(annotations=blank),
            an_alert(annotations=blank | {"title": " it is full "}),
            an_alert(annotations=blank, labels={"alertname": " ", "instance": " ", "job": "db"}),
        ),
        None,
        NOON,
    ).signals
    assert [each.title for each in (first, second, third)] == ["InstanceDown on web-1.example:9100", "it is full", "db"]


@pytest.mark.parametrize("far", ["9999-12-31T23:59:59Z", "2126-06-03T12:06:00Z"])
def test_instants_of_the_future_are_read_as_absent(far: str) -> None:
    body = a_notification(an_alert(startsAt=far), an_alert(status="resolved", startsAt=far, endsAt=far))
    posted = [{"labels": {"alertname": "X"}, "startsAt": far}]
    for signal in [*webhook(body, None, NOON).signals, *alerts(posted, None, NOON).signals]:
        assert (signal.start_time, signal.start_known) == (NOON, False)
        assert signal.end_time == (NOON if signal.status is Status.RESOLVED else None)


def test_a_sender_whose_clock_is_a_little_ahead_is_believed() -> None:
    soon = "2126-06-03T12:04:00Z"
    (signal,) = webhook(a_notification(an_alert(status="resolved", startsAt=soon, endsAt=soon)), None, NOON).signals
    assert (signal.start_time, signal.end_time, signal.start_known) == (NOON + timedelta(minutes=4),) * 2 + (True,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
MEMBERS = st.sampled_from(["status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"])


@given(st.lists(st.dictionaries(MEMBERS, JSON) | JSON, max_size=4))
def test_nothing_that_can_be_written_as_json_breaks_the_reader(items: list[Any]) -> None:
    for read in (webhook({"alerts": items}, None, NOON), alerts(items, None, NOON)):
        assert len(read.signals) + len(read.violations) == len(items)
