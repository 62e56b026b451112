"""Who is told of what: by tenant and topic from the headers, then by permission and row scope as they hold now."""

import asyncio
from typing import Any

import orjson
import pytest

from chassis.auth import Policy, Principal
from chassis.http.problems import Problem
from services.gateway.live.hub import MAX_STREAMS, Hub, Topics
from services.gateway.live.ring import Entry, Ring
from services.gateway.live.sight import Sight
from services.gateway.rest.routes import descriptors
from tests.unit.gateway.test_ring import CURSORS

descriptors()  # the sight knows events by their descriptors, which the process has loaded


def an_event(
    *, offset: int = 0, tenant: str = "main", subject: str = "incidents/inc_1", event: str = "IncidentOpened", **resource: Any
) -> Entry:
    return Entry(
        service="incident",
        partition=0,
        offset=offset,
        time=0,
        tenant=tenant,
        plural=subject.partition("/")[0],
        subject=subject,
        type=f"itsm.incident.v1.{event}",
        head=b'{"id":"1","data":',
        value=orjson.dumps({"incident": {"id": "inc_1", "assetIds": [], "breached": False, **resource}}),
    )


def a_hub(queue: int = 1000) -> Hub:
    ring = Ring(CURSORS)
    ring.begin({"incident": [0]})
    return Hub(ring, queue=queue)


def tell(hub: Hub, entry: Entry) -> None:
    hub.ring.add(entry)
    hub.offer(entry)


def a_policy(scope: Any = None) -> Policy:
    scopes = {"worker": {"incidents": scope}} if scope is not None else {}
    return Policy(1, {"worker": frozenset({"incidents.get"}), "guest": frozenset({"incidents.list"})}, scopes)


def somebody(role: str = "worker", **more: Any) -> Principal:
    given = {"subject": "u1", "kind": "user", "tenant": "main", "expires_at": 0, "issuer": "i"} | more
    return Principal(roles=frozenset({role}), **given)


def test_headers_alone_decide_who_is_woken() -> None:
    hub = a_hub()
    everything = hub.subscribe("main", Topics())
    kind = hub.subscribe("main", Topics(plurals=frozenset({"incidents"})))
    both = hub.subscribe("main", Topics(frozenset({"incidents"}), frozenset({"incidents/inc_1"})))
    other_record = hub.subscribe("main", Topics(subjects=frozenset({"incidents/inc_2"})))
    other_kind = hub.subscribe("main", Topics(plurals=frozenset({"assets"})))
    other_tenant = hub.subscribe("acme", Topics())
    tell(hub, an_event())
    assert [len(each.queue) for each in (everything, kind, both, other_record, other_kind, other_tenant)] == [1, 1, 1, 0, 0, 0]
    assert not other_tenant.wake.is_set()
    hub.unsubscribe(kind)
    tell(hub, an_event(offset=1))
    assert [len(everything.queue), len(kind.queue)] == [2, 1]


def test_a_full_queue_marks_its_own_client_alone() -> None:
    hub = a_hub(queue=3)
    slow, quick = hub.subscribe("main", Topics()), hub.subscribe("main", Topics())
    for offset in range(5):
        tell(hub, an_event(offset=offset))
        quick.queue.clear()
    assert (slow.overflowed, len(slow.queue)) == (True, 3)
    assert not quick.overflowed


def test_a_caller_has_so_many_streams_and_others_have_theirs() -> None:
    hub = a_hub()
    for _ in range(MAX_STREAMS):
        hub.enter("main", "u1")
    with pytest.raises(Problem) as refused:
        hub.enter("main", "u1")
    assert refused.value.status == 429
    hub.enter("acme", "u1")
    hub.leave("main", "u1")
    hub.enter("main", "u1")


async def test_closing_tells_everybody_and_waits_for_last_words() -> None:
    hub = a_hub()
    subscriber = hub.subscribe("main", Topics())
    closing = asyncio.create_task(hub.close(60))
    await subscriber.wake.wait()
    assert subscriber.ended and not closing.done()
    hub.unsubscribe(subscriber)
    await asyncio.wait_for(closing, 30)
    assert hub.subscribe("main", Topics()).ended, "who comes now is sent elsewhere"


def test_an_event_is_seen_with_the_permission_to_read_its_resource() -> None:
    assert Sight(somebody(), a_policy()).sees(an_event())
    assert not Sight(somebody("guest"), a_policy()).sees(an_event())
    assert not Sight(somebody("nobody"), a_policy()).sees(an_event())
    assert not Sight(somebody(), a_policy()).sees(an_event(subject="notes/not_1"))
    assert not Sight(somebody(), a_policy()).sees(an_event(tenant="acme"))
    assert not Sight(somebody(limits=frozenset({"incidents.list"})), a_policy()).sees(an_event()), "a restricted token"


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        ({"requester_id": "$subject"}, True),
        ({"requester_id": "u2"}, False),
        ({"requester_id": {"$in": ["u2", "u1"]}}, True),
        ({"requester_id": {"$in": []}}, False),
        ({"requester_id": "$subject", "team_id": "t2"}, False),
        ({"$or": [{"team_id": "t2"}, {"requester_id": "u1"}]}, True),
        ({"$or": [{"team_id": "t2"}, {"requester_id": "u2"}]}, False),
        ({"asset_ids": "a1"}, True),
        ({"asset_ids": {"$in": ["a3", "a2"]}}, True),
        ({"asset_ids": "a3"}, False),
        ({"_id": "inc_1"}, True),
        ({"requester_id": {"$ne": "u2"}}, False),
        ({"requester_id": {"$in": ["u1"], "$ne": "u2"}}, False),
        ({"no_such_field": "u1"}, False),
        ({"reopen_count": True}, False),
        ({"reopen_count": 1}, True),
    ],
)
def test_a_row_scope_is_asked_of_the_snapshot_and_what_is_not_understood_hides(scope: Any, seen: bool) -> None:
    entry = an_event(requesterId="u1", teamId="t1", assetIds=["a1", "a2"], reopenCount=1)
    assert Sight(somebody(), a_policy(scope)).sees(entry) is seen


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b"nothing", b'{"incident": 3}'])
def test_an_event_without_a_readable_snapshot_is_hidden_from_whoever_has_a_scope(value: bytes) -> None:
    entry = an_event()
    entry.value = value
    assert not Sight(somebody(), a_policy({"requester_id": "u1"})).sees(entry)
    assert not Sight(somebody(), a_policy({"requester_id": "u1"})).sees(an_event(event="NeverHeardOf", requesterId="u1"))


def a_note(about: Any) -> Entry:
    entry = an_event(subject="notes/note_1", event="NoteAdded")
    entry.value = orjson.dumps({"note": {"id": "note_1", "about": about, "text": "seen"}})
    return entry


def test_a_note_is_seen_by_who_may_see_every_record_of_the_kind_that_it_is_about() -> None:
    assert Sight(somebody(), a_policy()).sees(a_note("incidents/inc_1"))
    assert not Sight(somebody(), a_policy({"requester_id": "u1"})).sees(a_note("incidents/inc_1")), "it may be another's"
    assert not Sight(somebody("guest"), a_policy()).sees(a_note("incidents/inc_1"))
    for unknown in ("", "secrets/s_1", None, 3, ["incidents"]):
        assert not Sight(somebody(), a_policy()).sees(a_note(unknown))
