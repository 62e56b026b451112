"""Makes a release of the commit that is checked out, verifies one, or makes the key for it.

docs/how-to/release.md has the steps around it.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from deploy.image.errors import BuildError
from deploy.release import ReleaseError
from deploy.release.folder import fill, problems
from deploy.release.images import build
from deploy.release.signing import Signer, Verifier
from deploy.release.source import Source, source
from deploy.tools import ToolError, path
from stack.console import Console
from stack.errors import StackError
from stack.options import ROOT


def refusals(found: Source) -> list[str]:
    """Why this is not what a release is made of."""
    told = [f"{name} differs from the commit" for name in found.changed]
    if not found.notes.date:
        told.append(f"the section [{found.version}] of CHANGELOG.md has no date: `## [{found.version}] - YYYY-MM-DD`")
    return told


def make(options: argparse.Namespace, console: Console) -> None:
    """Fills a folder beside the target and puts it there when it is whole and has been tried. Raises what went wrong."""
    found = source()
    if (told := refusals(found)) and not options.preview:
        raise ReleaseError("\n".join(told))
    signer = Signer.load(options.key, _phrase(options))
    target: Path = options.out or ROOT / ".state" / "release" / f"itsm-{found.version}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as place:
        folder = Path(place, target.name)
        folder.mkdir()
        images = build(folder, found.version, options.images, console) if options.images else None
        fill(folder, found, signer, path("helm"), images)
        if told := problems(folder, Verifier(signer.key.public_key())):
            raise ReleaseError("\n".join(told))
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)
    sys.stdout.write(f"{target}\n")


def verify(options: argparse.Namespace) -> None:
    """Raises `ReleaseError` with everything that is not as it was signed."""
    if told := problems(options.folder, Verifier.load(options.key)):
        raise ReleaseError("\n".join(told))
    sys.stdout.write("every file is as it was signed\n")


def key(options: argparse.Namespace) -> None:
    """Writes a pair; raises `ReleaseError` rather than write over one."""
    private, public = options.folder / "itsm-release.key", options.folder / "itsm-release.pub"
    if private.exists() or public.exists():
        raise ReleaseError(f"there is a key in {options.folder} already")
    signer = Signer.new()
    options.folder.mkdir(parents=True, exist_ok=True)
    private.touch(0o600)
    private.write_bytes(signer.private(_phrase(options)))
    public.write_bytes(signer.public())
    sys.stdout.write(f"{private}\n{public}\n")


def _phrase(options: argparse.Namespace) -> str:
    file: Path | None = options.passphrase
    try:
        return file.read_text().rstrip("\n") if file else ""
    except OSError as problem:
        raise ReleaseError(f"the passphrase cannot be read: {problem}") from problem


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make", help="fill the folder of a release")
    making.add_argument("--key", type=Path, required=True, help="the private key, PEM")
    making.add_argument("--out", type=Path, help="the folder, .state/release/itsm-<version> when not given; replaced")
    making.add_argument("--images", type=Path, metavar="CACHE", help="build the images too, as root, with this cache of layers")
    making.add_argument("--preview", action="store_true", help="of whatever lies here, without a date")
    trying = commands.add_parser("verify", help="whether a folder is as it was signed")
    trying.add_argument("folder", type=Path)
    trying.add_argument("--key", type=Path, required=True, help="the public key, PEM, from elsewhere than the folder")
    pair = commands.add_parser("key", help="make a pair of keys")
    pair.add_argument("folder", type=Path)
    for each in (making, pair):
        each.add_argument("--passphrase", type=Path, metavar="FILE", help="file with the passphrase of the private key")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Returns the exit status: 0, or 1 after saying what is wrong."""
    options = _parse(arguments)
    try:
        match options.command:
            case "make":
                make(options, Console())
            case "verify":
                verify(options)
            case _:
                key(options)
    except (ReleaseError, BuildError, StackError, ToolError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
