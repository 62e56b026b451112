"""A job's states: an end is an end, what is refused changes nothing, and every change is told by one event."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chassis.codec import to_document
from chassis.errors import ForbiddenMove, Invalid
from services.gateway.domain.job import KEPT, UNDO_WITHIN, Job, Kind, Progress, State

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
AFTER = {
    State.PENDING: {State.PENDING, State.RUNNING, State.FAILED, State.CANCELLED},
    State.RUNNING: {State.RUNNING, State.SUCCEEDED, State.FAILED, State.CANCELLED},
    State.SUCCEEDED: {State.SUCCEEDED},
    State.FAILED: {State.FAILED},
    State.CANCELLED: {State.CANCELLED},
}
VERBS = st.sampled_from(["start", "settle", "advance", "cancel", "finish", "fail", "undo"])


class Life(RuleBasedStateMachine):
    """Every verb at every time."""

    def __init__(self) -> None:
        super().__init__()
        self.at, self.events = NOON, 0
        self.job = Job.made(
            id="job_1", at=NOON, kind=Kind.BULK, resource="incidents", action="update", creator_id="ann", invertible=True
        )
        self.job.take_recorded()

    @rule(verb=VERBS, done=st.integers(0, 9), failed=st.integers(0, 9), hours=st.integers(0, 20))
    def tried(self, verb: str, done: int, failed: int, hours: int) -> None:
        """A verb is done or refused."""
        self.at += timedelta(hours=hours)
        progress = Progress(done=max(done, failed), total=9, failed=failed)
        before, state = to_document(self.job), self.job.state
        verbs = {
            "start": lambda: self.job.start(self.at),
            "settle": lambda: self.job.settle(9),
            "advance": lambda: self.job.advance(replace(progress)),
            "cancel": lambda: self.job.cancel(self.at),
            "finish": lambda: self.job.finish(self.at, replace(progress)),
            "fail": lambda: self.job.fail(self.at, "why", replace(progress)),
            "undo": lambda: self.job.undo(self.at, "job_2"),
        }
        try:
            verbs[verb]()
        except ForbiddenMove:
            assert to_document(self.job) == before
            assert self.job.take_recorded() is None
        else:
            assert (to_document(self.job) != before) <= (self.job.take_recorded() is not None)
            assert self.job.state in AFTER[state]

    @invariant()
    def an_end_has_a_time_and_what_did_something_may_be_undone(self) -> None:
        """What holds in every state."""
        job = self.job
        assert (job.end_time is None) == job.open
        undoable = not job.open and job.progress.done > job.progress.failed
        assert (job.undo_expire_time is not None) == undoable
        assert job.expire_time == (job.end_time or NOON) + KEPT
        assert bool(job.reason) == (job.state is State.FAILED)

    @precondition(lambda self: bool(self.job.undone_by))
    @rule()
    def it_is_taken_back_once(self) -> None:
        """A second time is refused."""
        with pytest.raises(ForbiddenMove):
            self.job.undo(self.at, "job_3")


TestLife = Life.TestCase


def test_nobody_is_nobodys_creator_and_a_day_ends_the_undoing() -> None:
    with pytest.raises(Invalid):
        Job.made(id="job_1", at=NOON, kind=Kind.BULK, resource="incidents", creator_id="")
    job = Job.made(id="job_1", at=NOON, kind=Kind.BULK, resource="incidents", creator_id="ann", invertible=True)
    job.take_recorded()
    job.start(NOON)
    job.take_recorded()
    job.finish(NOON, Progress(done=1, total=1))
    job.take_recorded()
    with pytest.raises(ForbiddenMove):
        job.undo(NOON + UNDO_WITHIN, "job_2")
    job.undo(NOON + UNDO_WITHIN - timedelta(seconds=1), "job_2")
    assert job.undone_by == "job_2"
