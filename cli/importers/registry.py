"""Which importers there are: those of the house, and those of installed packages that a setting names."""

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint
from typing import Protocol, runtime_checkable

from cli.importers.glpi import Glpi
from cli.importers.itop import Itop
from cli.importers.jira import Jira
from cli.importers.mapping import Defaults, Meanings
from cli.importers.records import Piece, Raw
from cli.importers.servicenow import ServiceNow
from cli.importers.zammad import Zammad

GROUP = "itsm.importers"
VERSION = 1


@runtime_checkable
class Importer(Protocol):
    """Makes pieces of the records of one system's exports."""

    api: int
    """The version of this shape that it was written for."""
    name: str
    """Its command, and the source that its records are known by: lower-case letters, digits and hyphens."""
    title: str
    """What people call the system."""
    defaults: Defaults
    """What its words mean where nobody says otherwise."""
    members: Mapping[str, int]
    """Members of a JSON document that hold the records, as in `cli.importers.jsonreading.read`."""

    def pieces(self, raw: Raw, meanings: Meanings) -> Iterable[Piece]:
        """What one record says; nothing for one that is of no use here.

        Raises `cli.importers.records.Unusable` for one that should be of use and is not. It has no effects but that it may
        teach `meanings` what the export itself tells about its words.
        """
        ...


BUILT_IN: tuple[Importer, ...] = (Glpi(), Itop(), Jira(), ServiceNow(), Zammad())


def importers(setting: str = "", *, offered: Iterable[EntryPoint] | None = None) -> tuple[dict[str, Importer], list[str]]:
    """Importers by name, and what is wrong with those that the setting names and that are not among them.

    `offered` stands for what is installed. Raises `ValueError` for a setting that names nothing.
    """
    found = {each.name: each for each in BUILT_IN}
    wrong: list[str] = []
    if setting:
        # What loads plugins knows the services: hardly any run has to wait for it.
        from chassis.plugins import Kind, load

        kind = Kind(GROUP, VERSION, Importer)  # type: ignore[type-abstract] # the shape is only asked for, never made
        loaded = load(kind, setting, offered=offered)
        wrong += [f"the importer {each.name} is not there: {each.problem}" for each in loaded.entries if each.problem]
        for name, importer in loaded.found.items():
            if importer.name in found or importer.name != name:
                wrong.append(
                    f"the importer {name} is not there: it calls itself {importer.name}, which is taken or another name"
                )
            else:
                found[name] = importer
    return dict(sorted(found.items())), wrong
