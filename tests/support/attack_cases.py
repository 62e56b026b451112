"""Which test shows which attack: the catalogue of bad input at the edge, in short, for docs/coverage.md.

A case has the tests that drive it, below `tests/`, or says why there is nothing to drive. `CASES` has no case without either.
"""

from dataclasses import dataclass

_REQUESTS = "e2e/attacks/test_requests.py::test_"
_CONNECTIONS = "e2e/attacks/test_connections.py::test_"
_RIGHTS = "e2e/attacks/test_rights.py::test_"
_PROOFS = "e2e/attacks/test_proofs.py::test_"
_TOLD = "e2e/attacks/test_told.py::test_"
_MESSAGES = "e2e/attacks/test_messages.py::test_"
_MANNERS = "e2e/test_manners.py::test_"
_SIGN_IN = "e2e/test_sign_in.py::test_"
_STREAM = "e2e/test_stream.py::test_"
_MATRIX = "e2e/test_matrix.py::test_"
_AUTH = "unit/chassis/test_auth.py::test_"
_KEYS = "unit/chassis/test_keys.py::test_"
_OUT = "unit/chassis/test_outbound.py::test_"
_ATTEMPTS = "unit/gateway/test_webhook_attempts.py::test_"
_HOOKS = "unit/gateway/test_webhooks.py::test_"
_REALM = "integration/auth/test_tokens.py::test_"
_LISTENER = "unit/gateway/test_listener.py::test_"
_MAIL = "unit/gateway/test_mail_out.py::test_"
_TEMPLATES = "unit/gateway/test_templates.py::test_"
_ANSWERS = "unit/gateway/test_answers_by_link.py::test_"
_NOTICES = "unit/gateway/test_notices.py::test_"
_EXPORTS = "unit/gateway/test_exports.py::test_"

_UNREADABLE = f"{_REQUESTS}what_cannot_be_read_is_refused_and_changes_nothing"
_TOO_MUCH = f"{_REQUESTS}heads_and_addresses_that_are_too_much_or_mean_two_things_are_refused"
_LONGEST = f"{_REQUESTS}the_longest_that_is_allowed_is_kept_as_it_was_given"
_VERSIONS = f"{_REQUESTS}a_change_names_its_version_and_what_may_be_changed"
_SMUGGLED = f"{_CONNECTIONS}a_head_of_two_meanings_smuggles_nothing"
_HIDDEN = f"{_RIGHTS}what_is_out_of_sight_is_like_what_is_not"
_ROLES = f"{_RIGHTS}roles_are_given_by_who_may_and_what_is_taken_counts_no_more"
_CLAIMED = f"{_CONNECTIONS}what_a_client_says_of_itself_is_no_fact"
_LIARS = f"{_PROOFS}a_token_of_another_time_issuer_purpose_or_tenant_lets_nobody_in"
_KEY_ENDS = f"{_RIGHTS}a_key_does_not_reach_beyond_its_maker_and_ends_with_its_revocation"
_INSIDE = f"{_TOLD}no_way_leads_to_an_address_of_the_inside"
_RECEIVERS = f"{_TOLD}a_receiver_that_sends_elsewhere_drips_floods_or_is_ourselves_gets_nowhere"
_TEMPLATES_LIVE = f"{_MESSAGES}no_template_reaches_out_of_itself_and_no_address_is_several"
_NO_MAIL = f"{_MESSAGES}mail_that_is_none_is_read_or_refused_and_everybody_else_is_served"
_ONES_OWN_JOBS = "e2e/test_jobs.py::test_what_cannot_be_done_is_refused_at_once_and_a_job_is_seen_by_its_maker_alone"
_POSITIONS = f"{_TOLD}a_made_up_position_of_a_stream_is_refused"


@dataclass(frozen=True, slots=True)
class Case:
    """What is tried, what shows that it fails, and why where nothing does."""

    what: str
    tests: tuple[str, ...] = ()
    why: str = ""


def _by(what: str, *tests: str) -> Case:
    return Case(what, tests)


def _none(what: str, why: str) -> Case:
    return Case(what, why=why)


