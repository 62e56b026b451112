"""Whether Kubernetes would take an object: the published schemas of its own kinds, closed shapes of ours for those of others.

The schemas of Kubernetes come with the package `kubernetes-validate`; it reads them anew for every object, which would cost
minutes, so they are kept here.
"""

import functools
import re
from typing import Any

import jsonschema
from kubernetes_validate import utils
from referencing import Registry, Resource

from tests.support.chart import Object, title

_ALIAS = re.compile(r"^([^./]*)(?:\.[^/]*)?/")


def versions(least: str) -> tuple[str, str]:
    """The oldest and the newest version that there are schemas for, from `least` (as in 1.29) on."""
    known = sorted({tuple(int(part) for part in version.split(".")[:2]) for version in utils.all_versions()})
    wanted = tuple(int(part) for part in least.split(".")[:2])
    usable = [version for version in known if version >= wanted]
    return f"{usable[0][0]}.{usable[0][1]}", f"{usable[-1][0]}.{usable[-1][1]}"


@functools.cache
def _registry(version: str) -> Registry[Any]:
    definitions = utils.schema_contents(f"kubernetes-json-schema/v{version}.0-local-strict/_definitions.json", version)
    registry: Registry[Any] = Registry()
    return Resource.from_contents(definitions) @ registry


@functools.cache
def _validator(version: str, kind: str, api: str) -> jsonschema.Draft202012Validator | None:
    # networking.k8s.io/v1 is networking-v1 there.
    name = f"{kind.lower()}-" + _ALIAS.sub(r"\1-", api)
    try:
        schema = utils.schema_contents(f"kubernetes-json-schema/v{version}.0-local-strict/{name}.json", version)
    except FileNotFoundError:
        return None
    registry = Resource.from_contents(schema) @ _registry(version)
    return jsonschema.Draft202012Validator(schema, registry=registry)


def problems(found: Object, version: str) -> list[str]:
    """What is wrong with an object, in the words of the schema; a kind that nobody knows is a problem too."""
    validator = _validator(version, found["kind"], found["apiVersion"])
    if validator is None:
        shape = SHAPES.get((found["apiVersion"], found["kind"]))
        if shape is None:
            return [f"{title(found)}: no schema for {found['apiVersion']} {found['kind']} in {version}"]
        validator = jsonschema.Draft202012Validator(shape)
    return [f"{title(found)}: {error.json_path}: {error.message}" for error in validator.iter_errors(found)]


