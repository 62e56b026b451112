"""The oracle itself, on a log that a person can check."""

from tests.support.servicenow_oracle import figures, open_at_midnight

HEADER = "number,incident_state,reassignment_count,reopen_count,made_sla,opened_at,sys_updated_at,assignment_group"
LOG = [
    HEADER,
    "A,New,0,0,TRUE,01-03-2016 08:00,01-03-2016 08:10,Group 1",
    "A,Resolved,0,0,TRUE,01-03-2016 08:00,01-03-2016 09:00,Group 1",
    "A,Active,1,1,TRUE,01-03-2016 08:00,02-03-2016 08:00,Group 2",
    "A,Resolved,1,1,TRUE,01-03-2016 08:00,03-03-2016 08:00,Group 2",
    "A,Resolved,1,1,TRUE,01-03-2016 08:00,03-03-2016 10:00,Group 2",
    "A,Closed,1,1,TRUE,01-03-2016 08:00,05-03-2016 08:00,Group 2",
    "B,Resolved,0,0,FALSE,01-03-2016 08:00,01-03-2016 10:00,?",
    "C,Awaiting Vendor,0,0,TRUE,01-03-2016 08:00,01-03-2016 10:00,Group 2",
]


def test_an_incident_is_resolved_at_the_start_of_the_last_run_that_reaches_its_end() -> None:
    found = figures(LOG)

    assert found["resolve"] == {"count": 2, "mean": 25 * 3600, "median": 25 * 3600}
    assert found["resolve_by_group"] == {
        "": {"count": 1, "mean": 7200, "median": 7200},
        "Group 2": {"count": 1, "mean": 48 * 3600, "median": 48 * 3600},
    }


def test_states_groups_and_counters_are_those_of_the_last_row() -> None:
    found = figures(LOG)

    assert (found["incidents"], found["updates"]) == (3, 8)
    assert found["by_state"] == {"CLOSED": 1, "ON_HOLD": 1, "RESOLVED": 1}
    assert found["by_group"] == {"": 1, "Group 2": 2}
    assert (found["reopened"], found["reassigned"]) == (1, 1)
    assert found["made_sla"] == {"with_verdict": 3, "made": 2}


def test_an_incident_is_open_at_the_midnights_between_creation_and_each_resolution() -> None:
    assert open_at_midnight(LOG[:7]) == {"2016-03-03": 1}
