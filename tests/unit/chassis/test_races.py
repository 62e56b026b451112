"""What lost a race is done again, so often and no oftener."""

import pytest

from chassis.errors import Busy, Invalid
from chassis.races import ATTEMPTS, again


class Racing:
    """A piece of work that is too late a number of times."""

    def __init__(self, lost: int) -> None:
        self.lost, self.made = lost, 0

    async def work(self) -> int:
        self.made += 1
        if self.made <= self.lost:
            raise Busy("somebody else was first")
        return self.made


@pytest.mark.parametrize("lost", range(ATTEMPTS))
async def test_what_is_won_in_the_end_was_made_as_often_as_needed(lost: int) -> None:
    assert await again(Racing(lost).work) == lost + 1


@pytest.mark.parametrize("attempts", [1, 2, ATTEMPTS])
async def test_who_never_wins_hears_so_after_the_last_attempt(attempts: int) -> None:
    racing = Racing(lost=100)
    with pytest.raises(Busy):
        await again(racing.work, attempts=attempts)
    assert racing.made == attempts


async def test_any_other_failure_ends_it_at_once() -> None:
    made = []

    async def work() -> None:
        made.append(1)
        raise Invalid({"name": "is missing"})

    with pytest.raises(Invalid):
        await again(work)
    assert made == [1]
