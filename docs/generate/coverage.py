"""`docs/coverage.md`: which capability is driven through REST on the live stack, with a refusal and a permission case.

The table below names tests; those that do not exist are left out of the page, which then says what is missing. Tests on real
parts below REST are named as well, so that a gap is seen for what it is.
"""

from collections.abc import Iterable, Iterator

from docs.generate import coverage_attacks, coverage_trade
from docs.generate.capability import MATRIX, TESTS, Capability, cell, names, there
from docs.generate.coverage_console import CONSOLE
from docs.generate.coverage_desk import DESK
from docs.generate.coverage_edge import EDGE
from docs.generate.coverage_insight import INSIGHT
from docs.generate.markdown import table, text

_REFUSALS = "e2e/test_story.py::test_every_refusal_is_a_problem_document"
_OWN_ROLES = "e2e/test_roles.py"
_STREAM = "e2e/test_stream.py"
_IMPACT = "e2e/test_impact.py"
_SERIES = "e2e/test_series.py"
_PIPELINE = "e2e/test_alert_pipeline.py"
_ASSETS = "e2e/test_assets.py"
_ALERTS = "e2e/test_alerts.py"
_CHECKS = "e2e/test_checks.py"
_ONCALL = "e2e/test_oncall.py"
_LOG = "e2e/test_servicenow_import.py"
_AGENT = "e2e/test_agent.py"
_RIGHTS = "e2e/attacks/test_rights.py"
_KEYS = f"{_RIGHTS}::test_a_key_does_not_reach_beyond_its_maker_and_ends_with_its_revocation"
_MORE = f"{_RIGHTS}::test_nobody_gives_himself_what_only_the_platform_gives"
_ROLES = f"{_RIGHTS}::test_roles_are_given_by_who_may_and_what_is_taken_counts_no_more"

