"""The endpoint agent of this machine in the local stack: its key, its settings, and how we know that it is known.

It is the one part that may come later: a platform without it works, so that what keeps it away is told and ends no start.
"""

import asyncio
import json
import sys

import httpx

from stack.console import Console
from stack.files import write_atomically
from stack.options import ROOT, Layout, Options
from stack.process import Process, Spec
from stack.services import Services

NAME = "agent"
MAKER = "asset-manager"
"""The demonstration user that makes the enrollment key."""
_ENROLLER = "enroller"
_TRIES = 10
_PATIENCE = 20.0


class EndpointAgent:
    """The agent and its folder. Its identity stays there, so that a second start is the same agent."""

    def __init__(self, options: Options, services: Services, console: Console) -> None:
        self._options = options
        self._services = services
        self._console = console
        self._folder = Layout(options.state).agent
        self._key_file = self._folder / "enrollment.key"

    @property
    def enrolled(self) -> bool:
        """Whether it has a key of its own."""
        return bool(self._identity("key"))

    @property
    def asset_id(self) -> str:
        """The asset of this machine; empty while the agent does not know it."""
        return self._identity("asset_id")

    def _identity(self, name: str) -> str:
        file = self._folder / "identity.json"
        return str(json.loads(file.read_text())[name]) if file.exists() else ""

    async def prepare(self) -> bool:
        """Puts an enrollment key where the agent looks for it, unless it is enrolled; says whether there is one now."""
        if self.enrolled and self._key_file.exists():
            return True
        token = self._services.tokens().get(MAKER)
        if token is None:
            self._console.say(f"no agent: the realm has no token of {MAKER}")
            return False
        wanted = {"kind": "AGENT", "name": "the agent of this machine", "roles": [_ENROLLER]}
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            for attempt in range(_TRIES):
                answer = await client.post(
                    f"{self._services.gateway_url}/api/v1/tokens", json=wanted, headers={"authorization": f"Bearer {token}"}
                )
                if answer.is_success:
                    self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    write_atomically(self._key_file, answer.json()["secret"] + "\n", mode=0o600)
                    return True
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    break
                await asyncio.sleep(0.1 * 2**attempt)
        self._console.say(f"no agent: there is no enrollment key for it ({answer.status_code} {answer.text[:300]})")
        return False

    def spec(self) -> Spec:
        """The command of the agent. New checks are looked for more often than where there are thousands of agents."""
        settings = {
            "ITSM_AGENT_SERVER": self._services.gateway_url,
            "ITSM_AGENT_INGEST": self._services.ingest_url,
            "ITSM_AGENT_KEY_FILE": str(self._key_file),
            "ITSM_AGENT_STATE": str(self._folder),
            "ITSM_AGENT_CHECKS_INTERVAL": "5",
        }
        layout = Layout(self._options.state)
        return Spec(
            name=NAME,
            argv=(sys.executable, "-m", "agent", "run"),
            ports=(),
            state=layout.state,
            log=layout.logs / "agent.log",
            environment=settings | self._options.extra,
            cwd=ROOT,
        )

    async def make_ready(self, process: Process) -> None:
        """Wait until it is enrolled; after a while, say that it is not and go on: it tries on by itself."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE

        async def known() -> bool:
            if self.enrolled:
                return True
            if asyncio.get_running_loop().time() < deadline:
                return False
            self._console.say(f"the agent is not enrolled yet; {process.spec.log} says why")
            return True

        await process.wait_ready(known)
