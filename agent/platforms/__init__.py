"""What differs between operating systems, behind one interface (`base.Platform`)."""

import sys

from agent.platforms.base import Platform


def this_platform() -> Platform:
    """The implementation for the machine that runs this; Linux's rules for any other Unix."""
    if sys.platform == "win32":
        from agent.platforms.windows import Windows

        return Windows()
    if sys.platform == "darwin":
        from agent.platforms.macos import MacOs

        return MacOs()
    from agent.platforms.linux import Linux

    return Linux()


__all__ = ["Platform", "this_platform"]
