"""Whose topics are asked for, by whom, and which rows the asker sees."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from embedhub.access.caller import Caller
from embedhub.errors import NotFound
from embedhub.graph import service as graphs
from embedhub.graph.subject import Owner, Subject
from embedhub.tables import TopicFit
from embedhub.topics.queries import fits as queries


@dataclass(frozen=True, slots=True)
class Asked:
    """The rows of a level of a collection or catalog, as far as somebody may see them.

    `principals` narrow what is seen beside what the key itself is bound to. `level` None: documents
    of a collection, items of a catalog.
    """

    caller: Caller
    owner: Owner
    slug: str
    level: str | None = None
    principals: Sequence[str] | None = None

    @property
    def seen(self) -> Sequence[str] | None:
        """Return whose rows are seen; None for all."""
        return self.caller.narrowed(self.principals).principals

    def subject(self, session: Session) -> Subject:
        """Return whose rows these are; raises NotFound, InvalidInput for a level."""
        return graphs.subject_of(session, self.caller, self.owner, self.slug, self.level)

    def live(self, session: Session) -> tuple[Subject, TopicFit]:
        """Return whose rows, and the fit that answers; raises NotFound without one."""
        subject = self.subject(session)
        found = queries.find_live(session, subject)
        if found is None:
            raise NotFound("topics", self.slug)
        return subject, found
