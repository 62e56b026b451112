"""Readers of files: any size, any encoding, and whatever goes wrong in the field."""

import csv
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.importers import textreading
from cli.importers.reading import read
from cli.importers.records import Raw, Refusal
from tests.unit.cli.importers.conftest import FIXTURES, Take

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t;,|\"'\\{}[]:"), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def records(file: Path, **members: int) -> list[Raw | Refusal]:
    return list(read(file, members))


def fields(file: Path, **members: int) -> list[Any]:
    return [each.fields if isinstance(each, Raw) else each.reason for each in records(file, **members)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks and records so small that every border is met."""
    monkeypatch.setattr(textreading, "CHUNK", 7)
    monkeypatch.setattr("cli.importers.xmlreading.CHUNK", 7)


@given(table=st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=6), delimiter=st.sampled_from(",;\t|"))
@settings(max_examples=60, deadline=None)
def test_what_a_table_says_is_read_as_it_was_written(tmp_path_factory: Any, table: list[list[str]], delimiter: str) -> None:
    file = tmp_path_factory.mktemp("csv") / "table.csv"
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([["one", "two"], *table])
    file.write_bytes(text.getvalue().encode())
    expected = [{"one": row[0], "two": row[1]} for row in table if any(cell.strip() for cell in row)]
    assert fields(file) == expected


@given(found=st.lists(st.dictionaries(TEXTS, JSON, max_size=4), max_size=5), indent=st.sampled_from([None, 1]))
@settings(max_examples=60, deadline=None)
def test_what_a_document_says_is_read_as_it_was_written(tmp_path_factory: Any, found: list[Any], indent: int | None) -> None:
    file = tmp_path_factory.mktemp("json") / "page.json"
    expected = [{name: value for name, value in each.items() if value is not None} for each in found]
    file.write_text(json.dumps({"total": {"n": [1]}, "issues": found, "more": [{}]}, indent=indent), encoding="utf-8")
    assert fields(file, issues=1) == expected
    file.write_text(json.dumps(found, ensure_ascii=False, indent=indent), encoding="utf-8")
    assert fields(file) == expected


@given(found=st.lists(st.dictionaries(st.sampled_from("abc"), TEXTS, max_size=3), max_size=5))
@settings(max_examples=60, deadline=None)
def test_what_an_element_says_is_read_as_it_was_written(tmp_path_factory: Any, found: list[dict[str, str]]) -> None:
    file = tmp_path_factory.mktemp("xml") / "export.xml"
    inner = "".join(
        "<incident>" + "".join(f"<{name}>{escape(value)}</{name}>" for name, value in each.items()) + "</incident>"
        for each in found
    )
    file.write_text(f"<xml>{inner}</xml>", encoding="utf-8")
    assert fields(file) == [{name: value.strip() for name, value in each.items()} for each in found]


@given(noise=st.binary(max_size=200), start=st.sampled_from([b"", b"{", b'{"issues": [', b"<a>", b"[", b"a,b\n"]))
@settings(max_examples=150, deadline=None)
def test_no_noise_makes_a_reader_fail(tmp_path_factory: Any, noise: bytes, start: bytes) -> None:
    folder = tmp_path_factory.mktemp("noise")
    for name in ("x.csv", "x.json", "x.jsonl", "x.xml", "x"):
        (folder / name).write_bytes(start + noise)
        for each in records(folder / name, issues=1, assets=2):
            assert isinstance(each, Raw | Refusal)


@pytest.mark.usefixtures("small")
def test_borders_between_chunks_are_nowhere_to_be_seen(take: Take) -> None:
    whole = take("jira", "jira/search.json", "jira/list.csv")
    assert set(whole.incidents) == {"IT-1", "IT-2", "IT-7"}
    assert whole.incidents["IT-1"]["description"] == "Since Monday.\n- office too"
    assert len(take("itop", "itop/cmdb.xml").assets) == 5


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_is_seen(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "table.csv").write_bytes("Größe,Städte\r\n5,Köln\r\n".encode(encoding))
    assert fields(tmp_path / "table.csv") == [{"Größe": "5", "Städte": "Köln"}]


def test_bytes_that_no_encoding_knows_cost_their_row_alone(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(b"a,b\n1,\x81\xfc\n2,ok\n")
    assert fields(tmp_path / "table.csv") == ["holds bytes that are no cp1252", {"a": "2", "b": "ok"}]
    (tmp_path / "page.json").write_bytes(b'[{"a": "\\ud800"}, {"a": "ok"}]')
    assert fields(tmp_path / "page.json") == ["holds what is no character", {"a": "ok"}]


def test_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text('[{"a": 12345678901234567890, "b": 1e309, "c": -0.10, "d": true, "e": null}]')
    assert fields(tmp_path / "page.json") == [{"a": "12345678901234567890", "b": "1e309", "c": "-0.10", "d": True}]


def test_a_row_of_another_length_and_a_stray_quote_cost_themselves_alone(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text('a,b\n1\n"x"y,2\n3,4\n\n5,"6\n7"\n')
    found = records(tmp_path / "table.csv")
    assert [(each.place.line, each.fields if isinstance(each, Raw) else each.reason) for each in found] == [
        (2, "has 1 cells, the header 2"),
        (3, "is no row of a table: ',' expected after '\"'"),
        (4, {"a": "3", "b": "4"}),
        (6, {"a": "5", "b": "6\n7"}),
    ]


def test_a_malformed_record_is_told_and_the_next_is_read(tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text('[{"a": 1},\n{"a" 2},\n{"a": [1, {"b": }]},\n7,\n{"a": 3}]')
    found = records(tmp_path / "page.json")
    assert [each.place.line for each in found] == [1, 2, 3, 4, 5]
    assert [isinstance(each, Raw) for each in found] == [True, False, False, False, True]
    (tmp_path / "page.jsonl").write_text('{"a": 1}\n{"a":\n\n{"a": 3}\n')
    assert [isinstance(each, Raw) for each in records(tmp_path / "page.jsonl")] == [True, False, True]


def test_a_file_that_is_cut_off_says_so_and_keeps_what_was_whole(tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text('{"issues": [{"a": "1"}, {"a": "2')
    assert fields(tmp_path / "page.json", issues=1)[0] == {"a": "1"}
    assert "ends in the middle" in fields(tmp_path / "page.json", issues=1)[1]
    (tmp_path / "export.xml").write_text("<xml><i><a>1</a></i><i><a>2</")
    first, second = fields(tmp_path / "export.xml")
    assert first == {"a": "1"}
    assert "the rest is not read" in second


@pytest.mark.parametrize("name", ["bomb.xml", "outside.xml"])
def test_a_document_type_is_refused_before_anything_of_it_is_looked_at(name: str) -> None:
    (found,) = records(FIXTURES / "nasty" / name)
    assert isinstance(found, Refusal)
    assert "declares a document type" in found.reason


def test_what_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text("[" + '{"a":' * 100_000 + "1" + "}" * 100_000 + ', {"a": "ok"}]')
    found = fields(tmp_path / "page.json")
    assert "nested" in found[0]
    assert found[1] == {"a": "ok"}
    (tmp_path / "export.xml").write_text("<a>" * 100_000)
    assert "nested" in fields(tmp_path / "export.xml")[0]


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("table.csv", b"a,b\n1,", b"\n2,ok\n"),
        ("quoted.csv", b'a,b\n1,"', b'"\n2,ok\n'),
        ("page.json", b'[{"a": "', b'"}, {"a": "2", "b": "ok"}]'),
        ("number.json", b'[{"a": 1', b'}, {"a": "2", "b": "ok"}]'),
        ("page.jsonl", b'{"a": "', b'"}\n{"a": "2", "b": "ok"}\n'),
        ("export.xml", b"<x><i><a>", b"</a></i><i><a>2</a><b>ok</b></i></x>"),
    ],
)
def test_a_line_of_a_hundred_megabytes_is_refused_in_little_memory(
    tmp_path: Path, name: str, before: bytes, after: bytes
) -> None:
    file = tmp_path / name
    with file.open("wb") as out:
        out.write(before)
        for _ in range(100):
            out.write(b"7" * (1 << 20))
        out.write(after)
    tracemalloc.start()
    try:
        found = fields(file)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [f"{each}"[:14] for each in found[:-1]] == ["is longer than"]
    assert found[-1] == {"a": "2", "b": "ok"}
    assert most < 64 << 20


def test_an_attribute_of_a_hundred_megabytes_ends_its_file(tmp_path: Path) -> None:
    file = tmp_path / "export.xml"
    with file.open("wb") as out:
        out.write(b'<x><i a="')
        for _ in range(100):
            out.write(b"7" * (1 << 20))
        out.write(b'"/></x>')
    (found,) = fields(file)
    assert "attribute of more than" in found


def test_what_is_no_file_of_any_form_is_told(tmp_path: Path, take: Take) -> None:
    (tmp_path / "empty.json").write_bytes(b"")
    (tmp_path / "picture.json").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    (tmp_path / "blank.csv").write_text("\n")
    (tmp_path / "page.xml").write_text("no xml at all")
    taken = take("jira", *sorted(tmp_path.iterdir()))
    assert [file for file, *_ in taken.refused] == ["blank.csv", "page.xml", "picture.json"]
    assert taken.incidents == {}
