"""What puts an answer into words: the port between packing and checking, and language models.

`answers.generation.find_generator(workspace_id) -> Generator | None` says which one a workspace
has. `answers.service` offers `answer(caller, slugs, request) -> Answer` and
`stream(caller, slugs, request) -> Iterator[AnswerEvent]`; closing the stream closes the iterator
of `generate`, which ends the call behind it. No transaction is open while one runs.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from embedhub.answers.request import Context, Source, Turn
from embedhub.errors import HubError


class GenerationFailed(HubError):
    """The language model gave no answer; the text says why, without keys or addresses.

    `sources` are what was found all the same: whoever asked still gets them.
    """

    code = "generation_failed"

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        sources: Sequence[Source] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s
        self.sources = tuple(sources)


class GenerationBusy(GenerationFailed):
    """As many answers as this server has written at once are under way: send again later."""

    code = "busy"


class Generator(Protocol):
    """Answers from sources in a language model's words; safe to call from several threads.

    Both methods raise GenerationFailed, `generate` also after some deltas were given.
    """

    def standalone(self, question: str, history: Sequence[Turn]) -> str:
        """Return a follow-up as a question that is understood without what was said before."""
        ...

    def generate(self, question: str, context: Context, history: Sequence[Turn]) -> Iterator[str]:
        """Yield the answer's text bit by bit, with a mark [n] for each source it draws on.

        An empty bit says that it is still being waited for.
        """
        ...