CAPABILITIES = (
    Capability(
        "incidents: open, read, change, verbs",
        (
            "e2e/test_story.py::test_an_incident_from_report_to_resolution",
            "e2e/test_story.py::test_by_number_an_incident_is_the_same",
            "e2e/test_story.py::test_a_repeated_key_answers_with_what_was_done_and_does_it_once",
        ),
        (
            "e2e/test_story.py::test_what_a_rule_forbids_says_which_state_it_is_in",
            "e2e/test_story.py::test_a_stale_version_is_refused_with_the_present_one_and_changes_nothing",
            "e2e/test_story.py::test_a_change_without_a_version_is_refused",
        ),
        MATRIX,
        ("integration/incident/test_incidents.py",),
    ),
    Capability(
        "notes and timeline",
        ("e2e/test_story.py::test_an_incident_from_report_to_resolution",),
        (),
        MATRIX,
        ("integration/incident/test_incidents.py",),
    ),
    Capability(
        "files of incidents: add, list, read, remove, by mail",
        (
            "e2e/test_attachments.py::test_a_file_goes_in_comes_out_is_on_the_timeline_and_goes",
            "e2e/test_attachments.py::test_files_of_a_mail_are_files_of_its_incident_and_the_command_line_has_them",
        ),
        ("e2e/test_attachments.py::test_what_is_refused_leaves_nothing",),
        MATRIX,
        (),
    ),
    Capability(
        "service-level policies and clocks",
        ("e2e/test_cli.py::test_configuration_is_planned_applied_pruned_and_exported",),
        ("e2e/test_cli.py::test_configuration_is_planned_applied_pruned_and_exported",),
        MATRIX,
        ("integration/incident/test_service_levels.py",),
    ),
    Capability(
        "calendars",
        ("e2e/test_cli.py::test_configuration_is_planned_applied_pruned_and_exported",),
        (),
        MATRIX,
        ("integration/incident/test_service_levels.py",),
    ),
    Capability(
        "import of a ServiceNow log",
        (
            f"{_LOG}::test_every_incident_of_the_log_is_there_once",
            f"{_LOG}::test_a_second_import_changes_nothing",
            f"{_LOG}::test_an_interrupted_import_goes_on_where_it_ended",
        ),
        (f"{_LOG}::test_a_malformed_row_is_told_and_the_rest_goes_in",),
        MATRIX,
        ("integration/incident/test_imports.py",),
    ),
    Capability(
        "figures (KPIs)",
        (
            f"{_LOG}::test_the_time_to_resolve_by_group_is_what_the_second_opinion_computes",
            "e2e/test_story.py::test_an_incident_from_report_to_resolution",
        ),
        (),
        (*MATRIX, "e2e/test_matrix.py::test_a_figure_counts_its_own_tenant_only"),
        ("integration/analytics/test_kpis.py", "integration/analytics/test_service.py"),
    ),
    Capability(
        "tokens and keys",
        ("e2e/test_story.py::test_a_repeated_token_is_the_same_one_and_its_secret_is_told_once", _KEYS),
        (_MORE,),
        (_KEYS, *MATRIX),
        ("integration/auth/test_service.py",),
    ),
    Capability("users, teams, roles", (_ROLES,), (_ROLES,), (_ROLES, *MATRIX), ("integration/auth/test_service.py",)),
    Capability(
        "roles: a tenant's own, from another, bound to teams; previewed, changed while people work, nobody locked out",
        (f"{_OWN_ROLES}::test_a_role_is_made_from_another_previewed_changed_and_counts_within_seconds",),
        (f"{_OWN_ROLES}::test_what_is_wrong_with_a_role_is_named_and_changes_nothing",),
        (f"{_OWN_ROLES}::test_who_does_not_administer_roles_is_refused", *MATRIX),
        ("unit/auth/test_own_roles.py", "unit/auth/test_roles.py", "integration/auth/test_service.py"),
    ),
    Capability(
        "audit log",
        ("e2e/test_failpoints.py::test_a_death_loses_nothing_and_doubles_nothing",),
        (),
        MATRIX,
        ("integration/chassis/test_events.py",),
    ),
    Capability(
        "sign-in with a browser",
        ("e2e/test_story.py::test_a_sign_in_ends_in_a_cookie_that_pages_cannot_read",),
        (
            "e2e/test_story.py::test_a_wrong_password_gets_no_session",
            "e2e/test_story.py::test_a_return_from_keycloak_that_nobody_asked_for_is_refused",
        ),
        ("e2e/test_story.py::test_after_a_sign_out_the_cookie_is_worth_nothing", _REFUSALS),
        ("integration/auth/test_tokens.py",),
    ),
    Capability(
        "live stream",
        (
            f"{_STREAM}::test_an_opened_incident_arrives_within_a_second",
            f"{_STREAM}::test_one_incident_may_be_followed_alone",
            f"{_STREAM}::test_a_client_goes_on_where_it_was_after_the_process_died",
        ),
        (
            f"{_STREAM}::test_what_cannot_be_subscribed_to_is_refused",
            f"{_STREAM}::test_a_caller_may_have_five_streams",
        ),
        (
            f"{_STREAM}::test_whoever_may_not_read_incidents_hears_nothing_of_them",
            f"{_STREAM}::test_a_requester_hears_of_what_he_reported_alone",
            f"{_STREAM}::test_another_tenant_hears_only_its_own",
            f"{_STREAM}::test_nobody_hears_anything_without_a_token",
        ),
        ("unit/gateway/test_hub.py", "unit/gateway/test_ring.py"),
    ),
    Capability(
        "alerts: webhooks of senders, verbs, why somebody was told",
        (
            f"{_ALERTS}::test_a_webhook_becomes_an_alert_and_an_incident_that_people_see_live",
            f"{_ALERTS}::test_prometheus_may_post_without_an_alertmanager",
            "e2e/test_storm.py::test_a_storm_with_deaths_is_accounted_for",
        ),
        (f"{_ALERTS}::test_refusals_are_what_senders_understand",),
        (f"{_ALERTS}::test_who_may_act_on_an_alert", *MATRIX),
        (
            "integration/monitor/test_intake.py",
            "integration/monitor/test_alert_kills.py",
            "unit/monitor/test_intake.py",
            "unit/monitor/test_door.py",
        ),
    ),
    Capability(
        "alerts: causes and consequences",
        (f"{_PIPELINE}::test_a_database_that_falls_is_one_incident_with_the_rest_as_its_consequences",),
        (),
        MATRIX,
        ("integration/monitor/test_pipeline.py", "unit/monitor/test_pipeline.py", "unit/monitor/test_dependency.py"),
    ),
    Capability(
        "silences and maintenance windows",
        (
            f"{_PIPELINE}::test_a_silence_keeps_an_alert_from_people_until_it_is_ended",
            f"{_PIPELINE}::test_maintenance_of_a_database_keeps_what_depends_on_it_quiet_too",
        ),
        (f"{_PIPELINE}::test_a_silence_of_everything_or_for_too_long_is_refused",),
        (f"{_PIPELINE}::test_a_silence_of_everything_or_for_too_long_is_refused", *MATRIX),
        ("integration/monitor/test_pipeline.py", "unit/monitor/test_quiet.py", "unit/monitor/test_recurrence.py"),
    ),
    Capability(
        "on call: schedules, overrides, escalation, pages, receipts",
        (
            f"{_ONCALL}::test_an_alert_calls_the_next_ones_until_somebody_takes_note_and_then_nobody",
            f"{_ONCALL}::test_a_test_page_has_a_receipt_and_who_may_only_look_calls_nobody",
        ),
        (f"{_ONCALL}::test_a_test_page_has_a_receipt_and_who_may_only_look_calls_nobody",),
        (f"{_ONCALL}::test_a_test_page_has_a_receipt_and_who_may_only_look_calls_nobody", *MATRIX),
        ("unit/monitor/test_rotation.py", "unit/monitor/test_paging.py"),
    ),
    Capability(
        "notifications by webhook",
        (f"{_PIPELINE}::test_a_webhook_tells_of_an_alert_signed_and_again_until_it_is_taken",),
        (f"{_PIPELINE}::test_a_target_inside_or_by_a_viewer_is_refused",),
        (f"{_PIPELINE}::test_a_target_inside_or_by_a_viewer_is_refused", *MATRIX),
        ("unit/monitor/test_notifications.py", "unit/chassis/test_outbound.py"),
    ),
    Capability(
        "integrations and their keys",
        (f"{_ALERTS}::test_an_integration_says_how_its_senders_alerts_are_read",),
        (f"{_ALERTS}::test_a_revoked_key_and_a_disabled_integration_are_refused_within_a_minute",),
        MATRIX,
        ("unit/monitor/test_alerts.py",),
    ),
    Capability(
        "samples and series",
        (
            f"{_SERIES}::test_OpenTelemetry_sends_by_its_own_exporters",
            f"{_SERIES}::test_prometheus_writes_here_and_a_death_in_between_loses_and_doubles_nothing",
            f"{_SERIES}::test_a_series_finds_the_asset_that_its_labels_name",
        ),
        (
            f"{_SERIES}::test_samples_of_a_key_that_may_not_send_are_refused",
            f"{_SERIES}::test_questions_about_series_are_checked_and_need_a_permission",
        ),
        MATRIX,
        ("integration/monitor/test_series.py", "unit/monitor/test_sample_door.py", "unit/monitor/test_otlp.py"),
    ),
    Capability(
        "assets: make, read, change, life, classes",
        (
            f"{_ASSETS}::test_an_asset_is_kept_exactly_and_lives_its_life",
            f"{_ASSETS}::test_assets_are_found_by_what_they_are",
            f"{_ASSETS}::test_a_tenant_makes_classes_of_its_own",
        ),
        (
            f"{_ASSETS}::test_what_is_wrong_about_an_asset_is_told_by_field",
            f"{_ASSETS}::test_an_asset_does_not_jump_in_its_life_nor_share_its_serial",
        ),
        (*MATRIX, f"{_ASSETS}::test_who_looks_on_changes_nothing_and_who_only_reports_sees_his_own"),
        ("integration/asset/test_assets.py", "unit/asset/test_items.py"),
    ),
    Capability(
        "one machine is one asset: identification and provenance",
        (f"{_ASSETS}::test_two_agents_and_a_table_tell_of_one_machine",),
        (f"{_ASSETS}::test_a_cloned_serial_waits_for_a_person_and_merges_nothing",),
        MATRIX,
        ("integration/asset/test_assets.py", "unit/asset/test_reconciling.py", "unit/asset/test_identity.py"),
    ),
    Capability(
        "agents: enroll, report, revoke",
        (f"{_ASSETS}::test_an_agent_enrolls_reports_and_is_revoked",),
        (f"{_ASSETS}::test_an_agent_enrolls_reports_and_is_revoked",),
        (*MATRIX, f"{_ASSETS}::test_keys_of_machines_can_do_their_one_thing_and_no_other"),
        ("integration/asset/test_assets.py", "unit/asset/test_agents.py"),
    ),
    Capability(
        "tables of assets: preview and apply",
        (f"{_ASSETS}::test_a_table_is_previewed_applied_and_unchanged_the_second_time",),
        (f"{_ASSETS}::test_a_table_is_previewed_applied_and_unchanged_the_second_time",),
        (*MATRIX, f"{_ASSETS}::test_a_table_is_previewed_applied_and_unchanged_the_second_time"),
        ("integration/asset/test_assets.py", "unit/asset/test_imports.py"),
    ),
    Capability(
        "endpoint agent: inventory, figures, local checks, absences",
        (
            f"{_AGENT}::test_this_machine_is_an_asset_with_its_inventory",
            f"{_AGENT}::test_a_watched_process_that_stops_is_down_and_up_again",
            f"{_AGENT}::test_figures_of_the_host_are_series_of_its_asset",
            f"{_AGENT}::test_while_the_monitor_is_dead_results_wait_and_come_with_their_own_times",
            f"{_AGENT}::test_a_killed_agent_comes_back_as_the_same",
        ),
        (
            f"{_AGENT}::test_whoever_has_no_enrollment_key_enrolls_nothing",
            f"{_AGENT}::test_a_revoked_agent_delivers_nothing_more",
        ),
        (f"{_AGENT}::test_an_enrollment_key_enrolls_and_does_nothing_else", *MATRIX),
        ("integration/agent/test_agent.py", "integration/agent/test_cost.py", "unit/agent/test_delivery.py"),
    ),
    Capability(
        "relations between assets",
        (
            f"{_IMPACT}::test_a_relation_is_made_regrouped_and_removed_by_its_version",
            f"{_IMPACT}::test_a_repeated_key_makes_one_relation",
        ),
        (f"{_IMPACT}::test_what_makes_no_sense_is_refused",),
        (*MATRIX, f"{_IMPACT}::test_who_may_not_is_refused"),
        ("integration/asset/test_graph.py", "unit/asset/test_relations.py"),
    ),
    Capability(
        "impact and the drawn graph of assets",
        (
            f"{_IMPACT}::test_impact_says_what_falls_why_and_what_is_at_risk",
            f"{_IMPACT}::test_pages_of_an_impact_add_up",
            f"{_IMPACT}::test_the_graph_of_an_asset_is_laid_out_and_folds_what_is_alike",
        ),
        (f"{_IMPACT}::test_what_makes_no_sense_is_refused",),
        (*MATRIX, f"{_IMPACT}::test_who_may_not_is_refused"),
        (
            "integration/asset/test_graph.py",
            "unit/asset/test_impact.py",
            "unit/asset/test_drawing.py",
            "unit/asset/test_questions.py",
        ),
    ),
    Capability(
        "impact of incidents",
        (f"{_IMPACT}::test_an_incident_is_assessed_when_it_is_opened_and_again_when_its_assets_change",),
        (f"{_IMPACT}::test_what_makes_no_sense_is_refused",),
        (*MATRIX, f"{_IMPACT}::test_who_may_not_is_refused"),
        ("unit/asset/test_questions.py",),
    ),
    Capability(
        "checks",
        (f"{_CHECKS}::test_a_target_that_is_stopped_and_started_is_an_alert_that_fires_and_is_resolved",),
        (f"{_CHECKS}::test_a_check_that_cannot_be_is_refused_by_field",),
        (f"{_CHECKS}::test_only_who_may_looks_at_checks_changes_them_or_reports",),
        (
            "integration/monitor/test_checks.py",
            "integration/monitor/test_checks_silence.py",
            "integration/monitor/test_probes.py",
            "unit/monitor/test_check_states.py",
        ),
    ),
    Capability(
        "alert rules",
        (f"{_CHECKS}::test_a_rule_is_made_changed_and_refused_by_field",),
        (f"{_CHECKS}::test_a_rule_is_made_changed_and_refused_by_field",),
        (f"{_CHECKS}::test_only_who_may_looks_at_checks_changes_them_or_reports",),
        ("integration/monitor/test_rules.py", "unit/monitor/test_rules.py"),
    ),
    *CONSOLE,
    *DESK,
    *EDGE,
    *INSIGHT,
)

