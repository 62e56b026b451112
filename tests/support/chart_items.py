"""Which test or step of a run on a cluster shows what a platform team is promised of the chart and of what runs by it.

Steps are functions below `k8s/`, which need a cluster; their reports are in `docs/k8s`. What neither shows is said in `why`.
"""

from tests.support.attack_cases import Case

_CHART = "contract/chart/"
_RENDER = f"{_CHART}test_rendering.py::test_"
_SECURITY = f"{_CHART}test_security.py::test_"
_WIRING = f"{_CHART}test_wiring.py::test_"
_MONITORING = f"{_CHART}test_monitoring.py::test_"
_SCHEMAS = f"{_CHART}test_schemas.py::test_"
_SUITES = f"{_CHART}test_suites.py::test_"
_RELEASES = f"{_CHART}test_releases.py::test_"
_RELEASE = "contract/test_release.py::test_"
_STEPS, _AGAIN, _AWAY, _LOOKS = "k8s/steps.py::", "k8s/again.py::", "k8s/away.py::", "k8s/looks.py::"
_TELEMETRY = "unit/chassis/test_telemetry.py::test_"
_SERVICE = "unit/chassis/test_service.py::test_"
_COPIES = "integration/chassis/test_copied_positions.py::test_"
_STREAM = "e2e/test_stream.py::test_"
_TRACE = "e2e/test_trace.py::test_"

_STARTS = f"{_STEPS}install"
_VALID = f"{_SCHEMAS}every_object_of_a_preset_is_valid_to_the_letter"
_RESTRICTED = f"{_SECURITY}every_container_is_one_that_a_restricted_namespace_admits"
_SAME = f"{_CHART}test_helm4.py::test_every_case_of_the_suites_is_the_same_by_both"
_SUITES_PASS = f"{_SUITES}the_suites_of_the_chart_pass"

