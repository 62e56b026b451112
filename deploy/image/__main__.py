"""Builds the images of the platform on a Debian machine without a container daemon.

The result is one archive as `docker save` writes it, for `docker load`, `ctr images import` and `skopeo`. Layers are
kept in a cache, so a second build after a change of the code takes seconds.
"""

import argparse
import asyncio
import platform
import subprocess
import sys
from pathlib import Path

from chassis.peers import SERVICES
from deploy.image import archive, parts
from deploy.image.archive import Image
from deploy.image.errors import BuildError
from deploy.image.layers import Layer, Layers
from deploy.image.rootfs import Rootfs
from deploy.version import version
from stack.console import Console
from stack.errors import StackError
from stack.fetch import fetch
from stack.options import ROOT, Options

BACKING = ("mongod", "kafka", "keycloak")
# The layers of Debian that an image of a backing service has beside those that every image has.
SYSTEMS = {"mongod": ("curl",), "kafka": ("java",), "keycloak": ("java",)}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PORTS = {"gateway": (8080, 50051, 8081), "monitor": (50051, 8080, 4317, 8081)}
_PYTHON = {
    "PYTHONPATH": "/app:/opt/itsm/lib",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "ITSM_SECRETS_DIR": "/etc/itsm/secrets",
}
_JAVA_HOME = "/usr/lib/jvm/java-17-openjdk-amd64"


def labels(component: str, tag: str) -> dict[str, str]:
    """What an image says of itself."""
    return {
        "org.opencontainers.image.title": f"itsm-{component}",
        "org.opencontainers.image.description": f"ITSM platform: {component}",
        "org.opencontainers.image.version": tag,
        "org.opencontainers.image.licenses": "Apache-2.0",
    }


async def images(wanted: tuple[str, ...], prefix: str, tag: str, cache: Path, console: Console) -> list[Image]:
    """Every wanted image, its layers made or taken from the cache."""
    layers = Layers(cache / "layers")
    rootfs = Rootfs(cache / "rootfs", layers)
    console.say("Debian")
    rootfs.make()
    python = rootfs.layer("python")
    console.say("dependencies")
    libraries = parts.libraries(layers)
    made = []
    for name in (name for name in SERVICES if name in wanted):
        own = (parts.console(layers),) if name == "gateway" else ()
        made.append(
            Image(
                name=f"{prefix}/{name}:{tag}",
                layers=(python, *libraries[name], parts.code(layers), *own),
                entrypoint=("python", "-m", f"services.{name}"),
                environment=_PYTHON,
                ports=_PORTS.get(name, (50051, 8081)),
                labels=labels(name, tag),
            )
        )
    if set(BACKING) & set(wanted):
        below = (python, rootfs.layer("tools"), libraries["asset"][0])
        made += await _backing(wanted, prefix, tag, (rootfs, layers, below), console)
    return made


async def _backing(
    wanted: tuple[str, ...], prefix: str, tag: str, base: tuple[Rootfs, Layers, tuple[Layer, ...]], console: Console
) -> list[Image]:
    rootfs, layers, below = base
    console.say("mongod, Kafka, Keycloak")
    programs = await fetch(Options().cache, console)
    ours = (parts.code(layers), parts.backing_code(layers))
    makers = {
        "mongod": (parts.mongod, (27017,)),
        "kafka": (parts.kafka, (9092,)),
        "keycloak": (parts.keycloak, (8080, 9000)),
    }
    return [
        Image(
            name=f"{prefix}/{name}:{tag}",
            layers=(*below, *(rootfs.layer(system) for system in SYSTEMS[name]), make(layers, programs), *ours),
            entrypoint=("python", "-m", "deploy.backing", name),
            environment={**_PYTHON, "JAVA_HOME": _JAVA_HOME},
            ports=ports,
            labels=labels(name, tag),
        )
        for name, (make, ports) in makers.items()
        if name in wanted
    ]


def main() -> int:
    """Returns the exit code: 0, or 1 when something is missing or failed."""
    parser = argparse.ArgumentParser(prog="deploy/image/build", description=__doc__)
    every = (*SERVICES, *BACKING)
    parser.add_argument("component", nargs="*", help=f"all of them when none is named: {', '.join(every)}")
    parser.add_argument("--prefix", default="itsm", help="repository before the component's name, with a registry or without")
    parser.add_argument("--tag", default=version(), help="the platform's version when not given")
    parser.add_argument("--cache", type=Path, default=ROOT / ".state" / "images", help="folder of the base and the layers")
    parser.add_argument("--out", type=Path, help="the archive; images.tar in the cache when not given")
    parser.add_argument("--load", metavar="SOCKET", help="import into the containerd at this socket, for Kubernetes")
    options = parser.parse_args()
    wanted = tuple(options.component or every)
    if unknown := sorted(set(wanted) - set(every)):
        parser.error(f"there is no component {', '.join(unknown)}")
    console = Console()
    out = options.out or options.cache / "images.tar"
    options.cache.mkdir(parents=True, exist_ok=True)
    try:
        made = asyncio.run(images(wanted, options.prefix, options.tag, options.cache.resolve(), console))
        ids = archive.write(out, made, ARCHITECTURES[platform.machine()])
    except (BuildError, StackError) as problem:
        console.say(str(problem))
        return 1
    for name, identity in ids.items():
        sys.stdout.write(f"{name} {identity}\n")
    if options.load:
        command = ["ctr", "--address", options.load, "--namespace", "k8s.io", "images", "import", str(out)]
        return subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
