"""Every RPC says who may call it, in a table without wildcards: a new one without a policy fails here."""

import re

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from chassis.policy import ANONYMOUS, SIGNED_IN
from chassis.rpc.methods import methods
from services.auth.domain.roles import ROLES, SCOPES, SENSITIVE
from tests.support.rpcs import rpcs, services

# Callable by nobody in particular, each for a reason: what they take is itself the proof, or names nobody.
OPEN_TO_ALL = {
    "auth.v1.PolicyService/GetPolicy",
    "auth.v1.ExchangeService/Exchange",
    "auth.v1.ExchangeService/OpenSession",
    "auth.v1.ExchangeService/CloseSession",
    "auth.v1.ExchangeService/EndSessions",
    "gateway.v1.ConnectionService/NotifyConnection",
}
# Asked for inside of an RPC that a weaker permission opens, as its comment in the proto says, or by the ingestion listener.
ASKED_INSIDE = {"tokens.issue", "alerts.ingest", "samples.write"}

ASKED = {rpc.name: rpc.method.requires for rpc in rpcs()}
GRANTED = frozenset[str]().union(*ROLES.values())


def test_there_are_services_to_look_at() -> None:
    assert {"itsm.incident.v1.IncidentService", "itsm.auth.v1.TokenService"} <= set(services())


@pytest.mark.parametrize("rpc", ASKED)
def test_an_rpc_can_be_called_by_some_role(rpc: str) -> None:
    permission = ASKED[rpc]
    if permission == ANONYMOUS:
        assert rpc in OPEN_TO_ALL, "open to everybody: list it above, with the reason, or ask for a permission"
    elif permission != SIGNED_IN:
        assert permission in GRANTED, f"grant {permission} to a role in services/auth/domain/roles.py"


def test_no_role_has_a_wildcard() -> None:
    form = re.compile(r"[a-z][A-Za-z]*\.[a-z][A-Za-z]*")
    assert [name for name in GRANTED if not form.fullmatch(name)] == []


def test_no_role_has_a_permission_that_nothing_asks_for() -> None:
    assert GRANTED - set(ASKED.values()) - ASKED_INSIDE == set()


def test_tokens_that_may_do_what_is_sensitive_are_made_by_somebody_who_has_just_proved_who_he_is() -> None:
    assert {rpc.method.requires for rpc in rpcs() if rpc.method.step_up} | {"tokens.issue"} == SENSITIVE


def test_a_row_scope_is_of_a_role_and_a_resource_that_exist() -> None:
    resources = {permission.partition(".")[0] for permission in ASKED.values()}
    assert SCOPES.keys() <= ROLES.keys()
    assert {resource for scopes in SCOPES.values() for resource in scopes} <= resources


def test_an_rpc_without_a_permission_is_refused_at_start() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="planted/v1/planted.proto", package="planted.v1", syntax="proto3")
    file.message_type.add(name="Nothing")
    service = file.service.add(name="PlantedService")
    service.method.add(name="Forgotten", input_type=".planted.v1.Nothing", output_type=".planted.v1.Nothing")
    descriptor_pool.Default().Add(file)
    with pytest.raises(RuntimeError, match=r"Forgotten says no permission"):
        methods("planted.v1.PlantedService")
