"""Results that wait for the database."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitor.domain.backlog import Backlog, Waiting
from services.monitor.domain.check import Outcome
from tests.unit.monitor.checks import result

OK, FAILED = Outcome.OK, Outcome.FAILED


def waiting(check: str, step: int, outcome: Outcome = OK) -> Waiting:
    return Waiting(("main", check), result(step, outcome))


def test_results_are_handed_over_in_the_order_in_which_they_came_and_stay_until_they_are() -> None:
    backlog = Backlog(10)
    given_ = [waiting("chk_1", 1), waiting("chk_2", 1), waiting("chk_1", 2)]
    for each in given_:
        backlog.add(each)
    first = backlog.first(2)
    assert [each for _, each in first] == given_[:2]
    assert len(backlog) == 3
    backlog.remove([number for number, _ in first])
    assert list(backlog) == given_[2:]


def test_what_says_nothing_new_is_dropped_first() -> None:
    backlog = Backlog(3)
    first, same, down, up = waiting("c", 1), waiting("c", 2), waiting("c", 3, FAILED), waiting("c", 4)
    for each in (first, same, down, up):
        backlog.add(each)
    assert list(backlog) == [first, down, up]
    assert backlog.dropped == 1


def test_where_everything_is_news_the_oldest_is_dropped() -> None:
    backlog = Backlog(2)
    results = [waiting("c", step, FAILED if step % 2 else OK) for step in range(4)]
    for each in results:
        backlog.add(each)
    assert list(backlog) == results[2:]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([OK, FAILED])), max_size=60), st.integers(1, 20))
@settings(max_examples=200)
def test_it_is_bounded_and_forgets_changes_only_when_nothing_else_is_left(
    results: list[tuple[str, Outcome]], most: int
) -> None:
    backlog, last, changes = Backlog(most), dict[str, Outcome](), []
    for step, (check, outcome) in enumerate(results):
        each = waiting(check, step, outcome)
        backlog.add(each)
        if last.get(check) is not outcome:
            changes.append(each)
        last[check] = outcome
    kept = list(backlog)
    assert len(kept) == min(len(results), most)
    assert backlog.dropped == len(results) - len(kept)
    assert [each.result.time for each in kept] == sorted(each.result.time for each in kept)
    lost = [each for each in changes if each not in kept]
    assert lost == changes[: len(lost)], "of changes the oldest"
    assert not lost or len(changes) > most
