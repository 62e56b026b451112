"""What is learned from sorted tickets, and what of it is believed."""

import gzip
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.main import app
from services.incident.triage import features, tickets
from services.incident.triage.model import Model, TooFew, UnusableModel
from services.incident.triage.training import LEAST_OF_LABEL, cross_validated, train

ABOUT = {
    "Access": (
        "password expired reset please",
        "new badge for visitor",
        "reset of account password",
        "badge does not open door",
    ),
    "Hardware": (
        "laptop battery swollen",
        "monitor flickers since monday",
        "docking station dead",
        "keyboard of laptop broken",
    ),
    "Storage": ("share is full", "mailbox quota reached", "more space on share please", "backup volume is full"),
}
TEXTS, LABELS = zip(
    *(
        (f"{text} {word}", label)
        for label, texts in ABOUT.items()
        for text in texts
        for word in ("hello", "urgent", "thanks", "regards")
    ),
    strict=True,
)


@pytest.fixture(scope="module")
def model() -> Model:
    return train(TEXTS, LABELS)


def test_an_unseen_ticket_is_sorted_by_what_it_says(model: Model) -> None:
    assert model.suggest("my badge and my password")[0].label == "Access"
    assert model.suggest("the laptops battery")[0].label == "Hardware"
    assert model.suggest("quota of the share")[0].label == "Storage"


def test_confidences_are_shares_of_one_the_greatest_first(model: Model) -> None:
    said = [suggestion.confidence for suggestion in model.suggest("password for the laptop")]
    assert sum(said) == pytest.approx(1, abs=1e-5)
    assert said == sorted(said, reverse=True)


def test_a_text_that_says_nothing_known_is_no_reason_for_confidence(model: Model) -> None:
    assert model.suggest("")[0].confidence < model.suggest("password reset badge")[0].confidence
    assert model.suggest("щщщ 日本 🔥")[0].confidence < 0.7


def test_the_same_tickets_make_the_same_model_to_the_byte(model: Model) -> None:
    assert train(TEXTS, LABELS).to_bytes() == model.to_bytes()


def test_a_model_suggests_the_same_after_it_was_kept(model: Model) -> None:
    again = Model.from_bytes(model.to_bytes())
    for text in (*TEXTS[:5], "a door", ""):
        for one, other in zip(model.suggest(text), again.suggest(text), strict=True):
            assert one.label == other.label
            assert one.confidence == pytest.approx(other.confidence, abs=0.01)


def test_no_word_of_a_ticket_is_in_the_model(model: Model) -> None:
    assert b"badge" not in model.to_bytes()
    assert "badge" not in json.dumps(dict(model.facts))


def test_a_model_of_another_recipe_or_shape_is_refused(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    data = model.to_bytes()
    monkeypatch.setattr("services.incident.triage.model.RECIPE", 2)
    with pytest.raises(UnusableModel, match="recipe"):
        Model.from_bytes(data)


def test_a_file_that_would_run_something_is_no_model(tmp_path: Path) -> None:
    touched = tmp_path / "touched"

    class Runs:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (touched,)

    into = tmp_path / "model.npz"
    np.savez(into, about=np.array([Runs()], dtype=object))
    for data in (pickle.dumps(Runs()), into.read_bytes()):
        with pytest.raises(UnusableModel):
            Model.from_bytes(data)
    assert not touched.exists()


@given(st.integers(0), st.integers(0, 255))
def test_a_damaged_model_is_refused_or_harmless(at: int, byte: int) -> None:
    data = bytearray(_KEPT)
    data[at % len(data)] = byte
    try:
        found = Model.from_bytes(bytes(data))
    except UnusableModel:
        return
    assert len(found.suggest("password")) == len(found.labels)


def test_too_little_to_learn_from_is_said() -> None:
    with pytest.raises(TooFew, match="Access"):
        train(["a"] * 20, ["Access"] * 20)
    with pytest.raises(TooFew):
        train([], [])
    with pytest.raises(TooFew):
        train(["a", "b"] * (LEAST_OF_LABEL - 1), ["A", "B"] * (LEAST_OF_LABEL - 1))


def test_a_rare_label_is_left_out_and_two_are_enough() -> None:
    rare = LEAST_OF_LABEL - 1
    found = train([*TEXTS[:32], *["printer"] * rare], [*LABELS[:32], *["Printing"] * rare])
    assert set(found.labels) == {"Access", "Hardware"}
    assert found.suggest("reset password")[0].label == "Access"


def test_tickets_of_one_kind_alike_are_known_from_each_other() -> None:
    assert min(cross_validated(TEXTS, LABELS, 4)) > 0.9


@given(st.text(max_size=300))
def test_any_text_has_features_in_ascending_order_without_repetition(text: str) -> None:
    for found, said in features.features(text).values():
        assert np.all(found[1:] > found[:-1])
        assert len(found) == len(said)
        assert np.all(said >= 1)


def test_a_text_without_end_is_looked_at_so_far_and_no_further() -> None:
    assert len(features.words("word " * 100_000)) == features.MOST_WORDS
    assert max(map(len, features.words("x" * 100_000))) == features.LONGEST_WORD


def test_the_order_of_words_counts_where_they_stand_beside_each_other_alone() -> None:
    one, other = features.features("reset badge"), features.features("badge reset")
    assert set(one["near"][0]) == set(other["near"][0])
    assert set(one["terms"][0]) != set(other["terms"][0])


def _file(path: Path, rows: list[tuple[str, str]]) -> Path:
    lines = "".join(f'"{text}",{label}\n' for text, label in rows)
    path.write_bytes(gzip.compress(f"\ufeffDocument,Topic_group\n{lines}".encode()))
    return path


def test_the_command_line_learns_from_a_packed_file_and_says_how_well(tmp_path: Path) -> None:
    source, kept = _file(tmp_path / "t.csv.gz", list(zip(TEXTS, LABELS, strict=True)) * 2), tmp_path / "m"
    trained = CliRunner().invoke(app, ["triage", "train", str(source), "--model", str(kept), "--folds", "2", "-o", "jsonl"])
    assert trained.exit_code == 0, trained.output
    facts = json.loads(trained.stdout)
    assert facts["tickets"] == 2 * len(TEXTS)
    assert len(facts["folds"]) == 2
    asked = _file(tmp_path / "a.csv.gz", [("badge lost", "Access"), ("battery", "Hardware"), ("quota", "Access")])
    found = CliRunner().invoke(app, ["triage", "predict", str(asked), "--model", str(kept), "-o", "jsonl"])
    assert found.exit_code == 0, found.output
    assert [json.loads(line)["suggestion"] for line in found.stdout.splitlines()] == ["Access", "Hardware", "Storage"]
    assert "2 of 3 right" in found.stderr


def test_a_file_that_is_not_as_it_should_be_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(tickets.UnreadableTickets, match="no column 'Text'"):
        list(tickets.read(_file(tmp_path / "1", [("a", "B")]), "Text", "Topic_group", sorted_=True))
    with pytest.raises(tickets.UnreadableTickets, match="line 3: Topic_group is empty"):
        list(tickets.read(_file(tmp_path / "2", [("a", "B"), ("c", "")]), "Document", "Topic_group", sorted_=True))
    (tmp_path / "3").write_bytes(_file(tmp_path / "3", [("a", "B")] * 1000).read_bytes()[:60])
    with pytest.raises(tickets.UnreadableTickets):
        list(tickets.read(tmp_path / "3", "Document", "Topic_group", sorted_=True))


_KEPT = train(TEXTS, LABELS).to_bytes()
