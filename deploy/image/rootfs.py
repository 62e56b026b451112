"""The Debian below our images: made once by debootstrap, then cut into layers by package.

The services' images get Python and its libraries alone: no shell, no package manager. Those of the backing services get
the rest as well, because Keycloak's own start needs a shell. Fails with `BuildError`; needs root and the package `debootstrap`.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from deploy.image.errors import BuildError
from deploy.image.layers import Layer, Layers, key_of, write_tar

SUITE = "bookworm"
_PYTHON = ("python3", "ca-certificates", "libstdc++6", "base-files", "base-passwd")
_JAVA = ("openjdk-17-jre-headless",)
_CURL = ("libcurl4",)
# Named as needed by the above, of no use in a container that installs nothing.
_NOT_NEEDED = frozenset({"dpkg", "debconf", "openssl", "perl-base", "tar", "mawk", "media-types"})
_LEFT_OUT = re.compile(
    r"(usr/share/(doc|man|locale|info|lintian|bash-completion|fonts|alsa|gdb)|usr/lib/locale|var/(cache|log)"
    r"|var/lib/apt/lists|usr/lib/python3\.11/(test|idlelib|lib2to3|ensurepip|distutils)|proc|sys|dev|run|tmp)/."
)
_OF_PYTHON = re.compile(r"etc/(ssl/certs/(?!java)|nsswitch\.conf|ld\.so\.c|passwd|group)|usr/bin/python$|tmp$")
_OF_JAVA = re.compile(r"etc/ssl/certs/java/")
_USERS = "root:x:0:0::/:/usr/sbin/nologin\nitsm:x:10001:10001::/tmp:/usr/sbin/nologin\n"
_GROUPS = "root:x:0:\nitsm:x:10001:\n"


class Rootfs:
    """A folder with a whole Debian in it, and its layers `python`, `tools`, `java`, `curl`."""

    def __init__(self, folder: Path, layers: Layers) -> None:
        self._folder = folder
        self._layers = layers
        self._packages: dict[str, list[str]] = {}

    def make(self) -> None:
        """Runs debootstrap where there is no rootfs yet; takes one to two minutes and 530 MB."""
        if (self._folder / "complete").exists():
            return
        if os.geteuid() != 0 or shutil.which("debootstrap") is None:
            raise BuildError("the base of the images is made by debootstrap, as root: install it, or run as root")
        part = self._folder.with_name(self._folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        include = ",".join((*_PYTHON, *_JAVA, *_CURL))
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={include}", SUITE, str(part)], capture_output=True, check=False
        )
        if done.returncode != 0:
            raise BuildError(f"debootstrap failed: {done.stdout.decode(errors='replace')[-500:]}")
        adopt(part)
        part.rename(self._folder)

    def packages(self, name: str) -> list[str]:
        """What a layer consists of, as `name=version`."""
        if not self._packages:
            self._packages = _by_layer(self._folder)
        return self._packages[name]

    def layer(self, name: str) -> Layer:
        """One of the four layers."""
        key = key_of(*self.packages(name), "2")
        return self._layers.get(name, key, lambda target: write_tar(target, self._folder, self._paths(name)))

    def _paths(self, name: str) -> list[str]:
        owners = _owners(self._folder, self._packages)
        chosen = []
        for folder, folders, files in os.walk(self._folder):
            inside = os.path.relpath(folder, self._folder)
            for entry in (*folders, *files):
                path = os.path.normpath(os.path.join(inside, entry))  # noqa: PTH118  (a hundred thousand of them)
                if not _LEFT_OUT.match(path) and _layer_of(path, owners) == name:
                    chosen.append(path)
        return [path for path in chosen if path != "complete"]


def adopt(folder: Path) -> None:
    """Finishes what debootstrap has made: our user, `python` as the name of the interpreter, the mark that it is whole."""
    (folder / "etc/passwd").write_text(_USERS)
    (folder / "etc/group").write_text(_GROUPS)
    python = folder / "usr/bin/python"
    if not python.is_symlink():
        python.symlink_to("python3")
    (folder / "complete").touch()


def _by_layer(folder: Path) -> dict[str, list[str]]:
    """The packages of each layer with their versions, as `name=version`."""
    depends, versions, essential = _status(folder)
    python = _closure(_PYTHON, depends) - _NOT_NEEDED
    java = _closure(_JAVA, depends) - python - _NOT_NEEDED
    curl = _closure(_CURL, depends) - python - _NOT_NEEDED
    alone = (java ^ curl) - essential
    tools = set(versions) - python - alone
    sets = {"python": python, "tools": tools, "java": java & alone, "curl": curl & alone}
    return {name: sorted(f"{package}={versions[package]}" for package in chosen) for name, chosen in sets.items()}


def _status(folder: Path) -> tuple[dict[str, set[str]], dict[str, str], set[str]]:
    """From dpkg's database: what each package depends on, its version, and which ones are not there for Java or curl."""
    depends: dict[str, set[str]] = {}
    versions: dict[str, str] = {}
    required: set[str] = set()
    for block in (folder / "var/lib/dpkg/status").read_text().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if re.match(r"[A-Z][\w-]+: ", line))
        if "Package" not in fields:
            continue
        name = fields["Package"]
        versions[name] = fields["Version"]
        wanted = f"{fields.get('Depends', '')},{fields.get('Pre-Depends', '')}"
        depends[name] = {re.split(r"[ (:]", part.strip(), maxsplit=1)[0] for part in re.split(r"[,|]", wanted) if part.strip()}
        if fields.get("Essential") == "yes" or fields.get("Priority") == "required" or name == "apt":
            required.add(name)
    known = set(versions)
    return {name: found & known for name, found in depends.items()}, versions, _closure(required, depends) & known


def _closure(names: Iterable[str], depends: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [name for name in names if name in depends]
    while waiting:
        name = waiting.pop()
        if name not in found and name not in _NOT_NEEDED:
            found.add(name)
            waiting += [other for other in depends.get(name, ()) if other in depends]
    return found


def _owners(folder: Path, packages: dict[str, list[str]]) -> dict[str, str]:
    """Layer by path, for every path that a package owns. Paths of merged folders are told as they are on disk."""
    info = folder / "var/lib/dpkg/info"
    owners: dict[str, str] = {}
    for layer in ("tools", "curl", "java", "python"):  # a folder that several own belongs to the lowest layer
        for package in packages[layer]:
            name = package.partition("=")[0]
            for listing in (info / f"{name}.list", *info.glob(f"{name}:*.list")):
                if listing.exists():
                    owners |= {_merged(line): layer for line in listing.read_text().splitlines()}
    return owners


def _merged(line: str) -> str:
    path = line.strip("/")
    return f"usr/{path}" if re.match(r"(bin|sbin|lib|lib32|lib64|libx32)(/|$)", path) else path


def _layer_of(path: str, owners: dict[str, str]) -> str:
    if _OF_PYTHON.match(path) or path in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        return "python"
    if _OF_JAVA.match(path):
        return "java"
    return owners.get(path, "tools")
