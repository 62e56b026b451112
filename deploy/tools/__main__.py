"""`python -m deploy.tools`: builds the programs that the charts are checked with, and prints the folder that they are in."""

import sys

from deploy.tools import ToolError, build
from stack.console import Console
from stack.options import Options


def main() -> int:
    """Returns the exit status."""
    try:
        print(build(Options().cache, Console()))
    except ToolError as error:
        print(f"tools: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
