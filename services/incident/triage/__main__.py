"""`python -m services.incident.triage sort|likeness BYTES`: learns from tickets, as a process of its own.

It gives way to everything else on the machine, and more memory than it was told is refused to it. Standard input has a JSON
document a line with `id`, `text` and, to be sorted by, `label`; standard output gets what was learned. What went wrong is told
on standard error; the status is 3 when there is not enough to learn from.
"""

import json
import os
import resource
import sys
from collections.abc import Mapping, Sequence

from services.incident.triage.model import TooFew

TOO_FEW = 3


def main(way: str, memory: int) -> int:
    """Reads, learns, writes; returns the exit status."""
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    tickets = [json.loads(line) for line in sys.stdin.buffer]
    try:
        learned = _learned(way, tickets)
    except TooFew as few:
        sys.stderr.write(f"{few}\n")
        return TOO_FEW
    sys.stdout.buffer.write(learned)
    sys.stdout.buffer.flush()
    return 0


def _learned(way: str, tickets: Sequence[Mapping[str, str]]) -> bytes:
    texts = [ticket["text"] for ticket in tickets]
    if way == "likeness":
        from services.incident.triage.likeness import index

        return index([ticket["id"] for ticket in tickets], texts).to_bytes()
    from services.incident.triage.training import train

    return train(texts, [ticket["label"] for ticket in tickets]).to_bytes()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
