"""Answers in a language model's words: the generator that a workspace has, if it has one."""

from collections.abc import Iterator, Sequence

from embedhub.answers import prompt
from embedhub.answers.generator import Generator
from embedhub.answers.llm.client import complete_chat, stream_chat
from embedhub.answers.llm.endpoint import Endpoint
from embedhub.answers.llm.service import find_endpoint
from embedhub.answers.request import Context, Turn
from embedhub.config import get_config


def find_generator(workspace_id: int) -> Generator | None:
    """Return what words the answers of a workspace; None: sentences of its documents do.

    Raises GenerationFailed if its endpoint's key cannot be read.
    """
    endpoint = find_endpoint(workspace_id)
    return None if endpoint is None else EndpointGenerator(endpoint)


class EndpointGenerator:
    """Answers through an OpenAI-compatible endpoint; safe to call from several threads.

    Its methods raise GenerationFailed with the reason in plain words, and Disconnected once the
    client of the calling thread has left. No transaction may be open meanwhile.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def standalone(self, question: str, history: Sequence[Turn]) -> str:
        """Return a follow-up as a question that is understood without what was said before."""
        said = _bounded(history)
        if not said:
            return question
        text = complete_chat(self.endpoint, prompt.rewriting_messages(question, said))
        return prompt.read_question(text, asked=question, max_chars=get_config().max_query_chars)

    def generate(self, question: str, context: Context, history: Sequence[Turn]) -> Iterator[str]:
        """Yield the answer's text bit by bit, with a mark [n] for each source it draws on.

        An empty bit says that the endpoint is still silent.
        """
        messages = prompt.answer_messages(
            question, context, _bounded(history), boundary=prompt.make_boundary()
        )
        yield from stream_chat(self.endpoint, messages)


def _bounded(history: Sequence[Turn]) -> tuple[Turn, ...]:
    config = get_config()
    return prompt.bounded_history(
        history, n_turns=config.history_turns, n_chars=config.history_chars
    )
