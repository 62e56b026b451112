"""Which importers there are: those of the house, and those that installed packages offer.

A package offers one as an entry point of the group `itsm.importers` whose object has the shape of `Importer`. One that cannot
be loaded, or has a name that is taken, is left out and told: it must not keep the others from being used.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, runtime_checkable

from cli.importers.glpi import Glpi
from cli.importers.itop import Itop
from cli.importers.jira import Jira
from cli.importers.mapping import Defaults, Meanings
from cli.importers.records import Piece, Raw
from cli.importers.servicenow import ServiceNow
from cli.importers.zammad import Zammad

GROUP = "itsm.importers"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")


@runtime_checkable
class Importer(Protocol):
    """Makes pieces of the records of one system's exports."""

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


@cache
def importers() -> tuple[Mapping[str, Importer], tuple[str, ...]]:
    """Importers by name, and what is wrong with those that were left out."""
    return gathered(entry_points(group=GROUP))


def gathered(offered: Iterable[EntryPoint]) -> tuple[Mapping[str, Importer], tuple[str, ...]]:
    """As `importers`, of these entry points beside those of the house."""
    found = {each.name: each for each in BUILT_IN}
    wrong = []
    for entry in offered:
        try:
            made = entry.load()
        except Exception as error:  # whatever another package raises is its own affair
            wrong.append(f"the importer {entry.name} of {entry.value} cannot be loaded: {error}")
            continue
        if not isinstance(made, Importer) or not _NAME.fullmatch(made.name):
            wrong.append(f"{entry.value} is no importer")
        elif made.name in found:
            wrong.append(f"the importer {made.name} of {entry.value} has a name that is taken")
        else:
            found[made.name] = made
    return dict(sorted(found.items())), tuple(wrong)
