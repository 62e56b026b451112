"""Importers of other systems' exports: files become records, and records go to the platform through its public interface.

An importer is anything with the shape of `Importer`; other packages add theirs as entry points of the group `itsm.importers`.
"""

from cli.importers.registry import Importer, importers

__all__ = ["Importer", "importers"]
