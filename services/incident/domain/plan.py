"""Plans: which tasks a record begins with, which wait for which, and which of them come next.

A plan has no loop. A task whose condition does not hold for the answers of a form is left out; what waited for it waits for
what it would have waited for.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chassis.errors import Invalid
from services.incident.domain import limits
from services.incident.domain.form import check_form, holds
from services.incident.domain.task import DEPENDENCIES, Task, TaskKind, TaskState

TASKS = 200
"""How many tasks a plan may have."""
_KEY = re.compile(r"[a-z][a-z0-9-]{0,63}")


@dataclass(slots=True, kw_only=True, frozen=True)
class PlannedTask:
    """A task of a plan; `key` is what the others call it, `condition` a schema that the answers must meet for it."""

    key: str
    title: str
    description: str = ""
    kind: TaskKind = TaskKind.MANUAL
    team_id: str = ""
    assignee_id: str = ""
    mandatory: bool = True
    depends_on: list[str] = field(default_factory=list)
    asset_class: str = ""
    condition: dict[str, Any] = field(default_factory=dict)


def check_plan(plan: Sequence[PlannedTask], path: str = "plan") -> None:
    """Raises `Invalid`, with the paths, for keys that are none or twice, unknown dependencies, loops and bad conditions."""
    if len(plan) > TASKS:
        raise Invalid({path: f"may have {TASKS} tasks"})
    wrong: dict[str, str] = {}
    known = {task.key for task in plan}
    seen: set[str] = set()
    for index, task in enumerate(plan):
        at = f"{path}[{index}]"
        if task.key in seen:
            wrong[f"{at}.key"] = "is another task's already"
        seen.add(task.key)
        wrong |= {f"{at}.{name}": text for name, text in _wrong(task, known).items()}
    if not wrong and (looping := _looping(plan)):
        wrong[path] = f"{', '.join(looping)} wait for each other"
    if wrong:
        raise Invalid(wrong)


def _wrong(task: PlannedTask, known: set[str]) -> dict[str, str]:
    wrong: dict[str, str] = {}
    if not _KEY.fullmatch(task.key):
        wrong["key"] = "must be lower-case letters, digits and hyphens, 64 at most"
    if len(task.depends_on) > DEPENDENCIES or len(set(task.depends_on)) != len(task.depends_on):
        wrong["dependsOn"] = f"may name {DEPENDENCIES} tasks, each once"
    elif missing := [key for key in task.depends_on if key not in known]:
        wrong["dependsOn"] = f"{', '.join(missing)} is no task of this plan"
    if task.kind is not TaskKind.MANUAL and not task.asset_class:
        wrong["assetClass"] = "must say what is looked for"
    try:
        limits.check({"title": task.title, "description": task.description, "asset_class": task.asset_class})
        check_form(task.condition, "condition")
    except Invalid as invalid:
        wrong |= invalid.violations
    return wrong


def _looping(plan: Sequence[PlannedTask]) -> list[str]:
    return [task.key for task in plan if task.key not in {each.key for each in in_order(plan)}]


def in_order(plan: Sequence[PlannedTask]) -> list[PlannedTask]:
    """The tasks, each behind all that it waits for; those of a loop are left out."""
    ordered: list[PlannedTask] = []
    placed: set[str] = set()
    waiting = list(plan)
    while at_hand := [task for task in waiting if placed.issuperset(task.depends_on)]:
        ordered += at_hand
        placed.update(task.key for task in at_hand)
        waiting = [task for task in waiting if task.key not in placed]
    return ordered


def wanted(plan: Sequence[PlannedTask], answers: Mapping[str, Any]) -> list[PlannedTask]:
    """The tasks whose conditions hold, in order, with what they wait for among them."""
    stands_for: dict[str, list[str]] = {}
    kept: list[PlannedTask] = []
    for task in in_order(plan):
        before = list(dict.fromkeys(key for name in task.depends_on for key in stands_for[name]))
        if holds(task.condition, answers):
            stands_for[task.key] = [task.key]
            kept.append(replace(task, depends_on=before))
        else:
            stands_for[task.key] = before
    return kept


def next_of(tasks: Iterable[Task]) -> list[Task]:
    """The tasks of a record that wait for nothing any more."""
    by_id = {task.id: task for task in tasks}
    return [
        task
        for task in by_id.values()
        if task.state is TaskState.PENDING and all(by_id[each].state.is_settled for each in task.depends_on if each in by_id)
    ]


def outstanding(tasks: Iterable[Task]) -> list[Task]:
    """The mandatory tasks that are not done."""
    return [task for task in tasks if task.mandatory and not task.state.is_over]
