"""Bills of materials, CycloneDX 1.6 in JSON: what is in each image and in the chart, from what is locked.

Python's packages come from `requirements/`, the console's from its lock file, Debian's from the base of the images and jars
from what is put on top of it; the latter two only where the images were built. Source of the names: the purl specification.
"""

import base64
import importlib.metadata
import json
import platform
import re
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement

from chassis.peers import SERVICES
from deploy.image import parts
from deploy.release.source import Source
from stack.fetch import KAFKA_VERSION, KEYCLOAK_VERSION, MONGOD_VERSION
from stack.options import ROOT

# What an image runs, by which markers of requirements are judged.
_ENVIRONMENT = {
    "implementation_name": "cpython", "os_name": "posix", "platform_machine": platform.machine(),
    "platform_python_implementation": "CPython", "platform_system": "Linux", "python_full_version": "3.11.0",
    "python_version": "3.11", "sys_platform": "linux",
}  # fmt: skip
_SUITE = "debian-12"
_PROGRAMS = {
    "mongod": ("mongod", MONGOD_VERSION, "SSPL-1.0"),
    "kafka": ("kafka", KAFKA_VERSION, "Apache-2.0"),
    "keycloak": ("keycloak", KEYCLOAK_VERSION, "Apache-2.0"),
}
_VERSIONED = re.compile(r"^(?P<name>.+?)-(?P<version>\d[\w.+-]*)$")


@dataclass(frozen=True, slots=True)
class Built:
    """What only a build of the images tells: ids by name of the image, Debian's packages as `name=version`, folders of jars."""

    ids: Mapping[str, str] = field(default_factory=dict)
    debian: Mapping[str, Iterable[str]] = field(default_factory=dict)
    jars: Mapping[str, Path] = field(default_factory=dict)


def bills(source: Source, images: Iterable[str], built: Built | None) -> dict[str, str]:
    """The text of each bill by the name of its component: of every image of the list, and of the chart."""
    named = {image.rpartition("/")[2].partition(":")[0]: image for image in images}
    made = {name: _text(source, name, f"image {image}", _of_image(name, built), built) for name, image in named.items()}
    inside = [*(_image(image, built) for image in named.values()), _plain("backing", source.version, "chart")]
    made["chart"] = _text(source, "chart", "Helm chart itsm", inside, built)
    return made


def _of_image(name: str, built: Built | None) -> list[Component]:
    found = [*_python(parts.locked(name) if name in SERVICES else parts.shared())]
    if name == "gateway":
        found += _console()
    if name in _PROGRAMS:
        program, version, terms = _PROGRAMS[name]
        found.append(_plain(program, version, "program", terms))
    if built:
        found += [_debian(*each.split("=", 1)) for each in built.debian.get(name, ())]
        if name in built.jars:
            found += _jars(built.jars[name])
    return found


def _python(locked: Mapping[str, str]) -> Iterator[Component]:
    for line in locked.values():
        requirement = Requirement(line.partition("\\")[0].strip())
        if requirement.marker is None or requirement.marker.evaluate(_ENVIRONMENT):
            version = str(requirement.specifier).removeprefix("==")
            yield _component(PackageURL("pypi", None, requirement.name, version), _license_of(requirement.name))


def _license_of(package: str) -> str:
    """As the package itself says, if it is one that the development requirements install too."""
    try:
        told = importlib.metadata.metadata(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
    words = next((told[key].strip() for key in ("License-Expression", "License") if key in told), "")
    classes = [each.rpartition(" :: ")[2] for each in told.get_all("Classifier") or [] if each.startswith("License ::")]
    return words if words and "\n" not in words else " AND ".join(classes[:1])


def _console() -> Iterator[Component]:
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())
    for place, package in lock["packages"].items():
        if not place or package.get("dev"):
            continue
        scope, _, name = place.rpartition("node_modules/")[2].rpartition("/")
        kind, _, digest = package.get("integrity", "").partition("-")
        hashed = [HashType(alg=HashAlgorithm.SHA_512, content=base64.b64decode(digest).hex())] if kind == "sha512" else []
        yield _component(PackageURL("npm", scope or None, name, package["version"]), package.get("license", ""), hashed)


def _debian(name: str, version: str) -> Component:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return _component(PackageURL("deb", "debian", name, version, {"arch": machine, "distro": _SUITE}))


def _jars(folder: Path) -> Iterator[Component]:
    """What a jar says of itself, else its file's name; a jar that says nothing at all is named after the file."""
    for file in sorted(folder.rglob("*.jar")):
        group, name, version = _of_maven(file)
        yield _component(PackageURL("maven", group or None, name, version or None))


def _of_maven(file: Path) -> tuple[str, str, str]:
    with zipfile.ZipFile(file) as jar:
        told = [name for name in jar.namelist() if re.fullmatch(r"META-INF/maven/[^/]+/[^/]+/pom\.properties", name)]
        if len(told) == 1:  # a jar with several has swallowed others and is none of them
            lines = (line.partition("=") for line in jar.read(told[0]).decode(errors="replace").splitlines())
            known = {key.strip(): value.strip() for key, _, value in lines}
            if {"groupId", "artifactId", "version"} <= known.keys():
                return known["groupId"], known["artifactId"], known["version"]
    match = _VERSIONED.match(file.stem)
    return ("", match["name"], match["version"]) if match else ("", file.stem, "")


def _image(image: str, built: Built | None) -> Component:
    path, _, version = image.rpartition(":")
    kept = [Property(name="itsm:image-id", value=built.ids[image])] if built and image in built.ids else []
    url = PackageURL("generic", path.rpartition("/")[0], path.rpartition("/")[2], version)
    return Component(
        type=ComponentType.CONTAINER, name=path, version=version, purl=url, bom_ref=str(url), properties=kept,
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
    )  # fmt: skip


def _plain(name: str, version: str, kind: str, terms: str = "Apache-2.0") -> Component:
    url = PackageURL("generic", "itsm" if kind == "chart" else None, name, version)
    return Component(
        type=ComponentType.APPLICATION, name=name, version=version, purl=url, bom_ref=str(url),
        licenses=[LicenseFactory().make_from_string(terms)],
    )  # fmt: skip


def _component(url: PackageURL, terms: str = "", hashed: Iterable[HashType] = ()) -> Component:
    licenses: list[License] = [LicenseFactory().make_from_string(terms)] if terms else []
    return Component(
        type=ComponentType.LIBRARY, group=url.namespace, name=url.name, version=url.version, purl=url, bom_ref=str(url),
        licenses=licenses, hashes=hashed,
    )  # fmt: skip


def _text(source: Source, name: str, description: str, inside: Iterable[Component], built: Built | None) -> str:
    """The same for the same commit: number and time follow from it."""
    about = _plain(f"itsm-{name}", source.version, "product")
    about.description = description
    whole = "yes" if built else "no: the images were not built, so the packages of Debian and the jars in them are not known"
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"itsm:{source.version}:{source.commit}:{name}"),
        metadata=BomMetaData(
            component=about,
            timestamp=source.time,
            properties=[Property(name="itsm:commit", value=source.commit), Property(name="itsm:complete", value=whole)],
        ),
    )
    once = {each.bom_ref.value: each for each in inside}
    for each in once.values():
        bom.components.add(each)
    bom.register_dependency(about, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"
