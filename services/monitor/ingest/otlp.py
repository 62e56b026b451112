"""Reads OpenTelemetry metrics (OTLP 1.x), from protobuf or JSON, into the same columns as a remote write.

Attributes of the resource, of the scope its name, and of the point become labels under their own names; where a point says
something else than its resource, that of the resource is called `resource.<name>`. Histograms and summaries become the
series that Prometheus makes of them (`_bucket` with `le`, `_count`, `_sum`, `quantile`).

Deltas are kept as they are sent and added up where they are read: so a resend and a late one change nothing, and no
process has to know what another one has added up so far.

Fails with `Malformed` and `TooLarge`; single points that cannot be kept are counted.
"""

import base64
import zlib
from collections.abc import Collection, Iterable, Iterator
from marshal import dumps
from typing import Any

import orjson
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, DataPointFlags

from services.monitor.domain.samples import STALE
from services.monitor.domain.series import LONGEST_VALUE, MOST_LABELS, NAME, Labels, SeriesKind, labels_of
from services.monitor.ingest.remote_write import MOST_POINTS, MOST_SERIES, Malformed, TooLarge
from services.monitor.usecases.incoming import Incoming, Known, key_of

MOST_BYTES = 16 << 20
"""After decompression."""
MOST_JSON_BYTES = 4 << 20
"""The same of JSON, of which a byte costs many times as much to read."""
MOST_JSON_VALUES = 100_000
"""Entries of objects and lists in a body of JSON; a point with four attributes has about twenty."""

_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_NO_VALUE = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
_IDENTITIES = frozenset({"agent.id", "host.id", "host.name", "service.instance.id", "container.id", "k8s.pod.uid"})
_DEEPEST = 8
_MOST_ATTRIBUTES = 2 * MOST_LABELS  # some say nothing and become no label

Told = dict[str, str]


def inflated(body: bytes, most: int = MOST_BYTES) -> bytes:
    """What gzip holds. Raises `Malformed`, `TooLarge`."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        content = inflater.decompress(body, most)
    except zlib.error as problem:
        raise Malformed("the body is not gzip") from problem
    if inflater.unconsumed_tail:
        raise TooLarge(f"the body holds more than {most} bytes")
    if not inflater.eof:
        raise Malformed("the body is cut off")
    return content


def from_protobuf(body: bytes) -> ExportMetricsServiceRequest:
    """Raises `Malformed`."""
    try:
        return ExportMetricsServiceRequest.FromString(body)
    except DecodeError as problem:
        raise Malformed("the body is no ExportMetricsServiceRequest") from problem


def from_json(body: bytes) -> ExportMetricsServiceRequest:
    """The same from OTLP's JSON: unknown fields are passed over, ids are hexadecimal. Raises `Malformed`, `TooLarge`."""
    if len(body) > MOST_JSON_BYTES:
        raise TooLarge(f"the body holds more than {MOST_JSON_BYTES} bytes of JSON; send less at once, or protobuf")
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise Malformed("the body is not JSON") from problem
    if not isinstance(told, dict):
        raise Malformed("the body is not a JSON object")
    _without_exemplars(told)
    try:
        return ParseDict(told, ExportMetricsServiceRequest(), ignore_unknown_fields=True, max_recursion_depth=50)
    except (ParseError, RecursionError) as problem:
        raise Malformed(f"the body is no ExportMetricsServiceRequest: {problem}") from problem


def _without_exemplars(told: Any) -> None:
    """Exemplars hold trace ids, which OTLP writes in hexadecimal and protobuf's JSON in base64. They are not kept.

    Raises `TooLarge` for more values than one request may have.
    """
    waiting, seen = [told], 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            value.pop("exemplars", None)
            inner: Collection[Any] = value.values()
        elif isinstance(value, list):
            inner = value
        else:
            continue
        seen += len(inner)
        if seen > MOST_JSON_VALUES:
            raise TooLarge(f"the body holds more than {MOST_JSON_VALUES} values of JSON; send less at once, or protobuf")
        waiting.extend(inner)


def decode(request: ExportMetricsServiceRequest, tenant: bytes, known: Known, agent: str = "") -> Incoming:
    """All points; `tenant` is what `incoming.person` made, `agent` who sent what says nothing of where it is from.

    Raises `TooLarge`.
    """
    _check_size(request)
    incoming = Incoming()
    for told in request.resource_metrics:
        if len(told.resource.attributes) > _MOST_ATTRIBUTES:
            raise TooLarge(f"a resource has more than {_MOST_ATTRIBUTES} attributes")
        resource = _attributes(told.resource.attributes)
        if agent and not _IDENTITIES & resource.keys():
            resource["agent.id"] = agent
        for scope in told.scope_metrics:
            around = resource | ({"otel.scope.name": scope.scope.name} if scope.scope.name else {})
            reader = _Reader(incoming, known, tenant, around)
            for metric in scope.metrics:
                reader.read(metric)
    incoming.received += len(incoming.times)
    return incoming


def _check_size(request: ExportMetricsServiceRequest) -> None:
    """Counts before anything is made of it: resources, scopes and metrics, and the points they become."""
    groups, points = len(request.resource_metrics), 0
    for told in request.resource_metrics if groups <= MOST_SERIES else ():
        groups += len(told.scope_metrics)
        for scope in told.scope_metrics if groups <= MOST_SERIES else ():
            groups += len(scope.metrics)
            for metric in scope.metrics if groups <= MOST_SERIES else ():
                points += _size(metric)
                if points > MOST_POINTS:
                    raise TooLarge(f"the request holds more than {MOST_POINTS} points")
    if groups > MOST_SERIES:
        raise TooLarge(f"the request holds more than {MOST_SERIES} resources, scopes and metrics")


