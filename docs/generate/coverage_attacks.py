"""The second part of `docs/coverage.md`: which test shows which attack on the edge and which promise to other systems.

What they are is said in `tests/support/attack_cases.py`, `edge_items.py`, `identity_items.py` and `chart_items.py`.
"""

from collections.abc import Sequence

from docs.generate.markdown import table
from tests.support.attack_cases import CASES, Case
from tests.support.chart_items import ITEMS as CHART
from tests.support.edge_items import ITEMS
from tests.support.identity_items import ITEMS as IDENTITY

_INTRODUCTION = """
## Attacks on the edge

Bad input as the catalogue of attacks names it, with the tests that show that it gets nowhere; after those in `e2e/attacks`
the whole platform is looked at: whether everything runs, answers others, tells no secret and has changed nothing.
"""

_PROMISES = """
## Promises to other systems

What topics, REST, webhooks and signing in are held to, with the tests that do so; those below `e2e` run on the live stack.
"""

_OPERATION = """
## Promises to platform teams

What chart, pods, telemetry and a release are held to. A step is one of a run on a cluster, whose reports are in
[k8s](k8s/README.md); everything else runs in `make test`.
"""


def blocks() -> Sequence[Sequence[str] | str]:
    """Headings, a count and the tables."""
    shown = sum(bool(case.tests) for case in CASES.values())
    rows = [(name, case.what, _shown(case)) for name, case in CASES.items()]
    promised = [(case.what, _shown(case)) for case in (*ITEMS.values(), *IDENTITY.values())]
    attacks = table(("case", "what is tried", "shown by"), rows)
    promises = table(("promise", "shown by"), promised)
    operation = table(("promise", "shown by"), [(case.what, _shown(case)) for case in CHART.values()])
    driven = f"{shown} of {len(rows)} are driven."
    return _INTRODUCTION, driven, attacks, _PROMISES, promises, _OPERATION, operation


def _shown(case: Case) -> str:
    if not case.tests:
        return f"nothing: {case.why}"
    return "; ".join(_named(test) for test in case.tests)


def _named(test: str) -> str:
    file, _, function = test.partition("::")
    step = "step " if file.startswith("k8s/") and function else ""
    return f"{step}`{function.removeprefix('test_') or test}`"
