"""What a release is made from: the commit, its version, and what the changelog says of it.

The changelog keeps the form of keepachangelog.com 1.1: a section a version, the newest first, its date once it is released.
"""

import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime

from deploy.release import ReleaseError
from deploy.version import version
from stack.options import ROOT

KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
_SECTION = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\S+))?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Section:
    """What the changelog says of a version. `date` is `YYYY-MM-DD`, empty while nobody has released it."""

    version: str
    date: str
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """A commit with the version that it is; `time` is the committer's, `changed` are the files that differ from the commit."""

    version: str
    commit: str
    time: datetime
    changed: tuple[str, ...]
    notes: Section


def sections(changelog: str) -> list[Section]:
    """The sections of a changelog as they stand there."""
    found = list(_SECTION.finditer(changelog))
    ends = [*(match.start() for match in found[1:]), len(changelog)]
    return [
        Section(match["version"], match["date"] or "", changelog[match.end() : end].strip() + "\n")
        for match, end in zip(found, ends, strict=True)
    ]


def source() -> Source:
    """What lies here. Raises `ReleaseError` where this is no checkout, or the changelog knows nothing of the version."""
    own = version()
    notes = next((each for each in sections((ROOT / "CHANGELOG.md").read_text()) if each.version == own), None)
    if notes is None:
        raise ReleaseError(f"CHANGELOG.md has no section [{own}]")
    return Source(
        version=own,
        commit=git("rev-parse", "HEAD").strip(),
        time=datetime.fromtimestamp(int(git("show", "--no-patch", "--format=%ct", "HEAD")), UTC),
        changed=tuple(line[3:] for line in git("status", "--porcelain").splitlines()),
        notes=notes,
    )


def tracked(folder: str) -> list[str]:
    """The files of a folder that belong to the repository, from its root."""
    return git("ls-files", "-z", folder).rstrip("\0").split("\0")


def git(*arguments: str) -> str:
    """What git says. Raises `ReleaseError` with its complaint."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise ReleaseError(f"git {arguments[0]}: {done.stderr.strip()[-500:]}")
    return done.stdout
