"""The judgment of a storm finds what was planted: a checker that cannot fail proves nothing."""

from typing import Any

import pytest

from tests.support.storm import Storm, unaccounted


def a_storm() -> tuple[Storm, list[dict[str, Any]], list[dict[str, Any]]]:
    """Two fingerprints, all well: one acknowledged thrice at the first attempt, one twice with one attempt in doubt."""
    storm = Storm(run="run")
    storm.acknowledged.update({"a": 3, "b": 2})
    storm.attempted.update({"a": 3, "b": 3})
    alerts = [
        {"id": "alr_a", "fingerprint": "a", "count": 3, "incidentId": "inc_a"},
        {"id": "alr_b", "fingerprint": "b", "count": 3, "incidentId": "inc_b"},
    ]
    incidents = [{"id": "inc_a", "alertIds": ["alr_a"]}, {"id": "inc_b", "alertIds": ["alr_b"]}]
    return storm, alerts, incidents


def test_what_is_well_is_not_complained_about() -> None:
    assert unaccounted(*a_storm()) == []


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (lambda alerts, incidents: alerts.pop(), "has 0 alerts"),
        (lambda alerts, incidents: alerts.append({**alerts[0], "id": "alr_c"}), "has 2 alerts"),
        (lambda alerts, incidents: alerts[0].update(count=2), "counts 2, acknowledged 3"),
        (lambda alerts, incidents: alerts[0].update(count=4), "counts 4"),
        (lambda alerts, incidents: incidents.pop(), "is in 0 incidents"),
        (lambda alerts, incidents: incidents.append({"id": "inc_c", "alertIds": ["alr_a"]}), "is in 2 incidents"),
        (lambda alerts, incidents: alerts[0].update(incidentId=""), "names incident none"),
        (lambda alerts, incidents: alerts.append({**alerts[0], "fingerprint": "z"}), "nobody sent z"),
    ],
)
def test_a_planted_fault_is_found(plant: Any, told: str) -> None:
    storm, alerts, incidents = a_storm()
    plant(alerts, incidents)
    [complaint] = unaccounted(storm, alerts, incidents)
    assert told in complaint
