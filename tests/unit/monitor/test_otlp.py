"""OpenTelemetry metrics as series: names, labels, kinds, temporality, and what is refused."""

import gzip
import json
import random
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from chassis import context as ctx
from chassis.testing import caller
from services.monitor.domain.samples import is_stale
from services.monitor.domain.windows import Aggregate
from services.monitor.ingest import otlp
from services.monitor.ingest.remote_write import MOST_POINTS, MOST_SERIES, Malformed, TooLarge
from services.monitor.usecases.catalog import SERIES, Remembered
from services.monitor.usecases.incoming import Incoming, person
from services.monitor.usecases.samples import Written
from tests.unit.monitor.measuring import Kept, at
from tests.unit.monitor.otlp import DELTA, attributes, gauge, point, request, total


def read(sent: ExportMetricsServiceRequest, agent: str = "") -> Incoming:
    return otlp.decode(sent, person("main"), Remembered(), agent)


def told(sent: ExportMetricsServiceRequest, agent: str = "") -> dict[str, tuple[str, list[float]]]:
    """By labels as text: kind and values."""
    incoming = read(sent, agent)
    return {
        ",".join(f"{name}={value}" for name, value in unseen.labels): (
            unseen.kind.value,
            [incoming.values[place] for span in unseen.spans for place in range(*span)],
        )
        for unseen in incoming.unseen.values()
    }


async def write(kept: Kept, sent: ExportMetricsServiceRequest) -> Written:
    with ctx.use(caller(kept.tenant)):
        return await kept.samples.write(otlp.decode(sent, person(kept.tenant), kept.samples.known))


def test_resource_scope_and_point_make_the_labels() -> None:
    sent = request(gauge("load", point(0.5, cpu=1, idle=True)), scope="lib", host__name="db-1")
    assert told(sent) == {"__name__=load,cpu=1,host.name=db-1,idle=true,otel.scope.name=lib": ("GAUGE", [0.5])}


def test_where_a_point_says_something_else_than_its_resource_both_are_kept() -> None:
    sent = request(gauge("load", point(1, zone="b")), zone="a", host__name="h")
    assert told(sent) == {"__name__=load,host.name=h,resource.zone=a,zone=b": ("GAUGE", [1.0])}


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        (total("a", point(1)), "COUNTER"),
        (total("a", point(1), monotonic=False), "GAUGE"),
        (total("a", point(1), temporality=DELTA), "DELTA"),
        (gauge("a", point(1)), "GAUGE"),
    ],
)
def test_a_series_knows_how_its_values_follow_each_other(metric: Metric, kind: str) -> None:
    assert told(request(metric, host__name="h")) == {"__name__=a,host.name=h": (kind, [1.0])}


def test_what_says_nothing_of_where_it_is_from_is_of_the_agent_that_sent_it() -> None:
    assert list(told(request(gauge("a", point(1)), service__name="s"), "agt_1")) == ["__name__=a,agent.id=agt_1,service.name=s"]
    assert list(told(request(gauge("a", point(1)), host__name="h"), "agt_1")) == ["__name__=a,host.name=h"]


def test_a_point_without_a_recorded_value_ends_its_series() -> None:
    incoming = read(request(gauge("a", point(None, flags=1)), host__name="h"))
    assert [is_stale(value) for value in incoming.values] == [True]


def test_points_that_cannot_be_kept_are_counted_and_the_rest_is_kept() -> None:
    timeless = point(1)
    timeless.time_unix_nano = 0
    unnamed = Metric(name="")
    unnamed.gauge.data_points.append(point(1))
    incoming = read(request(gauge("a", point(1), timeless, point(None)), unnamed, host__name="h"))
    assert (incoming.received, len(incoming.times)) == (4, 1)
    assert incoming.refused == {"without a time": 1, "without a value": 1, "with no metric name": 1}


def test_a_histogram_becomes_the_series_that_prometheus_makes_of_it() -> None:
    metric = Metric(name="wait")
    metric.histogram.aggregation_temporality = 2  # type: ignore[assignment]
    metric.histogram.data_points.add(
        time_unix_nano=at(0) * 1_000_000, count=6, sum=9.5, bucket_counts=[1, 2, 3], explicit_bounds=[0.1, 2]
    )
    assert told(request(metric, host__name="h")) == {
        "__name__=wait_bucket,host.name=h,le=0.1": ("COUNTER", [1.0]),
        "__name__=wait_bucket,host.name=h,le=2": ("COUNTER", [3.0]),
        "__name__=wait_bucket,host.name=h,le=+Inf": ("COUNTER", [6.0]),
        "__name__=wait_count,host.name=h": ("COUNTER", [6.0]),
        "__name__=wait_sum,host.name=h": ("COUNTER", [9.5]),
    }


