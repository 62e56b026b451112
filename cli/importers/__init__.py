"""Importers of other systems' exports: files become records, and records go to the platform through its public interface.

An importer is anything with the shape of `Importer`. Those of the house are in `BUILT_IN`; other packages add theirs as an
entry point of the group `itsm.importers`, which names such an object.
"""

from cli.importers.registry import GROUP, Importer, importers

__all__ = ["GROUP", "Importer", "importers"]
