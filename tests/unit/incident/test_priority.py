"""Priority from impact and urgency."""

import pytest

from services.incident.domain.priority import MATRICES, Impact, Priority, Urgency, prioritize


@pytest.mark.parametrize(
    ("impact", "row"),
    [(Impact.HIGH, "P1 P2 P3"), (Impact.MEDIUM, "P2 P3 P4"), (Impact.LOW, "P3 P4 P5")],
)
def test_the_base_matrix_ranks_every_pair(impact: Impact, row: str):
    assert [prioritize(impact, urgency) for urgency in Urgency] == row.split()


def test_every_version_of_the_matrix_is_complete():
    for version in MATRICES:
        assert {prioritize(impact, urgency, version) for impact in Impact for urgency in Urgency} <= set(Priority)


def test_an_unknown_version_is_an_error_and_not_a_guess():
    with pytest.raises(KeyError):
        prioritize(Impact.HIGH, Urgency.HIGH, version=99)


def test_the_most_pressing_sorts_first_by_ordinal():
    assert min(Priority, key=lambda priority: priority.ordinal) is Priority.P1
    assert [priority.label for priority in Priority] == ["critical", "high", "moderate", "low", "planning"]
