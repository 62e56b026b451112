"""The images of a release in one archive, and what is known of them once they are built. Needs root and debootstrap."""

import asyncio
import platform
from pathlib import Path

from chassis.peers import SERVICES
from deploy.image import archive
from deploy.image.__main__ import ARCHITECTURES, BACKING, SYSTEMS, images
from deploy.image.layers import Layers
from deploy.image.rootfs import Rootfs
from deploy.release.bills import Built
from stack.console import Console
from stack.fetch import fetch
from stack.options import Options


def build(target: Path, version: str, cache: Path, console: Console) -> tuple[Path, Built]:
    """The archive in the folder `target`, with what its bills need to know. Raises `BuildError` and `StackError`."""
    machine = ARCHITECTURES[platform.machine()]
    cache.mkdir(parents=True, exist_ok=True)
    made = asyncio.run(images((*SERVICES, *BACKING), "itsm", version, cache.resolve(), console))
    file = target / f"itsm-images-{version}-{machine}.tar"
    ids = archive.write(file, made, machine)
    rootfs = Rootfs(cache.resolve() / "rootfs", Layers(cache.resolve() / "layers"))
    debian = {name: rootfs.packages("python") for name in SERVICES}
    for name, systems in SYSTEMS.items():
        debian[name] = sorted(package for layer in ("python", "tools", *systems) for package in rootfs.packages(layer))
    programs = asyncio.run(fetch(Options().cache, console))
    return file, Built(ids, debian, {"kafka": programs.kafka_libs, "keycloak": programs.keycloak_home})
