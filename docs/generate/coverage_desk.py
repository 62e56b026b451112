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

DESK = (*TRIAGE, *KNOWLEDGE)
