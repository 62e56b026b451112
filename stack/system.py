"""Programs and libraries of the machine that the stack needs: found, installed when we may, or named in one line."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from stack.console import Console
from stack.errors import StackError

_PACKAGES = {"java": "openjdk-17-jre-headless", "mvn": "maven"}
_LIBRARIES = {"libcurl.so.4": "libcurl4", "libssl.so.3": "libssl3", "libcrypto.so.3": "libssl3"}


def require_tools(console: Console, tools: tuple[str, ...]) -> None:
    """Make sure that these programs are on the path, installing their packages when this is possible."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        _install(console, [_PACKAGES[tool] for tool in missing], ", ".join(missing))


def require_libraries(console: Console, binary: Path) -> None:
    """Make sure that a binary finds its shared libraries."""
    missing = _missing_libraries(binary)
    if not missing:
        return
    packages = sorted({_LIBRARIES[name] for name in missing if name in _LIBRARIES})
    if packages:
        _install(console, packages, ", ".join(missing))
    if still := _missing_libraries(binary):
        raise StackError(f"{binary.name} needs {', '.join(still)}, which this machine lacks")


def _missing_libraries(binary: Path) -> list[str]:
    output = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False).stdout
    return re.findall(r"^\s*(\S+) => not found", output, re.MULTILINE)


def _install(console: Console, packages: list[str], what: str) -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise StackError(f"missing: {what}; install the packages {' '.join(packages)} (or their like) and try again")
    console.say(f"installing {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]):
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise StackError(f"{' '.join(command)} failed: {(result.stderr or result.stdout).strip()[-400:]}")
