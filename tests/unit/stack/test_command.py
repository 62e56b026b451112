"""The command line of the stack."""

from pathlib import Path

import pytest

from stack.__main__ import _parse


def test_the_state_folder_may_be_named_before_or_after_the_command() -> None:
    assert _parse(["--state", "x", "up"]).state == Path("x")
    assert _parse(["up", "--state", "x"]).state == Path("x")
    assert _parse(["down"]).state.name == ".state"


def test_settings_for_our_processes_are_pairs_of_our_names(capsys) -> None:
    assert _parse(["up", "--set", "ITSM_TRACE_RATIO=0", "--set", "ITSM_X=a=b"]).set == [
        ("ITSM_TRACE_RATIO", "0"),
        ("ITSM_X", "a=b"),
    ]
    with pytest.raises(SystemExit):
        _parse(["up", "--set", "PATH=/tmp"])
    assert "ITSM_NAME=VALUE" in capsys.readouterr().err
