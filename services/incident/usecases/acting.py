"""Who acts, and when."""

from chassis import context as ctx
from chassis.store import Store
from services.incident.domain.moment import Act


def act(store: Store) -> Act:
    """Now, by the caller."""
    actor = ctx.current().actor
    return Act(store.clock(), actor.id, by_person=actor.kind == "user")
