"""The texts that come with the platform, in English and German. One's own of the same name, way and language goes before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.gateway.domain.delivery import Channel
from services.gateway.domain.template import WAYS

FALLBACK = "notice"
"""What says anything, where the templates of a rule are gone or fail."""
CLOSING = "more"
"""What ends a burst."""
TEST = "test"


@dataclass(frozen=True, slots=True)
class Words:
    """What one template says."""

    subject: str
    body: str
    html: str = ""


_NUMBER = "{{ record.number|default(event.subject) }}"
_TITLE = "{{ record.title|default(record.name)|default(event.subject) }}"
_ABOUT = f"{_NUMBER}: {_TITLE}"
_GREETING = {
    "en": "Hello{% if recipient.name %} {{ recipient.name }}{% endif %},\n\n",
    "de": "Guten Tag{% if recipient.name %} {{ recipient.name }}{% endif %},\n\n",
}
_LINK = {"en": "\n\nSee it here: {{ url }}\n", "de": "\n\nHier ansehen: {{ url }}\n"}
_ANSWER = {
    "en": "{% if answerUrl %}\n\nAnswer here, without signing in: {{ answerUrl }}{% endif %}",
    "de": "{% if answerUrl %}\n\nHier antworten, ohne Anmeldung: {{ answerUrl }}{% endif %}",
}
_NOTE = "{% if note.text %}\n\n{{ note.text }}{% endif %}"
_HOW = "{% if record.resolution %}\n\n{{ record.resolution }}{% endif %}"
_BY = {"en": "{% if actor.name %} by {{ actor.name }}{% endif %}", "de": "{% if actor.name %} von {{ actor.name }}{% endif %}"}

_MINUTES = (
    "{% for item in record['items'] %}{% if item.minutes %}\n\n{{ item.advice|words }}: {{ item.minutes }}{% endif %}"
    "{% endfor %}{% if record.minutes %}\n\n{{ record.minutes }}{% endif %}"
)
_SEVERITY = "{% if record.severity %} ({{ record.severity|words }}){% endif %}"
_UNTIL = {
    "en": "{% if record.expireTime %} until {{ record.expireTime|date(recipient.timeZone) }}{% endif %}",
    "de": "{% if record.expireTime %} bis {{ record.expireTime|date(recipient.timeZone) }}{% endif %}",
}

# By name and language: what stands above it, and the one sentence that says what happened.
_SAID: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "incident-opened": {
        "en": (f"[{_NUMBER}] We have it: {_TITLE}", f"Your report was taken as {_ABOUT}. We tell you when there is news."),
        "de": (
            f"[{_NUMBER}] Aufgenommen: {_TITLE}",
            f"Ihre Meldung ist als {_ABOUT} aufgenommen. Wir melden uns, sobald es Neues gibt.",
        ),
    },
    "incident-answered": {
        "en": (f"[{_NUMBER}] Answer: {_TITLE}", f"There is an answer{_BY['en']} to {_ABOUT}.{_NOTE}"),
        "de": (f"[{_NUMBER}] Antwort: {_TITLE}", f"Es gibt eine Antwort{_BY['de']} zu {_ABOUT}.{_NOTE}"),
    },
    "incident-resolved": {
        "en": (
            f"[{_NUMBER}] Resolved: {_TITLE}",
            f"{_ABOUT} was resolved.{_HOW}\n\nIf it is not over for you, answer or reopen it.",
        ),
        "de": (
            f"[{_NUMBER}] Gelöst: {_TITLE}",
            f"{_ABOUT} ist gelöst.{_HOW}\n\nWenn es für Sie nicht erledigt ist, antworten Sie oder öffnen Sie es wieder.",
        ),
    },
    "incident-assigned": {
        "en": (
            f"[{_NUMBER}] Yours: {_TITLE}",
            f"{_ABOUT} was given to you{_BY['en']}. Priority {{{{ record.priority }}}}, {{{{ record.state|words }}}}.",
        ),
        "de": (
            f"[{_NUMBER}] Für Sie: {_TITLE}",
            f"{_ABOUT} wurde Ihnen zugewiesen{_BY['de']}. Priorität {{{{ record.priority }}}}.",
        ),
    },
    "incident-noted": {
        "en": (f"[{_NUMBER}] Note: {_TITLE}", f"Something was said{_BY['en']} about {_ABOUT}.{_NOTE}"),
        "de": (f"[{_NUMBER}] Notiz: {_TITLE}", f"Neue Notiz{_BY['de']} zu {_ABOUT}.{_NOTE}"),
    },
    "incident-mentioned": {
        "en": (f"[{_NUMBER}] You are named: {_TITLE}", f"You were named{_BY['en']} in what is said about {_ABOUT}.{_NOTE}"),
        "de": (f"[{_NUMBER}] Sie sind gemeint: {_TITLE}", f"Sie wurden{_BY['de']} in einer Notiz zu {_ABOUT} genannt.{_NOTE}"),
    },
    "approval-asked": {
        "en": (
            f"Your vote is wanted: {_TITLE}",
            f"You are asked to agree to {_TITLE}{_UNTIL['en']}.{_ANSWER['en']}",
        ),
        "de": (
            f"Ihre Stimme ist gefragt: {_TITLE}",
            f"Sie werden um Zustimmung gebeten: {_TITLE}{_UNTIL['de']}.{_ANSWER['de']}",
        ),
    },
    "incident-moved": {
        "en": (
            f"[{_NUMBER}] Now {{{{ record.state|words }}}}: {_TITLE}",
            f"{_ABOUT} is {{{{ record.state|words }}}} now.{_HOW}",
        ),
        "de": (f"[{_NUMBER}] Neuer Stand: {_TITLE}", f"{_ABOUT} steht jetzt auf {{{{ record.state|words }}}}.{_HOW}"),
    },
    "incident-survey": {
        "en": (f"[{_NUMBER}] How was it? {_TITLE}", f"{_ABOUT} is closed. Please tell us how it was.{_ANSWER['en']}"),
        "de": (
            f"[{_NUMBER}] Wie war es? {_TITLE}",
            f"{_ABOUT} ist geschlossen. Bitte sagen Sie uns, wie es war.{_ANSWER['de']}",
        ),
    },
    "incident-reminded": {
        "en": (f"[{_NUMBER}] It waits: {_TITLE}", f"{_ABOUT} still waits. It goes on when you answer."),
        "de": (f"[{_NUMBER}] Es wartet: {_TITLE}", f"{_ABOUT} wartet noch. Es geht weiter, sobald Sie antworten."),
    },
    "incident-escalated": {
        "en": (f"[{_NUMBER}] A promise is at risk: {_TITLE}", f"A service level of {_ABOUT} is at risk or was missed."),
        "de": (f"[{_NUMBER}] Zusage in Gefahr: {_TITLE}", f"Eine Zusage zu {_ABOUT} ist in Gefahr oder verfehlt."),
    },
    "meeting-moved": {
        "en": (
            f"{{{{ record.state|words }}}}: {_TITLE}",
            f"{_TITLE}: {{{{ record.state|words }}}}, {{{{ record.startTime|date(recipient.timeZone) }}}}.{_MINUTES}",
        ),
        "de": (
            f"Sitzung: {_TITLE}",
            f"{_TITLE}: {{{{ record.startTime|date(recipient.timeZone) }}}}.{_MINUTES}",
        ),
    },
    "page-called": {
        "en": (
            f"You are called: {_TITLE}",
            f"{_TITLE}{_SEVERITY}. Take note of it, else the next ones are called.",
        ),
        "de": (
            f"Sie werden gerufen: {_TITLE}",
            f"{_TITLE}{_SEVERITY}. Bitte bestätigen, sonst werden die Nächsten gerufen.",
        ),
    },
    FALLBACK: {
        "en": (f"[{_NUMBER}] {_TITLE}", f"Something happened to {_ABOUT}."),
        "de": (f"[{_NUMBER}] {_TITLE}", f"Es gibt Neues zu {_ABOUT}."),
    },
    CLOSING: {
        "en": (
            "And {{ more }} more notices",
            "There were {{ more }} more notices in this hour, which were not sent one by one.",
        ),
        "de": (
            "Und {{ more }} weitere Nachrichten",
            "In dieser Stunde gab es {{ more }} weitere Nachrichten, die nicht einzeln gesendet wurden.",
        ),
    },
    TEST: {
        "en": ("A test of {{ installation }}", "Nothing happened. What you read shows that notices arrive here."),
        "de": ("Ein Test von {{ installation }}", "Es ist nichts passiert. Was Sie lesen, zeigt, dass Nachrichten ankommen."),
    },
}


def _words(way: Channel, locale: str, said: tuple[str, str]) -> Words:
    subject, sentence = said
    if way is Channel.MAIL:
        return Words(subject, _GREETING[locale] + sentence + _LINK[locale])
    # A push is shown on locked screens, and a room is read by many: the sentence alone, and nothing of what was written.
    return Words(subject, sentence.replace(_NOTE, ""))


SHIPPED: Mapping[tuple[str, Channel, str], Words] = {
    (name, way, locale): _words(way, locale, said)
    for name, languages in _SAID.items()
    for locale, said in languages.items()
    for way in WAYS
}


def shipped() -> Iterator[tuple[str, Channel, str, Words]]:
    """All of them, in order."""
    for (name, way, locale), words in sorted(SHIPPED.items()):
        yield name, way, locale, words
