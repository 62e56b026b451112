"""The catalog: what people can ask for, who sees and who may order it, and what a request is made of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain import limits
from services.incident.domain.form import check_form
from services.incident.domain.moment import Act
from services.incident.domain.moves import Move, moved
from services.incident.domain.plan import PlannedTask, check_plan
from services.incident.domain.priority import Impact, Urgency

NAMED = 200
"""How many roles, teams and people an audience may name, each."""
_CURRENCY = re.compile(r"[A-Z]{3}")
_MADE_OF = frozenset({"form", "price", "approval_policy_id", "plan"})


class ItemState(StrEnum):
    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    RETIRED = "RETIRED"


ITEM_MOVES: Mapping[str, Move[ItemState]] = {
    "publish": Move(frozenset({ItemState.DRAFT, ItemState.RETIRED}), ItemState.PUBLISHED),
    "retire": Move(frozenset({ItemState.PUBLISHED}), ItemState.RETIRED),
}


@dataclass(slots=True, kw_only=True, frozen=True)
class Money:
    """An amount, exact, in a currency of ISO 4217."""

    amount: str = ""
    currency: str = ""


@dataclass(slots=True, kw_only=True, frozen=True)
class Audience:
    """Whoever has one of the roles, is in one of the teams or is named; everybody where nothing is named."""

    roles: list[str] = field(default_factory=list)
    team_ids: list[str] = field(default_factory=list)
    user_ids: list[str] = field(default_factory=list)

    @property
    def is_everybody(self) -> bool:
        """Whether it names nobody."""
        return not (self.roles or self.team_ids or self.user_ids)

    def has(self, user_id: str, roles: frozenset[str], team_ids: frozenset[str]) -> bool:
        """Whether somebody belongs to it."""
        return (
            self.is_everybody
            or user_id in self.user_ids
            or not roles.isdisjoint(self.roles)
            or not team_ids.isdisjoint(self.team_ids)
        )


@dataclass(slots=True, kw_only=True)
class CatalogItem(Aggregate):
    """Something that people can ask for."""

    title: str
    description: str = ""
    category: str = ""
    state: ItemState = ItemState.DRAFT
    form: dict[str, Any] = field(default_factory=dict)
    price: Money | None = None
    seen_by: Audience = field(default_factory=Audience)
    ordered_by: Audience = field(default_factory=Audience)
    approval_policy_id: str = ""
    plan: list[PlannedTask] = field(default_factory=list)
    team_id: str = ""
    impact: Impact = Impact.MEDIUM
    urgency: Urgency = Urgency.MEDIUM
    service_id: str = ""
    revision: int = 1
    create_time: datetime
    update_time: datetime
    # Kept inside: whether it is not for everybody's eyes, which lists ask for.
    restricted: bool = False

    @classmethod
    def create(cls, act: Act, *, id: str, title: str = "", **given: Any) -> Self:  # noqa: A002 - as its field
        """A new item, as a draft. Raises `Invalid` for what is wrong with it."""
        _check({"title": title, **given})
        item = cls(id=id, title=title, create_time=act.at, update_time=act.at, **given)
        item._changed(pb.CatalogItemCreated(), act)
        return item

    def edit(self, act: Act, **fields: Any) -> None:
        """Changes named fields; nothing changed, nothing is told."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if not fields:
            return
        _check(fields)
        for name, value in fields.items():
            setattr(self, name, value)
        self.revision += not _MADE_OF.isdisjoint(fields)
        self._changed(pb.CatalogItemUpdated(), act)

    def publish(self, act: Act) -> None:
        """It is offered."""
        self.state = moved(ITEM_MOVES, self.state, "publish")
        self._changed(pb.CatalogItemPublished(), act)

    def retire(self, act: Act) -> None:
        """It is offered no more."""
        self.state = moved(ITEM_MOVES, self.state, "retire")
        self._changed(pb.CatalogItemRetired(), act)

    def check_offered(self) -> None:
        """Raises `ForbiddenMove` for an item that cannot be asked for."""
        if self.state is not ItemState.PUBLISHED:
            raise ForbiddenMove(self.state, "order", f"{self.title} is not offered")

    def _changed(self, event: Event, act: Act) -> None:
        self.update_time, self.restricted = act.at, not self.seen_by.is_everybody
        self.record(event)


def _check(fields: Mapping[str, Any]) -> None:
    limits.check(fields)
    wrong: dict[str, str] = {}
    price: Money | None = fields.get("price")
    if price is not None and not (_CURRENCY.fullmatch(price.currency) and _is_amount(price.amount)):
        wrong["price"] = "needs an amount such as 1804.46 and a currency of three capitals"
    for name in ("seen_by", "ordered_by"):
        audience: Audience = fields.get(name) or Audience()
        if max(len(audience.roles), len(audience.team_ids), len(audience.user_ids)) > NAMED:
            wrong[name] = f"may name {NAMED} roles, teams and people, each"
    if wrong:
        raise Invalid(wrong)
    check_form(fields.get("form") or {})
    check_plan(fields.get("plan") or ())


def _is_amount(text: str) -> bool:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return False
    return amount.is_finite() and amount >= 0 and len(text) <= 30
