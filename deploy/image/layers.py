"""Layers: tar files that depend on nothing but the content of what goes in, kept in a cache under the key of their inputs.

Fails with `BuildError` when `tar` does.
"""

import hashlib
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from deploy.image.errors import BuildError

EPOCH = 946_684_800  # zip files and some tools know no earlier year than 2000


@dataclass(frozen=True, slots=True)
class Layer:
    """An uncompressed tar file; `digest` is the SHA-256 of its bytes in hexadecimal, `size` their number."""

    file: Path
    digest: str
    size: int


class Layers:
    """The cache of layers in one folder. A file that is whole has its digest in its name, so it never changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, name: str, key: str, make: Callable[[Path], None]) -> Layer:
        """The layer of this name and key of inputs; `make` writes the tar file where there is none yet."""
        known = next(self._folder.glob(f"{name}-{key}-*.tar"), None)
        if known is None:
            part = self._folder / f"{name}.part"
            make(part)
            known = part.rename(self._folder / f"{name}-{key}-{_digest(part)}.tar")
            self._forget(name, known)
        return Layer(known, known.stem.rpartition("-")[2], known.stat().st_size)

    def _forget(self, name: str, current: Path) -> None:
        for old in self._folder.glob(f"{name}-*-*.tar"):
            if old != current and old.name.rsplit("-", 2)[0] == name:
                old.unlink()


def key_of(*parts: str | bytes) -> str:
    """A short name for a list of inputs."""
    state = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        state.update(len(raw).to_bytes(8, "big") + raw)
    return state.hexdigest()[:16]


def key_of_files(root: Path, paths: Iterable[Path]) -> str:
    """The same for files: their places below `root` and their content."""
    parts: list[str | bytes] = []
    for path in sorted(paths):
        parts += [str(path.relative_to(root)), path.read_bytes()]
    return key_of(*parts)


def write_tar(target: Path, root: Path, paths: Iterable[str] | None = None, *, below: str = "") -> None:
    """Archive `root` (or only `paths`, relative to it), owned by root, without the times of this build.

    `below` is the folder of the image where all of it goes, such as `opt/keycloak`.
    """
    command = ["tar", "-C", str(root), "-cf", str(target), "--owner=0", "--group=0", "--numeric-owner", f"--mtime=@{EPOCH}",
               "--format=posix", "--pax-option=delete=atime,delete=ctime,delete=mtime,exthdr.name=%d/h/%f"]  # fmt: skip
    if below:
        command.append(f"--transform=flags=rH;s,^\\.,./{below},")
    given = None
    if paths is None:
        command += ["--sort=name", "--mode=u+rwX,go+rX,go-w", "."]  # temporary folders are closed to others
    else:
        command += ["--no-recursion", "--null", "--files-from=-"]
        given = b"\0".join(f"./{path}".encode() for path in sorted(paths))
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"tar of {root} failed: {done.stderr.decode(errors='replace')[-500:]}")


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
