"""Mail in the chart: off unless wanted; then settings, secret, port and rules of the network say the same."""

from typing import Any

from services.gateway.app import Settings
from tests.support.chart import named, objects, refusal

POLICY, GATEWAY = "itsm-gateway", "itsm-gateway"
OUT = ("--set", "gateway.mail.smtpUrl=smtp://mail.example:587", "--set", "gateway.mail.from=itsm@example.org")
IN = ("--set", "gateway.mail.receives=smtp", "--set-json", 'gateway.mail.receivesFrom=[{"ipBlock":{"cidr":"10.1.0.7/32"}}]')


def told(found: list[Any]) -> dict[str, Any]:
    """The variables of the gateway about mail."""
    (container,) = named(found, "Deployment", GATEWAY)["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each.get("value") for each in container["env"] if "MAIL" in each["name"] or "SMTP" in each["name"]}


def ports(rules: list[Any]) -> set[Any]:
    return {port["port"] for rule in rules for port in rule.get("ports", ())}


def test_no_mail_goes_or_comes_unless_it_is_wanted() -> None:
    found = objects()
    policy = named(found, "NetworkPolicy", POLICY)["spec"]
    assert told(found) == {}
    assert not {25, 465, 587} & ports(policy["egress"])
    assert "mail" not in ports(policy.get("ingress", []))
    assert "mail" not in {each["name"] for each in named(found, "Service", GATEWAY)["spec"]["ports"]}


def test_mail_goes_out_with_the_password_as_a_file_and_the_way_open() -> None:
    login = ("--set", "gateway.mail.username=itsm", "--set", "gateway.mail.existingSecret=mail")
    found = objects(*OUT, *login)
    variables = told(found)
    assert variables == {
        "ITSM_SMTP_URL": "smtp://mail.example:587",
        "ITSM_SMTP_USERNAME": "itsm",
        "ITSM_MAIL_FROM": "itsm@example.org",
    }
    read = Settings(**{name.removeprefix("ITSM_").lower(): value for name, value in variables.items()})
    assert read.mail_server() is not None
    volumes = named(found, "Deployment", GATEWAY)["spec"]["template"]["spec"]["volumes"]
    sources = [
        source["secret"] for each in volumes for source in each.get("projected", {}).get("sources", ()) if "secret" in source
    ]
    (secret,) = [each for each in sources if each["name"] == "mail"]
    assert secret["items"] == [{"key": "smtp-password", "path": "itsm_smtp_password"}]
    assert {25, 465, 587} <= ports(named(found, "NetworkPolicy", POLICY)["spec"]["egress"])


def test_mail_comes_in_from_whom_the_values_name() -> None:
    found = objects(*IN)
    assert told(found) == {"ITSM_MAIL_LISTEN": ":2525", "ITSM_MAIL_PROTOCOL": "smtp"}
    (rule,) = [each for each in named(found, "NetworkPolicy", POLICY)["spec"]["ingress"] if "mail" in ports([each])]
    assert rule["from"] == [{"ipBlock": {"cidr": "10.1.0.7/32"}}]
    assert {"name": "mail", "port": 2525, "targetPort": "mail"} in named(found, "Service", GATEWAY)["spec"]["ports"]
    nobody = named(objects(*IN[:2]), "NetworkPolicy", POLICY)["spec"]
    assert "mail" not in ports(nobody.get("ingress", []))


def test_tenants_have_the_domains_that_the_values_give_them() -> None:
    given = ("--set-json", 'gateway.mail.domains={"other":["desk@other.example"],"main":["example.org","example.net"]}')
    assert told(objects(*given)) == {"ITSM_MAIL_DOMAINS": "main=example.org,example.net;other=desk@other.example"}
    assert "domains" in refusal("--set-json", 'gateway.mail.domains={"main":["example.org;other=example.net"]}')


def test_servers_whose_word_counts_are_those_that_the_values_name() -> None:
    named_ones = ("--set-json", 'gateway.mail.authservIds=["mx.example.org","mx2.example.org"]')
    assert told(objects(*named_ones)) == {"ITSM_MAIL_AUTHSERV_IDS": "mx.example.org,mx2.example.org"}


def test_what_could_not_work_is_refused() -> None:
    assert "gateway.mail.from is needed" in refusal(*OUT[:2])
    assert "smtpUrl" in refusal("--set", "gateway.mail.smtpUrl=smtp://user:secret@mail.example")
