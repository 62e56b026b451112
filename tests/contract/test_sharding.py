"""Every collection can be sharded by the one key, and the page that tells how names every one."""

import json

import pytest

from chassis.store import Index
from chassis.store.sharding import INSTALLATION, SHARD_KEY, compatible, statements
from docs.generate import PAGES
from tests.support.collections import SERVICES, WHOLE, collections, indexes


@pytest.mark.parametrize("service", SERVICES)
def test_no_index_of_a_service_stands_in_the_way_of_its_shards(service: str) -> None:
    assert [index.name for index in indexes(service) if not compatible(index)] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_collection_with_an_index_is_found_in_the_code(service: str) -> None:
    assert {index.collection for index in indexes(service)} <= collections(service)


def test_what_is_read_as_a_whole_is_a_collection_that_exists() -> None:
    known = set().union(*(collections(service) for service in SERVICES))
    assert set(WHOLE) | set(INSTALLATION) <= known
    assert not set(WHOLE) & set(INSTALLATION)


def test_a_unique_index_has_to_begin_with_the_shard_key() -> None:
    assert not compatible(Index("assets", [("tenant", 1), ("serial", 1)], unique=True))
    assert compatible(Index("assets", [("tenant", 1), ("_id", 1), ("serial", 1)], unique=True))
    assert compatible(Index("leases", [("holder", 1)], unique=True))


@pytest.mark.parametrize("service", SERVICES)
def test_the_page_has_a_command_for_every_collection(service: str) -> None:
    line = next(each for each in PAGES["docs/scale.md"]().splitlines() if f'"itsm_{service}." + name' in each)
    said = [
        str(each["shardCollection"]).partition(".")[2] for each in statements(f"itsm_{service}", list(collections(service)))[1:]
    ]
    assert said
    assert json.loads(line.partition(".forEach")[0]) == said == sorted(said)
    assert all(dict(SHARD_KEY) == each["key"] for each in statements(f"itsm_{service}", said)[1:])