def _closed(required: str = "", /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": required.split()}


def _list(of: Any) -> dict[str, Any]:
    return {"type": "array", "items": of, "minItems": 1}


_TEXT = {"type": "string", "minLength": 1}
_NUMBER = {"type": "integer", "minimum": 0}
_FLAG = {"type": "boolean"}
_MAP = {"type": "object", "additionalProperties": {"type": "string"}}
_DURATION = {"type": "string", "pattern": r"^([0-9]+(h|m|s|ms))+$"}
_METADATA = _closed("name", name=_TEXT, namespace=_TEXT, labels=_MAP, annotations=_MAP)


def _kind(spec: dict[str, Any]) -> dict[str, Any]:
    return _closed("apiVersion kind metadata spec", apiVersion=_TEXT, kind=_TEXT, metadata=_METADATA, spec=spec)


_BACKENDS = _list(_closed("name port", name=_TEXT, port=_NUMBER))
_PATH = _closed("type value", type={"enum": ["Exact", "PathPrefix"]}, value={"type": "string", "pattern": "^/"})
# The Gateway API takes at most 8 matches in a rule and 16 rules in a route.
_ROUTE_RULE = _closed(
    "matches backendRefs",
    matches=_list(_closed("path", path=_PATH)) | {"maxItems": 8},
    filters={"type": "array"},
    timeouts=_closed(request=_DURATION, backendRequest=_DURATION),
    backendRefs=_BACKENDS,
)
_TARGET = _closed("apiVersion kind name", apiVersion=_TEXT, kind=_TEXT, name=_TEXT)
_TRIGGER = _closed(
    "type metadata",
    type={"enum": ["cpu", "kafka"]},
    metricType={"const": "Utilization"},
    # Every value of a trigger is text, numbers and truth too.
    metadata=_MAP,
    authenticationRef=_closed("name", name=_TEXT),
)
_BEHAVIOR = _closed(scaleDown=_closed("stabilizationWindowSeconds", stabilizationWindowSeconds=_NUMBER))
_ALERT = _closed("alert expr labels annotations", alert=_TEXT, expr=_TEXT, labels=_MAP, annotations=_MAP, **{"for": _DURATION})

SHAPES: dict[tuple[str, str], dict[str, Any]] = {
    ("monitoring.coreos.com/v1", "ServiceMonitor"): _kind(
        _closed(
            "selector endpoints",
            selector=_closed("matchLabels", matchLabels=_MAP),
            namespaceSelector=_closed("matchNames", matchNames=_list(_TEXT)),
            targetLabels=_list(_TEXT),
            endpoints=_list(
                _closed(
                    "port path",
                    port=_TEXT,
                    path=_TEXT,
                    interval=_DURATION,
                    scrapeTimeout=_DURATION,
                    relabelings={"type": "array"},
                    metricRelabelings={"type": "array"},
                )
            ),
        )
    ),
    ("monitoring.coreos.com/v1", "PrometheusRule"): _kind(
        _closed("groups", groups=_list(_closed("name rules", name=_TEXT, rules=_list(_ALERT), interval=_DURATION)))
    ),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): _kind(
        _closed(
            "parentRefs rules",
            parentRefs=_list(_closed("name", name=_TEXT, namespace=_TEXT, sectionName=_TEXT, port=_NUMBER)),
            hostnames=_list(_TEXT),
            rules=_list(_ROUTE_RULE) | {"maxItems": 16},
        )
    ),
    ("keda.sh/v1alpha1", "ScaledObject"): _kind(
        _closed(
            "scaleTargetRef minReplicaCount maxReplicaCount triggers",
            scaleTargetRef=_TARGET,
            minReplicaCount=_NUMBER | {"minimum": 1},
            maxReplicaCount=_NUMBER,
            cooldownPeriod=_NUMBER,
            advanced=_closed(horizontalPodAutoscalerConfig=_closed(behavior=_BEHAVIOR)),
            triggers=_list(_TRIGGER),
        )
    ),
    ("keda.sh/v1alpha1", "TriggerAuthentication"): _kind(
        _closed(
            "secretTargetRef",
            secretTargetRef=_list(_closed("parameter name key", parameter=_TEXT, name=_TEXT, key=_TEXT)),
        )
    ),
    ("cert-manager.io/v1", "Certificate"): _kind(
        _closed(
            "secretName issuerRef dnsNames",
            secretName=_TEXT,
            issuerRef=_closed("name kind group", name=_TEXT, kind={"enum": ["Issuer", "ClusterIssuer"]}, group=_TEXT),
            duration=_DURATION,
            renewBefore=_DURATION,
            privateKey=_closed(
                algorithm={"enum": ["ECDSA", "RSA", "Ed25519"]}, size=_NUMBER, rotationPolicy={"const": "Always"}
            ),
            usages=_list({"enum": ["digital signature", "server auth", "client auth"]}),
            dnsNames=_list({"type": "string", "maxLength": 253}),
            uris=_list({"type": "string", "pattern": "^spiffe://"}),
        )
    ),
    ("kafka.strimzi.io/v1", "KafkaTopic"): _kind(
        _closed(
            "topicName partitions replicas",
            topicName=_TEXT,
            partitions=_NUMBER,
            replicas=_NUMBER,
            config={"type": "object", "additionalProperties": {"type": ["integer", "string"]}},
        )
    ),
}
