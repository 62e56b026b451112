"""The asset: what its sources and people say of it, where it is in its life, and the one event that tells of each change.

A verb raises `ForbiddenMove` for a state or a rule that says no, `Invalid` for input that is wrong; the asset must then be
thrown away. Whose word holds is decided in `sources.py`, what it is recognized by in `identity.py`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from itsm.asset import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import ForbiddenMove, Invalid
from services.asset.domain.classes import Catalog
from services.asset.domain.identity import MOST, STRONG, Identifier, IdentifierKind, clean, distinct, system_keys
from services.asset.domain.lifecycle import OVER, State, check_move
from services.asset.domain.report import Report, SaidIdentifiers, remembered
from services.asset.domain.sources import ADMINISTRATIVE, MANUAL, Provenance, Statement, heard, ranked

SEEN_AGAIN = timedelta(minutes=1)
"""That an asset was seen again is written down at most this often."""
_AMOUNT, _CURRENCY = re.compile(r"\d{1,15}(\.\d{1,4})?"), re.compile(r"[A-Z]{3}")
_TEXTS = {"name": 300, "location": 500, "owner_id": 200, "team_id": 200}
_GROUPS = 50


class Criticality(StrEnum):
    """How much hangs on an asset."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


@dataclass(slots=True, kw_only=True, frozen=True)
class Money:
    """An amount, exact."""

    amount: str
    currency: str


@dataclass(slots=True, kw_only=True, frozen=True)
class Redundancy:
    """How many of the providers of one group must work: a count or a share."""

    group: str
    minimum_count: int = 0
    minimum_percent: int = 0


# What sources call the asset's own fields, and what they are here.
_FIELDS = {
    "name": "name",
    "class": "class_",
    "ownerId": "owner_id",
    "teamId": "team_id",
    "location": "location",
    "criticality": "criticality",
    "cost": "cost",
}
_NAMES = {own: name for name, own in _FIELDS.items()}


