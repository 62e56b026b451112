"""Rules of the house that no tool checks; each message says what to do."""

import re
import subprocess
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

ROOT = Path(__file__).parents[2]
CEILING = 400
# Longer than the ceiling, each for a reason.
EXCEPTIONS: dict[str, str] = {}
ROOMS = {"__init__", "__main__", "app", "domain", "usecases", "ports", "api", "reactions", "store", "README"}
EXTRA_ROOMS = {
    "auth": {"keycloak", "ldap", "realm", "provision"},
    "analytics": {"projections", "following", "owners", "tantivy_index"},
    "incident": {"triage"},
    "monitor": {"ingest", "probes", "people", "kept_oncall"},
    "gateway": None,  # an edge, not an owner of aggregates: it has rooms of its own
}
SERVICES = ("asset", "incident", "monitor", "auth", "analytics", "gateway")


def tracked(*patterns: str) -> list[Path]:
    command = ["git", "ls-files", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own words
    # A link to a folder is listed as if it were a file; what is in the folder is listed by itself.
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_no_python_file_passes_the_ceiling() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in tracked("*.py")}
    over = {path: lines for path, lines in long.items() if lines > CEILING and path not in EXCEPTIONS}
    assert not over, f"split these by what they are for: {over}"


def test_no_file_names_a_machine_or_a_registry() -> None:
    registries = rb"files\.pythonhosted|registry\.npmjs|repo1?\.maven|proxy\.golang|deb\.debian|docker\.io|quay\.io|ghcr\.io"
    forbidden = re.compile(rb"/(work|root|home)/[a-z]|" + registries)
    found = [
        str(path.relative_to(ROOT)) for path in tracked() if path != Path(__file__) and forbidden.search(path.read_bytes())
    ]
    assert not found, f"these name a path of one machine or a package registry: {found}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_rooms_that_every_service_has(service: str) -> None:
    extra = EXTRA_ROOMS.get(service, set())
    if extra is None:
        return
    rooms = {path.relative_to(ROOT / "services" / service).parts[0].split(".")[0] for path in tracked(f"services/{service}")}
    assert rooms <= ROOMS | extra, f"{rooms - ROOMS - extra} is no room of a service (docs/architecture.md)"


def test_every_message_field_and_rpc_is_described() -> None:
    described = descriptor_pb2.FileDescriptorSet.FromString((ROOT / "gen/itsm/descriptors.binpb").read_bytes())
    silent = []
    for file in described.file:
        if not file.package.startswith("itsm."):
            continue
        said = {tuple(location.path) for location in file.source_code_info.location if location.leading_comments.strip()}
        for i, message in enumerate(file.message_type):
            silent += [
                f"{file.package}.{message.name}.{field.name}"
                for j, field in enumerate(message.field)
                if (4, i, 2, j) not in said
            ]
        for i, service in enumerate(file.service):
            silent += [
                f"{file.package}.{service.name}.{rpc.name}" for j, rpc in enumerate(service.method) if (6, i, 2, j) not in said
            ]
    assert not silent, f"say what these mean, in a comment above: {silent}"
