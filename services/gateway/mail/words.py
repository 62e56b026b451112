"""What somebody wrote: HTML as text, and an answer without what it quotes and what stands under it.

Never fails; time grows with the length alone.
"""

import re
from html.parser import HTMLParser

import nh3

_BLOCKS = {"p", "div", "br", "li", "ul", "ol", "tr", "table", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "hr"}
_CELLS = {"td", "th"}
_LONGEST_HTML = 1024 * 1024
_DEEPEST_QUOTE = 10
_MOST_TAGS = 5_000  # opening and closing

# What answers begin their quotation with, in the words of the usual programs.
_WROTE = re.compile(
    r"\s*(?:>\s*)?(?:On|Am|Le|El|Il|Op|W dniu|Em|Den|Dne|På)\b.{0,300}"
    r"(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef|napisał|escreveu|skrev|napsal)\b.{0,80}:\s*"
)
_DIVIDER = re.compile(
    r"\s*(?:-{2,}\s*(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original|Messaggio originale|"
    r"Oorspronkelijk bericht|Forwarded message|Weitergeleitete Nachricht)\s*-{2,}|_{20,})\s*",
    re.IGNORECASE,
)
_FROM = re.compile(r"\s*\*?(?:From|Von|De|Da|Van|Od)\s?:\*?\s.{1,300}", re.IGNORECASE)
_SENT = re.compile(r"\s*\*?(?:Sent|Date|Gesendet|Datum|Envoyé|Enviado|Inviato|Verzonden|To|An|À|Para|A|Aan)\s?:", re.IGNORECASE)
_LINE = 400  # letters of a line that are looked at


def from_html(html: str) -> str:
    """HTML as text: blocks as lines, quotations marked as in plain text, nothing of scripts, styles and comments."""
    safe = nh3.clean(
        _first(html[:_LONGEST_HTML]),
        tags=_BLOCKS | _CELLS,
        clean_content_tags={"script", "style", "title"},
        attributes={},
        link_rel=None,
    )
    reader = _Reader()
    reader.feed(safe)
    reader.close()
    return reader.text()


def _first(html: str) -> str:
    """As much of it as the sanitizer may take: its time grows by the square of how deep tags lie in each other."""
    place = -1
    for _ in range(_MOST_TAGS):
        place = html.find("<", place + 1)
        if place < 0:
            return html
    return html[:place]


class _Reader(HTMLParser):
    """Reads what the sanitizer wrote: known tags without attributes, each closed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line: list[str] = []
        self._quoted = self._fixed = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - of the library
        self._begin(tag)
        self._quoted += tag == "blockquote"
        self._fixed += tag == "pre"
        if tag == "li":
            self._line.append("- ")

    def handle_endtag(self, tag: str) -> None:
        self._begin(tag)
        self._quoted -= tag == "blockquote"
        self._fixed -= tag == "pre"
        if tag == "p":
            self._end()

    def handle_data(self, data: str) -> None:
        if self._fixed:
            first, *rest = data.split("\n")
            self._line.append(first)
            for each in rest:
                self._end()
                self._line.append(each)
        else:
            self._line.append(re.sub(r"\s+", " ", data))

    def text(self) -> str:
        """All that was read."""
        self._end()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip("\n")

    def _begin(self, tag: str) -> None:
        if tag in _CELLS:
            self._line.append(" ")
        elif tag == "br" or any(each.strip() for each in self._line):
            self._end()

    def _end(self) -> None:
        line = "".join(self._line)
        line = line.rstrip() if self._fixed else line.strip()
        self._lines.append("> " * min(self._quoted, _DEEPEST_QUOTE) + line)
        self._line = []


def answer(text: str) -> str:
    """What an answer says itself: without the message it quotes at its end and without a signature.

    A quotation with words between it stays as it is: they say nothing without it. Where nothing would be left all is kept.
    """
    lines = text.split("\n")
    kept = lines[: _quotation(lines)]
    while kept and (not kept[-1].strip() or kept[-1].lstrip().startswith(">")):
        kept.pop()
    signature = next((index for index, line in enumerate(kept) if line.rstrip(" ") == "--"), len(kept))
    if any(line.strip() for line in kept[:signature]):
        kept = kept[:signature]
    return "\n".join(kept).strip() or text.strip()


def _quotation(lines: list[str]) -> int:
    """The line that it begins with; behind the last one where there is none."""
    whole = _whole_from(lines)
    for index, each in enumerate(lines):
        line = each[:_LINE]
        if _DIVIDER.fullmatch(line):
            return index
        if _FROM.fullmatch(line) and any(_SENT.match(following[:_LINE]) for following in lines[index + 1 : index + 4]):
            return index
        # Programs break the line at 70 or so letters.
        both = " ".join(part[:_LINE].strip() for part in lines[index : index + 2])
        width = 1 if _WROTE.fullmatch(line) else 2 if line.strip() and len(both) < _LINE and _WROTE.fullmatch(both) else 0
        if width and index + width >= whole:
            return index
    return len(lines)


def _whole_from(lines: list[str]) -> int:
    """The first line from which on all is quoted, or nothing is marked, as some programs do."""
    quoted = [index for index, line in enumerate(lines) if line.lstrip().startswith(">")]
    last = quoted[-1] if quoted else -1
    between = (index for index in range(last, -1, -1) if lines[index].strip() and not lines[index].lstrip().startswith(">"))
    return next(between, -1) + 1
