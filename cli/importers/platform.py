"""What was joined goes to the platform through its public interface, in batches, each of which may be sent again.

The other system's number is the claim of an incident, its key that of an asset, and two assets have one relation of a kind: a
repeated run finds all of it there. A trial asks the platform for the same verdicts with `dryRun`, and leaves nothing behind.

Fails: the first `CliError` that is not about a single record.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.client import Answer, segment
from cli.errors import CliError, ExitCode, Problem
from cli.importers.joining import Incident, Row
from cli.importers.records import Place, Refusal, Relation
from cli.importers.staging import Staging
from cli.sending import sent

Send = Callable[..., Answer]

ROWS, ROW_BYTES = 250, 900 * 1024
RELATIONS = 100
_PAGE = 200
_OUTCOMES = {"CREATE": "CREATED", "UPDATE": "UPDATED", "UNCHANGED": "UNCHANGED"}
_ABOUT_THE_ROWS = frozenset({400, 413, 422})


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one record: CREATED, UPDATED or UNCHANGED."""

    kind: str
    outcome: str


Result = Done | Refusal


@dataclass(frozen=True, slots=True)
class Platform:
    """One run's way to the platform. `source` is what the platform is told that the records come from."""

    send: Send
    staging: Staging
    source: str
    dry_run: bool = False

    def learn_people(self) -> tuple[int, str]:
        """Asks who is here. Returns how many, and why nobody could be asked for."""
        count = 0
        try:
            for user in self._pages("/api/v1/users", "users"):
                mail = user.get("email", "")
                for word in {user.get("username", ""), mail}:
                    self.staging.know("user", word, user["id"], mail)
                count += 1
            for team in self._pages("/api/v1/teams", "teams"):
                self.staging.know("team", team.get("name", ""), team["id"])
        except Problem as problem:
            if problem.code is not ExitCode.REFUSED:
                raise
            return count, problem.in_one_line()
        return count, ""

    def assets(self, rows: Iterable[Row | Refusal]) -> Iterator[Result]:
        """Tables of assets, each looked at and, where this is no trial, applied."""
        chunk: list[Row] = []
        size = 0
        for row in rows:
            if isinstance(row, Refusal):
                yield row
                continue
            length = sum(len(cell.encode()) + 4 for cell in row.cells.values())
            if chunk and (len(chunk) == ROWS or size + length > ROW_BYTES):
                yield from self._table(chunk)
                chunk, size = [], 0
            chunk.append(row)
            size += length
        if chunk:
            yield from self._table(chunk)

    def relations(self, found: Iterable[tuple[Place, Relation]]) -> Iterator[Result]:
        """Relations between assets of which both are here."""
        ready: list[tuple[Place, Relation, dict[str, str]]] = []
        for place, relation in found:
            ends = {"providerId": self.staging.id_of(relation.key), "consumerId": self.staging.id_of(relation.consumer)}
            if missing := [key for key, end in zip((relation.key, relation.consumer), ends.values(), strict=True) if not end]:
                reason = f"{', '.join(missing)} is in none of the files, or was refused or left out"
                yield Refusal(place, reason, number=f"{relation.key} → {relation.consumer}", kind="relation")
                continue
            ready.append((place, relation, {**ends, "kind": relation.kind, "group": relation.group}))
            if len(ready) == RELATIONS:
                yield from self._related(ready)
                ready = []
        if ready:
            yield from self._related(ready)

    def incidents(self, found: Iterable[Incident | Refusal]) -> Iterator[Result]:
        """Incidents with their histories, some chunks beside each other."""
        refused: list[Refusal] = []

        def usable() -> Iterator[Incident]:
            for each in found:
                if isinstance(each, Refusal):
                    refused.append(each)
                else:
                    yield each

        for results in sent(self.send, self.source, usable(), dry_run=self.dry_run):
            yield from refused
            refused.clear()
            for incident, result in results:
                outcome = str(result.get("outcome"))
                if outcome in ("CREATED", "UNCHANGED"):
                    yield Done("incident", outcome)
                else:
                    reason = str(result.get("message") or f"answered {outcome}")
                    yield Refusal(incident.place, reason, number=incident.number, kind="incident")
        yield from refused

    def _pages(self, path: str, name: str) -> Iterator[Mapping[str, Any]]:
        token = ""
        while True:
            query = {"pageSize": _PAGE, **({"pageToken": token} if token else {})}
            page = self.send("GET", path, query=query).data
            yield from page.get(name, [])
            if not (token := page.get("nextPageToken", "")):
                return

    def _table(self, rows: list[Row]) -> Iterator[Result]:
        columns = list(dict.fromkeys(name for row in rows for name in row.cells))
        text, begins = _written(rows, columns)
        body = {"text": text, "source": self.source, "mapping": {name: name for name in columns}}
        query = {"dryRun": "true"} if self.dry_run else None
        try:
            made = self.send("POST", "/api/v1/imports", query=query, body=body).data
        except Problem as problem:
            if problem.status not in _ABOUT_THE_ROWS:
                raise
            if len(rows) > 1:
                yield from self._table(rows[: len(rows) // 2])
                yield from self._table(rows[len(rows) // 2 :])
                return
            yield Refusal(rows[0].place, problem.in_one_line(), number=rows[0].cells["name"], kind="asset")
            return
        if not self.dry_run:
            made = self.send("POST", f"/api/v1/imports/{segment(made['id'])}:apply", body={}).data
        told = {int(each["line"]): each for each in made.get("rows", [])}
        for row, line in zip(rows, begins, strict=True):
            yield self._placed(row, told.get(line))

    def _placed(self, row: Row, told: Mapping[str, Any] | None) -> Result:
        if told is None:
            raise CliError(f"the platform told nothing about the asset {row.cells['name']!r}")
        outcome = _OUTCOMES.get(str(told.get("outcome")))
        if outcome is None:
            reason = f"{str(told.get('outcome')).lower()}: {told.get('reason', '')}"
            return Refusal(row.place, reason, number=row.cells["name"], kind="asset")
        # What a trial would make has no id yet; what hangs on it can be tried all the same.
        self.staging.made(row.key, str(told.get("assetId") or (f"new:{row.key}" if self.dry_run else "")))
        return Done("asset", outcome)

    def _related(self, ready: list[tuple[Place, Relation, dict[str, str]]]) -> Iterator[Result]:
        if self.dry_run and any(end.startswith("new:") for *_, body in ready for end in body.values()):
            yield from (Done("relation", "CREATED") for *_, body in ready if _is_new(body))
            ready = [each for each in ready if not _is_new(each[2])]
        if not ready:
            return
        operations = [{"method": "POST", "body": body} for *_, body in ready]
        query = {"dryRun": "true"} if self.dry_run else None
        answer = self.send("POST", "/api/v1/relations:batch", query=query, body={"operations": operations}).data
        results = answer.get("results", []) if isinstance(answer, dict) else []
        if len(results) != len(ready):
            raise CliError(f"the platform told {len(results)} results for {len(ready)} relations")
        for (place, relation, _), result in zip(ready, results, strict=True):
            problem = result.get("problem") or {}
            if result["status"] < 300:
                yield Done("relation", "CREATED")
            elif result["status"] == 409:
                yield Done("relation", "UNCHANGED")
            else:
                reason = str(problem.get("detail") or problem.get("title") or f"answered {result['status']}")
                yield Refusal(place, reason, number=f"{relation.key} → {relation.consumer}", kind="relation")


def _is_new(body: Mapping[str, str]) -> bool:
    return any(body[end].startswith("new:") for end in ("providerId", "consumerId"))


def _written(rows: list[Row], columns: list[str]) -> tuple[str, list[int]]:
    """The table as text, and the line that each row begins in."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    begins, line = [], 2
    for row in rows:
        before = out.tell()
        writer.writerow([row.cells.get(name, "") for name in columns])
        begins.append(line)
        line += out.getvalue().count("\n", before) if any("\n" in cell for cell in row.cells.values()) else 1
    return out.getvalue(), begins