def _size(metric: Any) -> int:
    """About how many samples a metric becomes: of a histogram or summary every bucket and quantile is one."""
    kind = metric.WhichOneof("data")
    if kind is None:
        return 0
    points = getattr(metric, kind).data_points
    found = len(points)
    if kind in ("histogram", "summary") and found <= MOST_POINTS:
        inner = "bucket_counts" if kind == "histogram" else "quantile_values"
        found += sum(len(getattr(point, inner)) for point in points)
    return found


class _Reader:
    """Points of one scope of one resource."""

    def __init__(self, incoming: Incoming, known: Known, tenant: bytes, around: Told) -> None:
        self._incoming, self._known, self._tenant, self._around = incoming, known, tenant, around
        self._mark = dumps(tuple(sorted(around.items())), 2)

    def read(self, metric: Any) -> None:
        """All points of a metric."""
        match metric.WhichOneof("data"):
            case "gauge":
                self._numbers(metric.name, metric.gauge.data_points, SeriesKind.GAUGE)
            case "sum":
                rising = SeriesKind.COUNTER if metric.sum.is_monotonic else SeriesKind.GAUGE
                self._numbers(metric.name, metric.sum.data_points, _kind(metric.sum, rising))
            case "histogram":
                self._histograms(metric.name, metric.histogram.data_points, _kind(metric.histogram))
            case "exponential_histogram":
                self._histograms(metric.name, metric.exponential_histogram.data_points, _kind(metric.exponential_histogram))
            case "summary":
                for point in metric.summary.data_points:
                    self._counted(metric.name, point, SeriesKind.COUNTER)
                    for each in point.quantile_values:
                        more = {"quantile": f"{each.quantile:.12g}"}
                        self._point(metric.name, point, each.value, SeriesKind.GAUGE, more)

    def _numbers(self, name: str, points: Iterable[Any], kind: SeriesKind) -> None:
        for point in points:
            if point.HasField("as_double"):
                self._point(name, point, point.as_double, kind)
            elif point.HasField("as_int") or point.flags & _NO_VALUE:
                self._point(name, point, float(point.as_int), kind)
            else:
                self._incoming.refuse("without a value", 1)

    def _histograms(self, name: str, points: Iterable[Any], kind: SeriesKind) -> None:
        for point in points:
            self._counted(name, point, kind)
            # An exponential histogram has no bounds of its own to name a series by.
            total = 0
            for count, bound in zip(getattr(point, "bucket_counts", ()), _bounds(point), strict=False):
                total += count
                self._point(f"{name}_bucket", point, float(total), kind, {"le": bound})

    def _counted(self, name: str, point: Any, kind: SeriesKind) -> None:
        self._point(f"{name}_count", point, float(point.count), kind)
        if _has_sum(point):
            self._point(f"{name}_sum", point, point.sum, kind)

    def _point(self, name: str, point: Any, value: float, kind: SeriesKind, more: Told | None = None) -> None:
        incoming = self._incoming
        if not point.time_unix_nano:
            incoming.refuse("without a time", 1)
            return
        if len(point.attributes) > _MOST_ATTRIBUTES:
            incoming.refuse(f"with more than {MOST_LABELS} labels", 1)
            return
        said = tuple(attribute.SerializeToString() for attribute in point.attributes)
        facts: Any = (self._mark, name.encode(), kind.encode(), said, *(more or {}).values())
        key = key_of(dumps(facts, 2), self._tenant)
        owner = self._known.get(key, 0) or incoming.begin(key, lambda: self._labels(name, point, more), kind)
        if isinstance(owner, str):
            incoming.refuse(owner, 1)
            return
        incoming.add(owner, point.time_unix_nano // 1_000_000, STALE if point.flags & _NO_VALUE else value)

    def _labels(self, name: str, point: Any, more: Told | None) -> Labels:
        told = _attributes(point.attributes)
        around = {
            (f"resource.{each}" if told.get(each, value) != value else each): value for each, value in self._around.items()
        }
        return labels_of(around | told | (more or {}) | {NAME: name})


def _kind(data: Any, otherwise: SeriesKind = SeriesKind.COUNTER) -> SeriesKind:
    return SeriesKind.DELTA if data.aggregation_temporality == _DELTA else otherwise


def _has_sum(point: Any) -> bool:
    # Optional in histograms, plain in summaries.
    field = point.DESCRIPTOR.fields_by_name["sum"]
    return point.HasField("sum") if field.has_presence else True


def _bounds(point: Any) -> Iterator[str]:
    yield from (f"{bound:.12g}" for bound in getattr(point, "explicit_bounds", ()))
    yield "+Inf"


def _attributes(attributes: Iterable[Any]) -> Told:
    told = {each.key: _text(each.value)[:LONGEST_VALUE] for each in attributes}
    told.pop(NAME, None)
    return told


def _text(value: Any) -> str:
    found = _plain(value, _DEEPEST)
    if isinstance(found, str):
        return found
    return "" if found is None else orjson.dumps(found).decode()


def _plain(value: Any, deeper: int) -> Any:
    kind = value.WhichOneof("value")
    if kind is None or not deeper:
        return None
    found = getattr(value, kind)
    match kind:
        case "bytes_value":
            return base64.b64encode(found).decode()
        case "array_value":
            return [_plain(each, deeper - 1) for each in found.values]
        case "kvlist_value":
            return {each.key: _plain(each.value, deeper - 1) for each in found.values}
        case _:
            return found
