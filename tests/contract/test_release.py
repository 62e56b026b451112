"""A release follows from its commit, is signed, and whoever changes a byte of it is found out; the changelog has its form."""

import hashlib
import json
import subprocess
from datetime import date
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.release import ReleaseError
from deploy.release.__main__ import main
from deploy.release.folder import SIGNED, problems
from deploy.release.signing import Signer, Verifier
from deploy.release.source import KINDS, sections
from deploy.version import version
from stack.options import ROOT
from tests.support.chart import CHART, helm, parse


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    assert main(["key", str(folder / "keys")]) == 0
    for name in ("one", "two"):
        key = str(folder / "keys" / "itsm-release.key")
        assert main(["make", "--preview", "--key", key, "--out", str(folder / name)]) == 0
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_two_releases_of_a_commit_are_the_same_to_the_byte(place: Path) -> None:
    assert contents(place / "one") == contents(place / "two")


def test_a_release_is_verified_with_the_public_key_alone(place: Path) -> None:
    assert main(["verify", str(place / "one"), "--key", str(place / "keys" / "itsm-release.pub")]) == 0
    assert (place / "keys" / "itsm-release.key").stat().st_mode & 0o077 == 0


def test_openssl_verifies_it_too(place: Path) -> None:
    one = place / "one"
    key = str(place / "keys" / "itsm-release.pub")
    command = ["openssl", "dgst", "-sha256", "-verify", key, "-signature", "SHA256SUMS.sig", "SHA256SUMS"]
    assert subprocess.run(command, cwd=one, capture_output=True, text=True, check=True).stdout == "Verified OK\n"  # noqa: S603
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=one, check=True)  # noqa: S607


def test_one_byte_of_any_file_is_noticed(place: Path, tmp_path: Path) -> None:
    verifier = Verifier.load(place / "keys" / "itsm-release.pub")
    for name, content in contents(place / "one").items():
        (tmp_path / name).write_bytes(content)
    assert problems(tmp_path, verifier) == []
    for file in sorted(tmp_path.iterdir()):
        kept = file.read_bytes()
        file.write_bytes(bytes([kept[0] ^ 1]) + kept[1:])
        try:
            assert problems(tmp_path, verifier), file.name
        except ReleaseError:
            assert file.name.startswith("SHA256SUMS")
        file.write_bytes(kept)
    (tmp_path / "more").touch()
    assert problems(tmp_path, verifier) == ["more is not part of the release"]


def test_another_key_is_not_believed(place: Path, tmp_path: Path) -> None:
    (tmp_path / "other.pub").write_bytes(Signer.new().public())
    assert main(["verify", str(place / "one"), "--key", str(tmp_path / "other.pub")]) == 1


def test_the_bill_of_the_chart_is_attested_and_every_image_has_one(place: Path) -> None:
    one = place / "one"
    verifier = Verifier.load(place / "keys" / "itsm-release.pub")
    told = verifier.statement((one / f"sbom-chart.cdx.json{SIGNED}").read_bytes())
    chart = f"itsm-{version()}.tgz"
    digest = hashlib.sha256((one / chart).read_bytes()).hexdigest()
    assert told["subject"] == [{"name": chart, "digest": {"sha256": digest}}]
    components = {image.partition(":")[0].partition("/")[2] for image in (one / "images.txt").read_text().split()}
    strict = JsonStrictValidator(SchemaVersion.V1_6)
    for name in {*components, "chart"}:
        text = (one / f"sbom-{name}.cdx.json").read_text()
        assert strict.validate_str(text) is None, name
        assert len(json.loads(text)["components"]) > 5, name


def test_helm_renders_the_package_as_it_renders_the_chart(place: Path) -> None:
    package, chart = (
        parse(helm("template", "itsm", str(each)).stdout) for each in (place / "one" / f"itsm-{version()}.tgz", CHART)
    )
    assert package == chart


def test_the_changelog_has_a_section_of_this_version_and_keeps_its_form() -> None:
    found = sections((ROOT / "CHANGELOG.md").read_text())
    assert version() in [each.version for each in found]
    numbers = [tuple(map(int, each.version.split("."))) for each in found if each.version != "Unreleased"]
    assert numbers == sorted(set(numbers), reverse=True)
    for each in found[1:]:
        assert date.fromisoformat(each.date), each.version
    headings = {line.removeprefix("### ") for each in found for line in each.text.splitlines() if line.startswith("### ")}
    assert headings <= set(KINDS)
