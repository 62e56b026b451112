"""Writes images as one archive in the OCI layout: what several images share is in it once."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.image.layers import EPOCH, Layer

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_INDEX = "application/vnd.oci.image.index.v1+json"
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
    """Writes the archive in place of `target`; returns the digest of each image (`sha256:…`) by its name."""
    part = target.with_name(target.name + ".part")
    digests, entries, present = {}, [], set()
    with tarfile.open(part, "w") as tar:

        def blob(content: bytes) -> str:
            digest = hashlib.sha256(content).hexdigest()
            if digest not in present:
                present.add(digest)
                _add(tar, f"blobs/sha256/{digest}", content)
            return f"sha256:{digest}"

        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        for image in images:
            for layer in image.layers:
                if layer.digest not in present:
                    present.add(layer.digest)
                    _add_file(tar, f"blobs/sha256/{layer.digest}", layer)
            config = image.config(architecture)
            manifest = _json(
                {
                    "schemaVersion": 2,
                    "mediaType": _MANIFEST,
                    "config": {"mediaType": _CONFIG, "digest": blob(config), "size": len(config)},
                    "layers": [
                        {"mediaType": _LAYER, "digest": f"sha256:{layer.digest}", "size": layer.size} for layer in image.layers
                    ],
                }
            )
            digests[image.name] = blob(manifest)
            entries.append(_entry(image.name, digests[image.name], len(manifest), architecture))
        _add(tar, "index.json", _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}))
    part.replace(target)
    return digests


def _entry(name: str, digest: str, size: int, architecture: str) -> dict[str, Any]:
    """Docker reads the first annotation, containerd the second."""
    return {
        "mediaType": _MANIFEST,
        "digest": digest,
        "size": size,
        "platform": {"architecture": architecture, "os": "linux"},
        "annotations": {"org.opencontainers.image.ref.name": name.rpartition(":")[2], "io.containerd.image.name": name},
    }


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
