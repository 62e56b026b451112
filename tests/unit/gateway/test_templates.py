"""Templates: what may stand in them, what data can do in them, and that all of the platform say what they should."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Invalid
from services.gateway.domain.delivery import Channel
from services.gateway.domain.shipped_rules import SHIPPED as RULES
from services.gateway.domain.template import LOCALE, WAYS, spoken
from services.gateway.templates.sandbox import FILTERS, LONGEST_TEXT, check, fill, one_line, plain
from services.gateway.templates.shipped import SHIPPED, shipped
from services.gateway.usecases.wording import written

DATA = plain(
    {
        "record": {
            "number": "INC0000001",
            "title": "<b>down</b> {{ 7 * 7 }}",
            "state": "ON_HOLD",
            "createTime": "2026-05-04T12:00:00Z",
            "assetIds": ["a", "b"],
        },
        "event": {"changes": [{"field": "state", "old": "NEW", "new": "ON_HOLD"}]},
        "recipient": {"name": "Ann", "timeZone": "Europe/Berlin"},
    }
)

ATTACKS = [
    "{{ ''.__class__ }}",
    "{{ ''['__class__'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ self.__init__ }}",
    "{{ self }}",
    "{{ joiner }}",
    "{{ namespace() }}",
    "{{ lipsum(n=1000) }}",
    "{{ '%c' % 65 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%s'|format(1) }}",
    "{{ 'a'.format(1) }}",
    "{{ record.title.upper() }}",
    "{{ record.title * 1000000000 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ record.title ~ record.title }}",
    "{{ [1] * 1000000000 }}",
    "{{ {'a': 1} }}",
    "{{ record.assetIds[0:1] }}",
    "{{ record[record.title] }}",
    "{{ record.assetIds|map('upper') }}",
    "{{ record.title|safe }}",
    "{{ record.title|center(1000000000) }}",
    "{{ record.title|replace('d', 'dddddddddd') }}",
    "{{ record.title|join(record.title|upper) }}",
    "{{ record.title is callable }}",
    "{{ record is filter }}",
    "{% set x = 'a' %}",
    "{% block a %}{% endblock %}",
    "{% extends 'a' %}",
    "{% include 'a' %}",
    "{% import 'a' as b %}",
    "{% from 'a' import b %}",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{% call a() %}{% endcall %}",
    "{% filter upper %}a{% endfilter %}",
    "{% with a = 1 %}{% endwith %}",
    "{% autoescape false %}{{ record.title }}{% endautoescape %}",
    "{% for i in range(1000000000) %}x{% endfor %}",
    "{% for i in 'abc' %}x{% endfor %}",
    "{% for i in record.assetIds recursive %}{{ loop(i) }}{% endfor %}",
    "{% for a in record.assetIds %}{% for b in record.assetIds %}x{% endfor %}{% endfor %}",
    "{% for record in record.assetIds %}x{% endfor %}",
    "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
    "{% if record %}" * 40 + "{% endif %}" * 40,
    "{{ record.title }}" * 900,
    "{{ " + "not " * 3_000 + "record }}",
]  # fmt: skip


@pytest.mark.parametrize("source", ATTACKS, ids=lambda source: source[:40])
@pytest.mark.parametrize("escaped", [False, True], ids=["text", "html"])
def test_what_is_no_plain_place_for_data_is_refused_with_its_line(source: str, escaped: bool) -> None:
    with pytest.raises(Invalid) as refused:
        check(f"Hello,\n{source}", "body", escaped=escaped)
    (why,) = refused.value.violations.values()
    assert why.startswith(("line 2: ", "line 1: this is too involved"))


@pytest.mark.parametrize(
    ("source", "line", "word"),
    [("a\nb\n{% if %}", 3, "Expected"), ("a\n{{ recrod.title }}", 2, "recrod"), ("{{ record.title|uper }}", 1, "uper")],
)
def test_a_mistake_is_named_with_its_line_and_reason(source: str, line: int, word: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(source, "subject")
    assert refused.value.violations["subject"].startswith(f"line {line}: ") and word in refused.value.violations["subject"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ record.number }}", "INC0000001"),
        ("{{ record.title }}", "<b>down</b> {{ 7 * 7 }}"),
        ("{{ record['number'] }}{{ record.assetIds[1] }}", "INC0000001b"),
        ("{{ record.none.below.it }}|{{ record.none|default('-') }}", "|-"),
        ("{{ record.state|words }} {{ record.state|lower|upper }}", "on hold ON_HOLD"),
        ("{{ record.createTime|date }}", "2026-05-04 12:00 UTC"),
        ("{{ record.createTime|date(recipient.timeZone) }}", "2026-05-04 14:00 CEST"),
        ("{{ record.createTime|date('no zone') }}", "2026-05-04 12:00 UTC"),
        ("{{ record.title|date }}", "<b>down</b> {{ 7 * 7 }}"),
        ("{{ record.assetIds|join('/') }} {{ record.assetIds|length }} {{ record.title|join('x') }}", "a/b 2 "),
        ("{% for each in event.changes %}{{ loop.index }}{{ each.field }}{% endfor %}", "1state"),
        ("{% for each in record.title %}x{% else %}none{% endfor %}", "none"),
        ("{% if record.state == 'ON_HOLD' and not record.none is defined %}held{% endif %}", "held"),
        ("{{ 'y' if 'a' in record.assetIds else 'n' }}", "y"),
        ("{{ record.title|truncate(5) }}", "<b>d…"),
        ("{# nobody reads this #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ],
)
def test_a_template_says_what_the_record_holds(source: str, said: str) -> None:
    assert fill(source, DATA, "body") == said


def test_html_escapes_all_that_is_put_in() -> None:
    assert fill("<i>{{ record.title }}</i>", DATA, "html", escaped=True) == "<i>&lt;b&gt;down&lt;/b&gt; {{ 7 * 7 }}</i>"
    for name in FILTERS:
        assert "<b>" not in fill(f"{{{{ record.title|{name} }}}}", DATA, "html", escaped=True)


@given(
    st.recursive(st.text(max_size=20), lambda each: st.lists(each) | st.dictionaries(st.text(max_size=5), each), max_leaves=10)
)
def test_data_is_never_read_as_a_template(value: Any) -> None:
    said = fill("{{ record.title }}", plain({"record": {"title": "{{ 7 * 7 }}{% for %}", "more": value}}), "body")
    assert said == "{{ 7 * 7 }}{% for %}"


def test_nothing_takes_long_or_says_much() -> None:
    large = plain({"record": {"title": "x" * 1_000_000, "assetIds": ["y" * 100_000] * 100_000}})
    assert len(large["record"]["assetIds"]) == 100
    began = time.process_time()
    with pytest.raises(Invalid):
        fill("{% for each in record.assetIds %}{{ each }}{{ record.title }}{% endfor %}", large, "body")
    with pytest.raises(Invalid):
        fill("{{ record.assetIds|join(',') }}", large, "body")
    quiet = (
        "{% for each in record.assetIds %}{% if "
        + " and ".join(["record.title|lower == each|lower"] * 100)
        + " %}x{% endif %}{% endfor %}"
    )
    assert fill(quiet, large, "body") == ""
    assert time.process_time() - began < 20
    assert len(fill("{{ record.title }}", large, "body")) < LONGEST_TEXT


@pytest.mark.parametrize(
    "evil", ["a\r\nBcc: x@y.example", "a\u2028b", "a\u2029b", "a\x0bb", "a\x85b", "a\x00b", "a\u202eb", "a\tb"]
)
def test_a_subject_is_one_line_of_what_can_be_read(evil: str) -> None:
    line = one_line(evil)
    assert line.isprintable() and line.startswith("a ") and len(one_line("x" * 10_000)) <= 200


def test_every_shipped_text_is_allowed_and_there_in_all_ways_and_languages() -> None:
    names = {name for name, *_ in shipped()}
    assert {(name, way, locale) for name in names for way in WAYS for locale in ("en", "de")} == set(SHIPPED)
    assert {str(rule["template"]) for rule in RULES.values()} <= names
    said = plain(
        {
            **DATA,
            "actor": {"name": "Bob"},
            "note": {"text": "a"},
            "url": "https://itsm.example/x",
            "installation": "I",
            "more": 2,
        }
    )
    for name, way, locale, words in shipped():
        letter = written(words, way, locale, said)
        assert letter.subject and letter.text.strip(), (name, way, locale)
        assert bool(letter.html) == (way is Channel.MAIL)


def test_somebody_reads_the_nearest_language() -> None:
    assert spoken("de-CH", {"de", "en"}, "en") == ["de", "en"]
    assert spoken("fr", {"de", "en"}, "de") == ["de", "en"]
    assert spoken("", {"fr"}, LOCALE) == []
