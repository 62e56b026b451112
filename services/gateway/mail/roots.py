"""Roots of conversations: a message that was never sent, to which all mail about a record answers.

It keeps a conversation together where servers give messages other ids on their way. A part of it follows from a key of the
installation, so that receivers alone know it: who only sees the record, and may know its id, cannot make it up.
"""

import hashlib
import hmac
import re

from chassis import context as ctx

_PROOF = 20
_ROOT = re.compile(r"([a-zA-Z]{1,40})\.([a-z]{1,10}_[0-9a-z]{1,60})(?:\.([0-9a-f]{20}))?")


class Roots:
    """Those of the current tenant, within `domain`; the proof in them follows from `master`."""

    def __init__(self, master: bytes, domain: str) -> None:
        self._master, self._domain = master, domain

    def of(self, thread: str) -> str:
        """The root for a record (`incidents/inc_…`), as the id of a message."""
        return f"{thread.replace('/', '.')}.{self._proof(thread)}@{self._domain}"

    def proven(self, message_id: str) -> str:
        """The record of a root that only receivers know; empty for everything else."""
        thread, proof = self._parts(message_id)
        return thread if thread and hmac.compare_digest(proof, self._proof(thread)) else ""

    def named(self, message_id: str) -> str:
        """The record that a root names, whoever may have made it up; empty for what is no root of ours."""
        return self._parts(message_id)[0]

    def _parts(self, message_id: str) -> tuple[str, str]:
        name, _, domain = message_id.rpartition("@")
        found = _ROOT.fullmatch(name) if domain == self._domain else None
        return (f"{found[1]}/{found[2]}", found[3] or "") if found else ("", "")

    def _proof(self, thread: str) -> str:
        about = "\x00".join(("root", ctx.current().tenant, thread))
        return hmac.new(self._master, about.encode(), hashlib.sha256).hexdigest()[:_PROOF]
