"""The platform as the people of the tenant see it: each calls it himself, and says when it is to have happened.

Fails: `Problem` where somebody is refused, `CliError` without an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cli.client import Client, segment
from cli.demo.cast import ADMIN
from cli.errors import CliError

API = "/api/v1"
_PATIENCE = 120.0


@dataclass(slots=True)
class Platform:
    """`tokens` are by the name that somebody signs in with; whoever has none is stood in for by the administrator.

    `ids` are those of people, teams and assets, by kind and by what they are called here.
    """

    url: str
    tokens: Mapping[str, str]
    ids: dict[tuple[str, str], str] = field(default_factory=dict)
    _clients: dict[str, Client] = field(default_factory=dict)

    def close(self) -> None:
        """Ends the connections."""
        for client in self._clients.values():
            client.close()

    def of(self, who: str) -> Client:
        """Somebody's connection."""
        who = who if who in self.tokens else ADMIN
        if who not in self._clients:
            token = self.tokens[who]
            self._clients[who] = Client(self.url, lambda: token, patience=_PATIENCE)
        return self._clients[who]

    def learn(self) -> None:
        """Looks up who and which teams there are. Raises `CliError` where the tenant is not the one for demonstration."""
        admin = self.of(ADMIN)
        for user in admin.pages(f"{API}/users", "users", limit=None):
            self.ids["person", user["username"]] = user["id"]
        for team in admin.pages(f"{API}/teams", "teams", limit=None):
            self.ids["team", team["name"]] = team["id"]

    def named(self, kind: str, name: str) -> str:
        """The id of a person, team or asset; its name where it has none here."""
        return self.ids.get((kind, name), name)

    def person(self, name: str) -> str:
        """The id of somebody."""
        return self.named("person", name)

    def team(self, name: str) -> str:
        """The id of a team."""
        return self.named("team", name)

    def get(self, path: str, who: str = ADMIN, **query: str | int | list[str]) -> Any:
        """What somebody reads."""
        return self.of(who).get(f"{API}/{path}", **query)

    def post(self, who: str, path: str, body: Any = None, *, at: datetime | None = None) -> Any:
        """What somebody does, then."""
        return self.of(who).send("POST", f"{API}/{path}", body={} if body is None else body, at=at).data

    def change(self, who: str, path: str, body: Any, *, at: datetime | None = None) -> Any:
        """What somebody changes of a record as it is."""
        version = self.get(path)["etag"]
        return self.of(who).send("PATCH", f"{API}/{path}", body=body, etag=version, at=at).data

    def all(self, path: str, name: str, *, limit: int | None = None, **query: str) -> list[dict[str, Any]]:
        """The records of a list."""
        return list(self.of(ADMIN).pages(f"{API}/{path}", name, limit=limit, **query))

    def find(self, plural: str, key: str) -> dict[str, Any]:
        """One record. Raises `CliError` for an empty key, which would be a list."""
        if not key:
            raise CliError(f"no key of {plural}")
        found: dict[str, Any] = self.get(f"{plural}/{segment(key)}")
        return found
