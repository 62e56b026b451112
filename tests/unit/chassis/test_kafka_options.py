"""Where records go."""

from aiokafka.partitioner import DefaultPartitioner

from chassis.events.kafka import _partition


def test_a_key_goes_to_the_partition_that_every_client_of_kafka_would_choose() -> None:
    partitions = list(range(24))
    keys = [f"main/inc_{place}".encode() for place in range(500)]
    assert [_partition(key, partitions, []) for key in keys] == [DefaultPartitioner()(key, partitions, []) for key in keys]
    assert len({_partition(key, partitions, []) for key in keys}) == 24
