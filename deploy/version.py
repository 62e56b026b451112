"""The version of the platform: of its chart, its images and its packages alike."""

import tomllib

from stack.options import ROOT

__all__ = ["version"]


def version() -> str:
    """As `pyproject.toml` says it, which alone decides."""
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return found
