"""The rows of `docs/coverage.md` about what other systems meet."""

from docs.generate.capability import MATRIX, Capability

_WEBHOOKS = "e2e/test_webhooks.py"
_NOTICES = "e2e/test_notifications.py"
_MAIL = "e2e/test_mail.py"
_WIRE = "e2e/test_wire.py"
_IMPORTERS = "e2e/test_importers.py"
_JOBS = "e2e/test_jobs.py"
_CONSUMERS = "e2e/test_consumers.py"
_SIGN_IN = "e2e/test_sign_in.py"
_SYNC = "e2e/test_sync.py"
_OPENAPI = "e2e/test_openapi.py"
_CLIENTS = "e2e/test_generated_clients.py"

EDGE = (
    Capability(
        "lists as files: CSV, JSON Lines, workbook",
        (
            "e2e/test_exports.py::test_a_list_is_a_file_of_each_kind",
            "e2e/test_exports.py::test_an_export_shows_no_more_than_the_list",
        ),
        ("e2e/test_exports.py::test_what_a_list_refuses_is_a_problem_document",),
        ("e2e/test_exports.py::test_nobody_exports_without_a_sign_in",),
        ("unit/gateway/test_exports.py",),
    ),
    Capability(
        "command line: every resource, graphs, tables, alerts, configuration as code, doctor",
        (
            "e2e/test_cli.py::test_assets_are_made_related_drawn_and_imported",
            "e2e/test_cli.py::test_configuration_is_planned_applied_pruned_and_exported",
            "e2e/test_cli.py::test_an_alert_is_sent_silenced_and_ended_from_a_shell",
            "e2e/test_cli.py::test_a_doctor_looks_at_the_whole_way",
        ),
        ("e2e/test_cli.py::test_what_is_refused_ends_with_its_code_and_changes_nothing",),
        ("e2e/test_cli.py::test_what_is_refused_ends_with_its_code_and_changes_nothing",),
        ("unit/cli/test_admin.py", "unit/cli/test_resources.py"),
    ),
    Capability(
        "imports from GLPI, iTop, Zammad, Jira and ServiceNow: trial, run, again",
        (
            f"{_IMPORTERS}::test_a_trial_gives_the_verdicts_of_the_run_and_leaves_nothing_behind",
            f"{_IMPORTERS}::test_a_second_run_changes_nothing",
            f"{_IMPORTERS}::test_a_ticket_has_its_life_its_talk_and_its_asset",
            f"{_IMPORTERS}::test_each_system_ends_where_its_export_leaves_it",
        ),
        (f"{_IMPORTERS}::test_what_is_left_out_is_told_with_its_place",),
        (f"{_IMPORTERS}::test_who_may_not_import_is_refused_and_nothing_is_there", *MATRIX),
        ("unit/cli/importers", "unit/incident/test_imports.py"),
    ),
    Capability(
        "jobs: one action on many records, selections, undo, lists as files that are kept",
        (
            f"{_JOBS}::test_all_that_match_are_changed_and_changed_back_but_for_what_others_touched",
            f"{_JOBS}::test_a_list_becomes_a_file_that_its_maker_fetches_and_hears_of",
            f"{_JOBS}::test_a_death_in_the_middle_leaves_nothing_out_and_does_nothing_twice",
        ),
        (
            f"{_JOBS}::test_what_cannot_be_done_is_refused_at_once_and_a_job_is_seen_by_its_maker_alone",
            f"{_JOBS}::test_jobs_end_when_nobody_wants_them_or_their_token_is_no_longer_good",
        ),
        (f"{_JOBS}::test_what_cannot_be_done_is_refused_at_once_and_a_job_is_seen_by_its_maker_alone", *MATRIX),
        (
            "unit/gateway/test_jobs.py",
            "unit/gateway/test_job_requests.py",
            "unit/gateway/test_job_states.py",
            "unit/gateway/test_job_files.py",
            "unit/auth/test_delegation.py",
        ),
    ),
    Capability(
        "OpenAPI document, its page, clients that are generated from it",
        (
            f"{_OPENAPI}::test_the_served_document_is_the_committed_one",
            "e2e/console/test_api_docs.py::test_the_page_of_the_api_shows_every_resource_and_breaks_no_rule_of_its_own",
            f"{_CLIENTS}::test_a_python_client_is_generated_and_works",
            f"{_CLIENTS}::test_types_for_typescript_are_generated_and_hold_programs_to_the_document",
        ),
        (f"{_OPENAPI}::test_nothing_that_is_made_up_from_the_document_is_answered_otherwise_than_it_says",),
        (f"{_OPENAPI}::test_nothing_that_is_made_up_from_the_document_is_answered_otherwise_than_it_says", *MATRIX),
        ("contract/test_openapi.py", "unit/gateway/test_openapi.py"),
    ),
    Capability(
        "webhooks",
        (
            f"{_WEBHOOKS}::test_a_receiver_is_told_of_what_it_wants_and_verifies_it",
            f"{_WEBHOOKS}::test_a_death_beside_a_delivery_loses_nothing_and_a_double_has_the_same_id",
        ),
        (f"{_WEBHOOKS}::test_an_address_of_the_inside_is_refused",),
        (f"{_WEBHOOKS}::test_only_administrators_and_nobody_of_another_tenant_reach_a_webhook", *MATRIX),
        ("unit/gateway/test_webhooks.py", "unit/chassis/test_outbound.py"),
    ),
    Capability(
        "two-way sync with Jira and ServiceNow, against contracts made from their published shapes",
        (
            f"{_SYNC}::test_an_incident_and_its_ticket_are_kept_in_step_both_ways",
            f"{_SYNC}::test_an_incident_of_servicenow_comes_in_and_its_end_goes_out",
            f"{_SYNC}::test_a_death_between_their_answer_and_our_note_of_it_makes_no_second_ticket",
        ),
        (f"{_SYNC}::test_only_administrators_reach_connections_and_no_address_of_the_inside",),
        (f"{_SYNC}::test_only_administrators_reach_connections_and_no_address_of_the_inside", *MATRIX),
        (
            "unit/gateway/test_sync_convergence.py",
            "unit/gateway/test_sync_in.py",
            "unit/gateway/test_sync_out.py",
            "unit/gateway/test_sync_servicenow.py",
            "unit/gateway/test_connection_rest.py",
        ),
    ),
    Capability(
        "notices: rules, templates, chat, Web Push, what people want, the log of all that leaves",
        (
            f"{_NOTICES}::test_a_room_and_a_browser_hear_of_what_a_rule_says_in_the_words_of_its_template",
            f"{_NOTICES}::test_a_requester_hears_of_public_answers_in_his_language_and_not_of_private_ones",
            f"{_NOTICES}::test_a_browser_that_is_gone_is_forgotten",
        ),
        (f"{_NOTICES}::test_what_could_harm_is_refused_when_it_is_given",),
        (
            f"{_NOTICES}::test_only_administrators_decide_who_is_told_and_nobody_reaches_a_browser_of_somebody_else",
            *MATRIX,
        ),
        ("unit/gateway/test_notices.py", "unit/gateway/test_templates.py", "unit/gateway/test_chat_and_push.py"),
    ),
    Capability(
        "mail: out in the thread of its record, in as incidents and notes, bounces, loops",
        (
            f"{_MAIL}::test_a_mail_becomes_an_incident_its_answer_a_mail_and_the_answer_to_that_a_note",
            f"{_MAIL}::test_a_death_beside_the_work_on_a_mail_loses_nothing_and_makes_nothing_twice",
        ),
        (f"{_MAIL}::test_bounces_fail_their_delivery_and_machines_open_nothing",),
        (f"{_MAIL}::test_who_takes_no_part_goes_on_with_nothing_and_only_administrators_read_mail", *MATRIX),
        (
            "unit/gateway/test_mail_out.py",
            "unit/gateway/test_mail_in.py",
            "unit/gateway/test_mail_clerk.py",
            "unit/gateway/test_mail_listener.py",
            "unit/gateway/test_mail_addresses.py",
        ),
    ),
    Capability(
        "events for other systems: schemas, AsyncAPI, consumers in Python, Java and Go",
        (
            f"{_WIRE}::test_everything_told_is_what_other_systems_are_promised",
            f"{_WIRE}::test_the_document_of_the_topics_lists_those_of_this_platform",
            f"{_CONSUMERS}::test_a_sample_of_the_guide_reads_what_happens",
        ),
        (f"{_CONSUMERS}::test_nobody_writes_to_the_topics_of_others",),
        (
            f"{_CONSUMERS}::test_a_reader_reads_public_topics_and_no_others",
            f"{_CONSUMERS}::test_a_reader_joins_no_group_of_ours",
        ),
        ("contract/events", "unit/stack/test_kafka_rights.py", "integration/chassis/test_events.py"),
    ),
    Capability(
        "dead letters and replays",
        (
            f"{_WIRE}::test_what_is_told_again_changes_nothing",
            f"{_WIRE}::test_a_poison_record_is_set_aside_looked_at_tried_again_and_given_up",
        ),
        (f"{_WIRE}::test_a_poison_record_is_set_aside_looked_at_tried_again_and_given_up",),
        MATRIX,
        ("integration/chassis/test_operations.py", "unit/cli/test_events.py"),
    ),
    Capability(
        "directory sync: LDAP and Active Directory",
        (
            "e2e/test_directory.py::test_people_come_change_and_go_with_their_directory",
            "e2e/test_directory.py::test_a_run_that_would_disable_many_stops_and_asks",
        ),
        ("e2e/test_directory.py::test_what_makes_no_sense_is_refused_and_a_wrong_password_told",),
        ("e2e/test_directory.py::test_only_administrators_reach_directories", *MATRIX),
        ("unit/auth/test_reconcile.py", "integration/auth/test_ldap.py"),
    ),
    Capability(
        "a fresh proof before what is sensitive (step-up)",
        (f"{_SIGN_IN}::test_a_sensitive_operation_asks_for_a_fresh_sign_in_and_takes_it",),
        (f"{_SIGN_IN}::test_a_sensitive_operation_asks_for_a_fresh_sign_in_and_takes_it",),
        MATRIX,
        ("unit/chassis/test_proof.py", "unit/gateway/test_sign_in.py", "unit/cli/test_commands.py"),
    ),
    Capability(
        "a company to look around in: made through the interface, dated back, removed whole",
        ("e2e/test_demo.py::test_a_company_is_made_looked_at_and_gone_and_nobody_else_is_touched",),
        ("e2e/test_demo.py::test_a_company_is_made_looked_at_and_gone_and_nobody_else_is_touched",),
        ("e2e/test_demo.py::test_a_company_is_made_looked_at_and_gone_and_nobody_else_is_touched", *MATRIX),
        ("unit/cli/test_demo.py", "unit/chassis/test_demonstration.py"),
    ),
    Capability(
        "the realm as code, and what a hand-made one lacks",
        below=("integration/auth/test_realm.py", "unit/auth/test_realm_fixes.py", "unit/cli/test_realm.py"),
    ),
    Capability(
        "sign-ins and administrators of the realm as events",
        ("e2e/test_identity.py::test_what_happens_in_the_realm_is_told_once_over_a_restart_of_auth",),
        below=("unit/auth/test_realm_events.py",),
    ),
    Capability(
        "plugins: checks, notifiers, channels, importers",
        ("e2e/test_plugins.py::test_a_plugin_looks_and_others_tell_of_what_it_saw",),
        ("e2e/test_plugins.py::test_a_plugin_that_is_not_there_is_refused",),
        ("e2e/test_plugins.py::test_who_may_make_no_checks_reaches_no_plugin", *MATRIX),
        ("unit/chassis/test_plugins.py", "unit/gateway/test_channel_plugins.py", "unit/cli/test_doctor.py"),
    ),
)