CASES: dict[str, Case] = {
    "GW-01": _by("empty, cut and doubled documents", _UNREADABLE),
    "GW-02": _by("arrays in arrays", _UNREADABLE),
    "GW-05": _by("broken Unicode", _UNREADABLE),
    "GW-06": _by("NUL in values, names and paths", _UNREADABLE, _TOO_MUCH),
    "GW-07": _by("names of maps that mean something to a database or a script", _LONGEST, _UNREADABLE),
    "GW-08": _by("unknown properties", _UNREADABLE),
    "GW-10": _by("the longest and one more", _LONGEST, _UNREADABLE),
    "GW-12": _by("instants that cannot be", f"{_REQUESTS}instants_that_cannot_be_are_refused_and_others_come_back_in_utc"),
    "GW-13": _by(
        "bodies over the limit, with and without a length",
        f"{_CONNECTIONS}a_body_that_is_too_large_is_refused_before_it_is_there",
        _SMUGGLED,
    ),
    "GW-14": _by("packed bodies", _UNREADABLE, "unit/monitor/test_sample_door.py"),
    "GW-15": _by("other kinds of content", _UNREADABLE),
    "GW-16": _by(
        "heads and bodies that never end",
        f"{_CONNECTIONS}heads_that_never_end_are_cut_off_while_others_are_served",
        "unit/gateway/test_exchange.py::test_a_body_that_comes_too_slowly_is_refused",
    ),
    "GW-17": _by("too many or too large headers", _TOO_MUCH),
    "GW-18": _by("heads of two meanings", _SMUGGLED, f"{_LISTENER}a_head_that_can_be_read_in_two_ways_smuggles_nothing"),
    "GW-20": _by("odd methods and overrides", _TOO_MUCH, _SMUGGLED),
    "GW-22": _by("odd queries", _TOO_MUCH),
    "GW-23": _by("page sizes and tokens", _TOO_MUCH, f"{_REQUESTS}tokens_of_pages_are_good_for_their_own_list_alone"),
    "GW-24": _by("orders and filters that cost", _TOO_MUCH),
    "GW-25": _by("missing, stale, weak and broken versions", _VERSIONS),
    "GW-26": _by("200 writers of one version", f"{_REQUESTS}of_two_hundred_changes_of_one_version_one_is_made"),
    "GW-28": _by("null, masks and JSON Patch", _VERSIONS),
    "GW-30": _by(
        "batches: too many, foreign, mixed",
        f"{_REQUESTS}a_batch_hides_what_is_not_ones_own_and_tells_of_each",
        f"{_MANNERS}a_batch_tells_of_each_operation_and_can_be_sent_again",
    ),
    "GW-31": _by("thousands of ranges", f"{_TOLD}a_file_goes_out_whole_or_not_at_all_and_one_at_a_time"),
    "GW-32": _by("Accept and Accept-Language", _TOO_MUCH),
    "GW-34": _by("other origins", f"{_CONNECTIONS}no_other_origin_is_let_in_whatever_it_calls_itself"),
    "GW-35": _by(
        "made-up hosts and addresses", _CLAIMED, "unit/gateway/test_rates.py::test_only_a_proxy_of_ours_says_who_is_asking"
    ),
    "GW-36": _by("metrics and health at the door", f"{_CONNECTIONS}nothing_of_the_inside_is_told_at_the_door"),
    "GW-37": _by("addresses that nobody lists", f"{_CONNECTIONS}what_the_document_lists_is_all_there_is"),
    "GW-39": _by(
        "safe headers, also of refusals",
        _UNREADABLE,
        f"{_MANNERS}answers_carry_safe_headers_and_no_other_origin_is_let_in",
        "unit/gateway/test_limits.py::test_every_answer_carries_safe_headers_and_an_id",
    ),
    "GW-40": _by("clients that leave", f"{_CONNECTIONS}clients_that_leave_in_the_middle_leave_nothing_behind"),
    "AZ-02": _by("records of one's own tenant, out of sight", _HIDDEN),
    "AZ-03": _by("every RPC as every role", f"{_MATRIX}only_what_the_table_allows_is_let_in"),
    "AZ-04": _by(
        "fields that only the platform sets", f"{_RIGHTS}nobody_gives_himself_what_only_the_platform_gives", _VERSIONS
    ),
    "AZ-05": _by("one's own profile", f"{_RIGHTS}nobody_gives_himself_what_only_the_platform_gives"),
    # Opening and moving work waits for no other service: whoever is named is taken as named, in the same words for all.
    "AZ-08": _by("assignment to nobody", f"{_RIGHTS}work_is_given_to_any_name_which_tells_nothing_and_lets_nobody_in"),
    "AZ-09": _by("references to what is out of sight", f"{_RIGHTS}a_reference_to_what_is_out_of_sight_is_like_one_to_nothing"),
    "AZ-10": _by(
        "circles and depth",
        f"{_RIGHTS}a_reference_to_what_is_out_of_sight_is_like_one_to_nothing",
        "e2e/test_impact.py::test_what_makes_no_sense_is_refused",
        "unit/asset/test_impact.py::test_a_thousand_items_are_all_hit_in_order_of_distance",
    ),
    "AZ-12": _none("assets that change tenants", "there is no way to move an asset to another tenant"),
    "AZ-13": _by(
        "giving roles",
        _ROLES,
        "unit/auth/test_people.py::test_two_administrators_cannot_remove_each_other_at_once",
        "unit/auth/test_directories_that_end.py::test_an_administrator_gives_himself_no_role_by_a_directory",
    ),
    "AZ-15": _by("giving and taking a role in a race", _ROLES),
    "AZ-17": _by(
        "keys", _KEY_ENDS, "integration/auth/test_service.py::test_a_disabled_person_and_that_persons_tokens_get_nothing"
    ),
    "AZ-18": _by("many at once and trials", f"{_RIGHTS}who_may_not_do_it_once_may_not_do_it_by_the_dozen"),
    "AZ-20": _by("walking numbers", _HIDDEN, f"{_MANNERS}limits_are_told_kept_and_never_met_by_who_minds_them"),
    "AZ-22": _by("reads with an effect", f"{_RIGHTS}reading_does_nothing"),
    "TN-02": _by("tokens without one tenant", _LIARS, f"{_AUTH}a_person_without_a_tenant_is_denied"),
    "TN-03": _by(
        "canaries of another tenant",
        f"{_RIGHTS}tenants_share_no_answer_and_no_list_tells_of_another",
        f"{_MATRIX}no_list_shows_what_belongs_to_another_tenant",
        f"{_STREAM}another_tenant_hears_only_its_own",
        f"{_HOOKS}nobody_sees_or_is_told_what_belongs_to_another_tenant",
    ),
    "TN-06": _by("shared caches", f"{_RIGHTS}tenants_share_no_answer_and_no_list_tells_of_another", _HIDDEN),
    "TN-07": _by(
        "events of two tenants", "integration/chassis/test_events.py::test_an_unreadable_record_does_not_stop_its_partition"
    ),
    "TN-08": _by(
        "work that outlives its right, or is somebody else's",
        _ONES_OWN_JOBS,
        "unit/gateway/test_job_requests.py::test_a_selection_is_good_for_its_maker_its_resource_and_an_hour",
        "unit/gateway/test_jobs.py::test_a_job_ends_where_its_creator_loses_his_role_and_says_so",
    ),
    "TN-09": _none(
        "tenants that are removed",
        "only one for demonstration can be, by `itsm demo remove`, and nothing tries that yet while somebody writes or "
        "listens there",
    ),
    "TN-10": _by(
        "a noisy neighbor",
        f"{_CONNECTIONS}a_noisy_tenant_is_held_back_and_its_neighbor_is_not",
        "unit/chassis/test_due.py::test_what_takes_long_holds_up_no_other_tenant_and_takes_few_places",
        "unit/gateway/test_job_turns.py::test_tenants_with_many_long_jobs_leave_places_to_others",
        "unit/auth/test_turns.py::test_a_directory_that_never_answers_takes_one_place_of_its_tenant_however_often_it_is_tried",
    ),
    "AU-01": _by("no proof, an odd one, two", f"{_PROOFS}no_proof_an_odd_one_or_two_let_nobody_in", _KEY_ENDS),
    "AU-03": _by("public keys as secrets", f"{_AUTH}a_symmetric_signature_with_the_public_key_as_secret_is_refused"),
    "AU-08": _by(
        "audiences",
        f"{_AUTH}a_token_for_someone_else_is_refused",
        f"{_AUTH}our_audience_is_taken_as_text_and_in_a_list",
        _LIARS,
    ),
    "AU-09": _by("issuers", _LIARS, f"{_AUTH}an_issuer_that_is_not_exactly_ours_is_refused"),
    "AU-10": _by("tokens for something else", _LIARS, f"{_MATRIX}nobody_and_liars_are_not_let_in"),
    "AU-11": _by("times", _LIARS, f"{_AUTH}an_expired_token_is_good_for_thirty_more_seconds", f"{_AUTH}an_odd_time_is_refused"),
    "AU-14": _by("people and sessions that have ended", _KEY_ENDS, f"{_SIGN_IN}a_sign_out_at_keycloak_ends_the_session_here"),
    "AU-15": _by(
        "what is good once", f"{_SIGN_IN}a_code_is_good_for_one_session", f"{_REALM}a_code_needs_its_verifier_and_works_once"
    ),
    "AU-16": _by("large tokens and floods", f"{_PROOFS}a_flood_of_bad_signatures_is_refused_and_others_are_served"),
    "AU-17": _by("other addresses to come back to", f"{_PROOFS}keycloak_takes_no_address_but_the_one_of_our_client"),
    "AU-18": _by("parameters that are said twice", f"{_PROOFS}keycloak_takes_no_address_but_the_one_of_our_client"),
    "AU-19": _by(
        "answers to other attempts",
        f"{_PROOFS}what_is_said_twice_on_the_way_back_is_refused",
        f"{_SIGN_IN}an_answer_to_another_attempt_is_refused",
        f"{_SIGN_IN}a_changed_cookie_of_an_attempt_is_refused",
    ),
    "AU-20": _by("ways to other sites", f"{_PROOFS}the_way_back_after_a_sign_in_leads_to_ourselves_alone"),
    "AU-21": _by(
        "planted sessions and flags of cookies",
        f"{_SIGN_IN}a_session_that_somebody_planted_is_not_taken_over",
        f"{_SIGN_IN}the_cookie_is_out_of_reach_of_scripts_and_other_sites",
    ),
    "AU-23": _by(
        "use after a sign-out",
        f"{_SIGN_IN}logging_out_ends_the_session_at_once",
        f"{_SIGN_IN}a_logout_token_that_keycloak_did_not_sign_ends_nothing",
    ),
    "AU-24": _by("renewing twice", f"{_REALM}a_refresh_token_works_once"),
    "AU-25": _by("telling who exists", f"{_REALM}a_wrong_password_and_an_unknown_name_are_told_alike"),
    "AU-26": _by("guessing passwords", f"{_PROOFS}who_guesses_passwords_has_to_wait_and_the_real_one_gets_in_afterwards"),
    "AU-27": _by("names that an inside would believe", _CLAIMED),
    "AU-29": _by(
        "the realm of the chart",
        "unit/auth/test_realm_file.py",
        "integration/auth/test_realm.py::test_no_client_of_ours_has_a_password_or_implicit_grant_or_full_scope",
    ),
    "AU-30": _by(
        "odd answers where keys are",
        f"{_KEYS}a_bad_answer_keeps_the_last_good_keys",
        f"{_KEYS}a_slow_issuer_is_given_up_after_three_seconds",
    ),
    "SE-01": _by("streams without a proof, or whose proof ends", f"{_STREAM}nobody_hears_anything_without_a_token", _KEY_ENDS),
    "SE-02": _by(
        "made-up positions", _POSITIONS, "unit/gateway/test_ring.py::test_a_cursor_with_any_changed_letter_is_refused"
    ),
    "SE-05": _by("streams that come and go", f"{_TOLD}streams_that_come_and_go_leave_nothing_behind"),
    "SE-06": _by("lines in a title", f"{_STREAM}an_opened_incident_arrives_within_a_second"),
    "SE-07": _by("a right that ends while somebody listens", _ROLES, "unit/gateway/test_revocations.py"),
    "SE-08": _by("filters of streams", _POSITIONS, f"{_TOLD}who_listens_to_records_of_others_hears_nothing"),
    "SE-10": _by("scripts in texts", "e2e/console/test_hostile_texts.py::test_markup_in_texts_is_shown_as_it_was_written"),
    "SE-12": _by(
        "addresses in alerts",
        "e2e/console/test_hostile_texts.py::test_no_address_that_an_alert_brings_leads_anywhere_but_to_the_web",
    ),
    "SE-14": _by("endless words", "e2e/console/test_hostile_texts.py::test_markup_in_texts_is_shown_as_it_was_written"),
    "WH-02": _by("addresses of the inside", _INSIDE, f"{_OUT}what_is_not_the_public_network_is_refused_in_every_spelling"),
    "WH-03": _by("names with one bad address", f"{_OUT}a_name_is_refused_when_any_of_its_addresses_is_private"),
    "WH-04": _by("names that change", f"{_OUT}a_name_that_changes_its_answer_is_asked_once_an_exchange"),
    "WH-05": _by("redirects", _RECEIVERS, f"{_ATTEMPTS}only_2xx_is_taken_and_redirects_are_not_followed"),
    "WH-06": _by("schemes and ports", _INSIDE),
    "WH-07": _by("tricks of spelling", _INSIDE, f"{_OUT}the_parser_refuses_or_takes_and_does_nothing_else"),
    "WH-08": _by(
        "receivers that hang, drip and flood", _RECEIVERS, f"{_OUT}a_receiver_that_never_answers_or_drips_ends_at_the_limit"
    ),
    "WH-10": _by(
        "a receiver that keeps others waiting",
        _RECEIVERS,
        f"{_ATTEMPTS}targets_of_one_tenant_that_hang_leave_turns_to_a_target_of_another_that_failed_once",
    ),
    "WH-13": _by("headers of one's own", _INSIDE),
    "WH-14": _by(
        "every other way out: alerts, chats, browsers, ticket systems, directories",
        _INSIDE,
        "e2e/test_alert_pipeline.py::test_a_target_inside_or_by_a_viewer_is_refused",
    ),
    "WH-15": _by("ourselves as receiver", _RECEIVERS),
    "WH-16": _by(
        "signatures",
        "e2e/test_webhooks.py::test_a_receiver_is_told_of_what_it_wants_and_verifies_it",
        f"{_HOOKS}for_a_day_after_a_rotation_both_secrets_count_and_then_only_the_new_one",
    ),
    "WH-18": _by(
        "mail servers without TLS", f"{_MAIL}with_starttls_the_certificate_is_verified_and_a_server_without_it_gets_nothing"
    ),
    "NT-01": _by(
        "templates that reach out of themselves or never end",
        _TEMPLATES_LIVE,
        f"{_TEMPLATES}what_is_no_plain_place_for_data_is_refused_with_its_line",
        f"{_TEMPLATES}nothing_takes_long_or_says_much",
    ),
    "NT-02": _by("templates in titles", f"{_TEMPLATES}data_is_never_read_as_a_template"),
    "NT-03": _by(
        "lines in headers",
        f"{_TEMPLATES}a_subject_is_one_line_of_what_can_be_read",
        f"{_MAIL}whatever_is_handed_in_there_are_no_headers_but_ours_and_one_of_each",
    ),
    "NT-04": _by(
        "addresses that are several or none",
        _TEMPLATES_LIVE,
        "unit/gateway/test_mail_addresses.py::test_whatever_else_is_refused",
    ),
    "NT-05": _by(
        "mail that comes in",
        _NO_MAIL,
        "unit/gateway/test_mail_in.py::test_any_bytes_are_read_or_refused",
        "unit/gateway/test_mail_clerk.py::test_a_reference_counts_only_for_who_takes_part",
        "unit/gateway/test_mail_proof.py::test_what_another_says_or_what_stands_in_words_of_somebody_else_proves_nothing",
        "unit/gateway/test_mail_grants.py::test_an_address_that_was_not_given_is_refused_in_the_same_words_whoever_has_it",
        "unit/gateway/test_mail_bounds.py::test_bytes_of_all_conversations_have_a_bound_and_are_free_again_however_one_ends",
        "unit/gateway/test_mail_clerk.py::test_what_machines_send_is_ignored_and_so_are_our_own_mails_that_come_back",
    ),
    "NT-07": _by("storms of notifications", f"{_NOTICES}a_storm_over_many_records_is_bounded_for_each_person"),
    "NT-09": _by("quiet hours and zones", f"{_NOTICES}quiet_hours_follow_the_clock_on_the_wall"),
    "NT-10": _by("markup of chats", "unit/gateway/test_chat_and_push.py::test_no_text_becomes_markup"),
    "NT-11": _by(
        "links that act by themselves",
        f"{_ANSWERS}a_link_with_any_bit_changed_and_any_other_text_opens_nothing",
        f"{_ANSWERS}a_link_ends_opens_nothing_under_another_key_and_only_what_the_installation_allows",
        f"{_ANSWERS}a_link_is_for_the_stage_and_the_person_that_were_asked",
        f"{_ANSWERS}how_it_was_is_said_once_with_a_number",
    ),
    "NT-12": _by(
        "a death between sending and writing it down",
        "e2e/test_webhooks.py::test_a_death_beside_a_delivery_loses_nothing_and_a_double_has_the_same_id",
        f"{_ATTEMPTS}what_breaks_off_beside_a_delivery_is_done_again_under_the_same_id",
    ),
    "EX-03": _by(
        "long lists, slow clients, two at once",
        f"{_TOLD}a_file_goes_out_whole_or_not_at_all_and_one_at_a_time",
        f"{_EXPORTS}a_client_that_takes_nothing_holds_no_place",
    ),
    "EX-04": _by(
        "files of others",
        _ONES_OWN_JOBS,
        "unit/gateway/test_job_requests.py::test_others_do_not_see_a_job_and_administrators_do",
        "unit/gateway/test_jobs.py::test_an_export_is_a_file_in_pieces_and_begins_anew_after_a_crash",
        "unit/gateway/test_job_files.py::test_a_file_is_not_for_whoever_lost_the_role_with_which_it_was_made",
    ),
    "EX-06": _none("a changed audit log", "entries are not chained yet: an export proves nothing without the platform"),
    "EX-07": _none("restored backups", "backups are made and restored with the tools of the database, not by the platform"),
}
