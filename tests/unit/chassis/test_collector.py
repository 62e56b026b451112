"""The cyclic collector of a started process."""

import gc
from collections.abc import Iterator

import pytest

from chassis.service import calm_collector


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_what_a_start_made_is_looked_at_no_more_and_new_garbage_is_still_found() -> None:
    calm_collector()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[0] > 700
    for _ in range(100):
        ring: list[object] = []
        ring.append(ring)
    del ring
    assert gc.collect() >= 100
