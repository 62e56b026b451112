"""Imports through gRPC, on the real mongod."""

from datetime import UTC, datetime

from itsm.incident import v1 as pb

from tests.integration.incident.conftest import Caller


async def test_a_history_comes_over_and_a_second_time_changes_nothing(desk: Caller) -> None:
    told = pb.ImportedIncident(
        external_number="INC0000045",
        title="no mail",
        open_time=datetime(2016, 2, 29, 1, 16, tzinfo=UTC),
        updates=[
            pb.ImportedUpdate(time=datetime(2016, 2, 29, 1, 23, tzinfo=UTC), state="NEW", impact="HIGH", actor="Sys 1"),
            pb.ImportedUpdate(time=datetime(2016, 2, 29, 8, 53, tzinfo=UTC), state="RESOLVED", resolution_code="code 6"),
            pb.ImportedUpdate(time=datetime(2016, 3, 5, 12, tzinfo=UTC), state="CLOSED", resolution_code="code 6"),
        ],
        made_sla=False,
    )
    request = pb.ImportIncidentsRequest(source="servicenow", incidents=[told])
    (first,) = (await desk("ImportIncidents", request)).results
    assert first.outcome == pb.ImportResult.CREATED
    (second,) = (await desk("ImportIncidents", request)).results
    assert (second.outcome, second.id) == (pb.ImportResult.UNCHANGED, first.id)
    read = await desk("GetIncident", pb.GetIncidentRequest(id=first.id))
    assert (read.etag, read.state, read.impact, read.imported_made_sla) == ("3", pb.Incident.CLOSED, pb.Incident.HIGH, False)
    entries = (await desk("ListTimeline", pb.ListTimelineRequest(id=first.id))).entries
    assert [(entry.version, entry.time.ToDatetime().year) for entry in entries] == [(3, 2016), (2, 2016), (1, 2016)]
    assert entries[2].detail["externalActor"] == "Sys 1"
