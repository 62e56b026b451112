"""The part of `docs/coverage.md` about what the trade expects: each row with its capabilities, and what a death leaves of it.

A row holds when every capability that it names counts and one of its tests ends a service and has it come back; otherwise it
says what stands in its way, or that no test of it restarts anything yet.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from docs.generate.capability import Capability, cell, restarting, there
from docs.generate.markdown import table

_DAILY = "e2e/test_daily_work.py::test_"
_STORY = "e2e/test_story.py::test_"
_BOARD = (
    "e2e/test_changes.py::test_two_of_the_board_agree_though_the_service_dies_between_and_a_pipeline_makes_it_in_its_window"
)
_JOINER = (
    "e2e/test_requests.py::test_a_joiner_is_ordered_approved_and_fulfilled_though_the_service_dies_and_the_stock_room_is_empty"
)
_AGAIN = "e2e/test_problems.py::test_incidents_that_come_again_become_a_problem_whose_workaround_outlives_a_death"
_RELEASE = "e2e/test_releases.py::test_a_release_is_made_of_changes_that_nothing_stands_against_though_the_service_dies"
_MAJOR = (
    "e2e/test_majors.py::"
    "test_a_major_incident_is_declared_told_of_resolved_with_its_children_and_reviewed_though_the_service_dies"
)
_MERGED = "e2e/test_majors.py::test_what_is_merged_answers_as_the_other_for_who_may_see_it_and_comes_back"
_ONCALL = "e2e/test_oncall.py::test_an_alert_calls_the_next_ones_until_somebody_takes_note_and_then_nobody"
_ARTICLES = "e2e/test_knowledge.py::test_readers_see_their_language_and_teams_what_is_theirs_alone_and_a_death_loses_none_of_it"
_RECURS = f"{_DAILY}what_recurs_is_opened_and_what_is_resolved_is_closed_once_though_the_service_dies"
_MORNING = f"{_DAILY}views_macros_replies_templates_and_time_through_a_morning"
_HEARS = f"{_DAILY}who_is_named_watches_and_hears_of_it_and_each_of_it_is_on_the_timeline"
_ASKED = f"{_DAILY}who_reported_it_says_how_it_was_once_and_drafts_are_ones_own"
_ROUTED = "e2e/test_automation.py::test_incidents_are_routed_and_rules_act_on_each_once_though_the_service_dies"
_MAIL = "e2e/test_mail.py::test_a_death_beside_the_work_on_a_mail_loses_nothing_and_makes_nothing_twice"
_FILE = "e2e/test_attachments.py::test_a_file_goes_in_comes_out_is_on_the_timeline_and_goes"
_FOUND = "e2e/test_search.py::test_everybody_finds_what_he_may_read_with_slips_and_a_lost_index_is_made_anew"
_JOBS = "e2e/test_jobs.py::test_a_death_in_the_middle_leaves_nothing_out_and_does_nothing_twice"
_LEARNED = "e2e/test_triage.py::test_a_desk_learns_from_its_past_while_the_service_dies_and_an_incident_is_told_who_it_is_for"
_HOOKS = "e2e/test_webhooks.py::test_a_death_beside_a_delivery_loses_nothing_and_a_double_has_the_same_id"
_SESSION = "e2e/test_sign_in.py::test_a_session_lives_on_while_keycloak_is_away"
_DEATH = "e2e/test_failpoints.py::test_a_death_loses_nothing_and_doubles_nothing"
_WRITES = "e2e/test_restarts.py::test_who_writes_once_after_a_death_has_written_once"
_IMPACT = "e2e/test_impact.py::test_impact_says_what_falls_why_and_what_is_at_risk"
_DASHBOARD = "e2e/test_dashboards.py::test_a_dashboard_from_a_private_draft_to_what_everybody_sees_though_the_service_dies"
_WIRE = "e2e/test_wire.py::test_what_is_told_again_changes_nothing"

_TWO_PERSONS = "approvals by policy"
_PARENTS = "parent and child"
_CLOCKED = ("service-level policies and clocks", "calendars")
_PHONE = ("phone view of who is on call", "employee portal")


@dataclass(frozen=True, slots=True)
class Row:
    """What is expected, the capabilities that answer it by how their names begin, tests that end a service, what blocks it.

    `elsewhere` is the part of the page that shows a row which no capability is about.
    """

    name: str
    capabilities: tuple[str, ...] = ()
    restarts: tuple[str, ...] = ()
    blocked: str = ""
    elsewhere: str = ""


DESK = (
    Row("incident and request as separate processes", ("incidents: open", "requests: approval"), (_JOINER, _WRITES)),
    Row("problem management", ("problems:",), (_AGAIN,)),
    Row("known-error records", ("known errors",), (_AGAIN,)),
    Row("change with types", ("changes: standard", "templates of standard"), (_BOARD,)),
    Row("CAB and rules for several approvers", (_TWO_PERSONS,), (_BOARD,)),
    Row("conflicts and blackouts of changes", ("conflicts of changes",), (_RELEASE,)),
    Row("risk score of a change", ("changes: standard",), (_BOARD,)),
    Row("release management", ("releases:",), (_RELEASE,)),
    Row("major incident", ("major incidents",), (_MAJOR,)),
    Row("on-call rotas and paging", ("on call",), (_ONCALL,)),
    Row("knowledge base", ("knowledge:",), (_ARTICLES,)),
    Row("service catalog and request forms", ("service catalog",), (_JOINER,)),
    Row("custom fields and forms", ("service catalog", "assets: make")),
    Row("service levels with business calendars", _CLOCKED),
    Row(
        "OLA with a start of its own", blocked="clocks belong to what is promised to who asked; a team owes none of its own yet"
    ),
    Row("pause on pending, with a reason", _CLOCKED),
    Row("reminders and an end while it waits", ("what is resolved is closed", "reminders while"), (_RECURS,)),
    Row("escalation before and after a target", _CLOCKED),
    Row("matrix of impact and urgency", _CLOCKED),
    Row("assignment and routing rules", ("routing:",), (_ROUTED,)),
    Row("ticket templates, macros, canned replies", ("macros with preview",), (_MORNING,)),
    Row("e-mail in and out with threading", ("mail: out",), (_MAIL,)),
    Row("chat and telephony as channels", blocked="rooms of chats are told and not read; no telephony is attached"),
    Row("attachments", ("files of incidents",), (_FILE,)),
    Row("mentions and watchers", ("watchers and mentions",), (_HEARS,)),
    Row("merge and split", ("merging with redirect",), (_MERGED,)),
    Row("parent and child with propagation", (_PARENTS,), (_MAJOR,)),
    Row("tasks and work orders in a ticket", ("tasks of every record",), (_JOINER,)),
    Row("recurring tickets", ("recurring tickets",), (_RECURS,)),
    Row("time tracking and cost", ("time and its cost",), (_MORNING,)),
    Row("satisfaction survey", ("surveys after closing",), (_ASKED,)),
    Row("full-text search", ("search over everything",), (_FOUND,)),
    Row("bulk actions", ("jobs:",), (_JOBS,)),
    Row("saved and shared views", ("saved and shared views",), (_MORNING,)),
    Row("languages", ("knowledge:", "notices:"), (_ARTICLES,)),
    Row("mobile client", _PHONE, (_ONCALL,)),
    Row("accessibility (WCAG)", ("web console",)),
)
"""What a service desk is compared by."""

WISHES = (
    Row("a new priority keeps the time that was paused before", _CLOCKED),
    Row("no breach while it waits; the time between solved and reopened is no time of the desk", _CLOCKED),
    Row("several windows a day in the clock", _CLOCKED),
    Row("deadlines in the zone of the desk; a pause kept when resolved straight from it", _CLOCKED),
    Row("a state that pauses the clock", _CLOCKED),
    Row("service levels in working hours, and their report", (*_CLOCKED, "figures")),
    Row("approval before work", ("requests: approval",), (_JOINER,)),
    Row("k of n and tiered approvers", (_TWO_PERSONS,), (_BOARD,)),
    Row("the next ticket only when the one before is done", ("tasks of every record",), (_JOINER,)),
    Row("recurring tickets, nth weekday", ("recurring tickets",), (_RECURS,)),
    Row("children block, are told and end their parent", (_PARENTS,), (_MAJOR,)),
    Row("single sign-on and provisioning that agree", ("directory sync", "users, teams, roles")),
    Row("screen readers and keyboard", ("web console",)),
    Row(
        "dashboards as files and by mail on a schedule",
        blocked="figures are data through `:data`; nothing sends them on a schedule",
    ),
    Row("impact that does not drag in everything", ("impact and the drawn graph",), (_IMPACT,)),
    Row(
        "an incident flow of one's own, detection time as a figure", blocked="states are fixed; no onset is kept to count from"
    ),
    Row("sub-tasks in a ticket", ("tasks of every record",), (_JOINER,)),
)
"""What users of other desks ask for and do not get, as far as it is a desk's to answer."""

