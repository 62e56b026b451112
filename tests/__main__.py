"""All tests, as `make test` runs them: one side more at once than there are cores, each a pytest with a platform of its own.

Two sides are stories of the whole platform, which wait much: of its work, and of its edge. The third is everything else, what
is quick before what needs a backing. Which test failed is tried once more when all sides have ended, one side after the
other. Each line of the output begins with the name of its side. Arguments go to every pytest. The exit status is 0 when
nothing failed in the end, else pytest's own. (docs/decisions/020 and 023)
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stack.ports import ALL, VARIABLE

ROOT = Path(__file__).parents[1]
EDGE = (
    "tests/e2e/attacks",
    "tests/e2e/test_attachments.py",
    "tests/e2e/test_directory.py",
    "tests/e2e/test_exports.py",
    "tests/e2e/test_generated_clients.py",
    "tests/e2e/test_identity.py",
    "tests/e2e/test_idle_streams.py",
    "tests/e2e/test_importers.py",
    "tests/e2e/test_jobs.py",
    "tests/e2e/test_mail.py",
    "tests/e2e/test_manners.py",
    "tests/e2e/test_notifications.py",
    "tests/e2e/test_openapi.py",
    "tests/e2e/test_plugins.py",
    "tests/e2e/test_series.py",
    "tests/e2e/test_sign_in.py",
    "tests/e2e/test_stream.py",
    "tests/e2e/test_sync.py",
    "tests/e2e/test_two_gateways.py",
    "tests/e2e/test_webhooks.py",
)
"""Stories of other systems and strangers at the platform."""
SIDES = {
    "e2e": ("tests/e2e", *(f"--ignore={path}" for path in EDGE)),
    "rest": ("tests/contract", "tests/unit", "tests/integration"),
    "edge": EDGE,
}
FAILED = 1  # pytest ran to its end, and tests failed; every other status but 0 says that the run itself was no run
ONCE_MORE = ("--last-failed", "--last-failed-no-failures", "none", "--maxfail", "1")
_LAST_WORDS = 10.0


class Run:
    """Some folders of tests for each name of a side, below `root`."""

    def __init__(self, sides: Mapping[str, Iterable[str]], root: Path, arguments: Iterable[str] = ()) -> None:
        self._sides, self._root, self._arguments = {name: tuple(paths) for name, paths in sides.items()}, root, tuple(arguments)
        self._started: list[subprocess.Popen[str]] = []
        self._ended = False
        self._width = max(len(name) for name in sides)
        self._one_line = threading.Lock()

    def both(self) -> int:
        """Runs all sides, one more at once than there are cores, and what failed once more; returns the exit status."""
        with ThreadPoolExecutor(min(len(self._sides), 1 + (os.cpu_count() or 1))) as pool:
            statuses = dict(zip(self._sides, pool.map(self._pytest, self._sides), strict=True))
        if all(status in (0, FAILED) for status in statuses.values()):
            for name in [name for name, status in statuses.items() if status == FAILED]:
                self._say(name, "Tests failed: each of them once more, on a fresh platform.")
                statuses[name] = self._pytest(name, *ONCE_MORE)
        for name, status in statuses.items():
            self._say(name, "passed" if status == 0 else f"failed with status {status}")
        worst_last = sorted(statuses.values(), key=lambda status: (status != 0, status != FAILED))
        return worst_last[-1]

    def end(self) -> None:
        """Ends what runs, as somebody wishes who ends us."""
        self._ended = True
        for process in self._started:
            process.terminate()

    def _pytest(self, name: str, *more: str) -> int:
        """Each side remembers its failures in a folder of its own: what is tried once more is what it failed itself."""
        if self._ended:
            return -signal.SIGTERM
        command = (sys.executable, "-m", "pytest", *self._sides[name], "-o", f"cache_dir=.pytest_cache/{name}")
        process = subprocess.Popen(  # noqa: S603 - our own line
            [*command, *self._arguments, *more],
            cwd=self._root,
            env=os.environ | {VARIABLE: self._ports(name)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        self._started.append(process)
        # Of its own, because something that a test left behind may hold the other end open.
        telling = threading.Thread(target=self._pass_on, args=(name, process), daemon=True)
        telling.start()
        status = process.wait()
        telling.join(_LAST_WORDS)
        return status

    def _ports(self, name: str) -> str:
        """A part of the ports for each side: what one has chosen and does not listen on yet, no other takes."""
        lowest, highest = ALL
        room = (highest - lowest) // len(self._sides)
        first = lowest + list(self._sides).index(name) * room
        return f"{first}-{first + room - 1}"

    def _pass_on(self, name: str, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            self._say(name, line.rstrip("\n"))

    def _say(self, name: str, line: str) -> None:
        with self._one_line:
            print(f"{name:<{self._width}} | {line}", flush=True)  # noqa: T201 - what a person or CI reads


def main() -> int:
    run = Run(SIDES, ROOT, sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: run.end())
    return run.both()


if __name__ == "__main__":
    sys.exit(main())
