"""Following: what was read is remembered after it is in the index, and whatever is no longer there begins anew with a walk."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from chassis.errors import Unavailable
from chassis.settings import Settings
from services.analytics import tantivy_index
from services.analytics.following import Following

ZERO, ONE = TopicPartition("itsm.incident.v1", 0), TopicPartition("itsm.asset.v1", 3)


class Indexing:
    """What the index is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.away = False

    async def changed(self, records: Any) -> None:
        """See `Indexing`."""
        if self.away:
            raise Unavailable("the owner is away")
        self.told.append(list(records))

    async def all_anew(self, *, empty: bool) -> int:
        """See `Indexing`."""
        self.told.append("empty" if empty else "anew")
        return 0


class Broker:
    """Partitions from somewhere to somewhere, and what comes next."""

    def __init__(self, first: int, end: int) -> None:
        self.first, self.end = first, end
        self.places: dict[TopicPartition, int] = {}
        self.next: dict[TopicPartition, list[ConsumerRecord]] = {}

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """See aiokafka."""
        return dict.fromkeys(partitions, self.first)

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """See aiokafka."""
        return dict.fromkeys(partitions, self.end)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """See aiokafka."""
        self.places[partition] = offset

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[ConsumerRecord]]:
        """See aiokafka."""
        return self.next


def event(partition: TopicPartition, offset: int, subject: str) -> ConsumerRecord:
    headers = {
        "ce_id": f"id-{offset}", "ce_type": "itsm.incident.v1.IncidentOpened", "ce_source": "/itsm/local/incident",
        "ce_subject": subject, "ce_time": "2026-01-01T00:00:00Z", "ce_itsmtenant": "main", "ce_itsmversion": "1",
        "ce_itsmepoch": "1", "ce_authid": "amy", "ce_authtype": "user",
        "ce_specversion": "1.0", "ce_partitionkey": f"main/{subject.partition('/')[2]}",
    }  # fmt: skip
    encoded = [(name, value.encode()) for name, value in headers.items()]
    key = f"main/{subject.partition('/')[2]}".encode()
    return ConsumerRecord(partition.topic, partition.partition, offset, 0, 0, key, b"{}", None, 0, 0, encoded)


def following(folder: Path, indexing: Indexing) -> Any:
    return Following(Settings(), indexing, folder)  # type: ignore[arg-type] # what it calls of it is there


async def test_a_first_start_walks_and_a_second_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    indexing, broker = Indexing(), Broker(5, 9)
    first = following(tmp_path, indexing)
    assert first.building
    await first._place(broker, [ZERO, ONE])
    assert (indexing.told, broker.places, first.building) == (["empty"], {ZERO: 9, ONE: 9}, False)
    broker.next = {ZERO: [event(ZERO, 9, "incidents/inc_1"), event(ZERO, 10, "incidents/inc_1")]}
    await first._once(broker)
    assert indexing.told[1:] == [[("main", "incidents/inc_1")]]

    indexing.away = True
    broker.next = {ZERO: [event(ZERO, 11, "incidents/inc_2")]}
    with pytest.raises(Unavailable):
        await first._once(broker)
    second, broker.end = following(tmp_path, indexing), 12
    assert not second.building
    await second._place(broker, [ZERO, ONE])
    assert broker.places == {ZERO: 11, ONE: 9}  # what was not taken comes again
    assert len(indexing.told) == 2


@pytest.mark.parametrize(("first", "end"), [(10, 20), (0, 8)], ids=["too old", "made anew"])
async def test_what_the_topics_do_not_hold_any_more_is_walked_to(tmp_path: Path, first: int, end: int) -> None:
    (tmp_path / "position.json").write_bytes(orjson.dumps({ZERO.topic: {"0": 9}}))
    indexing, broker = Indexing(), Broker(first, end)
    known = following(tmp_path, indexing)
    assert not known.building
    await known._place(broker, [ZERO])
    assert (indexing.told, broker.places) == (["anew"], {ZERO: end})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"itsm.incident.v1": 3}', '{"itsm.incident.v1": {"0": "x"}}'])
async def test_a_position_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "position.json").write_text(text)
    assert following(tmp_path, Indexing()).building


@pytest.mark.parametrize("how", ["damaged", "of another version"])
async def test_an_index_that_is_thrown_away_is_walked_to_again(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    for start in range(3):
        if start == 2 and how == "damaged":
            for file in tmp_path.rglob("meta.json"):
                file.write_text("")
        elif start == 2:
            monkeypatch.setattr(tantivy_index, "SCHEMA", tantivy_index.SCHEMA + 1)
        index, indexing = tantivy_index.TantivyIndex(tmp_path), Indexing()
        await index.commit()
        await following(index.folder, indexing)._place(Broker(0, 5), [ZERO, ONE])
        index.close()
        told.append(indexing.told)
    assert told == [["empty"], [], ["empty"]]


async def test_a_partition_that_is_new_is_read_from_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "position.json").write_bytes(orjson.dumps({ZERO.topic: {"0": 9}}))
    indexing, broker = Indexing(), Broker(2, 20)
    await following(tmp_path, indexing)._place(broker, [ZERO, ONE])
    assert (indexing.told, broker.places) == ([], {ZERO: 9, ONE: 2})
