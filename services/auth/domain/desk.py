"""What roles may do with the records of the service desk beside incidents: a block for each resource, put together by role.

The table of roles takes these as they are (`roles.py`); its version is raised with every change here.
"""

from typing import Any

_WATCHING = ("incidents.watch",)
_TRIAGE_READ = ("incidents.suggest", "triageModels.get", "triageModels.list")
_TRIAGE_SET = ("triageModels.create", "triageModels.activate", "triageModels.retire")

_PROBLEMS_READ = ("problems.get", "problems.list")
_PROBLEMS_WORK = (
    *_PROBLEMS_READ,
    "problems.create",
    "problems.update",
    "problems.assign",
    "problems.assess",
    "problems.analyze",
    "problems.diagnose",
    "problems.fix",
    "problems.resolve",
    "problems.reopen",
    "problems.link",
    "problems.note",
    "problems.tell",
    "problems.candidates",
    "problems.close",
    "problems.cancel",
)
_PROBLEMS_LEFT = ("problems.acceptRisk",)

_CHANGES_READ = ("changes.get", "changes.list")
_CHANGES_OWN = ("changes.get", "changes.list", "changes.note")
_CHANGES_WORK = (
    *("changes.create", "changes.update", "changes.assign", "changes.assess", "changes.submit"),
    *("changes.revise", "changes.schedule", "changes.start"),
    *("changes.finish", "changes.cancel", "changes.link", "changes.note"),
)
_CHANGES_LEAD = ("changes.expedite", "changes.close")

_SEARCH = ("search.query",)

_ARTICLES_READ = ("articles.get", "articles.list", "articles.rate")
_ARTICLES_WRITE = (
    *("articles.create", "articles.update", "articles.submit", "articles.link", "articles.note", "articles.history"),
)
_ARTICLES_LEAD = ("articles.reject", "articles.publish", "articles.confirm", "articles.retire", "articles.restore")

_TASKS_READ = ("tasks.get", "tasks.list")
_TASKS_WORK = (
    *("tasks.create", "tasks.update", "tasks.assign", "tasks.start", "tasks.complete", "tasks.skip", "tasks.fail"),
    *("tasks.retry", "tasks.cancel", "tasks.note"),
)
_REQUESTS_READ = ("requests.get", "requests.list", "catalogItems.get", "catalogItems.list")
_REQUESTS_OWN = (
    *("requests.create", "requests.note", "requests.submit", "requests.revise", "requests.withdraw", "requests.reopen"),
    *_REQUESTS_READ,
    *_TASKS_READ,
)
_REQUESTS_WORK = (
    *("requests.create", "requests.update", "requests.assign", "requests.submit", "requests.revise", "requests.withdraw"),
    *("requests.start", "requests.hold", "requests.resume", "requests.resolve", "requests.reopen", "requests.close"),
    *("requests.cancel", "requests.link", "requests.note"),
)
_CATALOG_SET = ("catalogItems.create", "catalogItems.update", "catalogItems.publish", "catalogItems.retire")

_MAJORS_READ = ("majors.get", "majors.list")
_ANNOUNCEMENTS = ("statusUpdates.get",)
_DEVICES = ("assets.get", "assets.list")
_MAJORS_WORK = ("majors.propose", "majors.check", "majors.note", "majors.complete")
_MAJORS_LEAD = (
    *("majors.update", "majors.declare", "majors.decline", "majors.staff", "majors.link", "majors.tell", "majors.resolve"),
    *("majors.reopen", "majors.review", "majors.close"),
)
_JOINING = ("incidents.merge", "incidents.split")

_PLANS_READ = ("releases.get", "releases.list", "blackouts.get", "blackouts.list")
_PLANS_WORK = ("releases.create", "releases.update", "releases.fill", "releases.move", "releases.note")
_PLANS_LEAD = (
    *("releases.deploy", "releases.close", "releases.cancel", "changes.acceptMargin"),
    *("blackouts.create", "blackouts.update", "blackouts.delete"),
)

_FOLLOW_UPS_READ = ("followUpPolicies.get", "followUpPolicies.list")
_FOLLOW_UPS_SET = ("followUpPolicies.create", "followUpPolicies.update", "followUpPolicies.delete")

_APPROVALS_READ = ("approvalPolicies.get", "approvalPolicies.list", "approvalDelegations.get", "approvalDelegations.list")
_APPROVALS_VOTE = (
    *("approvals.get", "approvals.list", "approvals.vote"),
    *("approvalDelegations.create", "approvalDelegations.end"),
)
_APPROVALS_SET = (
    *("approvalPolicies.create", "approvalPolicies.update", "approvalPolicies.simulate", "approvals.replace"),
    *("changeTemplates.retire", "changeTemplates.reinstate"),
    *("cabMeetings.create", "cabMeetings.update", "cabMeetings.hold", "cabMeetings.cancel"),
)
_BOARD_READ = ("changeTemplates.get", "changeTemplates.list", "cabMeetings.get", "cabMeetings.list")
_TEMPLATES_WORK = ("changeTemplates.create", "changeTemplates.update", "changeTemplates.submit")

