"""Whether an article helped somebody: a record of its own, so that saying so changes nothing else."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import Invalid
from services.incident.domain.article_fields import COMMENT
from services.incident.domain.moment import Act


@dataclass(slots=True, kw_only=True)
class ArticleRating(Aggregate):
    """The opinion of one person of one article; there is no second one."""

    about: str
    helpful: bool
    comment: str = ""
    edition: int = 0
    author_id: str
    create_time: datetime
    update_time: datetime

    @classmethod
    def said(cls, act: Act, *, id: str, about: str, helpful: bool, comment: str, edition: int) -> Self:  # noqa: A002 - as its field
        """A first opinion. Raises `Invalid` for one that says too much."""
        rating = cls(
            id=id, about=about, helpful=helpful, author_id=act.by, create_time=act.at, update_time=act.at, edition=edition
        )
        rating._take(act, helpful, comment, edition)
        return rating

    def change(self, act: Act, *, helpful: bool, comment: str, edition: int) -> None:
        """Another opinion in its place; the same once more is none."""
        if (self.helpful, self.comment, self.edition) != (helpful, comment, edition):
            self._take(act, helpful, comment, edition)

    def _take(self, act: Act, helpful: bool, comment: str, edition: int) -> None:
        if len(comment) > COMMENT:
            raise Invalid({"comment": f"may have {COMMENT} characters, not {len(comment)}"})
        self.helpful, self.comment, self.edition, self.update_time = helpful, comment, edition, act.at
        self.record(pb.ArticleRated())
