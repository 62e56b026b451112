"""The rows of `docs/coverage.md` about the service desk beside incidents; a block for each group of records."""

from docs.generate.capability import MATRIX, Capability

_TRIAGE = "e2e/test_triage.py"

TRIAGE = (
    Capability(
        "suggestions learned from a tenant's own incidents: category, team, priority, similar ones",
        (f"{_TRIAGE}::test_a_desk_learns_from_its_past_while_the_service_dies_and_an_incident_is_told_who_it_is_for",),
        (f"{_TRIAGE}::test_who_only_reports_is_told_nothing_and_nobody_uses_what_is_not_there",),
        (*MATRIX, f"{_TRIAGE}::test_who_only_reports_is_told_nothing_and_nobody_uses_what_is_not_there"),
        ("unit/incident/test_triage_models.py", "unit/incident/test_triage.py"),
    ),
)

_ROOM = "e2e/console/test_majors.py::test_a_major_incident_is_declared_led_told_of_and_over_with_all_that_belongs_to_it"
_CHANGES = "e2e/test_changes.py"
_BOARD = f"{_CHANGES}::test_two_of_the_board_agree_though_the_service_dies_between_and_a_pipeline_makes_it_in_its_window"
_BACK = f"{_CHANGES}::test_an_edit_of_what_was_approved_and_a_window_that_passes_take_a_change_back"
_URGENT = f"{_CHANGES}::test_an_emergency_is_confirmed_afterwards_and_a_failed_standard_change_suspends_its_template"

CHANGES = (
    Capability(
        "changes: standard, normal, emergency; risk; windows; outcome and review; a gate for pipelines",
        (_BOARD, _URGENT),
        (_BOARD, _BACK),
        (_BOARD, *MATRIX),
        ("unit/incident/test_changes.py", "unit/incident/test_change_stories.py", "unit/cli/test_changes.py"),
    ),
    Capability(
        "approvals by policy: quorum, veto, weights, stages, separation of duties, delegation, expiry, void edits, simulator",
        (_BOARD, _BACK),
        (_BOARD,),
        (_BOARD, *MATRIX),
        ("unit/incident/test_approvals.py", "unit/incident/test_change_stories.py"),
    ),
    Capability(
        "templates of standard changes; confirmation of emergencies after the fact; agenda and minutes of the board",
        (_URGENT, _BOARD),
        (_URGENT,),
        (_URGENT, *MATRIX),
        ("unit/incident/test_change_stories.py",),
    ),
)

_KNOWLEDGE = "e2e/test_knowledge.py"
_LANGUAGES = f"{_KNOWLEDGE}::test_readers_see_their_language_and_teams_what_is_theirs_alone_and_a_death_loses_none_of_it"
_HELPED = f"{_KNOWLEDGE}::test_what_helped_in_a_ticket_becomes_an_article_that_helps_others"
_FOUND = "e2e/test_search.py::test_everybody_finds_what_he_may_read_with_slips_and_a_lost_index_is_made_anew"

KNOWLEDGE = (
    Capability(
        "knowledge: from a ticket, versions, review, readers, languages, opinions, uses, review and expiry times",
        (_HELPED, _LANGUAGES),
        (_HELPED, _LANGUAGES),
        (_HELPED, _LANGUAGES, *MATRIX),
        ("unit/incident/test_articles.py",),
    ),
    Capability(
        "search over everything: slips, unfinished words, exact numbers first, rights inside the question",
        (_FOUND,),
        (_FOUND,),
        (_FOUND, *MATRIX),
        ("unit/analytics/test_search.py", "unit/incident/test_texts.py"),
    ),
)

_REQUESTS = "e2e/test_requests.py"
_JOINER = f"{_REQUESTS}::test_a_joiner_is_ordered_approved_and_fulfilled_though_the_service_dies_and_the_stock_room_is_empty"
_UNSEEN = f"{_REQUESTS}::test_who_may_not_see_an_item_finds_nothing_and_nobody_reads_what_others_asked_for"

REQUESTS = (
    Capability(
        "service catalog and forms: conditions, price, who sees and who orders what",
        (_JOINER, _UNSEEN),
        (_JOINER, _UNSEEN),
        (_UNSEEN, *MATRIX),
        ("unit/incident/test_forms.py", "unit/incident/test_requests.py"),
    ),
    Capability(
        "requests: approval before work, clocks that begin with it, fulfillment, progress in plain words",
        (_JOINER,),
        (_JOINER, _UNSEEN),
        (_JOINER, _UNSEEN, *MATRIX),
        ("unit/incident/test_requests.py",),
    ),
    Capability(
        "tasks of every record: parallel and serial, the next only when those before are done; assets from stock",
        (_JOINER,),
        (_JOINER,),
        (_UNSEEN, *MATRIX),
        ("unit/incident/test_tasks.py", "unit/incident/test_hooks.py"),
    ),
)

