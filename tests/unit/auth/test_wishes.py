"""What an installation wants from the realm: a file without secrets, and a folder of them."""

import json
from pathlib import Path

import pytest

from services.auth.realm.wanted import Wishes

FILE = {
    "clients": {"itsm-asset": {}},
    "console": {"client_id": "itsm-console", "redirect_uris": ["http://localhost:8080/auth/callback"]},
    "users": {"agent": {"roles": ["agent"]}},
}


def folder(tmp_path: Path, **files: str) -> Path:
    (tmp_path / "wishes.json").write_text(json.dumps(FILE))
    for name, text in files.items():
        (tmp_path / name.replace("__", ".").replace("_", "-")).write_text(f"{text}\n")
    return tmp_path


def test_secrets_that_the_file_leaves_out_come_from_the_folder(tmp_path: Path) -> None:
    at = folder(tmp_path, client__itsm_asset="a", client__itsm_console="c", user__agent="p")
    wishes = Wishes.read(at / "wishes.json", at)
    assert wishes.clients["itsm-asset"].secret.get_secret_value() == "a"
    assert wishes.console is not None
    assert wishes.console.secret.get_secret_value() == "c"
    assert wishes.users["agent"].password.get_secret_value() == "p"


def test_a_secret_that_is_nowhere_is_named(tmp_path: Path) -> None:
    at = folder(tmp_path, client__itsm_asset="a", client__itsm_console="c")
    with pytest.raises(FileNotFoundError, match=r"user\.agent"):
        Wishes.read(at / "wishes.json", at)
    with pytest.raises(ValueError, match="secret"):
        Wishes.read(at / "wishes.json")
