"""Lists: one filter language, one order, one way to page; the same for the store, for memory and for streams.

How it can fail: only with `Invalid`, which names `filter`, `orderBy`, `pageSize` or `pageToken` and what would be right.
No text of a caller ever becomes an operator, a field name or a pattern of the store.
"""

from chassis.listing.compiled import Predicate, Query, compile_predicate, compile_query
from chassis.listing.fields import Document, Field, Fields, Kind
from chassis.listing.filter import parse
from chassis.listing.order import Order, parse_order
from chassis.listing.pages import Listing, Page
from chassis.listing.tree import Node

__all__ = [
    "Document",
    "Field",
    "Fields",
    "Kind",
    "Listing",
    "Node",
    "Order",
    "Page",
    "Predicate",
    "Query",
    "compile_predicate",
    "compile_query",
    "parse",
    "parse_order",
]
