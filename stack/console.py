"""What a person sees: progress of the stack itself and the lines of its processes, on the error stream only.

The standard output stays free for the one JSON object of `up --json`.
"""

import sys

_COLORS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_WIDTH = 9


class Console:
    """Writes prefixed lines; each name keeps one color, and no color is used when the stream is not a terminal."""

    def __init__(self) -> None:
        self._colors: dict[str, int] = {}

    def say(self, line: str) -> None:
        """A line of the stack itself."""
        self.line("stack", line)

    def line(self, name: str, line: str) -> None:
        """A line of a process, after its name."""
        prefix = f"{name:<{_WIDTH}} |"
        if sys.stderr.isatty():
            color = self._colors.setdefault(name, _COLORS[len(self._colors) % len(_COLORS)])
            prefix = f"\033[{color}m{prefix}\033[0m"
        print(prefix, line, file=sys.stderr, flush=True)