_INTRODUCTION = """
# Coverage

A capability counts when it is driven through REST on the live stack, with a refusal and a permission case. The permission
case of an RPC is the matrix `tests/e2e/test_matrix.py`: each RPC is called past the gateway as nobody, as every role and from
another tenant. Integration tests below REST run on real parts (mongod, Kafka, Keycloak) too; they are named by file.
"""


def page() -> str:
    """The whole page."""
    rows = [
        (
            each.name,
            "**yes**" if all(there(tests) for tests in (each.works, each.refused, each.denied)) else "no",
            *(cell(tests) for tests in (each.works, each.refused, each.denied)),
            ", ".join(_below(each.below)) or "none",
        )
        for each in CAPABILITIES
    ]
    counted = sum(row[1] != "no" for row in rows)
    return text(
        _INTRODUCTION,
        f"{counted} of {len(rows)} capabilities count.",
        table(("capability", "counts", "works", "is refused", "permission", "tests below REST"), rows),
        *coverage_trade.blocks(CAPABILITIES),
        *coverage_attacks.blocks(),
    )


def _below(places: Iterable[str]) -> Iterator[str]:
    for place in places:
        path = TESTS / place
        files = sorted(path.glob("test_*.py")) if path.is_dir() else [path]
        for file in files:
            inside = file.relative_to(TESTS).as_posix()
            if names(inside):
                yield f"`{inside}`"
