"""Which commands can be sent to the shards that they are about."""

from typing import Any

import pytest

from chassis.store.sharding import astray

MAIN: dict[str, Any] = {"tenant": "main"}


def _of(command: str, **body: Any) -> str:
    return astray(command, {command: "incidents", **body}, {"incidents": {"next_due_time"}}, {"tenants": "the tenants"})


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("find", {"filter": MAIN}),
        ("find", {"filter": {"$and": [{"state": "NEW"}, {**MAIN, "_id": "a"}]}}),
        ("find", {"filter": {"$or": [MAIN, {"tenant": {"$in": ["a", "b"]}}]}}),
        ("find", {"filter": {"next_due_time": {"$lte": 1}, "tenant": {"$nin": ["a"]}}}),
        ("find", {"filter": {"tenant": {"$gt": ""}, "done": False}}),
        ("find", {"filter": {"_id": {"$gt": "a", "$lt": "b"}, "kind": "assets"}}),
        ("count", {"query": MAIN}),
        ("aggregate", {"pipeline": [{"$match": {**MAIN, "state": "NEW"}}, {"$count": "n"}]}),
        ("aggregate", {"pipeline": [{"$changeStream": {}}, {"$match": {"operationType": "insert"}}]}),
        ("findAndModify", {"query": {**MAIN, "_id": "a"}}),
        ("update", {"updates": [{"q": {**MAIN, "_id": "a", "version": 1}, "u": {}}]}),
        ("update", {"updates": [{"q": MAIN, "u": {}, "multi": True}]}),
        ("delete", {"deletes": [{"q": {**MAIN, "_id": "a"}, "limit": 1}]}),
        ("insert", {"documents": [{"_id": "a", **MAIN}]}),
    ],
)
def test_a_command_that_names_its_tenant_finds_its_shards(command: str, body: dict[str, Any]) -> None:
    assert _of(command, **body) == ""


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("find", {"filter": {}}),
        ("find", {"filter": {"tenant": {"$ne": "a"}}}),
        ("find", {"filter": {"tenant": {"$gt": "a"}}}),
        ("update", {"updates": [{"q": {"_id": {"$gt": "a"}}, "u": {}}]}),
        ("find", {"filter": {"$or": [MAIN, {"state": "NEW"}]}}),
        ("find", {"filter": {"_id": "a"}}),
        ("count", {"query": {"state": "NEW"}}),
        ("aggregate", {"pipeline": [{"$sort": {"_id": 1}}, {"$match": MAIN}]}),
        ("aggregate", {"pipeline": []}),
        ("findAndModify", {"query": {"_id": "a"}}),
        ("findAndModify", {"query": MAIN}),
        ("update", {"updates": [{"q": {**MAIN, "_id": "a"}, "u": {}}, {"q": {"_id": "b"}, "u": {}}]}),
        ("update", {"updates": [{"q": {"state": "NEW"}, "u": {}, "multi": True}]}),
        ("delete", {"deletes": [{"q": {"_id": "a"}, "limit": 1}]}),
        ("insert", {"documents": [{"_id": "a", **MAIN}, {"_id": "b"}]}),
    ],
)
def test_a_command_that_names_none_is_told(command: str, body: dict[str, Any]) -> None:
    assert "incidents" in _of(command, **body)


def test_what_belongs_to_the_installation_is_on_one_shard_and_needs_no_tenant() -> None:
    assert astray("findAndModify", {"findAndModify": "leases", "query": {"_id": "relay|01"}}, {}, {}) == ""


def test_what_is_read_as_a_whole_is_written_by_its_key_all_the_same() -> None:
    whole = {"tenants": "the tenants"}
    assert astray("find", {"find": "tenants", "filter": {}}, {}, whole) == ""
    assert astray("update", {"update": "tenants", "updates": [{"q": {"_id": "a"}, "u": {}}]}, {}, whole) != ""


def test_a_command_that_nobody_thought_of_is_an_error() -> None:
    with pytest.raises(ValueError, match="mapReduce"):
        astray("mapReduce", {"mapReduce": "incidents"}, {}, {})
