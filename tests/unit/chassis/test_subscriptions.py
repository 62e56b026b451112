"""Handlers by event type: who is asked for what, and what two of them may not share."""

from typing import Any

import pytest
from itsm.incident import v1 as pb

from chassis.events import Subscriptions

OPENED, CLOSED = pb.IncidentOpened.DESCRIPTOR.full_name, pb.IncidentClosed.DESCRIPTOR.full_name


async def handle(_data: Any, _envelope: Any) -> None:
    """Does nothing."""


def test_a_group_may_take_events_as_the_json_that_they_are() -> None:
    group = Subscriptions("all", ordered=False)
    group.on_json([OPENED, CLOSED], handle)
    found = group.handler("itsm.incident.v1", OPENED)
    assert found is not None
    assert (found.handler, found.message) == (handle, None)
    assert group.topics == {"itsm.incident.v1"}
    assert group.followed("itsm.incident.v1") == frozenset()


def test_one_type_has_one_handler() -> None:
    group = Subscriptions("all", ordered=False)
    group.on(pb.IncidentOpened)(handle)
    with pytest.raises(ValueError, match="two handlers"):
        group.on_json([CLOSED, OPENED], handle)


def test_versions_of_unknown_records_cannot_be_watched() -> None:
    with pytest.raises(ValueError, match="versions"):
        Subscriptions("all").on_json([OPENED], handle)
