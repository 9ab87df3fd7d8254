"""What happens while an answer comes about, in this order: sources, deltas, citations, done.

A stream ends with `Done` or with `Failed`, and with nothing behind it. `CitationMade` follows the
delta whose mark [n] names a source for the first time; `Done` holds the checked answer as a whole.
`Waiting` may come between any two.
"""

import uuid
from dataclasses import dataclass

from embedhub.answers.request import Answer, Citation, Source


@dataclass(frozen=True, slots=True)
class SourcesFound:
    """The search has ended: what was searched for and the sources that marks [n] stand for."""

    request_id: uuid.UUID
    question: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    """More of the answer's text, to be appended to what came before."""

    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing has come from the language model for a while; it is still waited for."""


@dataclass(frozen=True, slots=True)
class CitationMade:
    """The text so far names this source for the first time."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class Done:
    """The answer as a whole, every sentence checked."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer came about, for a reason that a person understands; the sources stay valid.

    `code` is for programs: that of the error as a REST answer. `retry_after_s` where trying again
    later may help.
    """

    code: str
    message: str
    retry_after_s: float | None = None


AnswerEvent = SourcesFound | Delta | Waiting | CitationMade | Done | Failed
