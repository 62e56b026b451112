"""Events: the relay publishes what a service has changed, consumers do what a service does about changes of others.

Both rest on the store: change rows on one side, effects and positions in one transaction on the other.
"""

from chassis.events import positions, records
from chassis.events.consumer import Consumer
from chassis.events.relay import Relay
from chassis.events.subscriptions import Subscriptions
from chassis.events.wire import AUDIT_TOPIC, Envelope, topic_of

INDEXES = (*records.INDEXES, *positions.INDEXES)

__all__ = ["AUDIT_TOPIC", "INDEXES", "Consumer", "Envelope", "Relay", "Subscriptions", "topic_of"]
