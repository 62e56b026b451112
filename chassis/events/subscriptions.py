"""What a service does about events of others: handlers by event type, as one consumer group.

Fails at import: a second handler for the same event, or one for a message that is no event.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.message import Message
from itsm.type.v1 import annotations_pb2

from chassis.events.wire import AUDIT_TOPIC, Envelope
from chassis.store.changes import SNAPSHOT_FIELD

POLL_RECORDS = 500

Handler = Callable[[Any, Envelope], Awaitable[None]]
Prepare = Callable[[Sequence[Any]], Awaitable[None]]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True, slots=True)
class Subscription:
    """One handler. `message` is absent where the handler takes the event's JSON as a dictionary."""

    handler: Handler
    message: type[Message] | None


class Subscriptions:
    """The handlers of one group, `itsm.<service>.<group>`.

    Versions of a record are handled in order and once; `ordered=False` leaves both to handlers that do not mind, such as
    upserts by version, and saves a write for each record. `gather` is how many seconds a consumer rests after a batch, so
    that a busy topic is taken in fewer and larger transactions; the first event after a pause is handled at once all the same.
    `most` is how many events it takes at once, in one transaction: fewer where each of them may be many writes.
    """

    def __init__(self, group: str = "main", *, ordered: bool = True, gather: float = 0.0, most: int = POLL_RECORDS) -> None:
        self.group = group
        self.ordered = ordered
        self.gather = gather
        self.most = most
        self._by_type: dict[str, Subscription] = {}
        self._plurals: set[str] = set()
        self._audit: Subscription | None = None
        self.prepare: Prepare | None = None

    def ahead(self, prepare: Prepare) -> Prepare:
        """Registers `async def prepare(events)`: called with the events of a tenant in a batch, before their handlers and in
        their transaction, it asks in one question what each of them would ask by itself. It may be left out at any time, and
        changes nothing; what it raises, an event alone would raise."""
        if self.prepare is not None:
            raise ValueError(f"the group {self.group} is prepared for already")
        self.prepare = prepare
        return prepare

    def on(self, event: type[Message]) -> Callable[[H], H]:
        """Registers `async def handler(event, envelope)` for one event type."""

        def register(handler: H) -> H:
            name = event.DESCRIPTOR.full_name
            if name in self._by_type:
                raise ValueError(f"{name} has two handlers in the group {self.group}")
            self._plurals.add(_plural(event))
            self._by_type[name] = Subscription(handler, event)
            return handler

        return register

    def on_json(self, names: Iterable[str], handler: H) -> H:
        """Registers `async def handler(data, envelope)` for many event types, by full name: it is given the JSON as a
        dictionary, which costs a third of a message. Their versions are not watched."""
        if self.ordered:
            raise ValueError(f"the group {self.group} would watch versions of records that it does not know")
        for name in names:
            if name in self._by_type:
                raise ValueError(f"{name} has two handlers in the group {self.group}")
            self._by_type[name] = Subscription(handler, None)
        return handler

    def on_audit(self, handler: H) -> H:
        """Registers `async def handler(entry, envelope)` for every entry of the audit topic."""
        if self._audit is not None:
            raise ValueError(f"the audit topic has two handlers in the group {self.group}")
        self._audit = Subscription(handler, None)
        return handler

    @property
    def topics(self) -> frozenset[str]:
        """Where the events come from: the topic of each event's own package."""
        topics = {name.rpartition(".")[0] for name in self._by_type}
        return frozenset(topics | ({AUDIT_TOPIC} if self._audit else set()))

    @property
    def handlers(self) -> Mapping[str, Subscription]:
        """By the full name of the event; for the generated reference of who consumes what."""
        return self._by_type

    def handler(self, topic: str, type_name: str) -> Subscription | None:
        """Who handles a record, if anybody."""
        return self._audit if topic == AUDIT_TOPIC else self._by_type.get(type_name)

    def followed(self, topic: str) -> frozenset[str]:
        """The kinds of record whose versions are watched on a topic; on the audit topic all, which `*` stands for."""
        if not self.ordered:
            return frozenset()
        return frozenset({"*"}) if topic == AUDIT_TOPIC else frozenset(self._plurals)

    def follows(self, topic: str, plural: str) -> bool:
        """Whether versions of this kind of record are watched: of any kind that a handler is told of."""
        return self.ordered and (plural in self._plurals or topic == AUDIT_TOPIC)


def _plural(event: type[Message]) -> str:
    snapshot: Any = event.DESCRIPTOR.fields_by_number.get(SNAPSHOT_FIELD)
    options: Any = snapshot.message_type.GetOptions() if snapshot is not None and snapshot.message_type else None
    plural = options.Extensions[annotations_pb2.resource].plural if options is not None else ""
    if not plural:
        raise ValueError(f"{event.DESCRIPTOR.full_name} is no event: its field {SNAPSHOT_FIELD} holds no resource")
    return str(plural)
