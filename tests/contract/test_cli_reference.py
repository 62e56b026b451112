"""The reference page of the command line says what the commands are."""

from cli.main import app
from cli.reference import PAGE, page
from tests.contract.test_house import ROOT


def test_the_reference_page_is_what_the_commands_say() -> None:
    assert (ROOT / PAGE).read_text() == page(app), "run: python -m cli docs"
