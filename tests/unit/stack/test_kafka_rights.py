"""What each service may do on Kafka, read from the rows that the stack grants."""

import pytest

from chassis.events.topics import wanted as topics
from chassis.peers import SERVICES
from stack.kafka import READER, acl_rows, reader_rows, server_properties

TOPIC, GROUP, LITERAL, READ, WRITE = 2, 3, 3, 3, 4


def may(service: str, operation: int) -> set[str]:
    return {row[1] for row in acl_rows(service) if row[0] == TOPIC and row[5] == operation}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_writes_only_its_own_topics_and_the_audit_topic(service: str) -> None:
    assert may(service, WRITE) == {f"itsm.{service}.v1", f"itsm.{service}.v1.dead", "itsm.audit.v1"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_all_public_topics_and_no_dead_letters_but_its_own(service: str) -> None:
    public = {f"itsm.{other}.v1" for other in SERVICES}
    audit = {"itsm.audit.v1"} if service == "auth" else set()
    assert may(service, READ) == public | {f"itsm.{service}.v1.dead"} | audit


@pytest.mark.parametrize("service", SERVICES)
def test_topics_are_granted_one_by_one_and_groups_by_the_prefix_of_the_service(service: str) -> None:
    rows = acl_rows(service)
    assert all(row[2] == LITERAL for row in rows if row[0] == TOPIC)
    assert [row[1] for row in rows if row[0] == GROUP] == [f"itsm.{service}."]
    assert {row[3] for row in rows} == {f"User:itsm_{service}"}


def test_systems_beside_the_platform_read_public_topics_and_nothing_else() -> None:
    rows = reader_rows()
    assert {row[3] for row in rows} == {f"User:{READER}"}
    assert {row[5] for row in rows} == {READ}
    assert {row[1] for row in rows if row[0] == TOPIC} == {f"itsm.{service}.v1" for service in SERVICES}
    assert all(row[2] == LITERAL for row in rows if row[0] == TOPIC)
    assert [row[1] for row in rows if row[0] == GROUP] == ["reader."]


def test_every_topic_that_a_right_names_is_created() -> None:
    named = {row[1] for service in SERVICES for row in acl_rows(service) if row[0] == TOPIC}
    assert {topic.name for topic in topics()} == named


def test_public_topics_have_24_partitions_and_keep_30_days() -> None:
    public = [topic for topic in topics() if topic.name.endswith(".v1")]
    assert len(public) == len(SERVICES) + 1
    assert {topic.num_partitions for topic in public} == {24}
    assert {topic.topic_configs["retention.ms"] for topic in public} == {str(30 * 24 * 3600 * 1000)}


def test_the_broker_listens_on_the_loopback_alone_and_refuses_who_has_no_right(tmp_path) -> None:
    text = server_properties(21000, 21001, tmp_path, "broker-password", "controller-password")
    settings = dict(line.split("=", 1) for line in text.splitlines())
    assert len(settings) == len(text.splitlines())
    assert settings["listeners"] == "CLIENTS://127.0.0.1:21000,CONTROLLER://127.0.0.1:21001"
    assert settings["allow.everyone.if.no.acl.found"] == "false"
    assert settings["auto.create.topics.enable"] == "false"
    assert "PLAINTEXT" not in settings["listener.security.protocol.map"].replace("SASL_PLAINTEXT", "")
