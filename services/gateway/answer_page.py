"""The page behind a link in a mail: what is asked, a few buttons, and what came of it. Plain HTML that runs nothing.

Every text of a record or a person is escaped. Words are English and German, as those of notices.
"""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from urllib.parse import urlsplit

_STYLE = (
    ":root{color-scheme:light dark}*{box-sizing:border-box}"
    "body{margin:0;padding:1.5rem;font:1rem/1.5 system-ui,sans-serif;background:light-dark(#f6f7f9,#15181d);"
    "color:light-dark(#1b1f24,#e6e8eb)}"
    "main{max-inline-size:34rem;margin:6vh auto;padding:1.75rem;border-radius:.75rem;background:light-dark(#fff,#1e2228);"
    "border:1px solid light-dark(#dde1e6,#343a42)}"
    "h1{font-size:1.25rem;margin:0 0 .5rem}p{margin:.25rem 0 1rem}small{color:light-dark(#596069,#a0a7b0)}"
    "label{display:block;font-weight:600;margin-block:1rem .25rem}"
    "textarea{inline-size:100%;min-block-size:5rem;padding:.5rem;font:inherit;border-radius:.4rem;"
    "border:1px solid light-dark(#8b939d,#6a727c);background:transparent;color:inherit}"
    "fieldset{border:0;padding:0;margin:1rem 0 0;display:flex;gap:.5rem;flex-wrap:wrap}legend{font-weight:600;padding:0}"
    "button{font:inherit;padding:.55rem 1.1rem;min-inline-size:3rem;border-radius:.4rem;cursor:pointer;"
    "border:1px solid light-dark(#8b939d,#6a727c);background:transparent;color:inherit}"
    "button.yes{background:#1f6f43;border-color:#1f6f43;color:#fff}"
    "a{color:light-dark(#0b5cad,#7ab7ff)}.wrong{color:light-dark(#a4161a,#ff9a9a);font-weight:600}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "vote": "Your vote is wanted",
        "asked": "asked by",
        "approve": "Approve",
        "reject": "Reject",
        "comment": "Why (the minutes show it)",
        "survey": "How was it?",
        "score": "From 1 (bad) to 5 (good)",
        "beside": "Anything else? Write it before you choose",
        "see": "See all of it",
        "thanks": "Thank you",
        "done": "Your answer was taken.",
        "over": "Nothing is asked any more",
        "sign-in": "Sign in to see where it stands.",
        "away": "This cannot be answered at the moment",
        "later": "Please try again in a few minutes. What you wrote was not kept.",
    },
    "de": {
        "vote": "Ihre Stimme ist gefragt",
        "asked": "gefragt von",
        "approve": "Zustimmen",
        "reject": "Ablehnen",
        "comment": "Warum (steht im Protokoll)",
        "survey": "Wie war es?",
        "score": "Von 1 (schlecht) bis 5 (gut)",
        "beside": "Noch etwas? Bitte vor der Wahl schreiben",
        "see": "Alles ansehen",
        "thanks": "Vielen Dank",
        "done": "Ihre Antwort ist angekommen.",
        "over": "Hier wird nichts mehr gefragt",
        "sign-in": "Melden Sie sich an, um den Stand zu sehen.",
        "away": "Das geht gerade nicht",
        "later": "Bitte versuchen Sie es in einigen Minuten noch einmal. Was Sie geschrieben haben, wurde nicht behalten.",
    },
}


def language(accepted: str) -> str:
    """The first language that a browser likes and that there are words in."""
    wished = (part.partition(";")[0].strip().lower().partition("-")[0] for part in accepted.split(",")[:20])
    return next((each for each in wished if each in WORDS), "en")


def vote(locale: str, title: str, asker: str, url: str, *, comment: str = "", wrong: str = "") -> str:
    """Asks for a vote."""
    words = WORDS[locale]
    by = f"<p><small>{words['asked']} {escape(asker)}</small></p>" if asker else ""
    buttons = (
        f'<fieldset><button class="yes" name="choice" value="APPROVE">{words["approve"]}</button>'
        f'<button name="choice" value="REJECT">{words["reject"]}</button></fieldset>'
    )
    return _page(
        locale,
        words["vote"],
        f"<p>{escape(title)}</p>{by}{_wrong(wrong)}{_form(words['comment'], comment, buttons)}{_see(words['see'], url)}",
    )


def survey(locale: str, question: str, about: str, url: str, *, comment: str = "", wrong: str = "") -> str:
    """Asks how it was."""
    words = WORDS[locale]
    scores = "".join(f'<button name="score" value="{score}">{score}</button>' for score in range(1, 6))
    buttons = f"<fieldset><legend>{words['score']}</legend>{scores}</fieldset>"
    return _page(
        locale,
        question or words["survey"],
        f"<p>{escape(about)}</p>{_wrong(wrong)}{_form(words['beside'], comment, buttons)}{_see(words['see'], url)}",
    )


def said(locale: str, heading: str, text: str, url: str) -> str:
    """Says how it stands; `heading` and `text` are names of words."""
    words = WORDS[locale]
    return _page(locale, words[heading], f"<p>{words[text]}</p>{_see(words['see'], url)}")


def _form(label: str, comment: str, buttons: str) -> str:
    area = f'<textarea id="comment" name="comment" maxlength="4096">{escape(comment)}</textarea>'
    return f'<form method="post"><label for="comment">{label}</label>{area}{buttons}</form>'


def _wrong(text: str) -> str:
    return f'<p class="wrong" role="alert">{escape(text)}</p>' if text else ""


def _see(text: str, url: str) -> str:
    safe = urlsplit(url).scheme in ("http", "https")
    return f'<p><small><a href="{escape(url)}">{text}</a></small></p>' if safe else ""


def _page(locale: str, heading: str, content: str) -> str:
    title = escape(heading)
    return (
        f'<!doctype html><html lang="{locale}"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<style>{_STYLE}</style></head><body><main><h1>{title}</h1>{content}</main></body></html>"
    )
