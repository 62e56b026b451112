"""A selector as a question to the store, over labels kept as `name=value`."""

import re
from typing import Any

from services.monitor.domain.selector import Selector
from services.monitor.domain.silence import Matcher, Operator

_END = r"(?![\s\S])"  # `$` would also stand before a last line break


def query_of(selector: Selector) -> dict[str, Any]:
    """Matches what the selector fits, an absent label as an empty one."""
    return {"$and": [_condition(matcher) for matcher in selector.matchers]}


def _condition(matcher: Matcher) -> dict[str, Any]:
    name = re.escape(matcher.label)
    absent: dict[str, Any] = {"$nor": [{"pairs": {"$regex": f"^{name}="}}]}
    if matcher.operator in (Operator.EQUAL, Operator.NOT_EQUAL):
        fitting: dict[str, Any] = {"pairs": f"{matcher.label}={matcher.value}"} if matcher.value else absent
    else:
        fitting = {"pairs": {"$regex": f"^{name}=(?:{matcher.value}){_END}"}}
        if Matcher(label=matcher.label, operator=Operator.MATCHES, value=matcher.value).fits({}):
            fitting = {"$or": [fitting, absent]}
    return fitting if matcher.operator in (Operator.EQUAL, Operator.MATCHES) else {"$nor": [fitting]}
