"""The catalogue of attacks, and what platform teams and other systems are promised: each names tests that there are."""

import ast
from pathlib import Path

import pytest

from tests.support.attack_cases import CASES
from tests.support.chart_items import ITEMS as CHART
from tests.support.edge_items import ITEMS
from tests.support.identity_items import ITEMS as IDENTITY

TESTS = Path(__file__).parents[1]
ALL = {**CASES, **CHART, **ITEMS, **IDENTITY}


@pytest.mark.parametrize("name", ALL)
def test_a_case_is_shown_by_tests_that_there_are_or_says_why_not(name: str) -> None:
    case = ALL[name]
    assert bool(case.tests) != bool(case.why)
    for test in case.tests:
        file, _, function = test.partition("::")
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert function in names or not function, test