@dataclass(slots=True, kw_only=True)
class Asset(Aggregate):
    """Something that the organization has or runs."""

    name: str
    class_: str
    state: State = State.IN_USE
    attributes: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Provenance] = field(default_factory=dict)
    identifiers: list[Identifier] = field(default_factory=list)
    owner_id: str = ""
    team_id: str = ""
    location: str = ""
    criticality: Criticality = Criticality.MEDIUM
    cost: Money | None = None
    redundancy: list[Redundancy] = field(default_factory=list)
    agent_id: str = ""
    create_time: datetime
    update_time: datetime
    last_seen_time: datetime | None = None
    merged_into_id: str = ""
    # Kept inside: which source says which identifiers, and by what it is looked up, sources' own keys included.
    said_identifiers: list[SaidIdentifiers] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, report: Report, catalog: Catalog, *, id: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """An asset that nobody knew. `given` is what only people say: state and redundancy."""
        name, class_ = str(report.values["name"]), str(report.values["class"])
        if given.get("state") is State.MERGED:
            raise Invalid({"state": "is where only merging leads"})
        asset = cls(id=id, name=name, class_=class_, create_time=at, update_time=at, **given)
        asset._take(report, catalog)
        asset._check()
        asset.record(pb.AssetCreated(source=report.source))
        return asset

    def take(self, report: Report, catalog: Catalog, *, at: datetime) -> bool:
        """What a source says now. Whether that changes the asset; that it was seen again is no change."""
        before = self._public()
        self._take(report, catalog)
        if self._public() == before:
            return False
        self._changed(pb.AssetUpdated(source=report.source), at)
        return True

    def edit(self, report: Report, catalog: Catalog, *, at: datetime, redundancy: list[Redundancy] | None = None) -> None:
        """What a person says: a source like any other, and what only people say. Nothing changed, nothing is told."""
        before = self._public()
        self._forget(report)
        self._take(report, catalog)
        if redundancy is not None:
            self.redundancy = redundancy
        if self._public() == before:
            return
        if self.state in OVER:
            raise ForbiddenMove(self.state, "update")
        self._check()
        self._changed(pb.AssetUpdated(source=report.source), at)

    def move(self, target: State, *, reason: str, proof: str, at: datetime) -> None:
        """Goes on in its life; where it is already, nothing happens."""
        if not reason.strip() or len(reason) > 4_096 or len(proof) > 4_096:
            raise Invalid({"reason": "say why, in at most 4096 characters"})
        if target is self.state:
            return
        check_move(self.state, target, owner_id=self.owner_id, proof=proof)
        self.state = target
        self._changed(pb.AssetMoved(reason=reason, proof=proof), at)

    def leave(self, source: str, *, at: datetime) -> None:
        """An agent is no longer on it. What it said stays until others say otherwise."""
        rest = [each for each in self.said_identifiers if (each.source, each.kind) != (source, IdentifierKind.AGENT)]
        if rest != self.said_identifiers:
            self.said_identifiers = rest
            self._sum_up("")
            self._changed(pb.AssetUpdated(source=source), at)

    def absorb(self, source: "Asset", catalog: Catalog, *, at: datetime) -> None:
        """Takes in all that is known of an asset that is the same. Raises `ForbiddenMove` where one of them is over, and
        `Invalid` for one of another family of classes."""
        for each in (self, source):
            if each.state in OVER:
                raise ForbiddenMove(each.state, "merge", f"{each.id} is {each.state}")
        if catalog.family(self.class_).name != catalog.family(source.class_).name:
            raise Invalid({"source_asset_id": f"is a {source.class_}, which is no kind of {catalog.family(self.class_).name}"})
        for name in source.provenance:
            own = self.statements(name)
            spoken = any(each.source == MANUAL for each in own)
            for said in source.statements(name):
                if said.source != MANUAL or not spoken:
                    own = heard(own, said)
            self._hold(name, own, catalog)
        self._recognize_all(source.said_identifiers)
        groups = {each.group for each in self.redundancy}
        self.redundancy = [*self.redundancy, *(each for each in source.redundancy if each.group not in groups)][:_GROUPS]
        self.keys = [*self.keys, *source.keys]
        self._sum_up("")
        seen = [each for each in (self.last_seen_time, source.last_seen_time) if each is not None]
        self.last_seen_time = max(seen, default=None)
        self._changed(pb.AssetUpdated(source=f"merge:{source.id}"), at)

    def merge_into(self, target_id: str, reason: str, *, at: datetime) -> None:
        """It is another one, and over; nothing is recognized as it any more. Raises `Invalid` without a reason."""
        if not reason.strip() or len(reason) > 4_096:
            raise Invalid({"reason": "say how it is known that they are one, in at most 4096 characters"})
        self.state, self.merged_into_id = State.MERGED, target_id
        self.identifiers, self.said_identifiers, self.keys, self.agent_id = [], [], [], ""
        self._changed(pb.AssetMoved(reason=reason), at)

    def contradicts(self, report: Report) -> bool:
        """Whether it cannot be what the report is about: of something that is one's own, each has another."""
        for kind in STRONG:
            said, own = set(report.of(kind)), {each.value for each in self.identifiers if each.kind is kind}
            if said and own and not said & own:
                return True
        return False

    def is_apart(self, report: Report) -> bool:
        """Whether it is on another machine than the report, however alike their systems are: copies of an image have adapters
        of their own. Where one side tells of none, network addresses decide; where it tells of none either, nothing does.
        """
        for kind in (IdentifierKind.MAC, IdentifierKind.IP):
            said, own = set(report.of(kind)), {each.value for each in self.identifiers if each.kind is kind}
            if said and own:
                return not said & own
        return False

    def _take(self, report: Report, catalog: Catalog) -> None:
        for name, value in report.values.items():
            if value is not None:
                self._hear(name, Statement(source=report.source, value=value, report_time=report.time), catalog)
        for kind, values in report.identifiers.items():
            self._recognize(SaidIdentifiers(source=report.source, kind=kind, values=sorted(values), report_time=report.time))
        self._sum_up(report.key)
        if report.source != MANUAL:
            self.last_seen_time = max(report.time, self.last_seen_time or report.time)

    def _sum_up(self, source_key: str) -> None:
        self.identifiers = distinct(Identifier(kind=s.kind, value=value) for s in self.said_identifiers for value in s.values)
        told = {each.key for each in self.identifiers} | system_keys(self.identifiers)
        self.keys = sorted(told | {key for key in (*self.keys, source_key) if _is_own_key(key)})
        # Of several agents the first that enrolled: their ids sort by time, and their reports do not take turns here.
        self.agent_id = min((each.value for each in self.identifiers if each.kind is IdentifierKind.AGENT), default="")

    def statements(self, name: str) -> list[Statement]:
        """What each source says of one attribute or field, the one that holds first; nothing where nobody says anything."""
        known = self.provenance.get(name)
        if known is None:
            return []
        return [Statement(source=known.source, value=self._value(name), report_time=known.report_time), *known.others]

    def _hear(self, name: str, said: Statement, catalog: Catalog) -> None:
        self._hold(name, heard(self.statements(name), said), catalog)

    def _hold(self, name: str, statements: Sequence[Statement], catalog: Catalog) -> None:
        holds, *others = ranked(name, statements)
        if name == "class" and holds.source != MANUAL:
            finer = catalog.finer(holds.value, [each.value for each in others])
            others = [holds, *others]
            holds = next(each for each in others if each.value == finer)
            others = sorted((each for each in others if each is not holds), key=lambda each: each.source)
        self._set(name, holds.value)
        self.provenance[name] = Provenance(source=holds.source, report_time=holds.report_time, others=others)

    def _forget(self, report: Report) -> None:
        """Takes back what the source said of the same things: of two edits within one instant the later one holds too."""
        for name, value in report.values.items():
            rest = [each for each in self.statements(name) if each.source != report.source]
            if rest:
                holds, *others = ranked(name, rest)
                self._set(name, holds.value)
                self.provenance[name] = Provenance(source=holds.source, report_time=holds.report_time, others=others)
                continue
            stated = self.provenance.pop(name, None)
            if stated is not None and value is None:
                self._unset(name)
        self.said_identifiers = [
            each for each in self.said_identifiers if each.source != report.source or each.kind not in report.identifiers
        ]

    def _recognize(self, said: SaidIdentifiers) -> None:
        mine = (said.source, said.kind)
        known = next((each for each in self.said_identifiers if (each.source, each.kind) == mine), None)
        if known is not None and not said.replaces(known):
            return
        rest = [each for each in self.said_identifiers if (each.source, each.kind) != mine]
        self.said_identifiers = sorted(remembered([*rest, said]), key=lambda each: (each.source, each.kind))

    def _recognize_all(self, said: Iterable[SaidIdentifiers]) -> None:
        """Takes in what is said of the same thing elsewhere; of what people said here and there, all is true."""
        mine = {each.kind: each for each in self.said_identifiers if each.source == MANUAL}
        for each in said:
            if each.source == MANUAL and (known := mine.get(each.kind)) is not None:
                values, time = sorted({*known.values, *each.values}), max(known.report_time, each.report_time)
                self.said_identifiers.remove(known)
                self._recognize(replace(known, values=values, report_time=time))
            else:
                self._recognize(each)

    def _value(self, name: str) -> Any:
        own = getattr(self, _FIELDS[name]) if name in _FIELDS else self.attributes[name]
        return f"{own.amount} {own.currency}" if isinstance(own, Money) else str(own) if name in _FIELDS else own

    def _set(self, name: str, value: Any) -> None:
        match name:
            case "cost":
                amount, _, currency = str(value).partition(" ")
                self.cost = Money(amount=amount, currency=currency)
            case "criticality":
                self.criticality = Criticality(value)
            case _ if name in _FIELDS:
                setattr(self, _FIELDS[name], value)
            case _:
                self.attributes = {**self.attributes, name: value}

    def _unset(self, name: str) -> None:
        if name == "cost":
            self.cost = None
        self.attributes = {other: kept for other, kept in self.attributes.items() if other != name}

    def _public(self) -> tuple[Any, ...]:
        """What the world would miss, were it otherwise: not when it was last said."""
        said = {name: (p.source, [(each.source, each.value) for each in p.others]) for name, p in self.provenance.items()}
        own = [getattr(self, own) for own in _FIELDS.values()]
        return (*own, dict(self.attributes), said, self.identifiers, self.redundancy, self.agent_id, self.keys)

    def _changed(self, event: Event, at: datetime) -> None:
        self.update_time = at
        self.record(event)

    def _check(self) -> None:
        wrong = {}
        for name, most in _TEXTS.items():
            if len(getattr(self, name)) > most:
                wrong[_NAMES[name]] = f"may have {most} characters"
        if not self.name.strip():
            wrong["name"] = "must not be empty"
        if len(self.redundancy) > _GROUPS or len({each.group for each in self.redundancy}) != len(self.redundancy):
            wrong["redundancy"] = f"may name {_GROUPS} groups, each once"
        for place, each in enumerate(self.redundancy):
            counted, shared = each.minimum_count > 0, 0 < each.minimum_percent <= 100
            if not each.group.strip() or counted == shared or each.minimum_count < 0 or not 0 <= each.minimum_percent <= 100:
                wrong[f"redundancy[{place}]"] = "needs a group and either minimumCount or minimumPercent, 1 to 100"
        if wrong:
            raise Invalid(wrong)


