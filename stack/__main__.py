"""`python -m stack up` and `python -m stack down`."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from stack import lock
from stack.console import Console
from stack.demo import Demo
from stack.errors import StackError
from stack.options import Layout, Options
from stack.supervisor import Stack, running


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stack", description="The local stack, without containers.")
    parser.add_argument("--state", type=Path, default=Options().state, help="folder of data, logs and passwords")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start, print addresses and sign-ins, run until Ctrl-C")
    up.add_argument("--json", action="store_true", help="print one JSON object on the standard output when all is ready")
    up.add_argument("--only", choices=["backing"], help="only Mongo, Kafka and Keycloak")
    up.add_argument("--no-self-watch", action="store_true", help="without checks of the platform's own processes")
    up.add_argument("--no-agent", action="store_true", help="without the endpoint agent of this machine")
    up.add_argument("--fresh", action="store_true", help="delete the data first")
    up.add_argument("--light", action="store_true", help="JVMs start faster and run slower; for tests")
    up.add_argument("--mongo-driver", choices=["motor", "pymongo"], default="motor")
    up.add_argument(
        "--gateways", type=int, choices=range(1, 9), default=1, help="how many gateways, behind a balancer if several"
    )
    up.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        metavar="NAME=VALUE",
        help="a setting (ITSM_...) for every process of ours; may be repeated",
    )
    up.add_argument(
        "--demo", action=argparse.BooleanOptionalAction, help="a company to look around in; made once, not with --json"
    )
    down = commands.add_parser("down", help="stop the stack of this folder")
    demo = commands.add_parser("demo", help="the company to look around in, of a stack that runs")
    demo.add_argument("action", choices=["make", "remove"])
    demo.add_argument("--scale", default="1", help="how much of it")
    for command in (up, down, demo):
        command.add_argument("--state", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _setting(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name.startswith("ITSM_"):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form ITSM_NAME=VALUE")
    return name, value


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0, or 1 after a failure or when a process died meanwhile."""
    parsed = _parse(arguments)
    console = Console()
    state = parsed.state.expanduser().resolve()
    try:
        if parsed.command == "down":
            return _down(state, console)
        if parsed.command == "demo":
            return asyncio.run(_demo(Demo(Layout(state), console), parsed.action, parsed.scale))
        options = Options(
            state=state,
            only_backing=parsed.only == "backing",
            agent=not parsed.no_agent,
            self_watch=not parsed.no_self_watch,
            fresh=parsed.fresh,
            light=parsed.light,
            mongo_driver=parsed.mongo_driver,
            gateways=parsed.gateways,
            extra=dict(parsed.set),
        )
        demo = not (parsed.json or options.only_backing) if parsed.demo is None else parsed.demo
        return asyncio.run(_up(options, console, as_json=parsed.json, demo=demo))
    except StackError as error:
        console.say(str(error))
        return 1


def _down(state: Path, console: Console) -> int:
    if not lock.end_holder(Layout(state).lock, console):
        lock.end_leftovers(state, console)
    console.say("nothing is running")
    return 0


async def _demo(demo: Demo, action: str, scale: str) -> int:
    """What a person wants of it, whatever became of it before."""
    await (demo.remove() if action == "remove" else demo.make(scale))
    return 0


async def _up(options: Options, console: Console, *, as_json: bool, demo: bool) -> int:
    """Until a signal comes; a signal during the start ends the start, and further ones do not disturb the stop."""
    task = asyncio.current_task()
    asked = False

    def ask() -> None:
        nonlocal asked
        if not asked and task is not None:
            asked = True
            console.say("stopping")
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ask)
    deaths: list[str] = []
    try:
        async with running(options, console) as stack:
            deaths = stack.deaths
            if not options.only_backing:
                stack.place_demo()
            if as_json:
                print(json.dumps(stack.describe()), flush=True)
            else:
                _introduce(stack, console)
            if demo:
                await stack.demo.make_once()
            await asyncio.Event().wait()
    except asyncio.CancelledError:
        if not asked:
            raise
    return 1 if deaths else 0


def _introduce(stack: Stack, console: Console) -> None:
    facts = stack.describe()
    for name in ("gateway", "ingest", "otlp_grpc", "smtp", "mail", "keycloak", "mongo", "kafka"):
        if facts[name]:
            console.say(f"{name:<10} {facts[name]}")
    for name, user in facts["users"].items():
        console.say(f"sign in as {name:<16} {user['password']}")
    stack.demo.introduce()
    console.say(f"logs are in {stack.layout.logs}; Ctrl-C stops everything")


if __name__ == "__main__":
    sys.exit(main())
