"""Which test shows what other systems and clients are promised: events on topics and the REST API, item by item."""

from tests.support.attack_cases import Case

_WIRE = "e2e/test_wire.py::test_"
_MANNERS = "e2e/test_manners.py::test_"
_TWO = "e2e/test_two_gateways.py::test_"
_CONSUMERS = "e2e/test_consumers.py::test_"
_HOOKS = "e2e/test_webhooks.py::test_"
_CHASSIS = "integration/chassis/test_events.py::test_"

_TOLD = f"{_WIRE}everything_told_is_what_other_systems_are_promised"
_POISON = f"{_WIRE}a_poison_record_is_set_aside_looked_at_tried_again_and_given_up"
_AGAIN = f"{_WIRE}what_is_told_again_changes_nothing"
_KEYS = f"{_MANNERS}a_key_counts_once_whichever_of_two_gateways_is_asked"
_LIMITS = f"{_MANNERS}limits_are_told_kept_and_never_met_by_who_minds_them"

ITEMS: dict[str, Case] = {
    "62": Case("messages are CloudEvents in binary mode", (_TOLD,)),
    "63": Case("messages are valid by the schema that they name", (_TOLD, "contract/events/test_documents.py")),
    "64": Case("one partition a record, versions without a gap", (_TOLD,)),
    "65": Case("deaths of the relay lose nothing", ("integration/chassis/test_event_kills.py",)),
    "66": Case("what is not committed is not told", ("integration/chassis/test_store.py",)),
    "67": Case("what is told again changes nothing", (_AGAIN, f"{_CHASSIS}what_is_published_again_changes_nothing")),
    "68": Case("poison is set aside with its bytes", (_POISON, f"{_CHASSIS}an_unreadable_record_does_not_stop_its_partition")),
    "69": Case("requeue and replay, audited, with a dry run", (_POISON, _AGAIN)),
    "70": Case(
        "the AsyncAPI document lists the topics that there are",
        (f"{_WIRE}the_document_of_the_topics_lists_those_of_this_platform", "contract/events/test_documents.py"),
    ),
    "71": Case("changes that break consumers are seen", ("contract/events/test_evolution.py",)),
    "72": Case("no event is too large", ("unit/chassis/test_largest_event.py",)),
    "73": Case("samples of the consumers' guide", (f"{_CONSUMERS}a_sample_of_the_guide_reads_what_happens",)),
    "74": Case(
        "rights on topics",
        (
            f"{_CONSUMERS}a_reader_reads_public_topics_and_no_others",
            f"{_CONSUMERS}nobody_writes_to_the_topics_of_others",
        ),
    ),
    "75": Case("topics are made once and never deleted", ("unit/stack/test_kafka_rights.py", "contract/chart/test_wiring.py")),
    "76": Case(
        "a reader from the start has what the API has",
        (f"{_WIRE}who_reads_the_topics_from_their_start_has_what_the_api_has",),
    ),
    "77": Case(
        "without change streams only later",
        (f"{_CHASSIS}without_a_word_of_the_database_the_same_is_published_only_later",),
    ),
    "78": Case("SASL and TLS of the brokers", ("unit/chassis/test_kafka_options.py", "unit/chassis/test_trust.py")),
    "79": Case(
        "rows that nobody heard of are found",
        (f"{_CHASSIS}rows_left_behind_are_published_after_a_restart",),
    ),
    "80": Case(
        "every refusal is a problem document",
        (
            "e2e/test_story.py::test_every_refusal_is_a_problem_document",
            "e2e/attacks/test_requests.py::test_what_cannot_be_read_is_refused_and_changes_nothing",
        ),
    ),
    "81": Case(
        "the OpenAPI document",
        (
            "e2e/test_openapi.py::test_the_served_document_is_the_committed_one",
            "e2e/test_openapi.py::test_nothing_that_is_made_up_from_the_document_is_answered_otherwise_than_it_says",
            "contract/test_openapi.py",
            "unit/gateway/test_openapi_standard.py",
        ),
    ),
    "82": Case("idempotency, by two gateways", (_KEYS, f"{_TWO}keys_versions_pages_and_batches_are_those_of_one_platform")),
    "83": Case(
        "no update is lost",
        (_KEYS, "e2e/attacks/test_requests.py::test_of_two_hundred_changes_of_one_version_one_is_made"),
    ),
    "84": Case(
        "pages while others write",
        (
            f"{_MANNERS}a_walk_through_pages_meets_each_record_once_while_others_come",
            "e2e/attacks/test_requests.py::test_tokens_of_pages_are_good_for_their_own_list_alone",
        ),
    ),
    "85": Case("limits and who minds them", (_LIMITS, "unit/gateway/test_rates.py")),
    "86": Case(
        "webhooks by an independent library, rotation, 410, plan of attempts",
        (
            f"{_HOOKS}a_receiver_is_told_of_what_it_wants_and_verifies_it",
            "unit/gateway/test_webhooks.py::test_for_a_day_after_a_rotation_both_secrets_count_and_then_only_the_new_one",
            "unit/gateway/test_webhook_attempts.py::test_an_address_that_is_gone_disables_the_webhook",
        ),
    ),
    "87": Case(
        "webhooks to the inside",
        (
            f"{_HOOKS}an_address_of_the_inside_is_refused",
            "e2e/attacks/test_told.py::test_no_way_leads_to_an_address_of_the_inside",
            "unit/chassis/test_outbound.py::test_a_name_that_changes_its_answer_is_asked_once_an_exchange",
        ),
    ),
    "88": Case("batches tell of each", (f"{_MANNERS}a_batch_tells_of_each_operation_and_can_be_sent_again",)),
    "89": Case(
        "changes that break programs are seen, operations that will go say so",
        ("contract/rest/test_evolution.py", "unit/gateway/test_leaving.py"),
    ),
    "90": Case(
        "safe headers, cookies, other origins",
        (
            f"{_MANNERS}answers_carry_safe_headers_and_no_other_origin_is_let_in",
            "e2e/test_sign_in.py::test_the_cookie_is_out_of_reach_of_scripts_and_other_sites",
            "e2e/attacks/test_connections.py::test_no_other_origin_is_let_in_whatever_it_calls_itself",
        ),
    ),
}
