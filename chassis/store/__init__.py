"""Where aggregates are kept: one transaction a use case, one change row a save, the tenant and row scope in every query.

A transaction reads at once and writes at its end: all documents, change rows and claims of the use case in one database
transaction, decided by compare-and-set on each record's version. It fails with `Busy` (run the use case again), `Stale`
(the caller decided on an older version), `NotFound`, `Unavailable` (the database is silent; a commit may or may not have
happened), never half.
"""

from chassis.store.backend import Backend, Delete, Index, Insert, Taken, Update, Write
from chassis.store.changes import CHANGES, Kind
from chassis.store.transaction import Replay, Store, Transaction

__all__ = [
    "CHANGES",
    "Backend",
    "Delete",
    "Index",
    "Insert",
    "Kind",
    "Replay",
    "Store",
    "Taken",
    "Transaction",
    "Update",
    "Write",
]
