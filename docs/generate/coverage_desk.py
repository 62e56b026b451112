"""The rows of `docs/coverage.md` about the service desk beside incidents; a block for each group of records."""

from docs.generate.capability import MATRIX, Capability

_TRIAGE = "e2e/test_triage.py"

TRIAGE = (
    Capability(
        "suggestions learned from a tenant's own incidents: category, team, priority, similar ones",
        (f"{_TRIAGE}::test_a_desk_learns_from_its_past_while_the_service_dies_and_an_incident_is_told_who_it_is_for",),
        (f"{_TRIAGE}::test_who_only_reports_is_told_nothing_and_nobody_uses_what_is_not_there",),
        (*MATRIX, f"{_TRIAGE}::test_who_only_reports_is_told_nothing_and_nobody_uses_what_is_not_there"),
        ("unit/incident/test_triage_models.py", "unit/incident/test_triage.py"),
    ),
)

DESK = (*TRIAGE,)
