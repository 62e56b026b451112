"""What files are called and what they are, judged by what they hold: a name is only ever shown, a declared type never believed.

Nothing here opens a file: no archive is unpacked, no image decoded.
"""

import re
import unicodedata
from collections.abc import Mapping

from chassis.errors import Invalid

LONGEST_NAME = 200
UNKNOWN, TEXT = "application/octet-stream", "text/plain"

_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories that a name never holds: what controls, turns the direction around, or is no character."""
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)", re.IGNORECASE)
_RUNS = re.compile(
    r"app|bat|chm|cmd|com|cpl|dll|exe|gadget|hta|inf|ins|isp|jar|jse?|lnk|mde|ms[cipt]|ocx|pif|psm?1|reg|sc[frt]|sys|vb[es]?|"
    r"ws[cfh]?|xll",
    re.IGNORECASE,
)
"""Extensions of what runs when it is opened."""

_OFFICE, _OPEN = "application/vnd.openxmlformats-officedocument.", "application/vnd.oasis.opendocument."
_ZIP, _OLE = "application/zip", "application/x-ole-storage"
_MAGIC: tuple[tuple[bytes, int, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF87a", 0, "image/gif"),
    (b"GIF89a", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"II*\0", 0, "image/tiff"),
    (b"MM\0*", 0, "image/tiff"),
    (b"%PDF-", 0, "application/pdf"),
    (b"PK\x03\x04", 0, _ZIP),
    (b"PK\x05\x06", 0, _ZIP),
    (b"\x1f\x8b", 0, "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", 0, "application/x-7z-compressed"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0, _OLE),
    (b"ftyp", 4, "video/mp4"),
)
"""Bytes, where they stand, and the type that they are the sign of."""
_PROGRAMS = (b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe")
_SIGNED = frozenset(kind for _, _, kind in _MAGIC)
_WITHIN: Mapping[str, tuple[str, ...]] = {
    _ZIP: (_OFFICE, _OPEN, "application/epub+zip"),
    _OLE: ("application/msword", "application/vnd.ms-"),
    "video/mp4": ("video/quicktime", "image/heic", "image/heif", "image/avif", "audio/mp4"),
}
"""Kinds of files that look like others from outside: how their names begin."""
_ALIASES: Mapping[str, str] = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "application/x-pdf": "application/pdf",
    "application/x-zip-compressed": _ZIP,
    "application/x-gzip": "application/gzip",
}
_MARKUP = re.compile(rb"<[!?a-z]", re.IGNORECASE)
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}", re.ASCII)
_LOOKED_AT = 4096
_SPLIT = 4  # a character of UTF-8 may be cut where a piece ends


def display_name(given: str) -> str:
    """What a file is called wherever it is shown: the last step of a path, one line of letters, at most 200 of them."""
    last = unicodedata.normalize("NFC", given).replace("\\", "/").rpartition("/")[2]
    shown = "".join(" " if letter.isspace() else letter for letter in last if unicodedata.category(letter) not in _HIDDEN)
    name = " ".join(shown.split()).strip(". ")
    if len(name) > LONGEST_NAME:
        stem, dot, extension = name.rpartition(".")
        tail = dot + extension if dot and len(extension) < 20 else ""
        name = (stem if tail else name)[: LONGEST_NAME - len(tail)].rstrip(". ") + tail
    if _DEVICES.match(name):
        name = f"_{name}"
    return name or "file"


def require_harmless(name: str) -> None:
    """Raises `Invalid` for the name of something that runs when it is opened, also where another extension follows."""
    for extension in name.split(".")[1:]:
        if _RUNS.fullmatch(extension.strip()):
            raise Invalid({"file_name": f"files with the extension .{extension.strip()} are not taken"})


def declared(given: str) -> str:
    """A declared type without its parameters; empty where it says nothing. Raises `Invalid` for what is no type."""
    kind = given.partition(";")[0].strip().lower()
    if kind and not _TYPE.fullmatch(kind):
        raise Invalid({"media_type": "must look like image/png"})
    kind = _ALIASES.get(kind, kind)
    return "" if kind == UNKNOWN else kind


def found(start: bytes, said: str) -> str:
    """What kind of file begins like this, where its sender `said` a type or nothing.

    Raises `Invalid` for programs, and where what was said has a sign of its own that is not there, or another one is.
    """
    if start.startswith(_PROGRAMS):
        raise Invalid({"content": "programs are not taken"})
    kind = next((kind for magic, at, kind in _MAGIC if start[at : at + len(magic)] == magic), "")
    inner = said.startswith(_WITHIN.get(kind, ())) if kind in _WITHIN else False
    if said and kind and said != kind and not inner:
        raise Invalid({"media_type": f"says {said}, but the file is {kind}"})
    if said and not kind and _has_sign(said):
        raise Invalid({"media_type": f"says {said}, but the file is none"})
    if inner:
        return said
    return kind or _of_text(start)


def _has_sign(said: str) -> bool:
    return said in _SIGNED or any(said.startswith(names) for names in _WITHIN.values())


def _of_text(start: bytes) -> str:
    if b"\0" in start or not _is_text(start):
        return UNKNOWN
    head = start[:_LOOKED_AT].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not _MARKUP.match(head):
        return TEXT
    if b"<svg" in head:
        return "image/svg+xml"
    return "text/xml" if head.startswith(b"<?xml") and b"<html" not in head else "text/html"


def _is_text(start: bytes) -> bool:
    for cut in range(_SPLIT):
        try:
            start[: len(start) - cut].decode()
        except UnicodeDecodeError:
            continue
        return True
    return False
