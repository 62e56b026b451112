"""An agent: which key it has, and which asset it is on."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from itsm.asset import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import ForbiddenMove, Invalid

_TEXTS = {"name": 300, "version": 100, "platform": 100}
_INSTALL = (16, 200)


class AgentState(StrEnum):
    """Whether its key works."""

    ACTIVE = "ACTIVE"
    REVOKED = "REVOKED"


@dataclass(slots=True, kw_only=True, frozen=True)
class About:
    """What an agent says of itself."""

    name: str
    version: str
    platform: str

    def check(self, install_id: str) -> None:
        """Raises `Invalid` for what is too long, and for an installation that others might guess."""
        wrong = {name: f"may have {most} characters" for name, most in _TEXTS.items() if len(getattr(self, name)) > most}
        least, most = _INSTALL
        if not least <= len(install_id) <= most:
            wrong["installId"] = f"must have {least} to {most} characters"
        if wrong:
            raise Invalid(wrong)


@dataclass(slots=True, kw_only=True)
class Agent(Aggregate):
    """A program on a machine that reports what it sees there."""

    name: str
    asset_id: str
    state: AgentState = AgentState.ACTIVE
    agent_version: str = ""
    platform: str = ""
    token_id: str
    enroll_time: datetime
    last_report_time: datetime | None = None
    create_time: datetime
    update_time: datetime

    @classmethod
    def enrolled(cls, about: About, *, id: str, asset_id: str, token_id: str, at: datetime) -> Self:  # noqa: A002 - as its field
        """For the first time."""
        agent = cls(
            id=id,
            name=about.name,
            asset_id=asset_id,
            agent_version=about.version,
            platform=about.platform,
            token_id=token_id,
            enroll_time=at,
            create_time=at,
            update_time=at,
        )
        agent.record(pb.AgentEnrolled())
        return agent

    def enroll_again(self, about: About, *, asset_id: str, token_id: str, at: datetime) -> str:
        """With a new key; says which one it had. Raises `ForbiddenMove` for one that was revoked: a person said so."""
        if self.state is AgentState.REVOKED:
            raise ForbiddenMove(self.state, "enroll", "this installation was revoked; install the agent anew")
        before, self.token_id = self.token_id, token_id
        self.name, self.agent_version, self.platform = about.name, about.version, about.platform
        self.asset_id, self.enroll_time, self.update_time = asset_id, at, at
        self.record(pb.AgentEnrolled())
        return before

    def is_on(self, asset_id: str, *, version: str, at: datetime) -> None:
        """It turned out to be on this asset, and of this version; nothing is told where that was known."""
        if self.asset_id == asset_id and version in ("", self.agent_version):
            return
        self.asset_id, self.agent_version, self.update_time = asset_id, version or self.agent_version, at
        self.record(pb.AgentRebound())

    def revoke(self, reason: str, *, at: datetime) -> None:
        """It may report no more. Raises `ForbiddenMove` when that was said before."""
        if self.state is AgentState.REVOKED:
            raise ForbiddenMove(self.state, "revoke")
        if not reason.strip() or len(reason) > 4_096:
            raise Invalid({"reason": "say why, in at most 4096 characters"})
        self.state, self.update_time = AgentState.REVOKED, at
        self.record(pb.AgentRevoked(reason=reason))
