"""What a directory says against what it gave before: a plan of steps, made without asking anybody.

The directory owns what it gave and nothing else. A name or an address is written when the directory's own value changed since
it was last given, so that what a sign-in through another provider wrote in between stays. Somebody who was here before he
was found in the directory keeps his name, his address and his account whatever the directory says, and so does who belongs to
another tenant, too: the realm has one account of him, and what stands there is seen by both.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.auth.domain.directory import Directory, DirectoryRunSample, Outcome
from services.auth.domain.person import Person, Snapshot, teams_of

FIELDS = ("first_name", "last_name", "email")
GONE_AFTER = 2
"""How many complete runs in a row somebody has to be missing from to be disabled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A person as the directory says. `wrong` tells why it cannot be taken over; `active` whether it may sign in there."""

    key: str
    username: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    teams: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    active: bool = True
    wrong: str = ""

    @property
    def fields(self) -> Mapping[str, str]:
        """What is given beside the sign-in name."""
        return {name: getattr(self, name) for name in FIELDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What the directory gave to whom. `made` says that it made the person; without a subject it was about to.

    `disabled` says that the directory did that, so that it takes it back and nobody else's.
    """

    key: str
    subject: str
    username: str
    made: bool
    fields: Mapping[str, str] = field(default_factory=dict)
    teams: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    absences: int = 0
    disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do. `link` is what will be known after it; `outcome` None is no news for anybody.

    `fields` are written to the realm, `enable` is None where the account stays as it is.
    """

    outcome: Outcome | None
    link: Link
    create: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)
    join: frozenset[str] = frozenset()
    leave: frozenset[str] = frozenset()
    give: frozenset[str] = frozenset()
    take: frozenset[str] = frozenset()
    enable: bool | None = None
    reason: str = ""

    @property
    def sample(self) -> DirectoryRunSample | None:
        """What the report says of it."""
        if self.outcome is None:
            return None
        return DirectoryRunSample(outcome=self.outcome, name=self.link.username, reason=self.reason)


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps, who was refused, and how many people are as they were. `held` says why nothing may be done."""

    steps: Sequence[Step]
    refused: Sequence[DirectoryRunSample]
    unchanged: int
    held: str = ""


@dataclass(frozen=True, slots=True)
class Giving:
    """Which roles a run may give: those that whoever answers for the directory may give by himself, and none to `askers`.

    They are who answers for it and who asked for the run: nobody changes one's own roles, by a directory neither.
    """

    roles: frozenset[str]
    askers: frozenset[str] = frozenset()


class _Realm:
    """Who is there, looked at from one tenant. `kept` tells what of the directory's wishes is not done."""

    def __init__(self, tenant: str, snapshot: Snapshot, giving: Giving) -> None:
        self._giving = giving
        self.kept: list[DirectoryRunSample] = []
        self.people = {person.id: person for person in snapshot.people}
        self.by_name = {person.username.casefold(): person for person in snapshot.people}
        self.by_mail = {person.email.casefold(): person for person in snapshot.people if person.email}
        self.members: set[str] = set()
        self.elsewhere: set[str] = set()
        for organization in snapshot.organizations:
            (self.members if organization.alias == tenant else self.elsewhere).update(organization.member_ids)
        self.teams = {name: set(group.member_ids) for name, group in teams_of(tenant, snapshot.groups)}

    def joined(self, subject: str, teams: Iterable[str]) -> frozenset[str]:
        """Those of the teams that somebody belongs to."""
        return frozenset(team for team in teams if subject in self.teams.get(team, ()))

    def roles(self, entry: Entry, subject: str, held: frozenset[str] = frozenset()) -> frozenset[str]:
        """Those of an entry that somebody has from now on; what he `held` by the directory is not given, and stays."""
        own = subject in self._giving.askers
        allowed = held if own else self._giving.roles | held
        if beyond := entry.roles - allowed:
            why = "nobody gives himself one" if own else "whoever set this directory up may not give it"
            self.keep(entry, f"the role {', '.join(sorted(beyond))} is not given: {why}")
        return entry.roles & allowed

    def fields(self, entry: Entry, link: Link) -> Mapping[str, str]:
        """Name and address as they stand for the directory from now on."""
        if not link.made or link.subject not in self.elsewhere:
            return entry.fields if link.made else {}
        if differing := [name for name, value in entry.fields.items() if link.fields.get(name, "") != value]:
            self.keep(entry, f"{', '.join(differing)} is not written: he belongs to another tenant, too")
        return link.fields

    def keep(self, entry: Entry, reason: str) -> None:
        """Tells of something that is not done."""
        self.kept.append(DirectoryRunSample(outcome=Outcome.REFUSED, name=entry.username, reason=reason))


def plan(
    directory: Directory,
    tenant: str,
    entries: Sequence[Entry],
    links: Mapping[str, Link],
    snapshot: Snapshot,
    giving: Giving,
    *,
    complete: bool,
    allow: bool = False,
) -> Plan:
    """What is to be done so that the tenant is as the directory says."""
    realm, steps, refused, unchanged = _Realm(tenant, snapshot, giving), [], [], 0
    taken = {link.subject: key for key, link in links.items() if link.subject}
    seen: set[str] = set()
    names: set[str] = set()
    for entry in entries:
        why = entry.wrong or _double(entry, seen, names)
        seen.add(entry.key)
        names.add(entry.username.casefold())
        step = None if why else _present(entry, links.get(entry.key), realm, taken)
        if isinstance(step, str) or why:
            refused.append(
                DirectoryRunSample(outcome=Outcome.REFUSED, name=entry.username or entry.key, reason=why or str(step))
            )
        elif step is None:
            unchanged += 1
        else:
            steps.append(step)
            unchanged += step.outcome is None
            if step.link.subject:
                taken[step.link.subject] = entry.key
    if complete:
        missing = [_absent(link, realm) for key, link in links.items() if key not in seen and link.subject]
        steps += [step for step in missing if step is not None]
    ends = sum(step.outcome in (Outcome.DISABLED, Outcome.RELEASED) for step in steps)
    bound = directory.bound(sum(not link.disabled for link in links.values()))
    held = "" if allow or ends <= bound else f"{ends} people would be disabled, more than the {bound} that a run may"
    return Plan(steps, [*refused, *realm.kept], unchanged, held)


