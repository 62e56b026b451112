"""Who watches an incident, and who is named in what is said about it."""

from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.store import CHANGES
from chassis.testing import caller
from services.incident.domain.incident import Incident
from services.incident.domain.states import HoldReason, State
from services.incident.domain.watching import MOST_MENTIONED, MOST_WATCHERS
from tests.unit.incident.desk import Desk


@pytest.fixture
def desk() -> Any:
    with ctx.use(caller(subject="alice")):
        yield Desk()


def told(desk: Desk) -> list[str]:
    return [row["type"].rpartition(".")[2] for row in desk.backend.collections[CHANGES].values() if "type" in row]


async def test_people_watch_and_leave_and_only_a_change_is_told(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    await desk.incidents.watch(incident.id, [])
    await desk.incidents.watch(incident.id, ["bob", "alice", "bob"])
    again = await desk.incidents.watch(incident.id, ["bob"])
    assert (again.watcher_ids, again.version) == (["alice", "bob"], 3)
    left = await desk.incidents.unwatch(incident.id, [])
    assert left.watcher_ids == ["bob"]
    assert told(desk) == ["IncidentOpened", *["IncidentWatched"] * 3]


async def test_whom_a_note_names_watches_from_then_on_in_the_same_transaction(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    note = await desk.incidents.note(incident.id, "can you look, bob?", False, ["bob", "bob"])
    assert note.mentioned_ids == ["bob"]
    assert (await desk.store.get(Incident, incident.id)).watcher_ids == ["bob"]
    await desk.incidents.note(incident.id, "bob?", False, ["bob"])
    assert (await desk.store.get(Incident, incident.id)).version == 2
    assert told(desk) == ["IncidentOpened", "IncidentWatched", "NoteAdded", "NoteAdded"]


async def test_an_answer_that_names_somebody_wakes_the_incident_and_makes_no_watchers_for_a_requester(
    desk: Desk,
) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    await desk.incidents.assign(incident.id, "team_1", "carol")
    await desk.incidents.hold(incident.id, HoldReason.CALLER, "which room?")
    with ctx.use(caller(subject="alice", scope={"requester_id": "alice"})):
        await desk.incidents.note(incident.id, "room 2, ask bob", False, ["bob"])
    after = await desk.store.get(Incident, incident.id)
    assert (after.state, after.watcher_ids) == (State.IN_PROGRESS, [])


async def test_a_note_is_kept_when_the_list_of_watchers_is_full_and_whom_there_is_room_for_watch(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    await desk.incidents.watch(incident.id, [f"user-{number}" for number in range(MOST_WATCHERS - 1)])
    note = await desk.incidents.note(incident.id, "can you look?", False, ["user-0", "bob", "carol"])
    assert note.mentioned_ids == ["user-0", "bob", "carol"]
    watchers = (await desk.store.get(Incident, incident.id)).watcher_ids
    assert (len(watchers), watchers[-1]) == (MOST_WATCHERS, "bob")
    await desk.incidents.note(incident.id, "and you?", False, ["dave"])
    assert (await desk.store.get(Incident, incident.id)).watcher_ids == watchers


async def test_who_sees_only_some_incidents_watches_for_nobody_else(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    with ctx.use(caller(subject="alice", scope={"requester_id": "alice"})):
        with pytest.raises(Invalid, match="user_ids"):
            await desk.incidents.watch(incident.id, ["bob"])
        assert (await desk.incidents.watch(incident.id, ["alice"])).watcher_ids == ["alice"]


@pytest.mark.parametrize("ids", [[""], ["x" * 201], [f"user-{number}" for number in range(MOST_WATCHERS + 1)]])
async def test_nobody_and_too_many_do_not_watch(desk: Desk, ids: list[str]) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    with pytest.raises(Invalid, match="user_ids"):
        await desk.incidents.watch(incident.id, ids)


async def test_a_note_names_so_many_and_no_more(desk: Desk) -> None:
    incident = await desk.incidents.open({"title": "no mail"})
    with pytest.raises(Invalid, match="mentioned_ids"):
        await desk.incidents.note(incident.id, "all", False, [f"user-{number}" for number in range(MOST_MENTIONED + 1)])
    assert (await desk.store.get(Incident, incident.id)).watcher_ids == []
