"""A checker that never failed proves nothing: each invariant is first broken on purpose."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.support.history import Event, Final, Operation, Outcome, Recorder, Row, Shown
from tests.support.invariants import check, recomputed

A, B = "incidents/inc_a", "incidents/inc_b"


def row(subject: str, version: int, nonce: str, **other: bool) -> Row:
    return Row(id=f"{subject}#{version}", subject=subject, version=version, nonce=nonce, **other)


def event(subject: str, version: int, offset: int, partition: int = 3) -> Event:
    return Event(id=f"{subject}#{version}", subject=subject, version=version, partition=partition, offset=offset)


def ok(nonce: str, subject: str, version: int, **other: object) -> Operation:
    return Operation(nonce=nonce, kind="change", subject=subject, version=version, outcome=Outcome.OK, **other)  # type: ignore[arg-type]


def honest() -> tuple[list[Operation], Final]:
    """Two records, three acknowledged changes of one, a refusal, one change of unknown outcome that did happen."""
    operations = [
        ok("n1", A, 1, value="first"),
        ok("n2", A, 2, based_on=1),
        ok("n3", A, 3, based_on=2, value="third"),
        Operation(nonce="n4", kind="change", subject=A, outcome=Outcome.FAIL, status=412),
        Operation(nonce="n5", kind="create", outcome=Outcome.INFO),
        Operation(nonce="n6", kind="create", outcome=Outcome.INFO),
    ]
    shown = {A: Shown(version=3, values=frozenset({"third"})), B: Shown(version=1)}
    final = Final(
        by_id=dict(shown),
        listed=dict(shown),
        stored={A: 3, B: 1},
        rows=[row(A, 1, "n1"), row(A, 2, "n2"), row(A, 3, "n3"), row(B, 1, "n5")],
        # A duplicate is allowed, later than the first occurrence.
        events=[event(A, 1, 0), event(A, 2, 1), event(A, 1, 2), event(A, 3, 5), event(B, 1, 0, partition=4)],
        projections={"open": (2, 2)},
    )
    return operations, final


def test_an_honest_history_has_no_violation() -> None:
    operations, final = honest()
    assert check(operations, final) == []


def test_a_row_of_a_timer_needs_no_client() -> None:
    operations, final = honest()
    final.rows.append(row(B, 2, "timer", by_client=False))
    final.events.append(event(B, 2, 7, partition=4))
    final.stored[B] = 2
    assert check(operations, final) == []


Plant = Callable[[list[Operation], Final], None]


def lost_record(_: list[Operation], final: Final) -> None:
    del final.by_id[A]


def lost_from_lists(_: list[Operation], final: Final) -> None:
    del final.listed[A]


def lost_version(_: list[Operation], final: Final) -> None:
    final.by_id[A] = Shown(version=2)


def lost_value(_: list[Operation], final: Final) -> None:
    final.by_id[A] = Shown(version=3, values=frozenset({"first"}))


def lost_event(_: list[Operation], final: Final) -> None:
    final.events = [each for each in final.events if each.version != 3]


def lost_row(_: list[Operation], final: Final) -> None:
    del final.rows[1]


def phantom_of_a_refusal(_: list[Operation], final: Final) -> None:
    final.rows.append(row(B, 2, "n4"))
    final.events.append(event(B, 2, 7, partition=4))
    final.stored[B] = 2


def phantom_of_nobody(_: list[Operation], final: Final) -> None:
    final.rows.append(row(B, 2, "n99"))
    final.events.append(event(B, 2, 7, partition=4))
    final.stored[B] = 2


def phantom_record(_: list[Operation], final: Final) -> None:
    final.stored["incidents/inc_c"] = 1


def phantom_event(_: list[Operation], final: Final) -> None:
    final.events.append(event(B, 2, 7, partition=4))


def phantom_row(_: list[Operation], final: Final) -> None:
    final.rows.append(row(B, 2, "n6"))
    final.events.append(event(B, 2, 7, partition=4))


def double_row(_: list[Operation], final: Final) -> None:
    final.rows.append(replace(final.rows[1], id="again"))
    final.events.append(replace(final.events[1], id="again", offset=9))


def double_create(_: list[Operation], final: Final) -> None:
    final.rows.append(row("incidents/inc_c", 1, "n5"))
    final.events.append(event("incidents/inc_c", 1, 9))
    final.stored["incidents/inc_c"] = 1


def double_effect(_: list[Operation], final: Final) -> None:
    final.projections["open"] = (3, 2)


def reordered(_: list[Operation], final: Final) -> None:
    final.events[1], final.events[3] = replace(final.events[1], offset=5), replace(final.events[3], offset=1)


def two_partitions(_: list[Operation], final: Final) -> None:
    final.events[3] = replace(final.events[3], partition=5)


def still_pending(_: list[Operation], final: Final) -> None:
    final.rows[0] = replace(final.rows[0], pending=True)


def overwritten(operations: list[Operation], _: Final) -> None:
    operations[1] = replace(operations[1], version=3, based_on=2)


def vanished_update(_: list[Operation], final: Final) -> None:
    final.rows[1] = replace(final.rows[1], nonce="n6")


@pytest.mark.parametrize(
    ("plant", "invariant"),
    [
        (lost_record, "I1"),
        (lost_from_lists, "I1"),
        (lost_version, "I1"),
        (lost_value, "I1"),
        (lost_event, "I4"),
        (lost_row, "I4"),
        (phantom_of_a_refusal, "I2"),
        (phantom_of_nobody, "I2"),
        (phantom_record, "I2"),
        (phantom_event, "I4"),
        (phantom_row, "I4"),
        (double_row, "I4"),
        (double_create, "I11"),
        (double_effect, "I6"),
        (reordered, "I5"),
        (two_partitions, "I5"),
        (still_pending, "I4"),
        (overwritten, "I11"),
        (vanished_update, "I11"),
    ],
)
def test_what_is_planted_is_found(plant: Plant, invariant: str) -> None:
    operations, final = honest()
    plant(operations, final)
    found = check(operations, final)
    assert any(violation.startswith(f"{invariant}:") for violation in found), found


def test_a_recomputation_counts_each_event_once() -> None:
    _, final = honest()
    kinds = {f"{A}#1": "opened", f"{A}#2": "started", f"{B}#1": "opened"}
    assert recomputed(final.events, kinds) == {"opened": 2, "started": 1}


async def test_an_operation_is_written_down_before_it_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    recorder = Recorder(file)

    async def send(nonce: str) -> httpx.Response:
        (line,) = [json.loads(text) for text in file.read_text().splitlines()]
        assert (line["step"], line["nonce"]) == ("invoke", nonce)
        return httpx.Response(201, json={"id": "inc_a", "etag": "1"})

    operation = await recorder.run("create", send)
    recorder.close()
    assert (operation.outcome, operation.subject, operation.version) == (Outcome.OK, A, 1)
    assert json.loads(file.read_text().splitlines()[1])["outcome"] == "ok"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (412, Outcome.FAIL),
        (422, Outcome.FAIL),
        (408, Outcome.INFO),
        (500, Outcome.INFO),
        (503, Outcome.INFO),
        (504, Outcome.INFO),
    ],
)
async def test_only_a_definite_refusal_is_a_failure(status: int, outcome: Outcome) -> None:
    async def send(nonce: str) -> httpx.Response:
        return httpx.Response(status, json={})

    assert (await Recorder().run("create", send)).outcome is outcome


async def test_a_broken_connection_leaves_the_outcome_open_and_a_repetition_settles_it() -> None:
    async def broken(nonce: str) -> httpx.Response:
        raise httpx.ReadTimeout("gone")

    async def answered(nonce: str) -> httpx.Response:
        return httpx.Response(201, json={"id": "inc_a", "etag": "1"})

    recorder = Recorder()
    operation = await recorder.run("create", broken)
    assert operation.outcome is Outcome.INFO
    await recorder.again(operation, answered)
    assert (operation.outcome, operation.subject) == (Outcome.OK, A)
    assert list(recorder) == [operation]
