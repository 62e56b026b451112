"""The event log of ServiceNow: what it says, and what cannot be used."""

import csv
import io
from collections import Counter
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from itsm.incident.v1.incident_service_pb2 import ImportedIncident

from cli.servicenow import COLUMNS, MAX_LINE, STATES, Imported, Refusal, UnreadableLog, read, survey
from tests.unit.cli.logs import incidents, items, log, refusals, row

REAL = Path(__file__).parents[4] / "shared" / "data" / "servicenow-incident-log" / "incident_event_log.csv"
SAMPLE = Path(__file__).parents[3] / "docs" / "samples" / "servicenow-incident-log.csv"


def test_a_row_becomes_an_update_with_the_names_of_the_field() -> None:
    (found,) = incidents(log(row()))
    assert found.message == {
        "externalNumber": "INC0000001",
        "title": "Tunnel drops (Network / VPN)",
        "requesterId": "Ada Berg",
        "openTime": "2026-01-05T08:00:00Z",
        "updates": [
            {
                "time": "2026-01-05T08:05:00Z",
                "actor": "Desk 1",
                "state": "NEW",
                "impact": "MEDIUM",
                "urgency": "HIGH",
                "teamId": "Network Europe",
                "assigneeId": "Ines Vogel",
                "category": "Network",
                "reopenCount": 0,
                "reassignmentCount": 0,
            }
        ],
        "madeSla": True,
    }


@pytest.mark.parametrize(
    ("theirs", "state", "reason"),
    [
        ("New", "NEW", None),
        ("Active", "IN_PROGRESS", None),
        ("Awaiting User Info", "ON_HOLD", "CALLER"),
        ("Awaiting Vendor", "ON_HOLD", "VENDOR"),
        ("Awaiting Problem", "ON_HOLD", "PROBLEM"),
        ("Awaiting Evidence", "ON_HOLD", "CALLER"),
        ("Resolved", "RESOLVED", None),
        ("Closed", "CLOSED", None),
    ],
)
def test_each_state_has_its_meaning(theirs: str, state: str, reason: str | None) -> None:
    (found,) = incidents(log(row(incident_state=theirs)))
    update = found.message["updates"][0]
    assert (update["state"], update.get("holdReason")) == (state, reason)


def test_how_it_ended_is_said_only_where_it_did() -> None:
    rows = (row(), row(incident_state="Resolved", sys_mod_count="1"), row(incident_state="Closed", sys_mod_count="2"))
    (found,) = incidents(log(*rows))
    assert [update.get("resolutionCode") for update in found.message["updates"]] == [None, "repaired", "repaired"]


def test_updates_keep_the_order_of_the_file_and_time_never_goes_back() -> None:
    rows = (
        row(sys_mod_count="7", sys_updated_at="05-01-2026 07:00", sys_updated_by="before it was opened"),
        row(sys_mod_count="0", sys_updated_at="05-01-2026 09:00", sys_updated_by="later than the next"),
        row(sys_mod_count="2", sys_updated_at="05-01-2026 08:30", sys_updated_by="third"),
        row(sys_mod_count="1", sys_updated_at="05-01-2026 08:40", sys_updated_by="last"),
    )
    (found,) = incidents(log(*rows))
    assert [(update["actor"], update["time"][11:16]) for update in found.message["updates"]] == [
        ("before it was opened", "08:00"),
        ("later than the next", "08:30"),
        ("third", "08:30"),
        ("last", "08:40"),
    ]


def test_the_last_update_has_the_verdict_on_the_service_level() -> None:
    (found,) = incidents(log(row(made_sla="TRUE"), row(made_sla="FALSE")))
    assert found.message["madeSla"] is False
    (found,) = incidents(log(row(made_sla="?")))
    assert "madeSla" not in found.message


def test_what_is_unknown_is_left_out() -> None:
    unknown = (
        "caller_id",
        "sys_updated_by",
        "category",
        "subcategory",
        "u_symptom",
        "impact",
        "assignment_group",
        "assigned_to",
    )
    (found,) = incidents(log(row(**dict.fromkeys(unknown, "?"))))
    assert found.message["title"] == "Incident INC0000001"
    assert found.message["requesterId"] == ""
    assert set(found.message["updates"][0]) == {"time", "state", "urgency", "reopenCount", "reassignmentCount"}


def test_an_incident_is_whole_even_where_its_rows_are_apart() -> None:
    rows = (row(number="A"), row(number="B"), row(number="A", sys_mod_count="1"), row(number="B", sys_mod_count="1"))
    assert [(found.number, found.rows, found.line) for found in incidents(log(*rows))] == [("A", 2, 2), ("B", 2, 3)]


def test_the_order_of_the_columns_does_not_matter() -> None:
    backwards = list(reversed(COLUMNS))
    cells = dict(zip(COLUMNS, next(csv.reader([row()])), strict=True))
    turned = log(",".join(cells[name] for name in backwards), header=",".join(backwards))
    assert [found.message for found in incidents(turned)] == [found.message for found in incidents(log(row()))]


