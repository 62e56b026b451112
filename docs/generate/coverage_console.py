"""What people do at the console, the portal and the phone view, each a story in a real browser that ends with axe."""

from docs.generate.capability import MATRIX, Capability

_CONSOLE = "e2e/console"
_CHANGES = f"{_CONSOLE}/test_changes.py::test_a_change_is_planned_around_what_stands_against_it_talked_about_and_agreed_to"
_KNOWLEDGE = f"{_CONSOLE}/test_knowledge.py::test_what_helped_is_written_down_looked_at_and_read_by_whom_it_is_for"
_ROLES = f"{_CONSOLE}/test_admin.py::test_two_roles_are_held_against_each_other_and_a_role_counts_in_a_page_that_is_open"
_PROMISE = "test_a_promise_is_warned_of_waits_goes_on_and_is_missed_by_the_clock_of_the_server"

CONSOLE = (
    Capability(
        "web console: triage, live changes, relations and impact, in a browser",
        (
            f"{_CONSOLE}/test_triage.py::test_an_incident_is_taken_and_solved_by_keyboard_alone",
            f"{_CONSOLE}/test_triage.py::test_a_session_that_ends_costs_no_word",
            f"{_CONSOLE}/test_live.py::test_an_alert_becomes_an_incident_and_is_over_before_two_pairs_of_eyes",
            f"{_CONSOLE}/test_live.py::test_tabs_of_one_browser_share_one_stream_and_the_next_takes_over",
            f"{_CONSOLE}/test_assets.py::test_the_drawing_the_table_and_the_list_tell_the_same",
        ),
        (f"{_CONSOLE}/test_triage.py::test_a_refusal_is_shown_with_the_names_it_is_found_by",),
        MATRIX,
        ("unit/gateway/test_console.py",),
    ),
    Capability(
        "employee portal: answers before forms, drafts that outlive the network, orders, approvals, ratings, on a phone",
        (f"{_CONSOLE}/test_portal.py::test_from_a_question_on_the_phone_to_a_rating",),
        (f"{_CONSOLE}/test_portal.py::test_from_a_question_on_the_phone_to_a_rating",),
        (f"{_CONSOLE}/test_portal.py::test_from_a_question_on_the_phone_to_a_rating", *MATRIX),
        ("unit/incident/test_majors.py", "unit/incident/test_requests.py", "unit/gateway/test_console.py"),
    ),
    Capability(
        "console: two people at one ticket, replies by a few letters, many tickets in one step with a way back",
        (
            f"{_CONSOLE}/test_together.py::test_who_writes_at_the_same_record_is_seen_and_heard_before_one_sends",
            f"{_CONSOLE}/test_together.py::test_all_that_match_are_assigned_at_once_and_given_back_at_once",
        ),
        (f"{_CONSOLE}/test_triage.py::test_a_refusal_is_shown_with_the_names_it_is_found_by",),
        MATRIX,
        (),
    ),
    Capability(
        "console: a change from its template to the board's minutes",
        (_CHANGES,),
        (_CHANGES,),
        (_CHANGES, *MATRIX),
        (),
    ),
    Capability(
        "console: knowledge written, reviewed, translated, read by whom it is for",
        (_KNOWLEDGE,),
        (_KNOWLEDGE,),
        (_KNOWLEDGE, *MATRIX),
        (),
    ),
    Capability(
        "console: settings by forms from the interface, roles that count in a page that is open, the audit log",
        (f"{_CONSOLE}/test_admin.py::test_a_calendar_is_made_by_its_form_and_the_log_tells_who_did", _ROLES),
        (_ROLES,),
        (_ROLES, *MATRIX),
        (),
    ),
    Capability(
        "phone view of who is on call: by button and sweep, without a network, installable",
        (f"{_CONSOLE}/test_oncall.py::test_an_engineer_is_called_and_does_all_of_it_from_a_phone",),
        ("e2e/test_oncall.py::test_a_test_page_has_a_receipt_and_who_may_only_look_calls_nobody",),
        MATRIX,
        (),
    ),
    Capability(
        "console: a promise warned of, paused, missed, by the clock of the server",
        (f"{_CONSOLE}/test_service_levels.py::{_PROMISE}",),
        (f"{_CONSOLE}/test_conditions.py::test_a_script_that_is_not_ours_does_not_run",),
        MATRIX,
        (),
    ),
)