def test_of_an_exponential_histogram_count_and_sum_are_kept_and_of_a_summary_its_quantiles() -> None:
    exponential, summary = Metric(name="e"), Metric(name="s")
    exponential.exponential_histogram.aggregation_temporality = 1  # type: ignore[assignment]
    exponential.exponential_histogram.data_points.add(time_unix_nano=at(0) * 1_000_000, count=3, sum=4.5)
    quantile = summary.summary.data_points.add(time_unix_nano=at(0) * 1_000_000, count=2, sum=1.0).quantile_values.add()
    quantile.quantile, quantile.value = 0.99, 0.75
    assert told(request(exponential, summary, host__name="h")) == {
        "__name__=e_count,host.name=h": ("DELTA", [3.0]),
        "__name__=e_sum,host.name=h": ("DELTA", [4.5]),
        "__name__=s_count,host.name=h": ("COUNTER", [2.0]),
        "__name__=s_sum,host.name=h": ("COUNTER", [1.0]),
        "__name__=s,host.name=h,quantile=0.99": ("GAUGE", [0.75]),
    }


@given(st.lists(st.integers(0, 100), min_size=2, max_size=20), st.randoms(use_true_random=False))
async def test_deltas_add_up_whatever_is_sent_again_or_late(values: list[int], chance: random.Random) -> None:
    kept = Kept()
    sends = [request(total("a", point(value, place), temporality=DELTA), host__name="h") for place, value in enumerate(values)]
    sends += chance.sample(sends, k=len(sends) // 2)
    chance.shuffle(sends)
    for sent in sends:
        await write(kept, sent)
    found = await kept.values("a", step=3600, aggregate=Aggregate.SUM)
    assert found == {"__name__=a,host.name=h": [float(sum(values))]}


async def test_the_same_labels_are_the_same_series_however_they_come() -> None:
    kept = Kept()
    await write(kept, request(gauge("load", point(1.0, 0)), job="node"))
    await kept.write([({"__name__": "load", "job": "node"}, [(at(1), 2.0)])])
    assert await kept.values("load") == {"__name__=load,job=node": [1.0, 2.0]}
    assert len(kept.backend.collections[SERIES]) == 1


def test_json_reads_as_protobuf_does() -> None:
    sent = request(total("a", point(3, mode="x")), gauge("b", point(0.25)), host__name="h")
    as_json = json.loads(MessageToJson(sent, use_integers_for_enums=True))
    for metric in as_json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]:
        metric["inventedField"] = {"deep": [1]}
        for kind in metric.values():
            if isinstance(kind, dict) and "dataPoints" in kind:
                kind["dataPoints"][0]["exemplars"] = [{"traceId": "0102030405060708090a0b0c0d0e0f1", "asInt": 1}]
    assert otlp.from_json(json.dumps(as_json).encode()) == sent


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"resourceMetrics": 1}', b'{"resourceMetrics":' + b"[" * 5000, b"\xff\xfe"]
)
def test_what_is_no_request_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        otlp.from_json(body)


@pytest.mark.parametrize(
    "body",
    [
        b" " * (otlp.MOST_JSON_BYTES + 1),
        b'{"resourceMetrics": [' + b"{}," * otlp.MOST_JSON_VALUES + b"{}]}",
        b'{"resourceMetrics": [{"unknown": {"a": [' + b"1," * otlp.MOST_JSON_VALUES + b"1]}}]}",
    ],
)
def test_json_that_costs_more_than_it_weighs_has_a_limit(body: bytes) -> None:
    with pytest.raises(TooLarge):
        otlp.from_json(body)


def test_a_request_has_a_limit_of_points_and_of_what_holds_them() -> None:
    with pytest.raises(TooLarge, match="resources"):
        read(otlp.from_protobuf(b"\x0a\0" * (MOST_SERIES + 1)))
    empty = request(*[Metric()] * MOST_SERIES, host__name="h")
    with pytest.raises(TooLarge, match="metrics"):
        read(empty)
    many = gauge("a")
    many.gauge.data_points.MergeFrom([point(1)] * (MOST_POINTS // 2))
    with pytest.raises(TooLarge, match="points"):
        read(request(many, many, gauge("a", point(1)), host__name="h"))
    buckets = Metric(name="h")
    buckets.histogram.data_points.add().bucket_counts.extend([1] * MOST_POINTS)
    with pytest.raises(TooLarge, match="points"):
        read(request(buckets, host__name="h"))


def test_more_attributes_than_labels_can_come_of_are_refused_unread() -> None:
    crowd: dict[str, Any] = {f"a{number}": "x" for number in range(200)}
    assert read(request(gauge("a", point(1, **crowd), point(1)), host__name="h")).refused == {"with more than 64 labels": 1}
    with pytest.raises(TooLarge, match="attributes"):
        read(request(gauge("a", point(1)), **crowd))


def test_a_nested_value_is_cut_where_it_is_too_deep() -> None:
    deep = attributes({"x": "y"})[0].value
    for _ in range(30):
        outer = type(deep)()
        outer.array_value.values.append(deep)
        deep = outer
    sent = request(gauge("a", point(1)), host__name="h")
    sent.resource_metrics[0].resource.attributes.add(key="deep", value=deep)
    (labels,) = told(sent)
    assert "deep=[[[[[[[[null]]]]]]]]" in labels


def test_gzip_is_bounded_by_what_it_holds() -> None:
    assert otlp.inflated(gzip.compress(b"abc")) == b"abc"
    with pytest.raises(TooLarge):
        otlp.inflated(gzip.compress(b"\0" * 1000), most=999)
    with pytest.raises(Malformed):
        otlp.inflated(gzip.compress(b"abc")[:-4])
    with pytest.raises(Malformed):
        otlp.inflated(b"abc")
