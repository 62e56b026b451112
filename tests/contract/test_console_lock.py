"""The lock file of the console: what it names it holds, for every platform, and it names no registry."""

import json
from pathlib import Path
from typing import Any

LOCK: dict[str, Any] = json.loads((Path(__file__).parents[2] / "web" / "package-lock.json").read_text())
PACKAGES: dict[str, dict[str, Any]] = LOCK["packages"]


def test_every_optional_package_has_an_entry_so_that_a_clean_install_is_possible_anywhere() -> None:
    named = {name for package in PACKAGES.values() for name in package.get("optionalDependencies", {})}
    held = {path.rpartition("node_modules/")[2] for path in PACKAGES}
    assert named
    assert named <= held


def test_no_entry_says_where_a_package_was_fetched() -> None:
    assert not [path for path, package in PACKAGES.items() if "resolved" in package and path]
