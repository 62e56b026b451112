"""The example of a package with plugins, installed by its path into a folder of its own: nothing is fetched."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parent / "plugins/example"
NAMED = "checks:queue,checks:broken,notifiers:lines,channels:lines"
_HOW = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")


def install(folder: Path) -> Path:
    """Where processes find it."""
    subprocess.run([sys.executable, "-m", "pip", "install", *_HOW, "--target", str(folder), str(EXAMPLE)], check=True)  # noqa: S603 - our own words
    return folder
