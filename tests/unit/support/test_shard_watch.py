"""The listener of the integration tests hears what strays."""

from typing import Any

from pymongo.monitoring import CommandStartedEvent

from tests.support.shard_watch import ShardWatch


def _event(**command: Any) -> CommandStartedEvent:
    return CommandStartedEvent(command, "itsm_incident", 1, ("127.0.0.1", 27017), 1)


def test_a_command_that_names_no_tenant_is_kept_and_one_that_does_is_not() -> None:
    watch = ShardWatch()
    watch.started(_event(find="incidents", filter={"tenant": "main"}))
    assert watch.astray == []
    watch.started(_event(find="incidents", filter={"state": "NEW"}))
    watch.started(_event(update="incidents", updates=[{"q": {"_id": "inc_1"}, "u": {}}]))
    assert [each.partition(":")[0] for each in watch.astray] == ["itsm_incident.incidents"] * 2
    assert watch.heard == 3


def test_what_declares_an_index_over_all_tenants_may_look_by_it() -> None:
    watch = ShardWatch()
    watch.started(_event(find="incidents", filter={"next_due_time": {"$lte": 1}}))
    watch.started(_event(find="tickets", filter={"next_due_time": {"$lte": 1}}))
    assert [each.partition(":")[0] for each in watch.astray] == ["itsm_incident.tickets"]


async def test_other_commands_and_a_tests_own_are_let_be() -> None:
    watch = ShardWatch()
    watch.started(_event(aggregate=1, pipeline=[]))
    watch.started(_event(listCollections=1))

    async def ask() -> None:
        watch.started(_event(find="incidents", filter={}))

    await watch.listening(ask(), own=True)
    assert watch.astray == []
    await watch.listening(ask(), own=False)
    assert len(watch.astray) == 1
