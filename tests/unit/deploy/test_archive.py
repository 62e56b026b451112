"""Archives of images: what a runtime reads there is consistent, and the same input makes the same bytes."""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from deploy.image.archive import Image, write
from deploy.image.layers import Layer, Layers, key_of, key_of_files, write_tar


@pytest.fixture
def layers(tmp_path: Path) -> Layers:
    return Layers(tmp_path / "layers")


def folder(tmp_path: Path, **files: str) -> Path:
    root = tmp_path / key_of(*files, *files.values())
    root.mkdir()
    for name, content in files.items():
        (root / name).write_text(content)
    return root


def layer(layers: Layers, name: str, root: Path) -> Layer:
    return layers.get(name, key_of_files(root, root.iterdir()), lambda target: write_tar(target, root, below="app"))


def read(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member)) is not None}


def document(content: dict[str, bytes], path: str) -> bytes:
    """What a path of the manifest points to, after looking at its digest."""
    assert path == f"blobs/sha256/{hashlib.sha256(content[path]).hexdigest()}"
    return content[path]


def test_every_part_of_an_image_is_there_under_its_digest(layers: Layers, tmp_path: Path) -> None:
    shared = layer(layers, "shared", folder(tmp_path, common="1"))
    own = layer(layers, "own", folder(tmp_path, code="2"))
    both = Image("r.example/itsm/a:1", (shared, own), ("python", "-m", "a"), {"A": "1"}, (8080,), {"title": "a"})
    ids = write(tmp_path / "out.tar", [both], "amd64")
    content = read(tmp_path / "out.tar")
    (entry,) = json.loads(content["manifest.json"])
    assert entry["RepoTags"] == ["r.example/itsm/a:1"]
    assert ids == {"r.example/itsm/a:1": f"sha256:{entry['Config'].rpartition('/')[2]}"}
    config: Any = json.loads(document(content, entry["Config"]))
    assert config["architecture"] == "amd64"
    assert config["config"]["User"] == "10001:10001"
    assert config["config"]["Entrypoint"] == ["python", "-m", "a"]
    assert "A=1" in config["config"]["Env"]
    found = [document(content, path) for path in entry["Layers"]]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(raw).hexdigest()}" for raw in found]


def test_a_name_without_a_registry_stays_so_for_whoever_imports_it_to_complete(layers: Layers, tmp_path: Path) -> None:
    write(tmp_path / "out.tar", [Image("itsm/a:1", (layer(layers, "own", folder(tmp_path, code="1")),), ("a",))], "amd64")
    content = read(tmp_path / "out.tar")
    assert [entry["RepoTags"] for entry in json.loads(content["manifest.json"])] == [["itsm/a:1"]]
    # With this file an importer takes the archive for the OCI layout, where names are taken to the letter.
    assert "oci-layout" not in content


def test_what_images_share_is_in_the_archive_once(layers: Layers, tmp_path: Path) -> None:
    shared = layer(layers, "shared", folder(tmp_path, common="1"))
    write(tmp_path / "out.tar", [Image(f"itsm/{name}:1", (shared,), (name,)) for name in ("a", "b")], "amd64")
    with tarfile.open(tmp_path / "out.tar") as tar:
        assert tar.getnames().count(f"blobs/sha256/{shared.digest}") == 1
        assert len(json.loads(tar.extractfile("manifest.json").read())) == 2


def test_the_same_files_make_the_same_layer_whenever_and_by_whomever(layers: Layers, tmp_path: Path) -> None:
    first = folder(tmp_path, code="2")
    made = layer(layers, "one", first)
    (first / "code").touch()
    (first / "code").chmod(0o600)
    first.chmod(0o700)
    again = layer(Layers(tmp_path / "elsewhere"), "two", first)
    assert again.digest == made.digest
    with tarfile.open(made.file) as tar:
        member = tar.getmember("./app/code")
        assert (member.uid, member.gid, member.mode & 0o777) == (0, 0, 0o644)


def test_a_layer_of_other_content_replaces_the_one_before(layers: Layers, tmp_path: Path) -> None:
    old = layer(layers, "own", folder(tmp_path, code="1"))
    new = layer(layers, "own", folder(tmp_path, code="2"))
    assert new.digest != old.digest
    assert new.file.exists() and not old.file.exists()
