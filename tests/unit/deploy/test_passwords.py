"""The Secrets of an evaluation: each is named in the chart's Role, holds what its reader expects, and is never changed."""

import re
from urllib.parse import urlsplit

from chassis.peers import SERVICES
from deploy.backing.passwords import missing, wanted
from services.auth.domain.credential import Kind, Secret
from services.auth.domain.roles import ROLES
from stack.options import ROOT

HOST = "r-mongod-0.r-mongod.ns.svc.cluster.local:27017"
TEMPLATE = (ROOT / "helm/backing/templates/secrets.yaml").read_text()


def test_the_role_names_every_secret_and_no_other() -> None:
    (listed,) = re.findall(r"range \$suffix := list ([^}]*?) }}", TEMPLATE)
    single = {f"r-{name}" for name in re.findall(r'"([^"]+)"', listed)}
    per_service = {f"r-{kind}-{service}" for kind in ("mongodb", "kafka", "oidc-itsm") for service in SERVICES}
    assert set(wanted("r", HOST, "main")) == single | per_service


def test_a_service_signs_in_to_its_own_database() -> None:
    made = wanted("r", HOST, "main")
    for service in SERVICES:
        for key, user in (("uri", f"itsm_{service}"), ("migration-uri", f"itsm_{service}_migration")):
            address = urlsplit(made[f"r-mongodb-{service}"][key])
            assert (address.username, address.path, address.query) == (user, f"/itsm_{service}", "replicaSet=rs0")
            assert address.netloc.endswith(f"@{HOST}") and len(address.password or "") >= 32


def test_demonstration_users_have_a_password_and_a_token_of_their_tenant() -> None:
    users = wanted("r", HOST, "acme")["r-demo-users"]
    people = {name for name in users if not name.endswith(".token")}
    assert people <= set(ROLES) and "admin" in people
    for name in people:
        token = Secret.read(users[f"{name}.token"])
        assert (token.kind, token.tenant) == (Kind.PERSONAL, "acme")


def test_no_two_secrets_are_alike() -> None:
    first, second = (wanted("r", HOST, "main") for _ in range(2))
    fixed = {"username", "client-id"}
    for name, keys in first.items():
        for key, value in keys.items():
            assert (value == second[name][key]) == (key in fixed), f"{name}/{key}"


def test_what_is_there_is_left_alone_and_what_is_missing_is_added() -> None:
    want = {"username": "u", "password": "new"}
    assert missing(None, want) == want
    assert missing({"password": "b2xk"}, want) == {"username": "u"}
    assert missing({"password": "b2xk", "username": "dQ==", "other": ""}, want) == {}
