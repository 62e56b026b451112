"""What Kubernetes never lets change of what a release made, kept for each: `python -m tests.contract.chart.immutable`.

An upgrade whose object has the name of one that is there, and differs in such a field, is refused half way through. Written
until a release is made (`make release` compares); from then on every later commit is compared with it.
"""

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from deploy.version import version
from stack.options import ROOT
from tests.support.chart import PRESETS, Object, of, title

FOLDER = Path(__file__).parent / "releases"
# Of a StatefulSet everything may never change but these; of others only the few that `_fields` names.
_CHANGEABLE = {
    "minReadySeconds", "ordinals", "persistentVolumeClaimRetentionPolicy", "replicas", "revisionHistoryLimit", "template",
    "updateStrategy",
}  # fmt: skip
# A Job may be suspended, cleaned up later and run otherwise often; what it runs is fixed.
_OF_A_JOB = ("completionMode", "completions", "managedBy", "podFailurePolicy", "selector", "template")
_HOOK = "helm.sh/hook"
_RELEASED = re.compile(r"^## \[?(\d+\.\d+\.\d+)\]? - \d{4}-\d{2}-\d{2}$", re.MULTILINE)

Fixed = dict[str, dict[str, Any]]


def fixed(found: list[Object]) -> Fixed:
    """By object, its fields that never change. What a hook makes is deleted before it is made again, and so is not here."""
    kept = {title(each): _fields(each) for each in found if _HOOK not in each["metadata"].get("annotations", {})}
    return {name: fields for name, fields in sorted(kept.items()) if fields}


def _fields(found: Object) -> dict[str, Any]:
    spec = found.get("spec", {})
    match found["kind"]:
        case "Deployment":
            return {"selector": spec["selector"]}
        case "StatefulSet":
            return {key: value for key, value in sorted(spec.items()) if key not in _CHANGEABLE}
        case "Job":
            return {key: _digest(spec[key]) for key in _OF_A_JOB if key in spec}
        case "Service":
            return {"clusterIP": spec.get("clusterIP", "given by the cluster")}
        case "PersistentVolumeClaim":
            return {key: value for key, value in sorted(spec.items()) if key != "resources"}
        case "RoleBinding" | "ClusterRoleBinding":
            return {"roleRef": found["roleRef"]}
        case "ConfigMap" | "Secret" if found.get("immutable"):
            return {"data": _digest([found.get("data"), found.get("stringData"), found.get("binaryData")])}
    return {}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def conflicts(before: Fixed, after: Fixed) -> list[str]:
    """What an upgrade from `before` to `after` would be refused for. Objects that are new or gone are none of it."""
    return [
        f"{name}: {field} was {fields.get(field)} and is {after[name].get(field)}"
        for name, fields in before.items()
        if name in after
        for field in sorted(fields.keys() | after[name].keys())
        if fields.get(field) != after[name].get(field)
    ]


def present() -> dict[str, Fixed]:
    """Of every preset, as this commit renders it."""
    return {name: fixed(of(name)) for name in PRESETS}


def text(presets: dict[str, Fixed]) -> str:
    """As it is kept: an object a line."""
    parts = []
    for name, objects in presets.items():
        lines = ",\n".join(f"    {json.dumps(each)}: {json.dumps(fields, sort_keys=True)}" for each, fields in objects.items())
        parts.append(f"  {json.dumps(name)}: {{\n{lines}\n  }}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def kept(version: str) -> dict[str, Fixed]:
    """What was kept when this version was released."""
    found: dict[str, Fixed] = json.loads((FOLDER / f"{version}.json").read_text())
    return found


def released() -> list[str]:
    """The versions that the changelog has a date for, the newest first."""
    return _RELEASED.findall((ROOT / "CHANGELOG.md").read_text())


def last_of_two_minors(versions: list[str]) -> list[str]:
    """Of versions, the newest first, the last patch of each of the two newest minor ones."""
    last: dict[str, str] = {}
    for each in versions:
        last.setdefault(each.rpartition(".")[0], each)
    return list(last.values())[:2]


def main() -> int:
    """Writes the file of the present version. Returns 1, and writes nothing, where it was released already."""
    if version() in released():
        sys.stderr.write(f"{version()} was released: what it made does not change any more\n")
        return 1
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{version()}.json").write_text(text(present()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
