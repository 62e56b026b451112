"""Writes images as one archive, as `docker save` does: what several images share is in it once.

A name without a registry is written as it is. Whoever imports the archive completes it as pods' image names are completed
there, so no registry has to be known here; in the OCI layout a name is taken to the letter.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.image.layers import EPOCH, Layer

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Image:
    """One image: its full name with tag, layers from the bottom, and how a container of it starts."""

    name: str
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    user: str = "10001:10001"
    workdir: str = "/app"

    def config(self, architecture: str) -> bytes:
        """The image's configuration, as the format wants it."""
        environment = {"PATH": PATH, **self.environment}
        return _json(
            {
                "created": "2000-01-01T00:00:00Z",
                "architecture": architecture,
                "os": "linux",
                "config": {
                    "User": self.user,
                    "WorkingDir": self.workdir,
                    "Entrypoint": list(self.entrypoint),
                    "Env": [f"{name}={value}" for name, value in environment.items()],
                    "ExposedPorts": {f"{port}/tcp": {} for port in self.ports},
                    "Labels": dict(self.labels),
                },
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in self.layers]},
            }
        )


def write(target: Path, images: Iterable[Image], architecture: str) -> dict[str, str]:
    """Writes the archive in place of `target`; returns the id of each image (`sha256:…`, of its configuration) by its name."""
    part = target.with_name(target.name + ".part")
    ids, entries, present = {}, [], set()
    with tarfile.open(part, "w") as tar:
        for image in images:
            for layer in image.layers:
                if layer.digest not in present:
                    present.add(layer.digest)
                    _add_file(tar, _blob(layer.digest), layer)
            config = image.config(architecture)
            digest = hashlib.sha256(config).hexdigest()
            if digest not in present:
                present.add(digest)
                _add(tar, _blob(digest), config)
            ids[image.name] = f"sha256:{digest}"
            below = [_blob(layer.digest) for layer in image.layers]
            entries.append({"Config": _blob(digest), "RepoTags": [image.name], "Layers": below})
        _add(tar, "manifest.json", _json(entries))
    part.replace(target)
    return ids


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest}"


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _header(name: str, size: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mtime, header.mode = size, EPOCH, 0o644
    return header


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    tar.addfile(_header(name, len(content)), io.BytesIO(content))


def _add_file(tar: tarfile.TarFile, name: str, layer: Layer) -> None:
    with layer.file.open("rb") as stream:
        tar.addfile(_header(name, layer.size), stream)
