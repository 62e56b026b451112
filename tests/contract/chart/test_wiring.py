"""What the chart tells each process is what the code asks for: settings, secrets, peers, consumers, topics, ports."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from chassis.events.topics import AUDIT_TOPIC, DEAD_PARTITIONS, PARTITIONS, TopicSettings, dead_topic, public_topic, wanted
from chassis.peers import SERVICES
from chassis.settings import Settings
from docs.generate.events import _subscriptions
from services.auth.realm.command import ProvisionSettings
from services.auth.realm.wanted import Wishes
from stack.options import ROOT
from stack.services import ROLES
from tests.support.chart import CHART, PRESETS, Object, containers, kinds, named, objects, of, pods, refusal, settings_of

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
# Read by chassis.settings before the settings themselves.
FOLDER = "ITSM_SECRETS_DIR"
# What a process that serves cannot do without, whatever its settings have as a default for development.
NEEDED = {
    "ITSM_ENVIRONMENT",
    "ITSM_INSTALLATION",
    "ITSM_EPOCH",
    "ITSM_LISTEN",
    "ITSM_MANAGEMENT_LISTEN",
    "ITSM_MONGO_URI",
    "ITSM_KAFKA_BOOTSTRAP",
    "ITSM_KAFKA_PROTOCOL",
    "ITSM_OIDC_ISSUER",
    "ITSM_TOKEN_ISSUER_JWKS",
    "ITSM_CLIENT_ID",
    "ITSM_CLIENT_SECRET",
    "ITSM_PAGE_TOKEN_KEY",
}
OWN = {
    "auth": {"ITSM_SIGNING_SECRET"},
    "monitor": {"ITSM_INGEST_LISTEN", "ITSM_OTLP_LISTEN"},
    "gateway": {
        "ITSM_PUBLIC_URL",
        "ITSM_GRPC_LISTEN",
        "ITSM_CONSOLE_CLIENT_ID",
        "ITSM_CONSOLE_CLIENT_SECRET",
        "ITSM_WEBHOOK_KEY",
        "ITSM_RATE_REPLICAS",
    },
}
SASL = {"ITSM_KAFKA_USERNAME", "ITSM_KAFKA_PASSWORD"}
# Never in an installation (chassis/settings.py).
DEVELOPMENT = {"ITSM_CLOCK_FILE", "ITSM_FAILPOINTS"}


def variables(kind: type[Settings]) -> set[str]:
    return {f"ITSM_{name.upper()}" for name in kind.model_fields}


def peers(service: str) -> set[str]:
    """Whom a service is told to call: its settings that end in `_target`. All have that of auth, which calls not itself."""
    found = {name.removesuffix("_target") for name in settings_of(service).model_fields if name.endswith("_target")}
    return found - ({service} if service == "auth" else set())


def given(pod: Object, container: Object) -> dict[str, Any]:
    """The variables of a container, and the files of its folder of secrets, which count as variables too."""
    found = {each["name"]: each.get("value", each.get("valueFrom")) for each in container.get("env", ())}
    for volume in pod["spec"].get("volumes", ()):
        mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        if mounts.get(volume["name"]) != found.get(FOLDER, ""):
            continue
        for source in volume["projected"]["sources"]:
            found |= {item["path"].upper(): source["secret"]["name"] for item in source["secret"]["items"]}
    return found


def serving(found: list[Object]) -> Iterator[tuple[str, Object, dict[str, Any]]]:
    for deployment in kinds(found, "Deployment"):
        pod = deployment["spec"]["template"]
        container = pod["spec"]["containers"][0]
        if container["name"] in SERVICES:
            yield container["name"], container, given(pod, container)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_runs_every_service(name: str) -> None:
    assert sorted(service for service, _, _ in serving(of(name))) == sorted(SERVICES)


@pytest.mark.parametrize("name", PRESETS)
def test_every_variable_of_a_service_is_one_of_its_settings(name: str) -> None:
    for service, _, told in serving(of(name)):
        ours = {variable for variable in told if variable.startswith("ITSM_")}
        assert ours - {FOLDER} <= variables(settings_of(service)), service
        assert not ours & DEVELOPMENT, service


@pytest.mark.parametrize("name", PRESETS)
def test_every_service_is_told_all_that_it_needs(name: str) -> None:
    for service, _, told in serving(of(name)):
        needed = NEEDED | OWN.get(service, set()) | {f"ITSM_{peer.upper()}_TARGET" for peer in peers(service)}
        if told["ITSM_KAFKA_PROTOCOL"].startswith("SASL"):
            needed |= SASL
        assert not {variable for variable in needed if not told.get(variable)}, service


@pytest.mark.parametrize("name", PRESETS)
def test_the_code_accepts_what_a_service_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for service, _, told in serving(of(name)):
        with monkeypatch.context() as context:
            for variable, value in told.items():
                if variable != FOLDER and variable.startswith("ITSM_"):
                    context.setenv(variable, value if isinstance(value, str) else "x")
            loaded = settings_of(service)()
        assert loaded.environment == "production"
        assert not loaded.migrates_at_start


def test_settings_of_ones_own_reach_the_service_that_they_are_for() -> None:
    found = objects("--set", "services.monitor.settings.ITSM_RULES_SECONDS=30")
    told = {service: each for service, _, each in serving(found)}
    assert told["monitor"]["ITSM_RULES_SECONDS"] == "30"
    assert not any("ITSM_RULES_SECONDS" in each for service, each in told.items() if service != "monitor")


@pytest.mark.parametrize("name", PRESETS)
def test_every_variable_of_a_job_is_one_of_its_settings_and_the_code_accepts_them(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for job in kinds(of(name), "Job"):
        pod = job["spec"]["template"]
        component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
        migrated = re.search(r"-migrate-(\w+)-", job["metadata"]["name"])
        commands: dict[str, type[Settings]] = {"topics": TopicSettings, "realm": ProvisionSettings}
        kind = settings_of(migrated[1]) if migrated else commands.get(component)
        for container in pod["spec"]["containers"]:
            told = given(pod, container)
            if kind is None:
                continue  # of backing, whose programs take arguments
            ours = {variable for variable in told if variable.startswith("ITSM_")} - {FOLDER}
            assert ours <= variables(kind), job["metadata"]["name"]
            with monkeypatch.context() as context:
                for variable in ours:
                    context.setenv(variable, str(told[variable]))
                kind()


def test_a_provision_job_that_lacks_something_would_be_noticed() -> None:
    with pytest.raises(ValidationError):
        ProvisionSettings()


def test_who_calls_whom_is_what_the_settings_of_the_services_say() -> None:
    declared = {client: set(servers) for client, servers in VALUES["networkPolicy"]["peers"].items()}
    assert declared == {service: peers(service) for service in SERVICES if peers(service)}


def test_network_policies_allow_exactly_the_calls_of_the_matrix() -> None:
    matrix = VALUES["networkPolicy"]["peers"]
    out, into = defaultdict(set), defaultdict(set)
    for policy in kinds(of("default"), "NetworkPolicy"):
        component = policy["spec"]["podSelector"]["matchLabels"].get("app.kubernetes.io/component")
        for rule in policy["spec"].get("egress", ()):
            if any(port.get("port") == 50051 for port in rule.get("ports", ())):
                out[component] |= _components(rule["to"])
        for rule in policy["spec"].get("ingress", ()):
            if any(port.get("port") == "grpc" for port in rule.get("ports", ())):
                into[component] |= _components(rule["from"])
    assert out == {client: set(servers) for client, servers in matrix.items()}
    called = {(client, server) for client, servers in matrix.items() for server in servers}
    assert {(client, server) for server, clients in into.items() for client in clients} == called


def _components(peers_of_rule: list[Object]) -> set[str]:
    found = set()
    for peer in peers_of_rule:
        for expression in peer["podSelector"].get("matchExpressions", ()):
            found |= set(expression["values"])
    return found


def test_with_mtls_a_service_answers_those_that_call_it_and_itself_alone() -> None:
    matrix = VALUES["networkPolicy"]["peers"]
    for service, _, told in serving(of("tls")):
        allowed = set(told["ITSM_TLS_CLIENTS"].split(","))
        callers = {client for client, servers in matrix.items() if service in servers} | {service}
        assert allowed == {f"spiffe://itsm/ns/itsm-system/{caller}" for caller in callers} | {
            "spiffe://example.com/ops/debugger"
        }


def test_a_certificate_carries_the_identity_that_others_know_the_service_by() -> None:
    for certificate in kinds(of("tls"), "Certificate"):
        service = certificate["metadata"]["labels"]["app.kubernetes.io/component"]
        assert certificate["spec"]["uris"] == [f"spiffe://itsm/ns/itsm-system/{service}"]
        assert f"itsm-{service}-headless.itsm-system.svc" in certificate["spec"]["dnsNames"]


def test_every_address_of_a_peer_is_a_headless_service_of_the_release() -> None:
    found = of("default")
    headless = {each["metadata"]["name"] for each in kinds(found, "Service") if each["spec"].get("clusterIP") == "None"}
    seen = 0
    for _, _, told in serving(found):
        for variable, value in told.items():
            if variable.endswith("_TARGET"):
                assert value.startswith("dns:///")
                host, _, port = value.removeprefix("dns:///").partition(":")
                name, _, domain = host.partition(".")
                assert (domain, port) == ("itsm-system.svc.cluster.local", "50051")
                assert name in headless
                seen += 1
    assert seen == sum(len(peers(service)) for service in SERVICES)


def test_consumers_that_keda_scales_by_are_the_ones_of_the_code() -> None:
    components = [*VALUES["services"].values(), VALUES["gateway"]]
    declared = {group: set(topics) for each in components for group, topics in each.get("consumes", {}).items()}
    real = {f"itsm.{service}.{group.group}": set(group.topics) for service in SERVICES for group in _subscriptions(service)}
    assert declared == real
    # Wherever in a service a group is made, the look above has to find it.
    made = {
        f"itsm.{service}.{group}"
        for service in SERVICES
        for file in (ROOT / "services" / service).rglob("*.py")
        for group in re.findall(r'Subscriptions\("(\w+)"', file.read_text())
    }
    assert made <= set(real)


def test_a_service_never_scales_beyond_the_partitions_that_it_reads() -> None:
    for scaled in kinds(of("keda"), "ScaledObject"):
        assert scaled["spec"]["maxReplicaCount"] <= PARTITIONS


def test_topics_of_the_operator_are_the_ones_of_the_code() -> None:
    declared = {each["spec"]["topicName"]: each["spec"]["partitions"] for each in kinds(of("strimzi"), "KafkaTopic")}
    assert declared == {topic.name: topic.num_partitions for topic in wanted()}
    assert declared[AUDIT_TOPIC] == declared[public_topic("asset")] == PARTITIONS
    assert declared[dead_topic("auth")] == DEAD_PARTITIONS


def test_the_realm_job_wishes_for_what_the_code_reads_with_a_secret_for_each() -> None:
    found = of("default")
    wishes = named(found, "ConfigMap", "itsm-realm")["data"]["wishes.json"]
    job = next(each for each in kinds(found, "Job") if "-realm-" in each["metadata"]["name"])
    volumes = {volume["name"]: volume for volume in job["spec"]["template"]["spec"]["volumes"]}
    files = {item["path"] for source in volumes["realm-secrets"]["projected"]["sources"] for item in source["secret"]["items"]}
    assert set(yaml.safe_load(wishes)) <= set(Wishes.model_fields)
    clients = {f"client.itsm-{service}" for service in SERVICES} | {"client.itsm-console"}
    assert files == clients | {f"user.{role}" for role in ROLES} | {f"token.{role}" for role in ROLES}
    assert set(yaml.safe_load(wishes)["users"]) == set(ROLES)


@pytest.mark.parametrize("name", PRESETS)
def test_ports_that_probes_services_and_settings_name_are_ports_of_the_container(name: str) -> None:
    found = of(name)
    for service, container, told in serving(found):
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert {container[f"{probe}Probe"]["httpGet"]["port"] for probe in ("startup", "readiness", "liveness")} == {"mgmt"}
        assert told["ITSM_MANAGEMENT_LISTEN"].endswith(f":{ports['mgmt']}")
        listens = {int(told[each].rpartition(":")[2]) for each in told if each.endswith("_LISTEN")}
        assert listens == set(ports.values())
        for each in kinds(found, "Service"):
            if each["spec"]["selector"].get("app.kubernetes.io/component") == service:
                assert {port["targetPort"] for port in each["spec"]["ports"]} <= set(ports)


@pytest.mark.parametrize("name", PRESETS)
def test_every_volume_that_is_mounted_exists_and_every_volume_is_mounted(name: str) -> None:
    for owner, pod in pods(of(name)):
        volumes = {volume["name"] for volume in pod["spec"].get("volumes", ())}
        volumes |= {claim["metadata"]["name"] for claim in owner["spec"].get("volumeClaimTemplates", ())}
        every = [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]
        mounted = {mount["name"] for container in every for mount in container.get("volumeMounts", ())}
        assert mounted == volumes, owner["metadata"]["name"]


def test_a_service_that_is_left_out_is_nobodys_peer() -> None:
    found = objects("--set", "services.analytics.enabled=false")
    told = {service: each for service, _, each in serving(found)}
    assert sorted(told) == sorted(set(SERVICES) - {"analytics"})
    assert not any("analytics" in each["metadata"]["name"] for each in kinds(found, "Deployment", "Service", "NetworkPolicy"))
    assert not any("ITSM_ANALYTICS_TARGET" in each for each in told.values())


@pytest.mark.parametrize("service", ["auth", "gateway"])
def test_what_all_others_need_cannot_be_left_out(service: str) -> None:
    key = "gateway.enabled" if service == "gateway" else f"services.{service}.enabled"
    assert f"{service} cannot be left out" in refusal("--set", f"{key}=false")


def test_every_container_is_of_a_component_that_there_is_an_image_for() -> None:
    for name in PRESETS:
        for _, container in containers(of(name)):
            component = container["image"].partition("@")[0].rsplit("/", 1)[-1].split(":")[0]
            assert component in {*SERVICES, "mongod", "kafka", "keycloak"}, container["image"]
