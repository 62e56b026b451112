"""The buffer: order, bounds, and who may use it."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.buffer import RESULTS, SAMPLES, Buffer, Section
from agent.settings import Misconfigured

BIG = 1 << 20


def bodies(buffer: Buffer, shelf: str) -> list[bytes]:
    return [one.body for one in buffer.oldest(shelf, 10_000, size=1 << 30)]


def test_entries_come_back_in_order_and_over_a_restart(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "buffer.db", BIG)
    buffer.add(RESULTS, [b"1", b"2"])
    buffer.add(RESULTS, [b"3"])
    buffer.close()
    again = Buffer(tmp_path / "buffer.db", BIG)
    assert bodies(again, RESULTS) == [b"1", b"2", b"3"]
    again.remove(RESULTS, again.oldest(RESULTS, 2))
    assert bodies(again, RESULTS) == [b"3"]
    again.close()


def test_when_it_is_full_the_oldest_samples_go_first_and_results_stay(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "buffer.db", 20_000)
    results = [os.urandom(500) for _ in range(10)]
    samples = [os.urandom(1000) for _ in range(40)]
    for at in range(10):
        buffer.add(RESULTS, [results[at]])
    for sample in samples:
        buffer.add(SAMPLES, [sample])
    assert buffer.size <= 20_000
    assert bodies(buffer, RESULTS) == results
    kept = bodies(buffer, SAMPLES)
    assert kept == samples[-len(kept) :]
    assert kept
    buffer.close()


def test_when_results_alone_fill_it_the_oldest_of_them_go(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "buffer.db", 10_000)
    results = [os.urandom(500) for _ in range(50)]
    buffer.add(SAMPLES, [os.urandom(100)])
    for result in results:
        buffer.add(RESULTS, [result])
    kept = bodies(buffer, RESULTS)
    assert 10 <= len(kept) < 20
    assert kept == results[-len(kept) :]
    assert bodies(buffer, SAMPLES) == []
    buffer.close()


@settings(max_examples=25, deadline=None)
@given(
    work=st.lists(st.tuples(st.sampled_from([SAMPLES, RESULTS, "take"]), st.integers(1, 4_000)), max_size=30),
)
def test_its_size_is_what_it_holds_and_never_above_the_limit(
    work: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("buffer") / "buffer.db"
    buffer = Buffer(file, 12_000)
    for what, size in work:
        if what == "take":
            buffer.remove(SAMPLES, buffer.oldest(SAMPLES, size % 3 + 1))
        else:
            buffer.add(what, [os.urandom(size)])
        assert buffer.size <= 12_000
    size = buffer.size
    buffer.close()
    again = Buffer(file, 12_000)
    assert again.size == size
    again.close()


def test_a_batch_is_bounded_in_bytes_but_never_empty(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "buffer.db", BIG)
    buffer.add(SAMPLES, [os.urandom(600) for _ in range(10)])
    assert len(buffer.oldest(SAMPLES, 10, size=1300)) == 2
    assert len(buffer.oldest(SAMPLES, 10, size=1)) == 1
    buffer.close()


def test_removing_what_had_made_room_meanwhile_keeps_the_count_right(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "buffer.db", 10_000)
    buffer.add(SAMPLES, [os.urandom(1000) for _ in range(5)])
    taken = buffer.oldest(SAMPLES, 5)
    buffer.add(RESULTS, [os.urandom(900) for _ in range(8)])
    buffer.remove(SAMPLES, taken)
    assert buffer.waiting(SAMPLES) == 0
    held = buffer.oldest(RESULTS, 100)
    assert buffer.size == sum(one.size for one in held)
    buffer.close()


def test_a_section_waits_when_it_has_changed_and_the_newest_state_replaces_the_one_before(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "buffer.db", BIG)
    assert buffer.put_section(Section("disks", 1, "a", [1]), whole=False)
    assert buffer.put_section(Section("disks", 2, "b", [2]), whole=False)
    waiting = buffer.waiting_sections()
    assert waiting == [Section("disks", 2, "b", [2])]
    buffer.delivered_sections(waiting)
    assert buffer.waiting_sections() == []
    assert not buffer.put_section(Section("disks", 3, "b", [2]), whole=False)
    assert buffer.put_section(Section("disks", 4, "b", [2]), whole=True)
    buffer.close()


def test_a_section_that_changed_while_it_was_delivered_waits_on(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "buffer.db", BIG)
    buffer.put_section(Section("disks", 1, "a", [1]), whole=False)
    sent = buffer.waiting_sections()
    buffer.put_section(Section("disks", 2, "b", [2]), whole=False)
    buffer.delivered_sections(sent)
    assert [one.hash for one in buffer.waiting_sections()] == ["b"]
    buffer.close()


def test_a_second_agent_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "buffer.db", BIG)
    with pytest.raises(Misconfigured, match="another agent"):
        Buffer(tmp_path / "buffer.db", BIG)
    buffer.close()
    Buffer(tmp_path / "buffer.db", BIG).close()


def test_a_damaged_file_is_moved_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    (tmp_path / "buffer.db").write_bytes(b"this is no database" * 100)
    buffer = Buffer(tmp_path / "buffer.db", BIG)
    buffer.add(RESULTS, [b"1"])
    assert bodies(buffer, RESULTS) == [b"1"]
    assert (tmp_path / "buffer.damaged").exists()
    buffer.close()


def test_nobody_else_reads_it_or_what_lies_beside_it(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "buffer.db", BIG)
    buffer.add(RESULTS, [b"1"])
    files = {one.name: one.stat().st_mode & 0o777 for one in tmp_path.iterdir()}
    assert set(files) == {"buffer.db", "buffer.db-wal"}
    assert set(files.values()) == {0o600}
    buffer.close()


def test_facts_are_remembered_over_a_restart(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "buffer.db", BIG)
    buffer.remember(checks=[{"id": "chk_1"}], whole_time=1.5)
    buffer.close()
    again = Buffer(tmp_path / "buffer.db", BIG)
    assert (again.fact("checks"), again.fact("whole_time"), again.fact("nothing")) == ([{"id": "chk_1"}], 1.5, None)
    again.close()
