"""The order of a list (`orderBy=updateTime desc, id`) and the place in it where the next page begins.

Every order ends with the id, ascending unless the caller says otherwise, so `updateTime desc` and `updateTime desc, id`
are one order and one index serves both: `(tenant, update_time descending, _id ascending)`. Null comes first in
ascending order, as in the store.

How it can fail: `Invalid` on the field `orderBy`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from chassis.errors import Invalid
from chassis.listing.compiled import Query
from chassis.listing.fields import Document, Field, Fields, Kind, normal, values_at
from chassis.listing.literals import shown, suggestion

MAX_FIELDS = 4
ID = Field(path="_id", kind=Kind.KEYWORD, sortable=True)


@dataclass(frozen=True, slots=True)
class Step:
    """One field of an order; `direction` is 1 for ascending and -1 for descending, as the store has it."""

    field: Field
    direction: int


Order: TypeAlias = tuple[Step, ...]


def parse_order(text: str, fields: Fields) -> Order:
    """The order that `text` asks for, ended by the id. Raises `Invalid` on the field `orderBy`."""
    sortable = [name for name, field in fields.items() if field.sortable]
    steps: list[Step] = []
    for item in text.split(",") if text.strip() else ():
        name, *rest = item.split() or [""]
        if name not in sortable:
            known = f"cannot order by {shown(name)}{suggestion(name, sortable)}"
            raise Invalid({"orderBy": known if name else "expected a field name before and after each comma"})
        if len(rest) > 1 or (rest and rest[0] not in ("asc", "desc")):
            raise Invalid({"orderBy": f"after '{name}' comes asc, desc or a comma, not {shown(' '.join(rest))}"})
        field = fields[name]
        if any(step.field.path == field.path for step in steps):
            raise Invalid({"orderBy": f"'{name}' is named twice"})
        steps.append(Step(field, -1 if rest == ["desc"] else 1))
        if len(steps) > MAX_FIELDS:
            raise Invalid({"orderBy": f"more than {MAX_FIELDS} fields"})
    for index, step in enumerate(steps):
        if step.field.path == ID.path:
            return tuple(steps[: index + 1])
    return (*steps, Step(ID, 1))


def position(order: Order, document: Document) -> list[Any]:
    """What decides the document's place in this order: one comparable value, or None, a step."""
    return [_value(step.field, document) for step in order]


def compare(order: Order, left: Sequence[Any], right: Sequence[Any]) -> int:
    """Negative when the position `left` comes before `right`, 0 when they are one, positive when it comes after."""
    for step, mine, other in zip(order, left, right, strict=True):
        if mine == other:
            continue
        before = mine is None or (other is not None and mine < other)
        return -step.direction if before else step.direction
    return 0


def after(order: Order, last: Sequence[Any]) -> Query:
    """The query for everything behind the position `last`.

    A ladder: equal in the first fields and behind in the next one. The condition on the first field alone is repeated in
    front, because a range on the leading field of an index lets the store begin there instead of walking all pages before.
    """
    ladder = []
    same: Query = {}
    for step, value in zip(order, last, strict=True):
        behind = _behind(step, value)
        if behind is not None:
            ladder.append({**same, step.field.path: behind})
        same = {**same, step.field.path: value}
    if len(ladder) == 1:
        return ladder[0]
    bound = _not_before(order[0], last[0])
    return {"$and": [bound, {"$or": ladder}]} if bound else {"$or": ladder}


def _value(field: Field, document: Document) -> Any:
    return normal(field.kind, values_at(document, tuple(field.path.split(".")))[0])


def _behind(step: Step, value: Any) -> Query | None:
    if value is None:
        return {"$ne": None} if step.direction == 1 else None
    return {"$gt": value} if step.direction == 1 else {"$not": {"$gte": value}}  # $not keeps null, which is last here


def _not_before(step: Step, value: Any) -> Query:
    if value is None:
        return {} if step.direction == 1 else {step.field.path: None}
    return {step.field.path: {"$gte": value} if step.direction == 1 else {"$not": {"$gt": value}}}
