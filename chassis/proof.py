"""Whether somebody has just proved who he is: asked of people before they do what is sensitive (RFC 9470).

A level that a session once reached may stay in it for ever, so the level counts together with the time of its proof alone.

Fails: `Unauthenticated` with the reason `INSUFFICIENT_USER_AUTHENTICATION`, and with what is wanted, for the sign-in to ask.
"""

import time

from chassis.errors import Unauthenticated

LEVEL = "urn:itsm:loa:2"
"""The `acr` that the realm gives to whoever has entered the password, and whatever else it asks for, at that very moment."""

LONGEST = 15 * 60
"""Seconds for which one proof is good."""

_AHEAD = 30  # as the leeway of every token


def given(*, acr: str, auth_time: int, now: float | None = None) -> bool:
    """Whether this sign-in proves it now."""
    at = time.time() if now is None else now
    return acr == LEVEL and at - LONGEST <= auth_time <= at + _AHEAD


def require(*, attended: bool, acr: str, auth_time: int, now: float | None = None) -> None:
    """Raises `Unauthenticated` where somebody is at hand who could prove it and has not, strongly enough or lately.

    `attended` is false for tokens and keys that were made beforehand, and for services: there is nobody to be asked. Whoever
    makes a token that may do something sensitive is asked then.
    """
    if attended and not given(acr=acr, auth_time=auth_time, now=now):
        raise Unauthenticated(
            "this is sensitive: sign in once more, with all that the sign-in asks for",
            reason="INSUFFICIENT_USER_AUTHENTICATION",
            acr_values=LEVEL,
            max_age=str(LONGEST),
        )
