"""The realm's sign-in with two levels of assurance: a copy of Keycloak's own flow, with a look at the level at its end.

The first level is what every sign-in reaches. The second is asked for by name (`acr_values`), and each time anew: a session
that reached it falls back, because a level that stays in a session proves nothing about who sits there now.

Fails with `KeycloakError` like everything that talks to the realm; running it again carries on.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from keycloak import KeycloakAdmin

FLOW = "itsm browser"
_FORMS = f"{FLOW} forms"  # Keycloak names the parts of a copy after it
_LEVEL = "conditional-level-of-authentication"
_PROOFS = {"password": "allow-access-authenticator", "otp": "auth-otp-form"}
_DAY = "86400"

Differs = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Level:
    number: int
    age: str  # for how many seconds a session keeps it
    proof: str

    @property
    def alias(self) -> str:
        return f"{FLOW} level {self.number}"

    @property
    def config(self) -> dict[str, str]:
        return {"loa-condition-level": str(self.number), "loa-max-age": self.age}


def levels(proof: str) -> tuple[_Level, ...]:
    """What each level asks for. The forms before have asked for the password: nothing more is needed for the first."""
    return _Level(1, _DAY, _PROOFS["password"]), _Level(2, "0", _PROOFS[proof])


@dataclass(slots=True)
class SignInFlow:
    """Brings the flow to what is wanted; `differs` hears of each difference. `proof` is `password` or `otp`."""

    admin: KeycloakAdmin
    proof: str
    differs: Differs
    dry_run: bool

    async def run(self) -> None:
        """Makes what is missing, and has the realm use it; deletes nothing."""
        if FLOW not in {flow["alias"] for flow in await self.admin.a_get_authentication_flows()}:
            self.differs(f"flow {FLOW}: missing")
            if self.dry_run:
                return
            await self.admin.a_copy_authentication_flow({"newName": FLOW}, "browser")
        for level in levels(self.proof):
            await self._level(level)

    async def _level(self, level: _Level) -> None:
        have = await self._executions(FLOW)
        if not any(step.get("displayName") == level.alias for step in have):
            self.differs(f"flow {level.alias}: missing")
            if self.dry_run:
                return
            part = {"alias": level.alias, "type": "basic-flow", "provider": "registration-page-form", "description": ""}
            await self.admin.a_create_authentication_flow_subflow(part, _FORMS)
            have = await self._executions(FLOW)
        (step,) = [step for step in have if step.get("displayName") == level.alias]
        await self._required(step, "CONDITIONAL", FLOW, level.alias)
        for provider in (_LEVEL, level.proof):
            await self._step(level, provider)

    async def _step(self, level: _Level, provider: str) -> None:
        have = await self._executions(level.alias)
        if not any(step.get("providerId") == provider for step in have):
            self.differs(f"flow {level.alias}: lacks {provider}")
            if self.dry_run:
                return
            await self.admin.a_create_authentication_flow_execution({"provider": provider}, level.alias)
            have = await self._executions(level.alias)
        step = next(step for step in have if step.get("providerId") == provider)
        await self._required(step, "REQUIRED", level.alias, f"{level.alias}: {provider}")
        if provider == _LEVEL:
            await self._configured(step, level)

    async def _required(self, step: dict[str, Any], wanted: str, flow: str, name: str) -> None:
        if step["requirement"] != wanted:
            self.differs(f"flow {name}: requirement is {step['requirement']!r}, should be {wanted!r}")
            if not self.dry_run:
                await self.admin.a_update_authentication_flow_executions({**step, "requirement": wanted}, flow)

    async def _configured(self, step: dict[str, Any], level: _Level) -> None:
        known = step.get("authenticationConfig")
        have = await self.admin.a_get_authenticator_config(known) if known else {}
        if have.get("config", {}) == level.config:
            return
        self.differs(f"flow {level.alias}: level and age are {have.get('config')}, should be {level.config}")
        if self.dry_run:
            return
        wanted = {"alias": level.alias, "config": level.config}
        if known:
            await self.admin.a_update_authenticator_config({**have, **wanted}, known)
        else:
            await self.admin.a_create_execution_config(step["id"], wanted)

    async def _executions(self, flow: str) -> list[dict[str, Any]]:
        get: Callable[[str], Awaitable[list[dict[str, Any]]]] = self.admin.a_get_authentication_flow_executions
        return await get(flow)
