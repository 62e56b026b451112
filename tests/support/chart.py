"""The charts, rendered by the real helm: presets, objects, and what refuses to render."""

import copy
import functools
import importlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from chassis.settings import Settings
from deploy.tools import path
from stack.options import ROOT

CHART = ROOT / "helm" / "itsm"
BACKING = ROOT / "helm" / "backing"
PRESETS = tuple(sorted(file.name.removesuffix("-values.yaml") for file in (CHART / "ci").glob("*-values.yaml")))
NAMESPACE = "itsm-system"
RELEASE = "itsm"
# Kinds whose pods are described by a template, and where it is.
TEMPLATES = {"Deployment": ("spec",), "StatefulSet": ("spec",), "Job": ("spec",), "DaemonSet": ("spec",)}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Object = dict[str, Any]


def helm(*arguments: str, check: bool = True, timeout: float = 120, program: str = "helm") -> subprocess.CompletedProcess[str]:
    """Runs helm (3, or `program="helm4"`) with caches of its own, so that nothing of this machine decides. Fails with what
    it said.
    """
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home}
        done = subprocess.run(  # noqa: S603 - a program of ours
            [str(path(program)), *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    assert not check or done.returncode == 0, done.stderr
    return done


def preset(name: str) -> tuple[str, ...]:
    """The arguments that choose a preset."""
    return ("--values", str(CHART / "ci" / f"{name}-values.yaml"))


@functools.cache
def text(*arguments: str, chart: Path = CHART, release: str = RELEASE, namespace: str = NAMESPACE) -> str:
    """What helm renders, as text."""
    return helm("template", release, str(chart), "--namespace", namespace, *arguments).stdout


def objects(*arguments: str, chart: Path = CHART, release: str = RELEASE, namespace: str = NAMESPACE) -> list[Object]:
    """What helm renders, as objects that the caller may change."""
    return copy.deepcopy(_objects(*arguments, chart=chart, release=release, namespace=namespace))


@functools.cache
def _objects(*arguments: str, chart: Path, release: str, namespace: str) -> list[Object]:
    return parse(text(*arguments, chart=chart, release=release, namespace=namespace))


def parse(rendered: str) -> list[Object]:
    """The objects of a stream of YAML documents."""
    return [found for found in yaml.load_all(rendered, Loader=_LOADER) if found]


def of(name: str) -> list[Object]:
    """The objects of a preset."""
    return objects(*preset(name))


def refusal(*arguments: str, chart: Path = CHART) -> str:
    """Why helm does not render; fails when it does."""
    done = helm("template", RELEASE, str(chart), "--namespace", NAMESPACE, *arguments, check=False)
    assert done.returncode != 0, "this renders, though it should be refused"
    return done.stderr


def title(found: Object) -> str:
    """How a person finds an object."""
    return f"{found['kind']}/{found['metadata']['name']}"


def kinds(found: list[Object], *wanted: str) -> list[Object]:
    """The objects of these kinds."""
    return [each for each in found if each["kind"] in wanted]


def named(found: list[Object], kind: str, name: str) -> Object:
    """The one object of this name."""
    return next(each for each in found if each["kind"] == kind and each["metadata"]["name"] == name)


def pods(found: list[Object]) -> Iterator[tuple[Object, Object]]:
    """Each object that makes pods, with the pod's own part (`metadata`, `spec`)."""
    for each in found:
        if each["kind"] == "Pod":
            yield each, each
        elif each["kind"] in TEMPLATES:
            yield each, each["spec"]["template"]


def containers(found: list[Object]) -> Iterator[tuple[Object, Object]]:
    """Each container, init containers included, with the object that it belongs to."""
    for owner, pod in pods(found):
        for container in [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]:
            yield owner, container


def settings_of(service: str) -> type[Settings]:
    """What a service is told: its settings class, by which the chart is judged."""
    kind: type[Settings] = getattr(importlib.import_module(f"services.{service}.app"), "Settings", Settings)
    return kind