def _is_own_key(key: str) -> bool:
    return key.startswith("SOURCE|")


def cost_text(cost: Money) -> str:
    """A cost as sources state it. Raises `Invalid` for one that is no amount of a currency."""
    if not _AMOUNT.fullmatch(cost.amount) or not _CURRENCY.fullmatch(cost.currency):
        raise Invalid({"cost": "needs an amount such as 1804.46 and a currency such as EUR"})
    return f"{cost.amount} {cost.currency}"


def stated(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The named fields of an asset as a person's statements, by the names that sources use."""
    values = {_NAMES[own]: value for own, value in fields.items() if own in _NAMES}
    if fields.get("cost") is not None:
        values["cost"] = cost_text(fields["cost"])
    if "criticality" in values:
        values["criticality"] = str(values["criticality"] or Criticality.MEDIUM)
    return values


def identified(identifiers: Iterable[Identifier]) -> dict[IdentifierKind, list[str]]:
    """What a person says it is recognized by: of each kind exactly these. Raises `Invalid` for what is no value of its kind."""
    said: dict[IdentifierKind, list[str]] = {kind: [] for kind in IdentifierKind if kind is not IdentifierKind.AGENT}
    wrong = {}
    for place, each in enumerate(identifiers):
        cleaned = clean(each.kind, each.value)
        if cleaned is None or each.kind is IdentifierKind.AGENT:
            wrong[f"identifiers[{place}].value"] = f"is nothing that tells one {each.kind} from another"
        else:
            said[each.kind].append(cleaned.value)
    if sum(map(len, said.values())) > MOST:
        wrong["identifiers"] = f"may be {MOST}"
    if wrong:
        raise Invalid(wrong)
    return said


assert _FIELDS.keys() == ADMINISTRATIVE  # noqa: S101 - two tables that say the same
