"""`python -m agent run` and `python -m agent inventory`.

Exit status: 0 ended as asked, 1 not all was done, 2 wrong settings.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
import time

from agent.inventory import Inventory, report
from agent.platforms import this_platform
from agent.runner import VERSION, Agent
from agent.settings import Misconfigured, Settings, add_options, settings


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m agent", description="The endpoint agent.")
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="report to the platform until a signal comes")
    run.add_argument("--once", action="store_true", help="report everything once and end")
    run.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    add_options(run)
    commands.add_parser("inventory", help="print what would be reported, as JSON; nothing is sent")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; see the module for the exit status."""
    parsed = _parse(arguments)
    if parsed.command == "inventory":
        seen = report(Inventory(this_platform()).look(time.time()))
        sys.stdout.write(json.dumps(seen, indent=2) + "\n")
        return 0
    logging.basicConfig(
        level=parsed.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    for talkative in ("httpx", "httpcore", "asyncio"):  # a line for every request, many at level debug
        logging.getLogger(talkative).setLevel(logging.WARNING)
    try:
        return asyncio.run(_run(settings(vars(parsed)), once=parsed.once))
    except Misconfigured as error:
        sys.stderr.write(f"{error}\n")
        return 2


async def _run(chosen: Settings, *, once: bool) -> int:
    stop = asyncio.Event()
    _on_signals(stop)
    async with Agent(chosen, this_platform()) as agent:
        if not once:
            await agent.run(stop)
            return 0
        work, asked = asyncio.create_task(agent.once()), asyncio.create_task(stop.wait())
        await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
        done = work.done() and work.result()
        for task in (work, asked):
            task.cancel()
        await asyncio.wait({work, asked})
    return 0 if done else 1


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            with contextlib.suppress(ValueError):
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


if __name__ == "__main__":
    sys.exit(main())
