"""What goes on top of Debian: the locked dependencies, our code, the console, and the programs of the backing services."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from chassis.peers import SERVICES
from deploy.image.errors import BuildError
from deploy.image.layers import Layer, Layers, key_of, key_of_files, write_tar
from stack.fetch import Programs
from stack.options import ROOT

_LIBRARIES = "opt/itsm/lib"
_ABI = "3.11"
_REQUIREMENT = re.compile(r"^([\w.-]+)==\S+.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_CODE = ("chassis", "services")
_BACKING_CODE = ("stack", "deploy/backing")


def locked(component: str) -> dict[str, str]:
    """The locked requirements of a service with their hashes, by name of the package, as the lines of its file."""
    text = (ROOT / "requirements" / f"{component}.txt").read_text()
    return {match[1]: match[0] for match in _REQUIREMENT.finditer(text)}


def shared() -> dict[str, str]:
    """Those that all services need alike; the images of the backing services hold them too."""
    return dict(set.intersection(*(set(locked(name).items()) for name in SERVICES)))


def libraries(layers: Layers) -> dict[str, tuple[Layer, ...]]:
    """The layers of dependencies by service: one that all share, then what only this one needs."""
    common = shared()
    base = _installed(layers, "libraries", common)
    result: dict[str, tuple[Layer, ...]] = {}
    for name in SERVICES:
        own = dict(locked(name).items() - common.items())
        result[name] = (base, _installed(layers, f"libraries-{name}", own)) if own else (base,)
    return result


def _installed(layers: Layers, name: str, lines: dict[str, str]) -> Layer:
    text = "".join(lines[package] for package in sorted(lines))

    def make(target: Path) -> None:
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            wanted = Path(folder, "wanted.txt")
            wanted.write_text(text)
            place = Path(folder, "root", _LIBRARIES)
            _run("pip install", sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes",
                 "--only-binary=:all:", "--python-version", _ABI, "--implementation", "cp", "--no-compile",
                 "--target", str(place), "--requirement", str(wanted))  # fmt: skip
            shutil.rmtree(place / "bin", ignore_errors=True)  # programs of libraries, which nobody calls here
            for tests in [*place.rglob("tests"), *place.rglob("test")]:
                if tests.is_dir() and (tests / "__init__.py").exists():
                    shutil.rmtree(tests)
            _compile(place, f"/{_LIBRARIES}")
            write_tar(target, Path(folder, "root"))

    return layers.get(name, key_of(text, "2"), make)


def _compile(folder: Path, shown: str) -> None:
    """Byte code without times in it, because nothing can write it later; `shown` is the path in tracebacks."""
    if sys.version_info[:2] == tuple(map(int, _ABI.split("."))):
        _run("compileall", sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash",
             "-s", str(folder), "-p", shown, str(folder))  # fmt: skip


def code(layers: Layers) -> Layer:
    """Services and chassis, the generated messages."""
    return _tree(layers, "code", _CODE, generated=True)


def backing_code(layers: Layers) -> Layer:
    """What the images of the backing services run."""
    return _tree(layers, "backing-code", _BACKING_CODE, generated=False)


def console(layers: Layers) -> Layer:
    """The built web console, where the gateway looks for it."""
    built = ROOT / "web" / "dist"
    if not (built / "index.html").exists():
        raise BuildError("the console is not built: `make web`")
    files = [path for path in built.rglob("*") if path.is_file()]
    return layers.get("console", key_of_files(ROOT, files), lambda target: write_tar(target, built, below="app/web/dist"))


def _tree(layers: Layers, name: str, folders: Iterable[str], *, generated: bool) -> Layer:
    sources = [path for folder in folders for path in _sources(ROOT / folder)]
    places = {path: path.relative_to(ROOT) for path in sources}
    if generated:
        if not (ROOT / "gen" / "itsm" / "descriptors.binpb").exists():
            raise BuildError("the messages are not generated: `make protos`")
        places |= {path: path.relative_to(ROOT / "gen") for path in _sources(ROOT / "gen" / "itsm")}
    else:
        places[ROOT / "deploy" / "__init__.py"] = Path("deploy/__init__.py")

    def make(target: Path) -> None:
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            app = Path(folder, "app")
            for source, place in places.items():
                (app / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, app / place)
            _compile(app, "/app")
            write_tar(target, Path(folder))

    return layers.get(name, key_of_files(ROOT, places), make)


def _sources(folder: Path) -> list[Path]:
    """Every file that belongs to the code; what interpreters and editors leave beside it does not."""
    return [
        path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".pyc", ".pyi") and path.name[0] != "."
    ]


def mongod(layers: Layers, programs: Programs) -> Layer:
    """The database, as the local stack runs it."""
    return _program(layers, "mongod", programs.mongod.parent, "opt/mongod")


def kafka(layers: Layers, programs: Programs) -> Layer:
    """The broker's jars."""
    return _program(layers, "kafka", programs.kafka_libs, "opt/kafka/libs")


def keycloak(layers: Layers, programs: Programs) -> Layer:
    """Keycloak, built for a database file."""
    return _program(layers, "keycloak", programs.keycloak_home, "opt/keycloak")


def _program(layers: Layers, name: str, folder: Path, below: str) -> Layer:
    """The folder of the cache is named after version and digest, so its name is key enough."""
    place = folder if folder.parent.name == "cache" else folder.parent

    def make(target: Path) -> None:
        files = (path for path in folder.rglob("*") if path.name != "complete" and "data" not in path.relative_to(folder).parts)
        with tempfile.TemporaryDirectory(dir=target.parent) as staging:
            link = Path(staging, below)
            link.parent.mkdir(parents=True)
            link.symlink_to(folder)
            paths = [f"{below}/{path.relative_to(folder)}" for path in files]
            write_tar(target, Path(staging), [path for path in paths if path])

    return layers.get(name, key_of(place.name, below, "1"), make)


def _run(what: str, *argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"{what} failed: {(done.stderr or done.stdout).decode(errors='replace')[-800:]}")
