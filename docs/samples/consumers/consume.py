"""Reads events with aiokafka and prints a line for each change: what a system beside the platform does.

ITSM_KAFKA_BOOTSTRAP, ITSM_KAFKA_USERNAME, ITSM_KAFKA_PASSWORD, ITSM_KAFKA_TOPICS and ITSM_KAFKA_GROUP say where and as whom.
"""
# ruff: noqa: T201, TID251 - a program of its own, which has no settings of ours

import asyncio
import json
import os
import sys

from aiokafka import AIOKafkaConsumer


def read(record, seen):
    """A line for a change that is new, else nothing. Raises `ValueError` or `KeyError` for what can never be read."""
    headers = {name: value.decode() for name, value in record.headers}
    version = int(headers["ce_itsmepoch"]), int(headers["ce_itsmversion"])
    if seen.get(record.key, (0, 0)) >= version:
        return None  # delivered again, or published again
    data = json.loads(record.value)
    seen[record.key] = version
    return {"id": headers["ce_id"], "type": headers["ce_type"], "subject": headers["ce_subject"], "version": version[1],
            "fields": sorted(data)}  # fmt: skip


async def main():
    """Reads for ever. A position is committed after its records were handled, never before."""
    consumer = AIOKafkaConsumer(
        *os.environ["ITSM_KAFKA_TOPICS"].split(","),
        bootstrap_servers=os.environ["ITSM_KAFKA_BOOTSTRAP"],
        security_protocol="SASL_PLAINTEXT",  # SASL_SSL in production
        sasl_mechanism="SCRAM-SHA-256",
        sasl_plain_username=os.environ["ITSM_KAFKA_USERNAME"],
        sasl_plain_password=os.environ["ITSM_KAFKA_PASSWORD"],
        group_id=os.environ["ITSM_KAFKA_GROUP"],
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    seen = {}  # keep it beside the effects, in the same transaction, so that it survives a restart
    await consumer.start()
    try:
        while True:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    try:
                        line = read(record, seen)
                    except (ValueError, KeyError) as error:
                        place = f"{record.topic}/{record.partition}@{record.offset}"
                        print(f"set aside: {place}: {error!r}", file=sys.stderr, flush=True)
                        continue  # keep the bytes somewhere for a person; others go on
                    if line:
                        print(json.dumps(line), flush=True)
            await consumer.commit()
    finally:
        await consumer.stop()


asyncio.run(main())
