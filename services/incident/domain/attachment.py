"""A file that belongs to a record: a record of its own, so that adding one changes nothing else. It is never changed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate


class Scan(StrEnum):
    """Whether anything has looked into a file for malware."""

    NOT_SCANNED = "NOT_SCANNED"


@dataclass(slots=True, kw_only=True)
class Attachment(Aggregate):
    """What is known of a file; what it holds lies in pieces under its id. An internal one is not for the reporter."""

    about: str
    file_name: str
    media_type: str
    size: int
    sha256: str
    internal: bool = False
    scan: Scan = Scan.NOT_SCANNED
    uploader_id: str
    create_time: datetime
    delete_time: datetime | None = None

    @classmethod
    def added(
        cls,
        *,
        id: str,  # noqa: A002 - as its field
        about: str,
        file_name: str,
        media_type: str,
        size: int,
        sha256: str,
        internal: bool,
        by: str,
        at: datetime,
    ) -> Self:
        """A file that is whole and was judged."""
        attachment = cls(
            id=id,
            about=about,
            file_name=file_name,
            media_type=media_type,
            size=size,
            sha256=sha256,
            internal=internal,
            uploader_id=by,
            create_time=at,
        )
        attachment.record(pb.AttachmentAdded())
        return attachment

    def remove(self, at: datetime) -> None:
        """It is gone, and its name with it."""
        self.file_name, self.delete_time = "", at
        self.record(pb.AttachmentRemoved())
