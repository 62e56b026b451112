"""Classes of assets: typed attributes and what assets are recognized by, as data, with inheritance.

Those that every tenant has are in `catalog.py`. A class has all attributes of its parents; the first rule of identification
going up is its own, and nothing of those above is added to it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from itsm.asset import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import AlreadyExists, ForbiddenMove, Invalid
from services.asset.domain.identity import ANYBODYS, IdentifierKind
from services.asset.domain.sources import ADMINISTRATIVE

OWN_CLASSES = 200
"""Classes that a tenant may make."""
_ATTRIBUTES, _ENTRIES, _TITLE, _TEXT, _ITEMS = 200, 20, 200, 4_096, 200
_CLASS_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ATTRIBUTE_NAME = re.compile(r"[a-z][A-Za-z0-9]{0,62}")
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,18})")
_EXACT = 2**53
_LEAST, _MOST = -(2**63), 2**63 - 1
_YES, _NO = frozenset({"true", "yes", "1", "y"}), frozenset({"false", "no", "0", "n"})


class AttributeType(StrEnum):
    """What values an attribute takes."""

    TEXT = "TEXT"
    INTEGER = "INTEGER"
    NUMBER = "NUMBER"
    FLAG = "FLAG"
    LIST = "LIST"


@dataclass(slots=True, kw_only=True, frozen=True)
class AttributeDefinition:
    """An attribute of a class; `type` None is one that no class defines."""

    name: str
    type: AttributeType | None
    title: str = ""
    unit: str = ""

    def typed(self, value: Any) -> Any:
        """The value in its type. Raises `ValueError` saying what would be right."""
        match self.type or _type_of(value), value:
            case (AttributeType.TEXT, str()) if len(value) <= _TEXT:
                return value
            case (AttributeType.TEXT, _):
                raise ValueError(f"should be a text of at most {_TEXT} characters")
            case (AttributeType.FLAG, bool()):
                return value
            case (AttributeType.FLAG, _):
                raise ValueError("should be true or false")
            case (AttributeType.INTEGER, _):
                return _whole(value)
            case (AttributeType.NUMBER, int() | float()) if not isinstance(value, bool):
                return float(value)
            case (AttributeType.NUMBER, _):
                raise ValueError("should be a number")
            case (_, list()) if len(value) <= _ITEMS and not any(_nested(item) for item in value):
                return value
        raise ValueError(f"should be an array of at most {_ITEMS} texts, numbers or flags")

    def read(self, cell: str) -> Any:
        """The value that a cell of a table says. Raises `ValueError` as `typed` does."""
        match self.type:
            case AttributeType.NUMBER:
                try:
                    return self.typed(float(cell))
                except ValueError:
                    raise ValueError("should be a number") from None
            case AttributeType.FLAG:
                word = cell.lower()
                return self.typed(word in _YES if word in _YES | _NO else cell)
            case AttributeType.LIST:
                return self.typed([item.strip() for item in cell.split(";") if item.strip()])
        return self.typed(cell)


def _type_of(value: Any) -> AttributeType:
    match value:
        case bool():
            return AttributeType.FLAG
        case int():
            return AttributeType.INTEGER
        case float():
            return AttributeType.NUMBER
        case list():
            return AttributeType.LIST
    return AttributeType.TEXT


def _nested(item: Any) -> bool:
    return isinstance(item, list | dict) or item is None or (isinstance(item, str) and len(item) > _TEXT)


def _whole(value: Any) -> int:
    """JSON has large whole numbers as text, and writers of JSON have small ones with a point."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not _LEAST <= value <= _MOST:
        raise ValueError("should be a whole number of at most 64 bits")
    return value


@dataclass(slots=True, kw_only=True, frozen=True)
class IdentificationEntry:
    """Identifiers that together say which asset it is: all must be there and belong to one."""

    kinds: list[IdentifierKind]


