"""`itsm events`: what is shown, from where it goes on, what is asked of the platform, and what is left to it."""

import json
from typing import Any

import pytest

from chassis.peers import SERVICES as PROCESSES
from cli.events import SERVICES
from cli.following import frames
from tests.unit.cli.conftest import Run
from tests.unit.cli.platform import Platform, problem

LETTER = {"id": "dl_1", "state": "OPEN", "reason": "handler", "type": "itsm.asset.v1.AssetCreated", "attempts": 5, "etag": "1"}
REPLAY = {"id": "rpl_1", "state": "RUNNING", "published": 0, "types": []}


def event(number: int, type_: str = "itsm.incident.v1.IncidentOpened") -> bytes:
    """An event as it goes over the wire; its number is its id, its version and the cursor behind it."""
    about = {"id": f"e{number}", "type": type_, "time": "2026-01-31T12:00:00Z", "subject": "incidents/inc_1", "version": number}
    return b"id: c%d\nevent: %b\ndata: %b\n\n" % (number, type_.encode(), json.dumps({**about, "data": {}}).encode())


def connection(platform: Platform, *blocks: bytes) -> None:
    """What the next connection to the stream brings before it ends."""
    platform.upcoming.append((200, {"content-type": "text/event-stream"}, b"".join((b"retry: 3000\nid: c0\n\n", *blocks))))


def shown(out: str) -> list[str]:
    return [json.loads(line)["id"] for line in out.splitlines()]


def test_every_process_may_have_dead_letters() -> None:
    assert SERVICES == PROCESSES


def test_a_stream_that_ends_is_taken_up_where_it_was(run: Run, platform: Platform) -> None:
    connection(platform, event(1), b": ping\nid: c7\n\n")
    platform.upcoming.append((503, {"retry-after": "0"}, {}))
    connection(platform, event(8), event(9))
    ended = run("events", "tail", "incidents", "--count", "3")
    assert (ended.code, shown(ended.out)) == (0, ["e1", "e8", "e9"])
    assert [asked.headers.get("last-event-id") for asked in platform.requests] == [None, "c7", "c7"]
    assert platform.requests[0].query == {"topics": ["incidents"]}
    assert "--after c9" in ended.err


def test_a_run_goes_on_where_another_ended_and_says_what_was_missed(run: Run, platform: Platform) -> None:
    connection(platform, b"event: reset\ndata: {}\n\n", event(4))
    ended = run("events", "tail", "--after", "c3", "--count", "1")
    assert platform.requests[0].headers["last-event-id"] == "c3"
    assert shown(ended.out) == ["e4"]
    assert "missed" in ended.err


def test_only_the_types_that_are_wanted_are_shown_and_counted(run: Run, platform: Platform) -> None:
    connection(platform, event(1), event(2, "itsm.asset.v1.AssetCreated"), event(3, "itsm.incident.v1.IncidentClosed"))
    ended = run("events", "tail", "--type", "itsm.asset.", "--type", "Closed", "--count", "2")
    assert shown(ended.out) == ["e2", "e3"]


@pytest.mark.parametrize(("status", "code"), [(401, 6), (403, 4), (422, 4)])
def test_a_refused_stream_is_told_and_not_asked_for_again(run: Run, platform: Platform, status: int, code: int) -> None:
    platform.upcoming.append(problem(status, "No", "you may not"))
    ended = run("events", "tail", "tokens")
    assert (ended.code, ended.out, len(platform.requests)) == (code, "", 1)
    assert "you may not" in ended.err


def test_a_frame_that_is_cut_off_is_none() -> None:
    whole = list(frames(["id: 1", "event: a", 'data: {"a":', "data: 1}", "", ": hush", "", "id: 2", "data: {"]))
    assert [(frame.id, frame.name, frame.data) for frame in whole] == [("1", "a", '{"a":1}'), ("", "", "")]


def test_dead_letters_of_all_services_are_one_list(run: Run, platform: Platform) -> None:
    for _ in SERVICES:
        platform.upcoming.append((200, {}, {"deadLetters": [LETTER], "nextPageToken": ""}))
    ended = run("events", "dlq", "list", "--filter", "state = OPEN")
    assert [json.loads(line)["service"] for line in ended.out.splitlines()] == list(SERVICES)
    assert {asked.query["filter"][0] for asked in platform.requests} == {"state = OPEN"}
    assert platform.requests[0].path == "/api/v1/services/asset/deadLetters"


@pytest.mark.parametrize(
    ("arguments", "verb", "body"),
    [
        (("requeue",), "requeue", {}),
        (("requeue", "--dry-run"), "requeue", {"dryRun": True}),
        (("discard", "-m", "a test"), "discard", {"reason": "a test"}),
        (("discard", "-m", "a test", "--dry-run"), "discard", {"reason": "a test", "dryRun": True}),
    ],
)
def test_a_dead_letter_is_dealt_with_by_its_service(
    run: Run, platform: Platform, arguments: tuple[str, ...], verb: str, body: dict[str, Any]
) -> None:
    platform.upcoming.append((200, {}, LETTER))
    platform.upcoming.append(problem(409, "No", "it was requeued already"))
    ended = run("events", "dlq", arguments[0], "incident", "dl_1", "dl/2", *arguments[1:])
    assert ended.code == 7, "the first was done, the second was refused"
    assert [asked.path for asked in platform.requests] == [
        f"/api/v1/services/incident/deadLetters/dl_1:{verb}",
        f"/api/v1/services/incident/deadLetters/dl%2F2:{verb}",
    ]
    assert all(asked.body == body and asked.headers["idempotency-key"] for asked in platform.requests)


def test_a_replay_is_asked_for_and_waited_for(run: Run, platform: Platform) -> None:
    platform.upcoming.append((201, {}, REPLAY))
    platform.upcoming.append((200, {}, {**REPLAY, "state": "DONE", "published": 7}))
    ended = run("events", "replay", "incident", "--from", "2026-01-31T12:00:00Z", "--subject", "incidents/inc_1", "--wait")
    first, second = platform.requests
    assert (first.path, first.query) == ("/api/v1/services/incident/replays", {})
    assert first.body == {"startTime": "2026-01-31T12:00:00Z", "subject": "incidents/inc_1"}
    assert second.path == "/api/v1/services/incident/replays/rpl_1"
    assert json.loads(ended.out)["published"] == 7


def test_a_dry_run_of_a_replay_only_counts(run: Run, platform: Platform) -> None:
    platform.upcoming.append((201, {}, {**REPLAY, "id": "", "published": 12}))
    ended = run("events", "replay", "incident", "--from", "2026-01-31T12:00:00Z", "--dry-run", "--wait")
    assert (ended.code, len(platform.requests)) == (0, 1)
    assert platform.requests[0].query == {"dryRun": ["true"]}
    assert "12 events would be published" in ended.err


def test_a_service_that_is_none_is_told_without_asking(run: Run, platform: Platform) -> None:
    ended = run("events", "replay", "mailer", "--from", "2026-01-31T12:00:00Z")
    assert (ended.code, platform.requests) == (1, [])
    assert "one of asset" in ended.err