def _double(entry: Entry, seen: set[str], names: set[str]) -> str:
    if entry.key in seen:
        return "another entry has the same key"
    return "another entry has the same sign-in name" if entry.username.casefold() in names else ""


def _present(entry: Entry, link: Link | None, realm: _Realm, taken: Mapping[str, str]) -> Step | str | None:
    """What to do for somebody who is there: a step, why not, or nothing."""
    if link is not None and link.subject and link.subject not in realm.people:
        link = None  # an administrator of the realm has deleted the account
    if link is None or not link.subject:
        if not entry.active:
            return None
        return _first(entry, link, realm, taken)
    if not entry.active:
        return None if link.disabled else _end(link, realm, "the directory has disabled the account")
    return _again(entry, link, realm)


def _first(entry: Entry, begun: Link | None, realm: _Realm, taken: Mapping[str, str]) -> Step | str:
    """Somebody new: made, or known as somebody of the tenant who is here already."""
    link = Link(
        key=entry.key,
        subject="",
        username=entry.username,
        made=True,
        fields=entry.fields,
        teams=entry.teams,
        roles=entry.roles,
    )
    named = realm.by_name.get(entry.username.casefold())
    mailed = realm.by_mail.get(entry.email.casefold()) if entry.email else None
    person = named or (mailed if mailed and mailed.email_verified else None)
    if person is None:
        if mailed is not None:
            return "somebody else has this mail address, and nobody has verified it"
        link = replace(link, roles=realm.roles(entry, ""))
        return Step(outcome=Outcome.CREATED, link=link, create=True, join=entry.teams, give=link.roles)
    if taken.get(person.id, entry.key) != entry.key:
        return f"another entry is known as {person.username} already"
    if begun is not None and named is person and person.id not in realm.elsewhere:
        # The name was free when it was begun: a process died before it wrote down whom it had made.
        link = replace(link, subject=person.id, roles=realm.roles(entry, person.id))
        return Step(outcome=Outcome.CREATED, link=link, create=True, join=entry.teams, give=link.roles)
    if person.id not in realm.members:
        return "the name is that of somebody who is no member of this tenant"
    return _adopted(entry, link, person, realm)


def _adopted(entry: Entry, link: Link, person: Person, realm: _Realm) -> Step:
    new = entry.teams - realm.joined(person.id, entry.teams)
    roles = realm.roles(entry, person.id)
    link = replace(link, subject=person.id, username=person.username, made=False, fields={}, teams=new, roles=roles)
    return Step(outcome=Outcome.ADOPTED, link=link, join=new, give=roles)


def _again(entry: Entry, link: Link, realm: _Realm) -> Step | None:
    """Somebody who is known: what changed in the directory since."""
    fields, roles = realm.fields(entry, link), realm.roles(entry, link.subject, link.roles)
    changed = {name: value for name, value in fields.items() if link.fields.get(name, "") != value}
    # A team that he was put into by somebody else is not the directory's to take away later.
    join = entry.teams - link.teams - realm.joined(link.subject, entry.teams - link.teams)
    leave, give, take = link.teams - entry.teams, roles - link.roles, link.roles - roles
    after = replace(
        link,
        fields=fields,
        teams=(link.teams - leave) | join,
        roles=roles,
        absences=0,
        disabled=False,
    )
    if after == link:
        return None
    told = [*changed, *(f"+{name}" for name in sorted(join | give)), *(f"-{name}" for name in sorted(leave | take))]
    outcome = Outcome.ENABLED if link.disabled else Outcome.UPDATED if told else None
    enable = True if link.disabled and link.made and link.subject not in realm.elsewhere else None
    step = Step(outcome=outcome, link=after, fields=changed, join=join, leave=leave, give=give, take=take, enable=enable)
    return replace(step, reason=", ".join(told))


def _absent(link: Link, realm: _Realm) -> Step | None:
    """Somebody who is missing from a complete run."""
    if link.disabled:
        return None
    if link.subject not in realm.people:  # an administrator of the realm has deleted the account
        gone = replace(link, teams=frozenset(), roles=frozenset(), disabled=True)
        return Step(outcome=None, link=gone, take=link.roles)
    if link.absences + 1 < GONE_AFTER:
        reason = "he will be disabled when he is missing from the next complete run, too"
        return Step(outcome=Outcome.ABSENT, link=replace(link, absences=link.absences + 1), reason=reason)
    return _end(link, realm, f"missing from {GONE_AFTER} complete runs in a row")


def _end(link: Link, realm: _Realm, reason: str) -> Step:
    """Takes what the directory gave, and the account where it made it for this tenant alone."""
    after = replace(link, teams=frozenset(), roles=frozenset(), absences=GONE_AFTER, disabled=True)
    if link.made and link.subject not in realm.elsewhere:
        return Step(outcome=Outcome.DISABLED, link=after, leave=link.teams, take=link.roles, enable=False, reason=reason)
    why = "he belongs to another tenant, too" if link.made else "he was here before the directory"
    return Step(outcome=Outcome.RELEASED, link=after, leave=link.teams, take=link.roles, reason=f"{reason}; {why}")