def test_windows_line_ends_and_a_byte_order_mark_are_no_trouble() -> None:
    content = b"\xef\xbb\xbf" + log(row(), "", row(number="B")).replace(b"\n", b"\r\n")
    assert [found.number for found in incidents(content)] == ["INC0000001", "B"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(sys_updated_at="31-02-2026 08:00"), "sys_updated_at: '31-02-2026 08:00': day is out of range for month"),
        (row(sys_updated_at="2026-01-05 08:00"), "sys_updated_at: '2026-01-05 08:00' is not a date like 29-02-2016 01:16"),
        (row(opened_at="?"), "opened_at: '?' is not a date like 29-02-2016 01:16"),
        (
            row(opened_at="\u0660\u0665-01-2026 08:00"),
            "opened_at: '\u0660\u0665-01-2026 08:00' is not a date like 29-02-2016 01:16",
        ),
        (row(incident_state="-100"), "incident_state: '-100' is unknown"),
        (row(impact="4 - None"), "impact: '4 - None' is unknown"),
        (row(urgency=""), "urgency: '' is unknown"),
        (row(made_sla="yes"), "made_sla: 'yes' is neither TRUE nor FALSE"),
        (row(reopen_count="-1"), "reopen_count: '-1' is not a count"),
        (row(reassignment_count="1e3"), "reassignment_count: '1e3' is not a count"),
        (row(sys_mod_count="99999999999999999999"), "sys_mod_count: '99999999999999999999' is not a count"),
    ],
)
def test_a_bad_cell_leaves_out_its_row_and_no_other(bad: str, reason: str) -> None:
    content = log(row(number="A"), bad, row(sys_mod_count="7", sys_updated_by="kept"))
    assert refusals(content) == [(3, "INC0000001", reason)]
    kept = [item for item in items(content) if isinstance(item, Imported)]
    assert [(found.number, len(found.message["updates"])) for found in kept] == [("A", 1), ("INC0000001", 1)]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row() + ",x", "has 37 columns instead of 36"),
        ("INC0000001,New", "has 2 columns instead of 36"),
        (row().replace("Network", '"Network', 1), "is no CSV: unexpected end of data"),
        (row().replace("Network", '"Net"work', 1), "is no CSV: ',' expected after '\"'"),
        (row().encode().replace(b"VPN", b"VPN\xff"), "is not UTF-8 at byte 103"),
        (row(caller_id="a\x00b"), "holds the control character U+0000"),
        (row(caller_id="x" * MAX_LINE), f"is longer than {MAX_LINE} bytes"),
        (row(number="?"), "has no number"),
        (row(number=""), "has no number"),
    ],
)
def test_a_bad_line_costs_that_line_only(bad: str | bytes, reason: str) -> None:
    content = log(row(number="A"), bad, row(number="B"))
    assert refusals(content) == [(3, "", reason)]
    assert [item.number for item in items(content) if isinstance(item, Imported)] == ["A", "B"]


def test_an_incident_without_a_usable_row_is_not_sent() -> None:
    content = log(row(incident_state="?"), row(number="B"))
    assert [type(item) for item in items(content)] == [Refusal, Imported]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"number,state\n1,2\n", "the header lacks incident_state, active"),
        (log(header=",".join((*COLUMNS, "tenant"))), "the header has the unknown tenant"),
        (log(header=",".join((*COLUMNS, "number"))), "the header names a column twice"),
        (b"\xff\xfe\n", "the header in line 1 is not UTF-8"),
    ],
)
def test_a_file_without_the_right_header_is_refused_as_a_whole(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableLog, match="^" + reason):
        survey(io.BytesIO(content))


lines = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([row(), row(number="B"), row(incident_state="Closed"), row(sys_mod_count="x")]).map(str.encode),
    st.dictionaries(st.sampled_from(COLUMNS), st.text(max_size=20)).map(lambda cells: row(**cells).encode()),
)


@given(st.lists(lines, max_size=30), st.binary(max_size=50))
def test_nothing_in_a_file_is_lost_or_counted_twice(rows: list[bytes], tail: bytes) -> None:
    content = log(*rows) + tail
    found = items(content)
    used = sum(item.rows for item in found if isinstance(item, Imported))
    assert used + sum(isinstance(item, Refusal) for item in found) == survey(io.BytesIO(content)).rows
    numbers = Counter(item.number for item in found if isinstance(item, Imported))
    assert set(numbers.values()) <= {1}


@given(st.lists(lines, max_size=30))
def test_whatever_is_sent_is_a_message_of_the_api_with_time_going_forward(rows: list[bytes]) -> None:
    for item in items(log(*rows)):
        if isinstance(item, Imported):
            message = ParseDict(item.message, ImportedIncident())
            times = [update.time.ToDatetime() for update in message.updates]
            assert [message.open_time.ToDatetime(), *times] == sorted([message.open_time.ToDatetime(), *times])
            assert message.title
            assert message.external_number


@given(st.binary(max_size=300))
def test_no_file_makes_it_fail_otherwise_than_by_saying_so(content: bytes) -> None:
    try:
        items(content)
    except UnreadableLog as error:
        assert str(error)


def test_the_committed_sample_is_what_its_script_writes(tmp_path: Path) -> None:
    names: dict[str, object] = {"__name__": "sample", "__file__": str(SAMPLE.with_name("make_servicenow_log.py"))}
    exec(compile(SAMPLE.with_name("make_servicenow_log.py").read_text(), "sample", "exec"), names)  # noqa: S102 - our own
    names["write"](tmp_path / "log.csv")  # type: ignore[operator]
    assert (tmp_path / "log.csv").read_bytes() == SAMPLE.read_bytes()


def test_the_sample_holds_forty_incidents_and_no_fault() -> None:
    found = incidents(SAMPLE.read_bytes())
    assert len(found) == 40
    held = {update.get("holdReason") for each in found for update in each.message["updates"]}
    assert held == {None, *{reason for _, reason in STATES.values() if reason}}


def test_the_real_log_goes_in_whole() -> None:
    if not REAL.exists():
        pytest.skip("the real event log is not beside this checkout")
    with REAL.open("rb") as file:
        known = survey(file)
        file.seek(0)
        found = [item for item in read(file, known) if isinstance(item, Imported)]
    assert (known.rows, len(found), sum(each.rows for each in found)) == (5998, 890, 5998)
