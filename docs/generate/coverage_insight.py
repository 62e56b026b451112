"""The rows of `docs/coverage.md` about what people look at figures in."""

from docs.generate.capability import MATRIX, Capability

_STORIES = "e2e/test_dashboards.py"
_STORY = f"{_STORIES}::test_a_dashboard_from_a_private_draft_to_what_everybody_sees_though_the_service_dies"
_SHIPPED = f"{_STORIES}::test_every_tenant_has_two_that_nobody_changes_and_a_preview_says_what_is_wrong_with_each_tile"
_EDITED = "e2e/console/test_dashboards.py::test_a_dashboard_is_made_moved_lost_found_published_shared_and_taken_back"

INSIGHT = (
    Capability(
        "dashboards: drafts, versions, sharing, all figures in one answer, edited by pointer, keyboard and menu",
        (_STORY, _EDITED),
        (_STORY, _SHIPPED),
        (_STORY, *MATRIX),
        ("unit/analytics/test_dashboards.py", "integration/analytics/test_dashboards.py", "unit/cli/test_dashboards.py"),
    ),
)
