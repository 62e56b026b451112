"""The arithmetic of votes: what makes a stage pass, decided as soon as no open vote can change it. Pure, and free of people.

Weights count, not heads: a voter of weight 2 is two of "at least 3". `p %` of n is rounded up and at least 1. Who abstains
counts as an open vote that will never come, unless the policy says that abstaining makes the circle smaller.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Quorum(StrEnum):
    """What makes a stage pass."""

    ANY = "ANY"
    ALL = "ALL"
    AT_LEAST = "AT_LEAST"
    PERCENT = "PERCENT"


class Choice(StrEnum):
    """What a voter says."""

    APPROVE = "APPROVE"
    REJECT = "REJECT"
    ABSTAIN = "ABSTAIN"


@dataclass(frozen=True, slots=True)
class Rule:
    """When a stage passes."""

    quorum: Quorum
    least: int = 0
    percent: int = 0
    abstain_shrinks: bool = False

    def needed(self, of: int) -> int:
        """The weight of approvals that a circle of this weight needs. Never 0: nothing passes without a vote."""
        match self.quorum:
            case Quorum.ANY:
                return 1
            case Quorum.ALL:
                return max(1, of)
            case Quorum.AT_LEAST:
                return max(1, self.least)
            case Quorum.PERCENT:
                return max(1, -(-of * self.percent // 100))


@dataclass(frozen=True, slots=True)
class Ballot:
    """A place in the circle: its weight, whether its no alone rejects, and what was said; None while nothing was."""

    weight: int = 1
    veto: bool = False
    choice: Choice | None = None


def verdict(rule: Rule, ballots: Sequence[Ballot]) -> tuple[bool | None, str]:
    """Whether it passed (True), failed (False) or is open (None), and why."""
    if any(each.veto and each.choice is Choice.REJECT for each in ballots):
        return False, "somebody with a veto rejected it"
    total = sum(each.weight for each in ballots)
    yes, no, abstained = (
        sum(each.weight for each in ballots if each.choice is choice)
        for choice in (Choice.APPROVE, Choice.REJECT, Choice.ABSTAIN)
    )
    circle = total - abstained if rule.abstain_shrinks else total
    needed, still_open = rule.needed(circle), total - yes - no - abstained
    if yes >= needed:
        return True, f"{yes} of {circle} approved, {needed} were needed"
    if total < rule.needed(total):
        return None, f"{needed} are needed and only {total} may vote: voters have to be named"
    if yes + still_open < needed:
        return False, f"{yes} of {circle} approved and {still_open} are open, {needed} cannot be reached any more"
    return None, f"{yes} of {circle} approved, {needed} are needed"
