"""The page for whoever installs the agent names every setting, and no other."""

import re
from dataclasses import fields
from pathlib import Path

from agent.settings import Settings

GUIDE = Path(__file__).parents[3] / "docs/how-to/install-the-agent.md"


def test_the_guide_names_every_setting_and_no_other() -> None:
    told = GUIDE.read_text().partition("## Settings")[2].partition("## When")[0]
    assert re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE) == [one.name for one in fields(Settings)]