ITEMS: dict[str, Case] = {
    "1": Case("an installation without any values comes up and tests itself", (_STARTS, f"{_STEPS}helm_test")),
    "2": Case("the same, waited for and atomic", (_STARTS,)),
    "3": Case("what helm renders comes up without hooks", (f"{_AGAIN}applied",)),
    "4": Case("a secret that is missing is named", (f"{_RENDER}a_production_installation_that_lacks_something_names_what",)),
    "5": Case("no production on backing", (f"{_RENDER}production_on_backing_is_refused_with_the_reason",)),
    "6": Case(
        "a closed schema of the values",
        (
            f"{_RENDER}a_value_that_is_misspelt_or_of_the_wrong_form_is_named",
            f"{_RENDER}every_key_of_the_values_is_in_the_schema_and_no_map_of_ours_is_open",
        ),
    ),
    "7": Case("inside of another chart", (f"{_RENDER}the_chart_renders_inside_of_another_one_with_global_values_of_its_own",)),
    "8": Case(
        "two releases in one namespace",
        (f"{_RENDER}two_releases_share_a_namespace_without_meeting", f"{_AGAIN}neighbors"),
    ),
    "9": Case("the same twice, to the byte", (f"{_RENDER}a_preset_renders_the_same_twice",)),
    "10": Case(
        "nothing secret is rendered",
        (f"{_SECURITY}no_secret_is_rendered", f"{_SECURITY}nothing_that_is_rendered_looks_like_a_secret"),
    ),
    "11": Case(
        "every credential from a Secret of one's own",
        (f"{_SECURITY}no_secret_is_rendered", "contract/test_chart.py::test_every_secret_that_the_chart_mounts_is_a_setting"),
    ),
    "12": Case(
        "one switch moves all images to another registry",
        (f"{_SECURITY}one_switch_moves_every_image_to_a_registry_of_ones_own",),
    ),
    "13": Case("images by release or digest", (f"{_SECURITY}every_image_is_pinned_to_a_release_or_a_digest",)),
    "14": Case(
        "lint, and Kubernetes' schemas from the oldest to the newest that can be had",
        (
            f"{_RENDER}helm_finds_nothing_to_complain_about",
            _VALID,
            f"{_SCHEMAS}the_schemas_reach_back_to_the_oldest_version_that_the_chart_allows",
            f"{_STEPS}dry_run",
        ),
    ),
    "15": Case("what kube-score finds is explained", (f"{_SECURITY}what_kube_score_finds_in_production_is_explained",)),
    "16": Case("suites of helm-unittest; Helm 3 and Helm 4", (_SUITES_PASS, f"{_SUITES}the_suites_say_enough", _SAME)),
    "17": Case(
        "no variable twice",
        (
            f"{_RENDER}no_container_has_a_variable_twice",
            f"{_RENDER}an_environment_of_ones_own_replaces_what_the_chart_sets",
        ),
    ),
    "18": Case("no `replicas` where something else scales", (_SUITES_PASS,)),
    "19": Case("notes say addresses, first sign-in, what is only an evaluation", (_SUITES_PASS,)),
    "20": Case("every value is described, the page is generated", ("contract/test_chart.py::test_every_value_is_described",)),
    "21": Case("a removed value names its successor", (f"{_RENDER}a_value_that_was_removed_is_refused_with_its_successor",)),
    "22": Case(
        "an upgrade changes nothing that Kubernetes keeps",
        (f"{_RELEASES}an_upgrade_from_a_release_is_one_that_kubernetes_takes",),
    ),
    "23": Case("an upgrade under 50 requests a second", (f"{_STEPS}rolling_upgrade",)),
    "24": Case("a way back", (f"{_AGAIN}rollback",)),
    "25": Case("what stays after the end is documented", (f"{_STEPS}uninstall",)),
    "26": Case(
        "the list of images is that of all presets",
        (f"{_CHART}test_golden.py::test_the_list_of_images_is_that_of_all_presets",),
    ),
    "27": Case(
        "without the internet",
        (f"{_SECURITY}without_the_internet_every_image_is_one_that_the_list_told_to_copy", f"{_LOOKS}outside"),
    ),
    "28": Case("objects of one's own, as templates", (_SUITES_PASS,)),
    "29": Case("admitted by the standard `restricted`", (_RESTRICTED, f"{_STEPS}dry_run", _STARTS)),
    "30": Case("no root, a read-only file system, no capabilities", (_RESTRICTED,)),
    "31": Case(
        "accounts without rights",
        (
            f"{_SECURITY}every_service_has_an_account_of_its_own_without_rights",
            f"{_SECURITY}an_installation_on_databases_of_ones_own_has_no_rights_in_the_cluster_at_all",
        ),
    ),
    "32": Case("requests and limits", (f"{_SECURITY}every_container_asks_for_cpu_and_memory_and_has_a_limit_of_memory",)),
    "33": Case(
        "who reaches whom",
        (
            f"{_WIRING}network_policies_allow_exactly_the_calls_of_the_matrix",
            "unit/deploy/test_passwords.py::test_a_service_signs_in_to_its_own_database",
            f"{_STEPS}network",
        ),
    ),
    "34": Case("all is denied first", (f"{_SECURITY}everything_is_denied_before_anything_is_allowed",)),
    "35": Case(
        "as a user that no image knows",
        (f"{_SECURITY}where_the_platform_chooses_users_no_pod_names_one", f"{_STEPS}foreign_user"),
    ),
    "36": Case("no shell and no package manager in the images of the services", (f"{_LOOKS}shells",)),
    "37": Case(
        "chart, images and bills verify with the public key alone, offline",
        (
            f"{_RELEASE}a_release_is_verified_with_the_public_key_alone",
            f"{_RELEASE}one_byte_of_any_file_is_noticed",
            f"{_RELEASE}the_bill_of_the_chart_is_attested_and_every_image_has_one",
        ),
    ),
    "38": Case("alive, and not ready, without what is below", (f"{_AWAY}all_away", f"{_STEPS}outages")),
    "39": Case("ten minutes without the broker", (f"{_AWAY}broker_away",)),
    "40": Case(
        "a stop in good order, and what it leaves of consumers",
        (
            f"{_AWAY}signals",
            "k8s/groups.py::settled",
            f"{_SERVICE}a_running_call_finishes_and_a_health_watch_does_not_delay_the_stop",
            f"{_COPIES}who_stops_in_good_order_tells_kafka_before_how_far_the_group_is",
        ),
    ),
    "41": Case(
        "streams end with a word and go on elsewhere",
        (
            f"{_STREAM}a_stop_ends_streams_with_a_word_and_does_not_wait_for_them",
            f"{_STREAM}a_client_goes_on_where_it_was_after_the_process_died",
            "e2e/test_two_gateways.py::test_a_position_of_one_is_a_position_of_the_other",
        ),
    ),
    "42": Case(
        "three replicas take their shares",
        (f"{_STEPS}scale", f"{_SERVICE}a_connection_ends_at_the_age_that_is_set_so_that_callers_look_for_other_replicas"),
    ),
    "43": Case(
        "one of three dies under load",
        (
            f"{_STEPS}scale",
            "unit/chassis/test_client.py::test_what_may_be_asked_twice_is_asked_again_when_the_service_dies_over_it",
        ),
    ),
    "44": Case("budgets from two replicas on; a drain as far as one node allows", (_SUITES_PASS, f"{_STEPS}eviction")),
    "45": Case("spread, and still on one node", (_SUITES_PASS, f"{_STEPS}replicas")),
    "46": Case(
        "migrations run once, and nobody is ready before",
        (
            "integration/chassis/test_migrate_command.py::test_two_at_once_are_one_and_a_third_finds_nothing_to_do",
            "unit/chassis/test_migrations.py::test_a_process_is_not_ready_before_its_migrations_ran",
        ),
    ),
    "47": Case(
        "half an hour in which nobody calls",
        ("k8s/silence.py::silence", f"{_SERVICE}the_server_has_the_options_that_clients_of_a_growing_service_need"),
    ),
    "48": Case(
        "nobody waits without end",
        (
            "unit/gateway/test_exchange.py::test_a_service_that_is_too_slow_is_a_deadline",
            "unit/chassis/test_client.py::test_nobody_waits_longer_than_the_caller",
        ),
    ),
    "49": Case(
        "certificates are renewed under load",
        (
            "k8s/mutual.py::mutual_tls",
            "unit/chassis/test_tls.py::test_both_sides_take_up_a_renewed_certificate_and_no_call_fails",
        ),
    ),
    "50": Case(
        "an unnamed certificate is turned away",
        (
            "k8s/mutual.py::mutual_tls",
            "unit/chassis/test_tls.py::test_a_caller_gets_in_by_a_name_of_its_certificate_and_no_other_does",
        ),
    ),
    "51": Case(
        "scaled by what waits, never beyond the partitions, nothing twice (the objects; KEDA itself is on no cluster here)",
        (
            f"{_WIRING}consumers_that_keda_scales_by_are_the_ones_of_the_code",
            f"{_WIRING}a_service_never_scales_beyond_the_partitions_that_it_reads",
            "integration/chassis/test_events.py::test_two_consumers_share_the_work_without_doing_it_twice",
        ),
    ),
    "52": Case("routes and Ingresses without a controller's annotations", (_VALID, _SUITES_PASS)),
    "53": Case(
        "metrics by documented names",
        (
            f"{_TELEMETRY}the_reference_lists_exactly_the_metrics_and_labels_that_exist",
            f"{_TELEMETRY}the_documented_names_are_declared",
        ),
    ),
    "54": Case(
        "every rule and dashboard is in the output", (f"{_MONITORING}every_rule_file_and_every_dashboard_is_in_the_output",)
    ),
    "55": Case(
        "rules that Prometheus takes, alerts with runbooks",
        (
            f"{_MONITORING}prometheus_takes_the_rules",
            f"{_MONITORING}an_alert_says_how_bad_it_is_what_is_wrong_and_where_to_read_on",
            f"{_MONITORING}every_runbook_is_of_an_alert",
        ),
    ),
    "56": Case("one trace over all", (f"{_TRACE}an_opened_incident_is_one_trace_from_the_gateway_to_its_consumers",)),
    "57": Case(
        "10,000 lines of log: whole, with their traces, without a secret",
        (
            "k8s/logs.py::logs",
            f"{_TELEMETRY}a_line_names_the_tenant_request_and_trace_and_only_a_hash_of_the_caller",
            f"{_TELEMETRY}mail_addresses_and_tokens_are_blanked_wherever_they_stand",
        ),
    ),
    "58": Case("health checks leave no span", (f"{_TELEMETRY}health_checks_and_scrapes_leave_no_span",)),
    "59": Case("a slow bucket leads to its trace", (f"{_TRACE}a_slow_bucket_leads_to_a_trace_that_the_collector_has",)),
    "60": Case("10,000 strange requests add no series", (f"{_LOOKS}strange_requests",)),
    "61": Case(
        "no collector is looked for where none is named",
        ("k8s/collector.py::collector", f"{_TRACE}an_opened_incident_is_one_trace_from_the_gateway_to_its_consumers"),
    ),
}
