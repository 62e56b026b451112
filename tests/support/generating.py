"""Clients made from an OpenAPI document by the generators that people use: types for TypeScript, a package for Python.

`python -m tests.support.generating` installs the generator of Python clients, which has a folder of its own because it asks for
older libraries than we have (requirements/clients.in).
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from stack.web import WEB, npm

_ROOT = Path(__file__).parents[2]
_PINS = _ROOT / "requirements" / "clients.txt"
_INSTALL_SECONDS, _RUN_SECONDS = 300, 240


def generator() -> Path:
    """Where the generator of Python clients lies; installed when it is not there in this version."""
    folder = _ROOT / ".state" / "clients" / hashlib.sha256(_PINS.read_bytes()).hexdigest()[:12]
    if not (folder / "openapi_python_client").exists():
        words = ["install", "--quiet", "--no-deps", "--require-hashes", "--requirement", str(_PINS), "--target", str(folder)]
        _run([sys.executable, "-m", "pip", *words], _ROOT, _INSTALL_SECONDS)
    return folder


def python_client(document: dict[str, Any], folder: Path) -> None:
    """Makes the package `itsm_client` in the folder. Raises `AssertionError` with what the generator warns of."""
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "config.yml").write_text("post_hooks: []\nproject_name_override: itsm_client\n")
    words = ["generate", "--path", "openapi.json", "--config", "config.yml", "--meta", "none", "--output-path", "itsm_client"]
    command = [sys.executable, "-m", "openapi_python_client", *words, "--fail-on-warning"]
    _run(command, folder, PYTHONPATH=str(generator()))


def typescript_program(document: dict[str, Any], program: Path, folder: Path) -> Path:
    """Types of the document beside the program, checked together and compiled: the JavaScript. Raises `AssertionError`."""
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / program.name).write_text(program.read_text())
    (folder / "node_modules").symlink_to(WEB / "node_modules")
    _node(folder, "openapi-typescript/bin/cli.js", "openapi.json", "--output", "schema.d.ts")
    strict = ["--strict", "--exactOptionalPropertyTypes", "false", "--module", "nodenext", "--target", "es2022"]
    _node(folder, "typescript/bin/tsc", *strict, "--skipLibCheck", "--types", "node", program.name)
    return folder / program.with_suffix(".js").name


def node() -> str:
    """The program that runs JavaScript."""
    return str(npm()[0] / "node")


def _node(folder: Path, script: str, *words: str) -> None:
    _run([node(), str(WEB / "node_modules" / script), *words], folder)


def _run(command: list[str], folder: Path, seconds: int = _RUN_SECONDS, **environment: str) -> None:
    """Raises `AssertionError` with what the program says when it fails."""
    done = subprocess.run(  # noqa: S603 - programs of ours
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def part_of(document: dict[str, Any], tags: Collection[str]) -> dict[str, Any]:
    """The document with the operations of some tags alone, and what they refer to."""
    paths = {
        path: methods
        for path, methods in document["paths"].items()
        if all(set(operation["tags"]) & set(tags) for operation in methods.values())
    }
    kept: dict[str, dict[str, Any]] = {"securitySchemes": document["components"]["securitySchemes"]}
    left = [json.dumps(paths)]
    while left:
        for kind, name in re.findall(r'"#/components/(\w+)/([\w.-]+)"', left.pop()):
            if name not in kept.setdefault(kind, {}):
                kept[kind][name] = document["components"][kind][name]
                left.append(json.dumps(kept[kind][name]))
    return {**document, "paths": paths, "components": kept}


if __name__ == "__main__":
    generator()
