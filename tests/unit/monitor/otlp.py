"""Requests of OpenTelemetry, put together by hand."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint

from tests.unit.monitor.measuring import at

CUMULATIVE, DELTA = 2, 1


def attributes(told: Mapping[str, Any]) -> list[KeyValue]:
    found = []
    for name, value in told.items():
        one = KeyValue(key=name)
        kind = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}[type(value)]
        setattr(one.value, kind, value)
        found.append(one)
    return found


def point(value: float | None, seconds: float = 0, flags: int = 0, **told: Any) -> NumberDataPoint:
    made = NumberDataPoint(time_unix_nano=at(seconds) * 1_000_000, flags=flags, attributes=attributes(told))
    if isinstance(value, int):
        made.as_int = value
    elif value is not None:
        made.as_double = value
    return made


def request(*metrics: Metric, scope: str = "", **resource: Any) -> ExportMetricsServiceRequest:
    """One resource; `host__name="a"` stands for the attribute `host.name`."""
    made = ExportMetricsServiceRequest()
    told = made.resource_metrics.add()
    told.resource.attributes.extend(attributes({name.replace("__", "."): value for name, value in resource.items()}))
    inside = told.scope_metrics.add(metrics=metrics)
    inside.scope.name = scope
    return made


def gauge(name: str, *points: NumberDataPoint) -> Metric:
    made = Metric(name=name)
    made.gauge.data_points.extend(points)
    return made


def total(name: str, *points: NumberDataPoint, temporality: int = CUMULATIVE, monotonic: bool = True) -> Metric:
    made = Metric(name=name)
    made.sum.data_points.extend(points)
    made.sum.aggregation_temporality = temporality  # type: ignore[assignment]
    made.sum.is_monotonic = monotonic
    return made
