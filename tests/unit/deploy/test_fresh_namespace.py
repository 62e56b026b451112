"""A run on a cluster deletes the namespaces that runs have made, and nobody else's."""

import json
from pathlib import Path

import pytest

from tests.k8s.__main__ import fresh_namespace
from tests.k8s.cluster import Cluster, Refused


def _cluster(folder: Path, there: str) -> Cluster:
    """A cluster whose kubectl tells of this namespace and notes what it is asked."""
    (folder / "there").write_text(there)
    program = folder / "kubectl"
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$3 $4" >> "{folder}/asked"\n'
        f'case "$3" in get) cat "{folder}/there";; create) cat > "{folder}/made";; esac\n'
    )
    program.chmod(0o755)
    return Cluster("itsm", "itsm", kubectl_program=str(program))


def _namespace(labels: dict[str, str]) -> str:
    return json.dumps({"metadata": {"name": "itsm", "labels": labels}})


async def test_a_namespace_of_somebody_else_is_refused_and_stays(tmp_path: Path) -> None:
    cluster = _cluster(tmp_path, _namespace({"kubernetes.io/metadata.name": "itsm"}))
    with pytest.raises(Refused, match="made by somebody else"):
        await fresh_namespace(cluster)
    assert (tmp_path / "asked").read_text().split("\n")[:-1] == ["get namespace"]


async def test_a_namespace_that_a_run_made_is_made_anew_by_the_next(tmp_path: Path) -> None:
    await fresh_namespace(_cluster(tmp_path, ""))
    made = json.loads((tmp_path / "made").read_text())
    assert made["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    (tmp_path / "asked").unlink()
    await fresh_namespace(_cluster(tmp_path, json.dumps(made)))
    assert (tmp_path / "asked").read_text().split("\n")[:-1] == ["get namespace", "delete namespace", "create --filename"]
