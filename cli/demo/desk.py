"""What a desk has beside its incidents, told by its people: how it is set up, what it knows, and what it plans.

Each function tells of one kind of thing and yields after each of its records, so that whoever calls it can show how far it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from cli.demo import shape
from cli.demo.cast import EMPLOYEES, STAFF, TEAMS, of_team
from cli.demo.estate import Estate
from cli.demo.platform import Platform
from cli.demo.tickets import OUTAGE_AT, OUTAGE_SERVICE
from cli.demo.words import WORDS, data

MANAGER, CHANGES, ADMIN, EDITOR = "ingrid.solberg", "rafael.costa", "helena.vogel", "noor.bakker"
BOARD = ("chiara.romano", "pavel.ivanov", "viktor.petrov", "yuki.tanaka")
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_TARGETS = {"P1": (15, 240), "P2": (30, 480), "P3": (120, 1_440), "P4": (240, 2_400)}
_PLANS = {
    "implementationPlan": "Announce it, take a snapshot, do it step by step, and look at the measurements after each.",
    "testPlan": "Sign in, run the short list of checks, and have the team that uses it look at it.",
    "backOutPlan": "Go back to the snapshot; it takes twenty minutes.",
}
_DATA = data("desk.yaml")


@dataclass(slots=True)
class Desk:
    """`now` is when it is told, `scale` how much of it."""

    there: Platform
    made: Estate
    now: datetime
    scale: float
    random: Random

    def some(self, told: list[dict[str, Any]], least: int = 2) -> list[dict[str, Any]]:
        """The first of a list, as many as the scale wants."""
        return told[: max(least, round(len(told) * min(1.0, self.scale * 2)))]

    def settings(self) -> Iterator[None]:
        """Hours, service levels, who approves, who knows what, and the tools of every day."""
        there, at = self.there, self.now - 100 * _DAY
        week = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY")
        windows = [{"weekday": day, "start": "08:00", "end": "18:00"} for day in week]
        hours = there.post(
            ADMIN, "calendars", {"name": "Office hours", "zone": "Europe/Berlin", "windows": windows, "country": "DE"}, at=at
        )
        yield
        targets = [
            {"priority": priority, "kind": kind, "amount": amount}
            for priority, amounts in _TARGETS.items()
            for kind, amount in zip(("RESPONSE", "RESOLVE"), amounts, strict=True)
        ]
        rule = {
            "name": "Standard",
            "calendarId": hours["id"],
            "targets": targets,
            "pauseReasons": ["CALLER", "VENDOR", "CHANGE"],
        }
        there.post(ADMIN, "slaPolicies", rule, at=at)
        yield
        board = [{"userId": there.person(name)} for name in BOARD]
        stages = [
            {"name": "Change manager", "quorum": "ANY", "voters": [{"role": "change-manager"}, {"userId": board[0]["userId"]}]},
            {"name": "Board", "quorum": "AT_LEAST", "least": 2, "voters": board, "risks": ["MEDIUM", "HIGH"]},
        ]
        there.post(CHANGES, "approvalPolicies", {"name": "Board", "stages": stages}, at=at)
        voters = [{"userId": there.person(MANAGER)}, {"userId": there.person("david.brandt")}]
        spending = {
            "name": "Spending",
            "resource": "requests",
            "stages": [{"name": "Manager", "quorum": "ANY", "voters": voters}],
        }
        self.there.ids["policy", "Spending"] = there.post(CHANGES, "approvalPolicies", spending, at=at)["id"]
        yield
        for member in STAFF:
            if member.team and "agent" in member.roles:
                profile = {
                    "userId": there.person(member.name),
                    "teamIds": [there.team(member.team)],
                    "skills": list(member.skills),
                }
                there.post(MANAGER, "agentProfiles", {**profile, "capacity": 12}, at=at)
                yield
        yield from self._tools(at)

    def _tools(self, at: datetime) -> Iterator[None]:
        there = self.there
        for view in _DATA["views"]:
            there.post(MANAGER, f"views/{there.post(MANAGER, 'views', view, at=at)['id']}:publish", at=at)
            yield
        for macro in _DATA["macros"]:
            steps = [{**step, "teamId": there.team(step["team"])} if "team" in step else step for step in macro["steps"]]
            steps = [{name: value for name, value in step.items() if name != "team"} for step in steps]
            made = there.post(MANAGER, "macros", {**macro, "steps": steps}, at=at)
            there.post(MANAGER, f"macros/{made['id']}:publish", at=at)
            yield
        for reply in _DATA["replies"]:
            there.post(MANAGER, f"cannedReplies/{there.post(MANAGER, 'cannedReplies', reply, at=at)['id']}:publish", at=at)
            yield
        for template in _DATA["templates"]:
            there.post(MANAGER, "ticketTemplates", template, at=at)
            yield

    def articles(self) -> Iterator[None]:
        """What is known, written over the months, and whether it helped."""
        there, random = self.there, self.random
        for place, told in enumerate(self.some(_DATA["articles"])):
            at = self.now - timedelta(days=85 - 7 * place, hours=3)
            article = there.post(EDITOR, "articles", {**told, "language": "en"}, at=at)
            there.post(EDITOR, f"articles/{article['id']}:submit", at=at + _HOUR)
            if place % 5 == 4 and place > 4:
                continue  # somebody has yet to look at it
            there.post(MANAGER, f"articles/{article['id']}:publish", {"changeNote": "First edition"}, at=at + _DAY)
            for reader in random.sample(EMPLOYEES, 3) if told["visibility"] == "PUBLIC" else ():
                there.post(reader.name, f"articles/{article['id']}:rate", {"helpful": random.random() < 0.8}, at=at + 9 * _DAY)
            yield

    def problems(self) -> Iterator[None]:
        """What lies behind what comes again, as far as it is understood."""
        steps = ("assess", "analysis", "known", "fixing", "resolved", "closed")
        for told in self.some(_DATA["problems"], 3):
            team, far = told["team"], steps.index(told["to"])
            worker, at = of_team(team)[-1].name, self.now - timedelta(days=25 * told["months"] + 4)
            there = self.there
            problem = there.post(
                worker,
                "problems",
                {name: told[name] for name in ("title", "category", "impact")} | {"urgency": "MEDIUM"},
                at=at,
            )
            path = f"problems/{problem['id']}"
            there.post(
                worker, f"{path}:assign", {"teamId": there.team(team), "assigneeId": there.person(worker)}, at=at + _HOUR
            )
            there.post(worker, f"{path}:assess", at=at + _DAY)
            alike = f'category = "{told["category"]}" AND state IN (IN_PROGRESS, ON_HOLD, RESOLVED)'
            if found := there.all("incidents", "incidents", limit=4, filter=alike):
                there.post(worker, f"{path}:attach", {"incidentIds": [each["id"] for each in found]}, at=at + _DAY)
            if far >= 1:
                there.post(worker, f"{path}:analyze", at=at + 2 * _DAY)
            if far >= 2:
                known = {"cause": told["cause"], "workaround": told["workaround"]}
                there.post(worker, f"{path}:diagnose", known, at=at + 3 * _DAY)
            if far >= 3:
                there.post(worker, f"{path}:fix", at=at + 4 * _DAY)
            if far >= 4:
                there.post(worker, f"{path}:resolve", {"resolution": "Mended and watched for a week."}, at=at + 20 * _DAY)
            if far >= 5:
                there.post(worker, f"{path}:close", at=at + 23 * _DAY)
            yield

    def changes(self) -> Iterator[None]:
        """Changes of the last and the next weeks, a board that meets, a freeze, and releases that contain some."""
        kept: list[dict[str, Any]] = []
        for place, told in enumerate(self.some(_DATA["changes"], 4) * (2 if self.scale >= 0.5 else 1)):
            # On an evening of the two weeks before today and those after.
            begin = (self.now + timedelta(hours=place * (30 if self.scale >= 0.5 else 120) - 15 * 24)).replace(
                hour=20, minute=0, second=0, microsecond=0
            )
            begin = begin if abs(begin - self.now) > 2 * _HOUR else begin + 6 * _HOUR
            kept.append(self._change(told, begin, place))
            yield
        there, soon = self.there, (self.now + 2 * _DAY).replace(hour=9, minute=0, second=0, microsecond=0)
        for title, begin in (("Change advisory board", soon), ("Change advisory board", soon - 7 * _DAY)):
            asked = self.now if begin > self.now else begin - _DAY
            body: dict[str, Any] = {"title": title, "startTime": _text(begin), "endTime": _text(begin + _HOUR)}
            body |= {"attendeeIds": [there.person(name) for name in (CHANGES, *BOARD)]}
            meeting = there.post(CHANGES, "cabMeetings", body, at=asked)
            meeting = there.post(CHANGES, f"cabMeetings/{meeting['id']}:collect", at=asked)
            if begin < self.now:
                items = [
                    {"changeId": item["changeId"], "advice": "APPROVE", "minutes": "No doubts."} for item in meeting["items"]
                ]
                said = {"minutes": "All of them were discussed.", "items": items}
                there.change(CHANGES, f"cabMeetings/{meeting['id']}", said, at=begin + _HOUR)
                there.post(CHANGES, f"cabMeetings/{meeting['id']}:hold", at=begin + _HOUR)
            yield
        freeze = {"startTime": _text(self.now + 24 * _DAY), "endTime": _text(self.now + 31 * _DAY), "title": "End of the year"}
        there.post(CHANGES, "blackouts", {**freeze, "description": "Nothing is changed while the books are closed."})
        yield
        yield from self._releases([each for each in kept if each["category"] == "Applications"])

    def _change(self, told: Mapping[str, Any], begin: datetime, place: int) -> dict[str, Any]:
        """One, as far as it has come by now: made and reviewed, agreed to, asked for, or only thought of."""
        there, now = self.there, self.now
        team = told["team"]
        asks, makes = of_team(team)[0].name, of_team(team)[-1].name
        end = begin + timedelta(hours=2 if told["level"] == "LOW" else 4)
        opened = min(begin - 8 * _DAY, now - (3 + place % 4) * _HOUR)
        service = self.made.by["service"][place % len(self.made.by["service"])]
        change = there.post(
            asks,
            "changes",
            {
                "title": told["title"],
                "category": told["category"],
                "implementerId": there.person(makes),
                "startTime": _text(begin),
                "endTime": _text(end),
                "serviceIds": [there.named("asset", service)],
                "questions": {"impact": told["level"], "tested": told["level"] != "HIGH", "outage": told.get("outage", False)},
                **_PLANS,
            },
            at=opened,
        )
        path = f"changes/{change['id']}"
        there.post(asks, f"{path}:assign", {"teamId": there.team(team), "assigneeId": there.person(asks)}, at=opened)
        ahead = (begin - now) / _DAY
        if ahead > 11:
            return dict(change)
        there.post(asks, f"{path}:assess", at=opened + timedelta(minutes=20))
        if ahead > 8:
            return dict(change)
        change = there.post(asks, f"{path}:submit", at=opened + timedelta(minutes=40))
        if ahead > 5:
            return dict(change)
        self._vote(change["approvalId"], {asks, makes}, opened + _HOUR)
        if end < now:
            there.post(makes, f"{path}:start", at=begin + timedelta(minutes=5))
            outcome = self.random.choices(("SUCCESSFUL", "SUCCESSFUL_WITH_ISSUES", "BACKED_OUT"), (80, 14, 6))[0]
            note = "" if outcome == "SUCCESSFUL" else "It took longer than planned, and one check had to be repeated."
            there.post(makes, f"{path}:finish", {"outcome": outcome, "outcomeNote": note}, at=end - timedelta(minutes=30))
            if end < now - 2 * _DAY:
                change = there.post(CHANGES, f"{path}:close", {"review": "Looked at with the team."}, at=end + _DAY)
        return dict(change)

    def _vote(self, approval: str, barred: set[str], at: datetime) -> None:
        """Whoever is asked agrees, stage by stage."""
        names = {id_: name for (kind, name), id_ in self.there.ids.items() if kind == "person"}
        for step in range(6):
            asked = self.there.find("approvals", approval)
            voters = [names[each] for each in asked["voterIds"] if each in names and names[each] not in barred]
            if asked["state"] != "WAITING" or not voters:
                return
            vote = {"choice": "APPROVE", "comment": "Looks fine to me."}
            self.there.post(voters[0], f"approvals/{approval}:vote", vote, at=at + step * timedelta(minutes=9))

    def _releases(self, kept: list[dict[str, Any]]) -> Iterator[None]:
        there = self.there
        for place, change in enumerate(kept[:3]):
            body = {"title": f"Applications {2026 - place}.{4 + place}", "releaseVersion": f"{4 + place}.2.0"}
            times = {name: change[name] for name in ("startTime", "endTime")}
            release = there.post(CHANGES, "releases", {**body, **times}, at=self.now - 12 * _DAY)
            there.post(CHANGES, f"releases/{release['id']}:addChange", {"changeId": change["id"]}, at=self.now - 12 * _DAY)
            if place < 2:
                there.post(CHANGES, f"releases/{release['id']}:build", at=self.now - 9 * _DAY)
            yield

    def requests(self) -> Iterator[None]:
        """The catalog, and what employees have ordered from it."""
        there, items, at = self.there, [], self.now - 95 * _DAY
        for told in self.some(_DATA["catalog"], 3):
            plan = [
                {
                    "key": task["key"],
                    "title": task["title"],
                    "teamId": there.team(task["team"]),
                    "dependsOn": task.get("after", []),
                }
                for task in told["plan"]
            ]
            form = {
                "type": "object",
                "properties": {name: {"type": "string", "title": title} for name, title in told["form"].items()},
                "required": list(told["form"]),
            }
            body = {name: told[name] for name in ("title", "category", "description")} | {"plan": plan, "form": form}
            body["teamId"] = there.team(told["team"])
            if "price" in told:
                body["price"] = {"amount": told["price"], "currency": "EUR"}
            if told.get("approved"):
                body["approvalPolicyId"] = there.ids["policy", "Spending"]
            item = there.post(ADMIN, "catalogItems", body, at=at)
            there.post(ADMIN, f"catalogItems/{item['id']}:publish", at=at)
            items.append((item["id"], told))
            yield
        count = max(6, round(90 * self.scale))
        for opened in shape.arrivals(self.random, self.now, 60, count):
            item_id, told = shape.pick(self.random, [told["weight"] for _, told in items], items)
            self._request(item_id, told, opened)
            yield

    def _request(self, item_id: str, told: Mapping[str, Any], opened: datetime) -> None:
        there, random = self.there, self.random
        answers = {name: random.choice(_DATA["answers"][name]) for name in told["form"]}
        order = {"catalogItemId": item_id, "answers": answers}
        request = there.post(random.choice(EMPLOYEES).name, "requests", order, at=opened)
        agreed = opened + timedelta(hours=random.uniform(1, 30))
        if agreed > self.now - _HOUR:
            return
        if request["approvalId"]:
            path = f"approvals/{request['approvalId']}:vote"
            if random.random() < 0.06:
                for voter in (MANAGER, "david.brandt"):
                    there.post(voter, path, {"choice": "REJECT", "comment": "Not this quarter."}, at=agreed)
                return
            there.post(MANAGER, path, {"choice": "APPROVE", "comment": "Agreed."}, at=agreed)
        done = agreed
        for _ in told["plan"]:
            done += timedelta(hours=random.expovariate(1 / 20) + 0.5)
            ready = f'about = "requests/{request["id"]}" AND state = READY'
            tasks = there.all("tasks", "tasks", limit=1, filter=ready)
            if done > self.now or not tasks:
                return
            worker = random.choice(
                [member for member in STAFF if there.team(member.team) == tasks[0]["teamId"]] or of_team("Service Desk")
            )
            there.post(worker.name, f"tasks/{tasks[0]['id']}:complete", {"result": "Done."}, at=done)
        if done + 3 * _DAY < self.now:
            there.post(MANAGER, f"requests/{request['id']}:close", at=done + 3 * _DAY)

    def major(self) -> Iterator[None]:
        """The outage of which many told: led, told of, over, and being reviewed."""
        there, begin = self.there, self.now - OUTAGE_AT
        desk, network = of_team("Service Desk")[0].name, of_team("Network")[0].name
        service = there.ids.get(("asset", OUTAGE_SERVICE), "")
        first = {
            "title": "Remote access is down in all sites",
            "category": "Remote access",
            "impact": "HIGH",
            "urgency": "HIGH",
        }
        parent = there.post(desk, "incidents", {**first, "serviceId": service}, at=begin)
        work = {"teamId": there.team("Network"), "assigneeId": there.person(network)}
        there.post(desk, f"incidents/{parent['id']}:assign", work, at=begin + _HOUR / 10)
        there.post(network, f"incidents/{parent['id']}:start", at=begin + _HOUR / 6)
        body = {"incidentId": parent["id"], "description": "Nobody can work from home."}
        major = there.post(desk, "majors", body, at=begin + _HOUR / 3)
        path = f"majors/{major['id']}"
        major = there.post(MANAGER, f"{path}:declare", at=begin + _HOUR / 2)
        if service:
            there.change(MANAGER, path, {"serviceIds": [service]}, at=begin + _HOUR / 2)
        for role, name in (("TECHNICAL_LEAD", "diego.santos"), ("COMMUNICATIONS", "noor.bakker"), ("SCRIBE", "elif.demir")):
            there.post(MANAGER, f"{path}:staff", {"role": role, "personId": there.person(name)}, at=begin + _HOUR * 0.6)
        yield
        told = 'category = "Remote access" AND priority = P2 AND state IN (ASSIGNED, IN_PROGRESS, ON_HOLD, RESOLVED)'
        since = f'{told} AND createTime >= "{_text(begin)}" AND createTime < "{_text(begin + 3 * _HOUR)}"'
        alike = [
            each["id"] for each in there.all("incidents", "incidents", limit=60, filter=since) if each["title"] in WORDS.outage
        ]
        if alike:
            there.post(MANAGER, f"{path}:linkChildren", {"incidentIds": alike}, at=begin + _HOUR)
        for item in major["checklist"]:
            there.post(MANAGER, f"{path}:check", {"key": item["key"]}, at=begin + _HOUR)
        updates = (
            (
                0.7,
                "PUBLIC",
                "Remote access is not available. We are looking for the cause; the next word comes in half an hour.",
            ),
            (1.2, "INTERNAL", "The session table of the first gateway is full. The network team drains it."),
            (1.3, "PUBLIC", "We know the cause and are bringing remote access back, site by site."),
            (2.2, "PUBLIC", "Remote access works again. Please tell us if you still cannot connect."),
        )
        for hours, audience, text in updates:
            more = {} if hours > 2 else {"nextUpdateTime": _text(begin + _HOUR * (hours + 0.6))}
            there.post(MANAGER, f"{path}/statusUpdates", {"text": text, "audience": audience, **more}, at=begin + _HOUR * hours)
        end = {"resolutionCode": "SOLVED", "resolution": "The gateway was drained and its session limit raised."}
        there.post(MANAGER, f"{path}:resolve", end, at=begin + _HOUR * 2.4)
        yield
        review = {
            "summary": "Nobody could work from home for two hours.",
            "cause": "The session table of one gateway overflowed and the other was not used.",
            "wentWell": "The desk told everybody within ten minutes.",
            "wentBadly": "Nothing measured how full the table is.",
            "actions": [
                {"text": "Measure the session table and alert at eight tenths", "ownerId": there.person("oskar.nilsen")},
                {"text": "Let the client change gateways by itself", "ownerId": there.person("diego.santos")},
            ],
        }
        there.post(MANAGER, f"{path}:review", {"review": review}, at=begin + 2 * _DAY)
        yield


def teams() -> list[str]:
    """The teams of the tenant."""
    return list(TEAMS)


def _text(at: datetime) -> str:
    return at.isoformat()