PLATFORM = (
    Row("complete REST API", ("OpenAPI document", "jobs:"), (_WRITES, _JOBS)),
    Row("GraphQL", blocked="`fields`, `:batchGet` and `:facets` answer what it is asked for"),
    Row("outgoing webhooks on every change", ("webhooks",), (_HOOKS,)),
    Row("broker events for other systems", ("events for other systems",), (_WIRE, _DEATH)),
    Row("tenants", ("users, teams, roles",)),
    Row("single sign-on", ("sign-in with a browser",), (_SESSION,)),
    Row("SCIM", blocked="Keycloak's SCIM interface is a preview feature, which is off; people come from directories"),
    Row("depth of roles", ("users, teams, roles",)),
    Row("audit log with before and after", ("audit log",), (_DEATH,)),
    Row("audit log that shows changes to itself", blocked="entries are only ever added, and not chained yet"),
    Row("retention and purge", blocked="files, mails, deliveries and jobs end by themselves; tickets and people do not yet"),
    Row("automation rules", ("automation rules",), (_ROUTED,)),
    Row("plugins", ("plugins:",)),
    Row("help by what was learned", ("suggestions learned",), (_LEARNED,)),
    Row("operation on Kubernetes", elsewhere="promises to platform teams, below"),
)
"""What any platform of this kind is compared by."""

