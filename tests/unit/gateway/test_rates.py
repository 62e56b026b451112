"""How much one caller may ask for, and what is put off when there is too much to do."""

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.http.problems import Problem
from chassis.telemetry import Metrics
from services.gateway.rest.rates import WINDOW, Buckets, Rates
from services.gateway.rest.shedding import FEWEST, SHARES, Class, Shedding


class Ticking:
    """A clock in seconds that moves only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_tells_what_is_left_and_when_it_is_full_again() -> None:
    buckets = Buckets("default", 60, Ticking())
    standing = buckets.take("a", 10)
    assert standing.headers == (
        (b"ratelimit-policy", b'"default";q=60;w=60'),
        (b"ratelimit", b'"default";r=50;t=10'),
    )
    assert buckets.take("b", 1).left == 59


def test_who_asks_for_too_much_is_told_when_to_come_back_and_then_gets_it() -> None:
    clock = Ticking()
    buckets = Buckets("default", 60, clock)
    buckets.take("a", 60)
    with pytest.raises(Problem) as caught:
        buckets.take("a", 5)
    problem = caught.value
    assert (problem.status, problem.slug, problem.headers["retry-after"]) == (429, "rate-limited", "5")
    assert problem.headers["ratelimit"] == '"default";r=0;t=60'
    assert problem.facts == {"violatedPolicies": "default"}
    clock.now += 5
    assert buckets.take("a", 5).left == 0


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 20)), max_size=200))
def test_in_no_window_more_than_two_fills_are_given(asked: list[tuple[float, int]]) -> None:
    clock, given_ = Ticking(), []
    buckets = Buckets("default", 30, clock)
    for pause, cost in asked:
        clock.now += pause
        try:
            buckets.take("a", cost)
        except Problem as problem:
            clock.now += float(problem.headers["retry-after"])
            buckets.take("a", cost)  # who comes back when told so is let in
        given_.append((clock.now, cost))
    for start, _ in given_:
        assert sum(cost for at, cost in given_ if start <= at < start + WINDOW) <= 61


def test_the_emptier_bucket_is_told_and_replicas_share() -> None:
    rates = Rates(principal=120, tenant=240, replicas=2, clock=Ticking())
    first, second = rates.take("main", "a", 30), rates.take("main", "b", 30)
    assert first is not None
    assert second is not None
    assert (first.policy, first.limit, first.left) == ("default", 60, 30)
    assert (second.policy, second.limit, second.left) == ("default", 60, 30)
    third = rates.take("main", "c", 30)
    assert third is not None
    assert (third.policy, third.left) == ("tenant", 30)


def test_what_costs_more_than_a_bucket_holds_takes_a_full_one_whole() -> None:
    clock = Ticking()
    rates = Rates(principal=6000, replicas=13, clock=clock)
    first = rates.take("main", "a", 500)
    assert first is not None
    assert (first.limit, first.left) == (461, 0)
    with pytest.raises(Problem) as caught:
        rates.take("main", "a", 500)
    clock.now += float(caught.value.headers["retry-after"])
    assert rates.take("main", "a", 500) is not None


def test_who_is_refused_for_the_tenants_sake_loses_nothing_of_its_own() -> None:
    clock = Ticking()
    rates = Rates(principal=60, tenant=60, clock=clock)
    rates.take("main", "a", 60)
    for _ in range(10):
        with pytest.raises(Problem) as caught:
            rates.take("main", "b", 30)
        assert caught.value.facts == {"violatedPolicies": "tenant"}
    with pytest.raises(Problem) as caught:
        rates.take("main", "a", 30)
    assert caught.value.facts == {"violatedPolicies": "default"}
    clock.now += 60
    rates.take("main", "b", 60)


def test_without_limits_nobody_is_counted() -> None:
    assert Rates().take("main", "a", 1_000_000) is None


@pytest.mark.parametrize(
    ("client", "said", "address"),
    [
        ("10.0.0.1", b"203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", b"198.51.100.1, 203.0.113.7, 10.0.0.9", "203.0.113.7"),
        ("192.0.2.1", b"203.0.113.7", "192.0.2.1"),
        ("10.0.0.1", b"", "10.0.0.1"),
        ("10.0.0.1", b"nonsense", "nonsense"),
    ],
)
def test_only_a_proxy_of_ours_says_who_is_asking(client: str, said: bytes, address: str) -> None:
    rates = Rates(sign_in=2, trusted=[ipaddress.ip_network("10.0.0.0/8")])
    scope: dict[str, Any] = {"client": (client, 1), "headers": [(b"x-forwarded-for", said)]}
    assert rates.address(scope) == address
    rates.sign_in(scope)
    rates.sign_in(scope)
    with pytest.raises(Problem):
        rates.sign_in(scope)


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_sign_ins_of_one_ipv6_network_are_counted_as_one(first: str, second: str, one: bool) -> None:
    rates = Rates(sign_in=1, clock=Ticking())
    rates.sign_in({"client": (first, 1), "headers": []})
    refused = False
    try:
        rates.sign_in({"client": (second, 1), "headers": []})
    except Problem:
        refused = True
    assert refused is one


def test_what_can_wait_is_put_off_first() -> None:
    metrics = Metrics()
    shedding = Shedding(100, metrics)
    for kind, share in reversed(SHARES.items()):
        shedding.in_flight = int(100 * share)
        with pytest.raises(Problem) as caught, shedding.admitted(kind):
            pass
        assert (caught.value.status, caught.value.slug) == (503, "overloaded")
        assert int(caught.value.headers["retry-after"]) >= 1
        shedding.in_flight -= 1
        with shedding.admitted(kind):
            assert metrics.registry.get_sample_value("itsm_http_server_in_flight") == int(100 * share)
        assert metrics.registry.get_sample_value("itsm_requests_shed_total", {"class": kind.value}) == 1


def test_fewer_are_let_in_while_the_loop_is_late_and_more_again_afterwards() -> None:
    shedding = Shedding(100)
    shedding.in_flight = 90
    for _ in range(50):
        shedding.learn(1.0)
        shedding.in_flight = int(shedding.limit)
    assert shedding.limit == FEWEST
    for _ in range(50):
        shedding.learn(0.0)
    assert shedding.limit == 100


def test_a_slow_machine_with_little_to_do_refuses_nobody() -> None:
    shedding = Shedding(100)
    shedding.in_flight = 3
    shedding.learn(5.0)
    assert shedding.limit == 100


def test_without_a_limit_everybody_is_let_in() -> None:
    shedding = Shedding(0)
    shedding.in_flight = 10_000
    with shedding.admitted(Class.BULK):
        assert shedding.in_flight == 10_001
