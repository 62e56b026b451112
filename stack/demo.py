"""The tenant for demonstration of a local stack: its people in the realm, then everything by `itsm demo make`, once.

What became of it is kept beside the data, so that a second start makes nothing, and nobody who removed it gets it back. It is
made when the platform is ready, and what keeps it from being made ends no start.
"""

import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from cli.demo.cast import ADMIN, SHOWN, TENANT, everybody
from stack import lock
from stack.console import Console
from stack.credentials import Credentials
from stack.errors import StackError
from stack.fetch import run
from stack.files import write_atomically
from stack.options import ROOT, Layout
from stack.services import Services

MADE, MAKING, REMOVED = "made", "making", "removed"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stack that runs takes it: addresses, what the realm is provisioned with, and the passwords of its people."""

    url: str
    ingest: str
    provision: dict[str, str]
    passwords: dict[str, str]

    @classmethod
    def of(cls, services: Services, credentials: Credentials) -> Self:
        """That of this process's stack."""
        settings = services.environment("auth") | services.provision_environment()
        passwords = {member.name: credentials.get(f"demo/{member.name}") for member in everybody()}
        return cls(services.gateway_url, services.ingest_url, settings, passwords)


class Demo:
    """The demonstration of one state folder, whose stack runs."""

    def __init__(self, layout: Layout, console: Console) -> None:
        self._layout, self._console, self._folder = layout, console, layout.services

    def prepare(self, place: Place) -> None:
        """Keeps where the stack is, for whoever wants it later."""
        write_atomically(self._folder / "demo-place.json", json.dumps(asdict(place)) + "\n", mode=0o600)

    def _place(self) -> Place:
        file = self._folder / "demo-place.json"
        if lock.holder(self._layout.lock) is None or not file.exists():
            raise StackError("the platform does not run here; `make up` starts it")
        return Place(**json.loads(file.read_text()))

    @property
    def people(self) -> Path:
        """The tokens of its people, by sign-in name."""
        return self._folder / "demo-tokens.json"

    @property
    def _wishes(self) -> Path:
        """Who is to be in the realm."""
        return self._folder / "demo-people.json"

    @property
    def state(self) -> str:
        """What became of it: nothing yet where it is empty."""
        file = self._folder / "demo.json"
        return str(json.loads(file.read_text())["state"]) if file.exists() else ""

    def _note(self, state: str) -> None:
        write_atomically(self._folder / "demo.json", json.dumps({"state": state}) + "\n")

    def introduce(self) -> None:
        """Says as whom one may look around in it, where it is made."""
        if self.state != MADE:
            return
        passwords = self._place().passwords
        self._console.say(f"a company to look around in (tenant {TENANT}, all of it made up); sign in as")
        for name, what in SHOWN:
            self._console.say(f"  {name:<16} {passwords[name]}   {what}")
        self._console.say("`make demo-remove` takes it away")

    async def make_once(self) -> None:
        """Makes it where there never was one; what was interrupted is made anew. Tells of a failure and raises none."""
        if self.state not in (MADE, REMOVED):
            try:
                await self.make()
            except StackError as error:
                self._console.say(f"there is no demonstration: {error}")

    async def make(self, scale: str = "1") -> None:
        """Makes it, in place of what is there. Raises `StackError`."""
        place, before = self._place(), self.state
        self._note(MAKING)
        self._console.say("a company to look around in is being made; the platform can be used meanwhile")
        await self._people(place)
        anew = ["--again"] if before in (MADE, MAKING) else []
        await self._command(place, "make", "--ingest", place.ingest, "--scale", scale, *anew)
        self._note(MADE)
        self.introduce()

    async def remove(self) -> None:
        """Takes it away, for good. Raises `StackError`."""
        place = self._place()
        if self.people.exists():
            await self._command(place, "remove")
            self.people.unlink()  # before those go whose tokens they are: what is interrupted here goes on below
        if self._wishes.exists():
            settings = place.provision | {"ITSM_PROVISION_FILE": str(self._wishes)}
            await run("taking its people away", sys.executable, "-m", "services.auth", "withdraw", environment=settings)
        self._note(REMOVED)

    async def _people(self, place: Place) -> None:
        """Teams and people in the realm, with a token each. Who is there stays as he is."""
        users = {
            member.name: {
                "password": place.passwords[member.name],
                "roles": [],
                "tenants": [TENANT],
                "groups": member.groups,
                "first_name": member.first,
                "last_name": member.last,
            }
            for member in everybody()
        }
        write_atomically(self._wishes, json.dumps({"tenant": TENANT, "users": users}) + "\n", mode=0o600)
        settings = place.provision | {"ITSM_PROVISION_FILE": str(self._wishes), "ITSM_TOKENS_FILE": str(self.people)}
        await run("making its people", sys.executable, "-m", "services.auth", "provision", environment=settings)

    async def _command(self, place: Place, *arguments: str) -> None:
        """Runs `itsm demo …` and shows what it says. Raises `StackError` when it fails."""
        token = json.loads(self.people.read_text())[ADMIN]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "demo", *arguments, "--people", str(self.people)),
            cwd=ROOT,
            env={**os.environ, "ITSM_URL": place.url, "ITSM_TOKEN": token, "PYTHONUNBUFFERED": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = ""
        try:
            async for line in process.stdout or asyncio.StreamReader():
                said = line.decode(errors="replace").rstrip()
                self._console.line("demo", said)
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        if code:
            raise StackError(f"`itsm demo {arguments[0]}` failed: {said}")
