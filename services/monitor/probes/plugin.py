"""Kinds of checks that other packages bring (docs/plugins/checks.md)."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from chassis.plugins import Kind
from services.monitor.domain.check import MESSAGE, Check, Outcome
from services.monitor.domain.check_settings import plugin_target
from services.monitor.domain.signal import cut
from services.monitor.probes.found import Found, Refused


@runtime_checkable
class CheckPlugin(Protocol):
    """A way to look at something."""

    api: int
    """1."""

    async def look(self, target: str, timeout: float) -> Mapping[str, Any]:
        """What is found at `target`, the part of the check's target behind the plugin's name.

        `outcome` is `OK`, `DEGRADED`, `FAILED` or `UNKNOWN`; `message` says more, `value` is a figure; both may be left out.
        It is ended after `timeout` seconds. Raises `OSError` for what counts as a failed look; anything else that it raises
        is a defect, and says nothing about the target.
        """
        ...


CHECKS: Kind[CheckPlugin] = Kind("itsm.checks", 1, CheckPlugin)  # type: ignore[type-abstract] # it is only asked about shapes


async def by_plugin(check: Check, plugins: Mapping[str, CheckPlugin]) -> Found:
    """What the plugin that the target names finds. Raises `Refused` where it is not there any more."""
    name, what = plugin_target(check.target)
    plugin = plugins.get(name)
    if plugin is None:
        raise Refused(f"the plugin {name} is not there any more")
    said = await plugin.look(what, check.timeout.total_seconds())
    value = said.get("value")
    return Found(
        Outcome(said["outcome"]),
        cut(str(said.get("message", "")), MESSAGE),
        value=None if value is None else float(value),
    )