@dataclass(slots=True, kw_only=True)
class AssetClass(Aggregate):
    """A class, one that every tenant has or a tenant's own."""

    name: str
    title: str
    parent: str = ""
    attributes: list[AttributeDefinition] = field(default_factory=list)
    identification: list[IdentificationEntry] = field(default_factory=list)
    built_in: bool = False
    create_time: datetime | None = None
    update_time: datetime | None = None

    @classmethod
    def make(cls, catalog: "Catalog", at: datetime, *, id: str, name: str, **given: Any) -> Self:  # noqa: A002 - as its field
        """A class of a tenant's own. Raises `Invalid` naming what is wrong, `AlreadyExists` when the name is taken."""
        made = cls(id=id, name=name, create_time=at, update_time=at, **given)
        if not _CLASS_NAME.fullmatch(name):
            raise Invalid({"name": "should be a lower-case letter and then up to 62 of them, digits or underscores"})
        if name in catalog.classes:
            raise AlreadyExists("assetClass", catalog.classes[name].id)
        if made.parent not in catalog.classes:
            raise Invalid({"parent": "there is no such class"})
        made._check(catalog)
        made.record(pb.AssetClassCreated())
        return made

    def edit(self, catalog: "Catalog", at: datetime, **fields: Any) -> None:
        """Changes named fields. An attribute that assets may have stays, with its type."""
        changed = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if not changed:
            return
        if self.built_in:
            raise ForbiddenMove("BUILT_IN", "update", "this class is every tenant's; make one of your own below it")
        kept = {each.name: each.type for each in self.attributes}
        for name, value in changed.items():
            setattr(self, name, value)
        now = {each.name: each.type for each in self.attributes}
        if lost := [name for name in kept if now.get(name) is not kept[name]]:
            raise Invalid({"attributes": f"assets may have {', '.join(lost)}: keep it with its type"})
        self._check(catalog)
        self.update_time = at
        self.record(pb.AssetClassUpdated())

    def _check(self, catalog: "Catalog") -> None:
        wrong: dict[str, str] = {}
        if not self.title.strip() or len(self.title) > _TITLE:
            wrong["title"] = f"must have 1 to {_TITLE} characters"
        if len(self.attributes) > _ATTRIBUTES or len(self.identification) > _ENTRIES:
            wrong["attributes"] = f"may be {_ATTRIBUTES}, and entries of identification {_ENTRIES}"
        above = catalog.attributes(self.parent)
        seen: set[str] = set()
        for place, each in enumerate(self.attributes):
            if not _ATTRIBUTE_NAME.fullmatch(each.name) or each.name in ADMINISTRATIVE:
                wrong[f"attributes[{place}].name"] = (
                    "should be a lower-case letter, then letters and digits, no field of assets"
                )
            elif each.name in seen or (each.name in above and above[each.name].type is not each.type):
                wrong[f"attributes[{place}].name"] = "is there already, here or above"
            seen.add(each.name)
        for place, entry in enumerate(self.identification):
            if not entry.kinds or set(entry.kinds) <= ANYBODYS or set(entry.kinds) == {IdentifierKind.MACHINE}:
                wrong[f"identification[{place}].kinds"] = "names alone identify nothing: add something that is its own"
        if wrong:
            raise Invalid(wrong)


class Catalog:
    """The classes of one tenant, by name."""

    def __init__(self, classes: Iterable[AssetClass]) -> None:
        self.classes: Mapping[str, AssetClass] = {each.name: each for each in classes}

    def lineage(self, name: str) -> list[AssetClass]:
        """The class and those above it, nearest first. Raises `Invalid` for one that there is not."""
        if name not in self.classes:
            raise Invalid({"class": f"there is no class {name[:80]}"})
        found = []
        while name:
            found.append(self.classes[name])
            name = found[-1].parent
        return found

    def attributes(self, name: str) -> dict[str, AttributeDefinition]:
        """All attributes of a class, its parents' included."""
        return {each.name: each for one in reversed(self.lineage(name)) for each in one.attributes}

    def named(self, said: str) -> str:
        """The name of the class that somebody means: `Virtual machine` is `virtual_machine`. What is none stays as it is."""
        plain = "_".join(said.lower().replace("-", " ").split())
        return plain if plain in self.classes else said

    def typed(self, name: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes in their types. Raises `Invalid` naming each that is of another.

        What the class does not define is kept as it is said: people note what no class foresees.
        """
        known, typed, wrong = self.attributes(name), {}, {}
        if len(attributes) > _ATTRIBUTES:
            wrong["attributes"] = f"may be {_ATTRIBUTES}"
        for attribute, value in attributes.items():
            try:
                typed[attribute] = None if value is None else self.definition(known, attribute).typed(value)
            except ValueError as problem:
                wrong[f"attributes.{attribute}"] = str(problem)
        if wrong:
            raise Invalid(wrong)
        return typed

    @staticmethod
    def definition(known: Mapping[str, AttributeDefinition], name: str) -> AttributeDefinition:
        """What is known of an attribute; one that is not defined takes any value. Raises `ValueError` for what is no name."""
        if name in known:
            return known[name]
        if not _ATTRIBUTE_NAME.fullmatch(name) or name in ADMINISTRATIVE:
            raise ValueError("should be called by a lower-case letter, then letters and digits, and like no field of assets")
        return AttributeDefinition(name=name, type=None)

    def rule(self, name: str) -> list[IdentificationEntry]:
        """What assets of the class are recognized by, in this order."""
        return self.family(name).identification

    def family(self, name: str) -> AssetClass:
        """The class whose rule holds for this one: assets of one family may turn out to be of another class of it."""
        lineage = self.lineage(name)
        return next((each for each in lineage if each.identification), lineage[-1])

    def finer(self, name: str, others: Iterable[str]) -> str:
        """The class, or the first of the others that is a kind of it: who knows more exactly does not contradict."""
        for other in others:
            if other in self.classes and any(each.name == name for each in self.lineage(other)[1:]):
                return self.finer(other, others)
        return name