_HEADING = """
## What the trade expects

Rows by which desks and platforms are compared, and what users of others wish for. A row holds when every capability that it
names counts above, and a test of it ends a service and finds everything as it was.
"""


def blocks(capabilities: Iterable[Capability]) -> Sequence[Sequence[str] | str]:
    """The heading, a count and a table for each group."""
    known = list(capabilities)
    parts: list[Sequence[str] | str] = [_HEADING]
    for title, rows in (("service desk", DESK), ("wish", WISHES), ("platform", PLATFORM)):
        shown = [_shown(row, known) for row in rows]
        holds = sum(row[1] == "**yes**" for row in shown)
        parts.append(f"{holds} of {len(shown)} hold, {sum(bool(row.blocked) for row in rows)} are blocked.")
        parts.append(table((title, "holds", "capabilities", "a restart"), shown))
    return parts


def _shown(row: Row, known: Sequence[Capability]) -> tuple[str, str, str, str]:
    if row.blocked:
        return row.name, "blocked", row.blocked, "none"
    if row.elsewhere:
        return row.name, "**yes**", row.elsewhere, "steps on a cluster"
    found = [_named(begin, known) for begin in row.capabilities]
    kept = restarting(row.restarts)
    counts = all(there(tests) for each in found for tests in (each.works, each.refused, each.denied))
    return row.name, "**yes**" if counts and kept else "no", "; ".join(each.name for each in found), cell(kept)


def _named(begin: str, known: Sequence[Capability]) -> Capability:
    (found,) = [each for each in known if each.name.startswith(begin)]
    return found
