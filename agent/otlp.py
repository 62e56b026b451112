"""A sample as OTLP (opentelemetry-proto, `metrics/v1`)."""

from collections.abc import Iterable, Mapping

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, NumberDataPoint, ResourceMetrics

from agent.metrics import Point, Sample

_NANO = 1_000_000_000


def encode(sample: Sample, version: str) -> bytes:
    """The sample as `ResourceMetrics` that do not say yet whose they are."""
    told = ResourceMetrics()
    scope = told.scope_metrics.add()
    scope.scope.name = "itsm-agent"
    scope.scope.version = version
    metrics: dict[str, Metric] = {}
    for point in sample.points:
        metric = metrics.get(point.name)
        if metric is None:
            metric = metrics[point.name] = scope.metrics.add(name=point.name, unit=point.unit)
        _add(metric, point, sample)
    return told.SerializeToString()


def request(encoded: Iterable[bytes], resource: Mapping[str, str]) -> bytes:
    """One `ExportMetricsServiceRequest` of encoded samples, all of this resource."""
    made = ExportMetricsServiceRequest()
    for one in encoded:
        told = made.resource_metrics.add()
        told.ParseFromString(one)
        told.resource.attributes.extend(_attributes(resource))
    return made.SerializeToString()


def _add(metric: Metric, point: Point, sample: Sample) -> None:
    made: NumberDataPoint
    if point.counter:
        metric.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        metric.sum.is_monotonic = True
        made = metric.sum.data_points.add(start_time_unix_nano=int(sample.start * _NANO))
    else:
        made = metric.gauge.data_points.add()
    made.time_unix_nano = int(sample.time * 1000) * (_NANO // 1000)
    made.attributes.extend(_attributes(point.attributes))
    if isinstance(point.value, int):
        made.as_int = point.value
    else:
        made.as_double = point.value


def _attributes(texts: Mapping[str, str]) -> list[KeyValue]:
    made = []
    for key, text in texts.items():
        one = KeyValue(key=key)
        one.value.string_value = text
        made.append(one)
    return made
