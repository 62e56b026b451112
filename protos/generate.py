"""Protos → gen/: messages, gRPC stubs, type stubs and a descriptor set with comments. Run by hand or by the build.

Each package gets an `__init__` that re-exports its modules, so code says `from itsm.incident import v1 as pb`.
"""

import shutil
import sys
from collections import defaultdict
from importlib.resources import files
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from grpc_tools import protoc

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # generating by hand needs no build backend
    BuildHookInterface = object  # type: ignore[assignment,misc]

ROOT = Path(__file__).resolve().parent.parent


def generate(root: Path = ROOT) -> None:
    """Replaces gen/ in one step; a failing protoc leaves the old one."""
    protos = sorted(path.relative_to(root / "protos").as_posix() for path in (root / "protos").rglob("*.proto"))
    fresh = Path(mkdtemp(prefix="gen.", dir=root))
    fresh.chmod(0o755)
    (fresh / "itsm").mkdir(parents=True)
    code = protoc.main(
        [
            "protoc",
            f"--proto_path={root / 'protos'}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            f"--proto_path={_googleapis()}",
            f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).parent / 'protoc-gen-mypy_grpc'}",
            f"--python_out={fresh}",
            f"--pyi_out={fresh}",
            f"--grpc_python_out={fresh}",
            f"--mypy_grpc_out=quiet:{fresh}",
            f"--descriptor_set_out={fresh / 'itsm' / 'descriptors.binpb'}",
            "--include_imports",
            "--include_source_info",
            *protos,
        ]
    )
    if code:
        shutil.rmtree(fresh)
        raise SystemExit(f"protoc failed with {code}; the messages above name file and line")
    _write_packages(fresh, protos)
    shutil.rmtree(root / "gen", ignore_errors=True)
    fresh.rename(root / "gen")


def _googleapis() -> Path:
    import google.api

    return Path(next(iter(google.api.__path__))).parent.parent


def _write_packages(fresh: Path, protos: list[str]) -> None:
    modules: dict[Path, list[str]] = defaultdict(list)
    for proto in protos:
        path = Path(proto)
        modules[path.parent].append(f"{path.stem}_pb2")
        if (fresh / path.parent / f"{path.stem}_pb2_grpc.py").exists() and "service" in path.stem:
            modules[path.parent].append(f"{path.stem}_pb2_grpc")
    for package, names in modules.items():
        dotted = ".".join(package.parts)
        (fresh / package / "__init__.py").write_text("".join(f"from {dotted}.{name} import *\n" for name in names))
        (fresh / package / "py.typed").touch()


class ProtoHook(BuildHookInterface):  # type: ignore[misc,valid-type]
    """Makes generation part of installing."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - signature of hatchling
        """Called before files are collected."""
        generate(Path(self.root))


if __name__ == "__main__":
    generate()
