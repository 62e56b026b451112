"""What tells one installed system from another, in a form that tells nobody else which one it is.

systemd asks that its machine id leave the machine only as a keyed hash for one application; this is the one of its
`sd_id128_get_machine_app_specific`: HMAC-SHA256 of the application's id, keyed by the machine's, its first 16 bytes as a UUID.
"""

import hashlib
import hmac
import re
from uuid import UUID

_APPLICATION = UUID("6f1b6f0e-5f0c-4d7e-9d53-0c4b8a0e2a51")
_ID = re.compile(r"[0-9a-f]{32}")
_TYPED = {"0123456789abcdef" * 2, "fedcba9876543210" * 2, "deadbeef" * 4}


def application_id(machine_id: str) -> str:
    """The id for this application; empty for what no system was given by itself: `uninitialized`, zeros, what people type."""
    text = machine_id.strip().lower().replace("-", "")
    if not _ID.fullmatch(text) or len(set(text)) <= 2 or text in _TYPED:
        return ""
    digest = hmac.new(bytes.fromhex(text), _APPLICATION.bytes, hashlib.sha256).digest()
    return str(UUID(bytes=digest[:16], version=4))