_PROBLEMS = "e2e/test_problems.py"
_AGAIN = f"{_PROBLEMS}::test_incidents_that_come_again_become_a_problem_whose_workaround_outlives_a_death"
_CAUSE = f"{_PROBLEMS}::test_a_fix_without_a_cause_is_refused_and_only_a_manager_lives_with_a_risk"
_RULES = "e2e/test_automation.py"
_ONCE = f"{_RULES}::test_incidents_are_routed_and_rules_act_on_each_once_though_the_service_dies"
_THEIRS = f"{_RULES}::test_rules_are_made_by_who_may_and_do_no_more_than_is_theirs"

PROBLEMS = (
    Capability(
        "problems: assess, analyze, fix, close; risk accepted, duplicate, cancelled; incidents outlive them",
        (_AGAIN,),
        (_CAUSE,),
        (_CAUSE, *MATRIX),
        ("unit/incident/test_problems.py",),
    ),
    Capability(
        "known errors offered by asset, service, category and words; workarounds told once; candidates from what comes again",
        (_AGAIN,),
        (_CAUSE,),
        (_CAUSE, *MATRIX),
        ("unit/incident/test_problems.py",),
    ),
    Capability(
        "automation rules: events, filter, ordered actions; log, guard against circles, trial on the past, rights of the maker",
        (_ONCE, _THEIRS),
        (_THEIRS,),
        (_THEIRS, *MATRIX),
        ("unit/incident/test_automation.py",),
    ),
    Capability(
        "routing: team by rule, person by load, turn, skill or call; skills, capacity, absence and workload of people",
        (_ONCE,),
        (_THEIRS,),
        (_THEIRS, *MATRIX),
        ("unit/incident/test_routing.py",),
    ),
)

_FAMILIES = "e2e/test_majors.py"
_MAJOR = (
    f"{_FAMILIES}::test_a_major_incident_is_declared_told_of_resolved_with_its_children_and_reviewed_though_the_service_dies"
)
_MERGED = f"{_FAMILIES}::test_what_is_merged_answers_as_the_other_for_who_may_see_it_and_comes_back"
_LAST = f"{_FAMILIES}::test_a_parent_that_ends_with_its_children_does"
_RELEASE = "e2e/test_releases.py::test_a_release_is_made_of_changes_that_nothing_stands_against_though_the_service_dies"

MAJORS = (
    Capability(
        "major incidents: candidate, declared, roles, checklist, status updates, services hit, review with actions",
        (_MAJOR,),
        (_MAJOR,),
        (_MAJOR, *MATRIX),
        ("unit/incident/test_majors.py",),
    ),
    Capability(
        "parent and child: in bulk, resolving and public words passed on, blocking, the parent ends with the last child",
        (_MAJOR, _LAST),
        (_MAJOR,),
        (_MAJOR, *MATRIX),
        ("unit/incident/test_joining.py",),
    ),
    Capability(
        "merging with redirect and its way back, clocks from the earliest start; splitting with chosen notes",
        (_MERGED,),
        (_MERGED,),
        (_MERGED, *MATRIX),
        ("unit/incident/test_joining.py",),
    ),
    Capability(
        "conflicts of changes through the landscape: same and neighboring assets, blackouts, who makes them; calendar",
        (_RELEASE,),
        (_RELEASE,),
        (_RELEASE, *MATRIX),
        ("unit/incident/test_planning.py",),
    ),
    Capability(
        "redundancy margin as a gate: below zero blocks, at zero somebody else accepts it for that window",
        (_RELEASE,),
        (_RELEASE,),
        (_RELEASE, *MATRIX),
        ("unit/incident/test_planning.py",),
    ),
    Capability(
        "releases: plan, build, test, deploy, early-life support; as far as the changes that they contain",
        (_RELEASE,),
        (_RELEASE,),
        (_RELEASE, *MATRIX),
        ("unit/incident/test_planning.py",),
    ),
)

