"""Answers and lists of GLPI."""

from tests.unit.cli.importers.conftest import FIXTURES, Take

EVERYTHING = [f"glpi/{file.name}" for file in sorted((FIXTURES / "glpi").iterdir())]


def test_a_ticket_comes_with_its_actors_its_talk_and_its_solution(take: Take) -> None:
    taken = take("glpi", *EVERYTHING, zone="Europe/Paris")
    facts = {"impact": "LOW", "urgency": "HIGH", "teamId": "Support / Poste de travail", "category": "Matériel / Lenteur"}
    worked = {**facts, "assigneeId": "Paul Durand"}
    assert taken.refused == []
    assert taken.incidents["41"] == {
        "externalNumber": "41",
        "title": "Ordinateur lent & bruyant",
        "description": "Depuis ce matin.\n\nLe ventilateur tourne.",
        "requesterId": "Claire Martin",
        "openTime": "2026-01-12T08:00:00Z",
        "updates": [
            {"time": "2026-01-12T08:00:00Z", "state": "NEW", **facts},
            {"time": "2026-01-12T08:25:00Z", "state": "ASSIGNED", **worked},
            {"time": "2026-01-13T15:30:00Z", "state": "RESOLVED", "resolution": "Fan replaced", **worked},
            {"time": "2026-01-16T09:00:00Z", "state": "CLOSED", "resolution": "Fan replaced", **worked},
        ],
        "notes": [
            {"time": "2026-01-12T08:25:00Z", "text": "Quel bureau ?", "authorId": "Paul Durand", "public": True},
            {"time": "2026-01-12T10:00:00Z", "text": "fan 2 blocked", "authorId": "Paul Durand"},
            {"time": "2026-01-13T14:00:00Z", "text": "Cleaned the fan", "authorId": "Paul Durand"},
        ],
    }


def test_what_lies_in_the_bin_and_templates_stay_there(take: Take) -> None:
    taken = take("glpi", *EVERYTHING)
    assert "42" not in taken.incidents
    assert "Computer/7" not in taken.assets


def test_somebody_without_an_account_is_known_by_an_address(take: Take) -> None:
    assert take("glpi", *EVERYTHING).incidents["43"]["requesterId"] == "guest@example.com"


def test_a_row_of_a_list_has_its_names_in_english_and_its_number_in_groups_of_three(take: Take) -> None:
    taken = take("glpi", "glpi/tickets.csv")
    facts = {"impact": "HIGH", "urgency": "MEDIUM", "category": "Matériel / Clavier"}
    assert taken.incidents == {
        "1044": {
            "externalNumber": "1044",
            "title": "Clavier bloqué",
            "requesterId": "Claire Martin",
            "openTime": "2026-01-20T09:00:00Z",
            "updates": [
                {"time": "2026-01-20T09:00:00Z", "state": "NEW", **facts},
                {"time": "2026-01-20T10:00:00Z", "state": "ASSIGNED", "assigneeId": "Paul Durand", **facts},
            ],
        }
    }


def test_a_computer_is_what_its_type_says_and_its_serial_number_stays_a_text(take: Take) -> None:
    taken = take("glpi", *EVERYTHING)
    assert taken.assets == {
        "Computer/5": {
            "key": "Computer/5", "name": "pc-claire", "class": "computer", "location": "France / Lyon",
            "ownerId": "Claire Martin", "teamId": "Support / Poste de travail", "identifiers.SERIAL": "00123",
            "identifiers.ASSET_TAG": "INV-0005", "identifiers.UUID": "4c4c4544-0043-4810-8058-b4c04f4a3732",
            "attributes.vendor": "Example Computers", "attributes.notes": "second hand",
        },
        "Computer/6": {"key": "Computer/6", "name": "srv-files", "class": "server"},
    }  # fmt: skip
    assert taken.relations == [("Computer/6", "Computer/5", "USES", "")]
