"""What must hold after any fault: every function returns the violations it finds, in words, none when all is well.

I1 durable acknowledgement, I2 no phantom, I4 events are complete, I5 order for each key, I6 effects happen once, I11 no
lost update. `check` applies all of them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from tests.support.history import Event, Final, Operation, Outcome, Row


def check(operations: Iterable[Operation], final: Final) -> list[str]:
    """All violations of all invariants."""
    history = list(operations)
    return [
        *durable(history, final),
        *phantoms(history, final),
        *completeness(final),
        *order(final.events),
        *projections(final),
        *updates(history, final.rows),
    ]


def durable(history: list[Operation], final: Final) -> list[str]:
    """I1: each `ok` write is readable by id and in lists, with the acknowledged values or a later version."""
    wrong = []
    for operation in history:
        if operation.outcome is not Outcome.OK:
            continue
        for place, shown in (("by id", final.by_id), ("in lists", final.listed)):
            record = shown.get(operation.subject)
            if record is None:
                wrong.append(f"I1: {_name(operation)} was acknowledged and {operation.subject} is not there {place}")
            elif record.version < operation.version:
                wrong.append(f"I1: {_name(operation)} saw version {operation.version}, {place} there is {record.version}")
            elif record.version == operation.version and operation.value and operation.value not in record.values:
                wrong.append(f"I1: {_name(operation)} was acknowledged and its value is not there {place}")
    return wrong


def phantoms(history: list[Operation], final: Final) -> list[str]:
    """I2: nothing exists that no operation produced or that was refused; a record stands at what its rows say."""
    by_nonce = {operation.nonce: operation for operation in history}
    wrong = []
    for row in final.rows:
        operation = by_nonce.get(row.nonce)
        if operation is None:
            if row.by_client:
                wrong.append(f"I2: nobody asked for {row.subject} version {row.version}")
        elif operation.outcome is Outcome.FAIL:
            wrong.append(f"I2: {_name(operation)} was refused and yet made {row.subject} version {row.version}")
    told = {row.subject for row in final.rows}
    wrong += [f"I2: {subject} exists without any change" for subject in final.stored if subject not in told]
    wrong += [f"I2: {subject} is shown and not stored" for subject in {*final.by_id, *final.listed} - final.stored.keys()]
    return wrong


def completeness(final: Final) -> list[str]:
    """I4: one change row and at least one Kafka record for each committed version, and no record without its row."""
    wrong = []
    rows = Counter((row.subject, row.version) for row in final.rows)
    for subject, version in final.stored.items():
        wrong += [
            f"I4: {subject} version {each} has {rows[subject, each]} change rows"
            for each in range(1, version + 1)
            if rows[subject, each] != 1
        ]
    for subject, version in rows:
        if version > final.stored.get(subject, 0):
            wrong.append(f"I4: there is a change row for {subject} version {version}, which is not stored")
    published = {event.id: event for event in final.events}
    wrong += [f"I4: {row.subject} version {row.version} was never published" for row in final.rows if row.id not in published]
    wrong += [f"I4: {row.subject} version {row.version} is still pending" for row in final.rows if row.pending]
    known = {row.id: (row.subject, row.version) for row in final.rows}
    for event in published.values():
        if event.id not in known:
            wrong.append(f"I4: {event.subject} version {event.version} was published without being committed")
        elif known[event.id] != (event.subject, event.version):
            wrong.append(f"I4: the record {event.id} tells of another change than its row")
    return wrong


def order(events: Iterable[Event]) -> list[str]:
    """I5: first occurrences of a record's versions follow each other without gap, all in one partition."""
    wrong = []
    reached: dict[str, int] = defaultdict(int)
    partition: dict[str, int] = {}
    for event in sorted(events, key=lambda event: (event.partition, event.offset)):
        if partition.setdefault(event.subject, event.partition) != event.partition:
            wrong.append(f"I5: {event.subject} is in the partitions {partition[event.subject]} and {event.partition}")
        if event.version > reached[event.subject] + 1:
            wrong.append(f"I5: {event.subject} version {event.version} came after version {reached[event.subject]}")
        reached[event.subject] = max(reached[event.subject], event.version)
    return wrong


def projections(final: Final) -> list[str]:
    """I6: what is derived equals its recomputation."""
    return [
        f"I6: {name} is {actual!r}, recomputed it is {expected!r}"
        for name, (actual, expected) in final.projections.items()
        if actual != expected
    ]


def updates(history: list[Operation], rows: list[Row]) -> list[str]:
    """I11: acknowledged operations are in the chain of versions where their answers said, each once, none over another."""
    wrong = []
    made: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        made[row.nonce].append(row)
    for operation in history:
        kinds = Counter(row.subject.partition("/")[0] for row in made[operation.nonce])
        wrong += [f"I11: {_name(operation)} was done {n} times to {plural}" for plural, n in kinds.items() if n > 1]
        if operation.outcome is not Outcome.OK:
            continue
        at = [row.version for row in made[operation.nonce] if row.subject == operation.subject]
        if not at:
            wrong.append(f"I11: {_name(operation)} was acknowledged and is in no version of {operation.subject}")
        elif operation.version not in at:
            wrong.append(f"I11: {_name(operation)} was told version {operation.version} and made {at}")
        if operation.based_on and operation.version != operation.based_on + 1:
            wrong.append(f"I11: {_name(operation)} decided on {operation.based_on} and made {operation.version}")
    answers = Counter((op.subject, op.version) for op in history if op.outcome is Outcome.OK)
    wrong += [
        f"I11: {n} operations were told that they made {subject} version {v}" for (subject, v), n in answers.items() if n > 1
    ]
    return wrong


def recomputed(events: Iterable[Event], values: dict[str, str]) -> Counter[str]:
    """How many distinct events have each value of `values` (event id to value): what a counter by that value must show."""
    return Counter(values[identity] for identity in {event.id for event in events} if identity in values)


def _name(operation: Operation) -> str:
    return f"{operation.kind} {operation.nonce}"
