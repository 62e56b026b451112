"""Plugins of an installed package: named ones alone, and one that is broken hurts no other."""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Any

import pytest

from chassis import context as ctx
from chassis import plugins
from chassis.errors import Invalid
from chassis.plugins import Loaded, allowed, handed, load
from chassis.testing import caller
from services.monitor.domain.check import Check, Outcome
from services.monitor.domain.check_settings import Kind
from services.monitor.ports import NOTIFIERS
from services.monitor.probes import Probes
from services.monitor.probes.plugin import CHECKS
from tests.support.plugged import EXAMPLE, install

ROOT = Path(__file__).parents[3]
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[EntryPoint]]:
    """What the example offers, installed by its path into a folder of its own."""
    folder = install(tmp_path_factory.mktemp("site"))
    (installed,) = distributions(path=[str(folder)])
    sys.path.append(str(folder))
    yield list(installed.entry_points)
    sys.path.remove(str(folder))


def checks(offered: list[EntryPoint], setting: str) -> Loaded[Any]:
    return load(CHECKS, setting, offered=[each for each in offered if each.group == CHECKS.group])


def look_at(target: str) -> Check:
    made = Check.made(id="chk_1", at=AT, name="Spool", kind=Kind.PLUGIN, target=target, timeout=timedelta(seconds=20))
    made.take_recorded()
    return made


def test_nothing_is_loaded_that_was_not_named(offered: list[EntryPoint]) -> None:
    before = set(sys.modules)
    for setting in ("", "notifiers:queue", "checks:nobody"):
        assert not checks(offered, setting).found
    assert not {name for name in set(sys.modules) - before if name.startswith("itsm_example")}
    assert checks(offered, "checks:nobody").entries[0].problem == "no installed package offers it"


def test_one_that_is_broken_is_named_and_the_others_are_there(offered: list[EntryPoint]) -> None:
    loaded = checks(offered, "checks:queue, checks:broken,checks:future,checks:shapeless,notifiers:lines")
    assert set(loaded.found) == {"queue"}
    problems = {entry.name: entry.problem for entry in loaded.entries}
    assert problems["queue"] == ""
    assert "its license has ended" in problems["broken"]
    assert "version 99 of checks" in problems["future"]
    assert "shape of CheckPlugin" in problems["shapeless"]
    assert {entry.package for entry in loaded.entries} == {"itsm-example 1.0"}


def test_two_packages_that_offer_one_name_are_told_instead_of_chosen_from(offered: list[EntryPoint]) -> None:
    twice = [*offered, EntryPoint("queue", "elsewhere:QueueCheck", CHECKS.group)]
    assert "several packages" in checks(twice, "checks:queue").entries[0].problem


@pytest.mark.parametrize("setting", ["queue", "checks:", ":queue", "checks:a,queue"])
def test_a_setting_that_names_no_kind_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match="kind:name"):
        allowed(setting)


async def test_a_check_of_a_plugin_is_looked_at_like_any_other(offered: list[EntryPoint], tmp_path: Path) -> None:
    probes = Probes(plugins=checks(offered, "checks:queue").found)
    spool = tmp_path / "spool"
    missing = await probes.look(look_at(f"queue:{spool}:1"), AT)
    assert (missing.outcome, missing.message) == (Outcome.FAILED, "no such file or directory")
    spool.mkdir()
    for number, outcome in ((1, Outcome.OK), (2, Outcome.DEGRADED)):
        (spool / str(number)).touch()
        found = await probes.look(look_at(f"queue:{spool}:1"), AT)
        assert (found.outcome, found.message, found.value) == (outcome, f"{number} wait", float(number))
    defect = await probes.look(look_at(f"queue:{spool}:many"), AT)
    assert (defect.outcome, defect.message) == (Outcome.UNKNOWN, "the look failed: ValueError")
    with pytest.raises(Invalid, match="no plugin other"):
        probes.refuse(look_at("other:thing"))
    gone = await Probes().look(look_at("queue:x"), AT)
    assert (gone.outcome, gone.message) == (Outcome.UNKNOWN, "the plugin queue is not there any more")
    with pytest.raises(Invalid, match="target"):
        look_at("no plugin is named")


async def test_how_a_plugin_ends_decides_on_another_attempt(offered: list[EntryPoint], tmp_path: Path) -> None:
    lines = load(NOTIFIERS, "notifiers:lines", offered=[each for each in offered if each.group == NOTIFIERS.group]).found[
        "lines"
    ]
    file = tmp_path / "lines"
    taken = await handed(lambda: lines.notify(str(file), "ntf_1", {"title": "Disk full"}))
    assert (taken.delivered, json.loads(file.read_text())) == (True, {"key": "ntf_1", "title": "Disk full"})
    later = await handed(lambda: lines.notify(str(tmp_path), "ntf_1", {}))
    never = await handed(lambda: lines.notify("", "ntf_1", {}))
    assert (later.delivered, later.retry, never.delivered, never.retry) == (False, True, False, False)

    async def defect() -> None:
        raise KeyError("x")

    assert (await handed(defect)).why == "the plugin failed: KeyError"
    with ctx.use(caller(dry_run=True)), pytest.raises(Invalid):
        await handed(lambda: lines.notify(str(file), "ntf_2", {}))
    assert len(file.read_text().splitlines()) == 1, "a trial tells nobody"


async def test_one_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_PATIENCE", 0.01)
    ended = await handed(lambda: asyncio.sleep(3600))
    assert (ended.delivered, ended.retry) == (False, True)


@pytest.mark.parametrize("page", ["checks", "notifiers", "channels"])
def test_a_page_shows_the_example_that_is_tested(page: str) -> None:
    text = (ROOT / f"docs/plugins/{page}.md").read_text()
    (module,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert module == (EXAMPLE / f"itsm_example/{page[:-1]}.py").read_text()