_DAILY = "e2e/test_daily_work.py"
_HEARS = f"{_DAILY}::test_who_is_named_watches_and_hears_of_it_and_each_of_it_is_on_the_timeline"
_MORNING = f"{_DAILY}::test_views_macros_replies_templates_and_time_through_a_morning"
_RECURS = f"{_DAILY}::test_what_recurs_is_opened_and_what_is_resolved_is_closed_once_though_the_service_dies"
_FOLLOWS = f"{_DAILY}::test_how_what_waits_is_followed_up_is_said_once_for_a_stage_and_by_managers"
_THERE = (
    "e2e/test_two_gateways.py::"
    "test_who_is_at_a_record_is_told_through_either_of_them_to_those_who_are_there_and_see_all_such_records"
)
_BEGINS = "e2e/test_lookups.py::test_one_answer_is_enough_to_begin_with_and_is_sent_again_only_when_it_changed"
_NAMES = "e2e/test_lookups.py::test_names_and_numbers_find_who_and_what_is_meant_for_those_who_may_see_it"
_LINKED = "e2e/test_mail.py::test_who_is_asked_how_it_was_answers_from_the_mail_and_looking_at_it_answers_nothing"
_TRIED = f"{_DAILY}::test_a_policy_is_tried_on_what_is_past_by_who_sets_policies_and_nothing_comes_of_it"
_ASKED = f"{_DAILY}::test_who_reported_it_says_how_it_was_once_and_drafts_are_ones_own"

DAILY = (
    Capability(
        "watchers and mentions: told through rules, each on the timeline",
        (_HEARS,),
        (_HEARS,),
        (_HEARS, *MATRIX),
        ("unit/incident/test_watching.py", "unit/gateway/test_notices.py"),
    ),
    Capability(
        "saved and shared views with counts, facets",
        (_MORNING,),
        (_MORNING,),
        (_MORNING, *MATRIX),
        ("unit/incident/test_tools.py",),
    ),
    Capability(
        "macros with preview and undo, ticket templates, canned replies with places",
        (_MORNING,),
        (_MORNING,),
        (_MORNING, *MATRIX),
        ("unit/incident/test_tools.py",),
    ),
    Capability("time and its cost", (_MORNING,), (_MORNING,), MATRIX, ("unit/incident/test_tools.py",)),
    Capability(
        "recurring tickets: RFC 5545, nth weekday, zones; each occurrence once through a death",
        (_RECURS,),
        (_RECURS,),
        (_RECURS, *MATRIX),
        ("unit/incident/test_recurring_tickets.py",),
    ),
    Capability(
        "what is resolved is closed by itself after business days",
        (_RECURS,),
        (_FOLLOWS,),
        (_FOLLOWS, *MATRIX),
        ("unit/incident/test_follow_ups.py",),
    ),
    Capability(
        "reminders while it waits, then an end; in office hours",
        (),
        (_FOLLOWS,),
        (_FOLLOWS, *MATRIX),
        ("unit/incident/test_follow_ups.py",),
    ),
    Capability("surveys after closing", (_ASKED,), (_ASKED,), (_ASKED, *MATRIX), ("unit/incident/test_surveys.py",)),
    Capability("drafts on the server", (_ASKED,), (_ASKED,), (_ASKED, *MATRIX), ("unit/incident/test_surveys.py",)),
    Capability(
        "console: a major incident led from its war room, before several pairs of eyes",
        (_ROOM,),
        (_MAJOR,),
        (_ROOM, *MATRIX),
        ("unit/incident/test_majors.py",),
    ),
    Capability(
        "who is at a record: any kind, told on the stream, through every gateway",
        (_THERE,),
        (_THERE,),
        (_THERE, *MATRIX),
        ("unit/gateway/test_presence.py",),
    ),
    Capability(
        "what a console begins with: who, rights, views with counts, one answer",
        (_BEGINS,),
        (_BEGINS,),
        (_BEGINS, *MATRIX),
        ("unit/gateway/test_lookups.py",),
    ),
    Capability(
        "people, teams and assets while somebody types, records by number",
        (_NAMES,),
        (_NAMES,),
        (_NAMES, *MATRIX),
        ("unit/gateway/test_lookups.py",),
    ),
    Capability(
        "one inbox of what somebody was told of, with what he has not read",
        ("e2e/test_lookups.py::test_what_somebody_is_told_of_waits_for_him_in_one_place_until_he_has_read_it",),
        ("e2e/test_lookups.py::test_what_somebody_is_told_of_waits_for_him_in_one_place_until_he_has_read_it",),
        ("e2e/test_lookups.py::test_what_somebody_is_told_of_waits_for_him_in_one_place_until_he_has_read_it", *MATRIX),
        ("unit/gateway/test_inbox.py",),
    ),
    Capability(
        "answers from a mail by a link of one person, one question",
        (_LINKED,),
        (_LINKED,),
        (_LINKED,),
        ("unit/gateway/test_answers_by_link.py",),
    ),
    Capability(
        "a quarter replayed against another service-level policy",
        (_TRIED,),
        (_TRIED,),
        (_TRIED, *MATRIX),
        ("unit/incident/test_what_if.py",),
    ),
)

DESK = (*DAILY, *CHANGES, *TRIAGE, *KNOWLEDGE, *REQUESTS, *PROBLEMS, *MAJORS)