_RULES_READ = (
    *("automationRules.get", "automationRules.list", "ruleRuns.get", "ruleRuns.list"),
    *("routingRules.get", "routingRules.list", "agentProfiles.get", "agentProfiles.list"),
)
_RULES_WORK = ("incidents.route", "agentProfiles.away")
_RULES_SET = (
    *(
        f"{kind}.{verb}"
        for kind in ("automationRules", "routingRules", "agentProfiles")
        for verb in ("create", "update", "delete")
    ),
    "automationRules.try",
)

_TOOLS_READ = (
    *("views.get", "views.list", "macros.get", "macros.list", "ticketTemplates.get", "ticketTemplates.list"),
    *("cannedReplies.get", "cannedReplies.list", "timeEntries.get", "timeEntries.list"),
    *("recurringTickets.get", "recurringTickets.list"),
)
_TOOLS_OWN = (
    *(f"{each}.{verb}" for each in ("views", "macros", "cannedReplies") for verb in ("create", "update", "delete", "share")),
    *("timeEntries.create", "timeEntries.update", "timeEntries.delete", "macros.apply"),
)
_TOOLS_SET = (
    *("views.publish", "macros.publish", "cannedReplies.publish"),
    *(f"{each}.{verb}" for each in ("ticketTemplates", "recurringTickets") for verb in ("create", "update", "delete")),
)

_SURVEYS_READ = ("surveyPolicies.get", "surveyPolicies.list", "surveys.get", "surveys.list", "surveys.answer")
_SURVEYS_OWN = ("surveys.get", "surveys.list", "surveys.answer", "drafts.keep")
_SURVEYS_SET = ("surveyPolicies.create", "surveyPolicies.update", "surveyPolicies.delete")
_NOW = ("drafts.keep",)

VIEWER: tuple[str, ...] = (
    *_ANNOUNCEMENTS,
    *_SURVEYS_READ,
    *_TOOLS_READ,
    *_SEARCH,
    *_BOARD_READ,
    *_APPROVALS_VOTE,
    *_APPROVALS_READ,
    *_FOLLOW_UPS_READ,
    *_MAJORS_READ,
    *_PLANS_READ,
    *_REQUESTS_READ,
    *_TASKS_READ,
    *_ARTICLES_READ,
    *_CHANGES_READ,
    *_PROBLEMS_READ,
)
"""Reading, for everybody who works here."""

REQUESTER: tuple[str, ...] = (
    *_ANNOUNCEMENTS,
    *_DEVICES,
    *_SURVEYS_OWN,
    *_SEARCH,
    *_APPROVALS_VOTE,
    *_REQUESTS_OWN,
    *_ARTICLES_READ,
    *_CHANGES_OWN,
    *_WATCHING,
)
"""What somebody may do who only asks for things; the rows that he sees are bounded by `SCOPES`."""

AGENT: tuple[str, ...] = (
    *_NOW,
    *_TOOLS_OWN,
    *_RULES_WORK,
    *_RULES_READ,
    *_TEMPLATES_WORK,
    *_MAJORS_WORK,
    *_JOINING,
    *_PLANS_WORK,
    *_REQUESTS_WORK,
    *_TASKS_WORK,
    *_ARTICLES_WRITE,
    *_CHANGES_WORK,
    *_PROBLEMS_WORK,
    *_TRIAGE_READ,
    *_WATCHING,
)
INCIDENT_MANAGER: tuple[str, ...] = (
    *_SURVEYS_SET,
    *_TOOLS_SET,
    *_RULES_SET,
    *_FOLLOW_UPS_SET,
    *_MAJORS_LEAD,
    *_CATALOG_SET,
    *_ARTICLES_LEAD,
    *_TRIAGE_SET,
    *_PROBLEMS_LEFT,
)
CHANGE_MANAGER: tuple[str, ...] = (
    *_PLANS_LEAD,
    *_APPROVALS_SET,
    *_CHANGES_LEAD,
)
ADMIN: tuple[str, ...] = (*INCIDENT_MANAGER, *CHANGE_MANAGER)

SCOPES: dict[str, dict[str, Any]] = {
    "requests": {"requester_id": "$subject"},
    "surveys": {"requester_id": "$subject"},
    "tasks": {"requester_id": "$subject"},
    "catalogItems": {"state": "PUBLISHED"},
    "articles": {"state": "PUBLISHED", "visibility": "PUBLIC"},
    "changes": {"requester_id": "$subject"},
    "statusUpdates": {"audience": "PUBLIC"},
    "assets": {"owner_id": "$subject"},
    "approvals": {"voter_ids": "$subject"},
    "approvalDelegations": {"from_id": "$subject"},
}
"""The rows of each resource that a requester sees."""
