"""What is expected of any platform of this kind, row by row: which test shows it, or what stands in its way."""

from tests.support.attack_cases import Case

_MATRIX = "e2e/test_matrix.py::test_"

ROWS: dict[str, Case] = {
    "complete REST API": Case(
        "everything that the console does is in the API, many records at once included",
        (f"{_MATRIX}only_what_the_table_allows_is_let_in", "contract/test_openapi.py", "e2e/test_jobs.py"),
    ),
    "GraphQL": Case(
        "GraphQL beside REST",
        why="`fields`, `:batchGet` and `:facets` answer what it is asked for; a second language of questions would need "
        "the row scope, limits and cost of each field a second time",
    ),
    "webhooks on every change": Case(
        "webhooks on every change",
        ("e2e/test_webhooks.py::test_a_receiver_is_told_of_what_it_wants_and_verifies_it",),
    ),
    "broker events": Case(
        "events of a broker for other systems",
        (
            "e2e/test_consumers.py::test_a_sample_of_the_guide_reads_what_happens",
            "e2e/test_consumers.py::test_a_reader_reads_public_topics_and_no_others",
        ),
    ),
    "tenants": Case(
        "tenants that see nothing of each other",
        (
            f"{_MATRIX}a_record_of_another_tenant_is_like_none",
            f"{_MATRIX}no_list_shows_what_belongs_to_another_tenant",
        ),
    ),
    "single sign-on": Case("single sign-on", ("e2e/test_sign_in.py", "e2e/test_identity.py")),
    "SCIM": Case(
        "accounts by SCIM",
        why="Keycloak's SCIM interface is a preview feature, which is off; people come from directories",
    ),
    "roles": Case(
        "a permission for each operation, a scope of rows for each role",
        (
            f"{_MATRIX}only_what_the_table_allows_is_let_in",
            "e2e/test_manners.py::test_who_sees_some_records_counts_only_those",
        ),
    ),
    "audit log": Case(
        "who changed what, from which value to which",
        ("e2e/test_failpoints.py", "integration/chassis/test_events.py"),
    ),
    "tamper-evident audit log": Case(
        "an audit log in which nothing can be changed unseen",
        why="entries are only ever added, but not chained yet: that belongs to governance",
    ),
    "retention": Case(
        "retention and purge of personal data",
        why="files, mails, deliveries and jobs end by themselves; tickets and people are not purged yet: that belongs to "
        "governance",
    ),
    "automation rules": Case(
        "rules that act on events",
        why="notification rules tell people; rules that change records belong to the service desk, which has none yet",
    ),
    "plugins": Case("plugins", ("e2e/test_plugins.py::test_a_plugin_looks_and_others_tell_of_what_it_saw",)),
    "suggestions": Case(
        "suggestions for tickets",
        why="`itsm triage` learns from a tenant's own tickets on files; the service suggests nothing yet",
    ),
    "Kubernetes": Case("operation on Kubernetes", ("contract/chart/test_golden.py", "k8s/steps.py::install")),
}
