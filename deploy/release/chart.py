"""The package of the chart, as helm makes it, with the times of the commit in place of those of this hour.

Fails with `ReleaseError`.
"""

import gzip
import io
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import yaml

from deploy.release import ReleaseError
from deploy.release.source import Source, tracked
from stack.options import ROOT

CHART = "helm/itsm"


def package(source: Source, target: Path, helm: Path) -> Path:
    """The package of what the repository holds, in the folder `target`. `Chart.yaml` has to be of our version."""
    with tempfile.TemporaryDirectory() as folder:
        for name in tracked("helm"):
            place = Path(folder, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place, follow_symlinks=False)
        about = yaml.safe_load(Path(folder, CHART, "Chart.yaml").read_text())
        if (about["version"], about["appVersion"]) != (source.version, source.version):
            raise ReleaseError(f"{CHART}/Chart.yaml is of {about['version']}, pyproject.toml of {source.version}")
        _run(helm, "package", str(Path(folder, CHART)), "--destination", folder)
        made = Path(folder, f"{about['name']}-{source.version}.tgz")
        kept = target / made.name
        kept.write_bytes(_timed(made, int(source.time.timestamp())))
    return kept


def _timed(package: Path, seconds: int) -> bytes:
    """The same files in the same order, all of one time and of nobody."""
    raw = io.BytesIO()
    with (
        tarfile.open(package) as read,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=seconds) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as written,
    ):
        for member in read:
            header = tarfile.TarInfo(member.name)
            header.size, header.mode, header.mtime = member.size, 0o644, seconds
            written.addfile(header, read.extractfile(member))
    return raw.getvalue()


def _run(helm: Path, *arguments: str) -> None:
    """Caches and plugins of this machine's people decide nothing."""
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": "/usr/bin:/bin", "HOME": home}
        command = [str(helm), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise ReleaseError(f"{helm.name} {arguments[0]}: {done.stderr.strip()[-1000:]}")
