"""The folder of a release: what is in it, what is signed in it, and whether all of it is as it was signed.

Every file but three is in `SHA256SUMS`; the three sign it. Fails with `ReleaseError`.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from deploy.release import ReleaseError
from deploy.release.bills import Built, bills
from deploy.release.chart import CHART, package
from deploy.release.signing import BILL, Signer, Verifier
from deploy.release.source import Source
from stack.options import ROOT

SUMS = "SHA256SUMS"
SIGNED = ".sigstore.json"
_OF_SUMS = {SUMS, f"{SUMS}.sig", f"{SUMS}{SIGNED}"}


def fill(folder: Path, source: Source, signer: Signer, helm: Path, images: tuple[Path, Built] | None) -> None:
    """Writes all of it beside the archive of the images, which lies there if there is one."""
    built = images[1] if images else None
    chart = package(source, folder, helm)
    listed = (ROOT / CHART / "images.txt").read_text()
    _write(folder / "images.txt", listed)
    _write(folder / "RELEASE-NOTES.md", f"# itsm {source.version}\n\n{source.notes.text}")
    shutil.copyfile(ROOT / CHART / "UPGRADING.md", folder / "UPGRADING.md")
    about: dict[str, Any] = {"version": source.version, "commit": source.commit, "time": source.time.isoformat()}
    about["changed"] = list(source.changed)  # of a preview; nothing else has any
    about["images"] = dict(built.ids) if built else {}
    _write(folder / "release.json", json.dumps(about, indent=2, sort_keys=True) + "\n")
    subjects = {"chart": {chart.name: _digest(chart).hex()}}
    if images:
        # An id is the digest of an image's configuration, which names its layers.
        whole = {images[0].name: _digest(images[0]).hex()}
        for image, identity in images[1].ids.items():
            component = image.rpartition("/")[2].partition(":")[0]
            subjects[component] = {image: identity.removeprefix("sha256:"), **whole}
    for name, text in bills(source, listed.split(), built).items():
        bill = folder / f"sbom-{name}.cdx.json"
        _write(bill, text)
        if name in subjects:
            bill.with_name(bill.name + SIGNED).write_bytes(signer.attestation(subjects[name], BILL, json.loads(text)))
    for file in (chart, *(images[:1] if images else ())):
        file.with_name(file.name + SIGNED).write_bytes(signer.bundle(_digest(file)))
    (folder / "itsm-release.pub").write_bytes(signer.public())
    files = sorted(file for file in folder.iterdir() if file.name not in _OF_SUMS)
    _write(folder / SUMS, "".join(f"{_digest(file).hex()}  {file.name}\n" for file in files))
    digest = _digest(folder / SUMS)
    (folder / f"{SUMS}.sig").write_bytes(signer.sign(digest))
    (folder / f"{SUMS}{SIGNED}").write_bytes(signer.bundle(digest))


def problems(folder: Path, verifier: Verifier) -> list[str]:
    """What is not as it was signed with the key, a line each; nothing where all is well.

    Raises `ReleaseError` where nothing can be said because the checksums themselves cannot be believed.
    """
    if missing := sorted(name for name in _OF_SUMS if not (folder / name).is_file()):
        raise ReleaseError(f"{', '.join(missing)} is not there")
    digest = _digest(folder / SUMS)
    bare = (folder / f"{SUMS}.sig").read_bytes()
    if not verifier.trusts(digest, bare) or not verifier.trusts_bundle(digest, (folder / f"{SUMS}{SIGNED}").read_bytes()):
        raise ReleaseError(f"{SUMS} is not signed with this key")
    wanted = {line[66:]: line[:64] for line in (folder / SUMS).read_text().splitlines()}
    there = {file.name for file in folder.iterdir()} - _OF_SUMS
    found = [f"{name} is not there" for name in sorted(wanted.keys() - there)]
    found += [f"{name} is not part of the release" for name in sorted(there - wanted.keys())]
    whole = sorted(there & wanted.keys())
    found += [f"{name} is not as it was released" for name in whole if _digest(folder / name).hex() != wanted[name]]
    return found or [problem for name in whole if name.endswith(SIGNED) for problem in _of_bundle(folder, name, verifier)]


def _of_bundle(folder: Path, name: str, verifier: Verifier) -> list[str]:
    file = folder / name.removesuffix(SIGNED)
    bundle = (folder / name).read_bytes()
    if "messageSignature" in json.loads(bundle):
        return [] if verifier.trusts_bundle(_digest(file), bundle) else [f"{name} does not sign {file.name}"]
    told = verifier.statement(bundle)
    found = [] if told["predicate"] == json.loads(file.read_text()) else [f"{name} says something else than {file.name}"]
    for subject in told["subject"]:
        about = folder / subject["name"]
        if about.is_file() and _digest(about).hex() != subject["digest"]["sha256"]:
            found.append(f"{name} is about another {about.name}")
    return found


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def _digest(file: Path) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
