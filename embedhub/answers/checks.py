"""What a request for an answer must fulfil before anything is looked up."""

from collections.abc import Sequence
from dataclasses import dataclass

from embedhub.answers.request import AnswerRequest
from embedhub.config import get_config
from embedhub.errors import InvalidInput, TooLarge


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one answer, the configured defaults filled in."""

    max_citations: int
    max_words: int
    context_tokens: int
    min_evidence: float


def check_request(slugs: Sequence[str], request: AnswerRequest) -> Limits:
    """Return the bounds of a request; raises InvalidInput or TooLarge, naming the part."""
    config = get_config()
    check_question(request.question)
    if len(request.history) > config.max_chat_messages:
        raise TooLarge(f"at most {config.max_chat_messages} messages", "history")
    if not slugs:
        raise InvalidInput("name at least one collection", "collections")
    if len(slugs) > config.max_answer_collections:
        raise TooLarge(f"at most {config.max_answer_collections} collections", "collections")
    if len(set(slugs)) < len(slugs):
        raise InvalidInput("a collection is named twice", "collections")
    evidence = config.min_evidence if request.min_evidence is None else request.min_evidence
    if not 0 <= evidence <= 1:
        raise InvalidInput("must be between 0 and 1", "min_evidence")
    return Limits(
        max_citations=_bounded(
            request.max_citations, config.answer_citations, config.max_citations, "max_citations"
        ),
        max_words=_bounded(
            request.max_words, config.answer_words, config.max_answer_words, "max_words"
        ),
        context_tokens=_bounded(
            request.context_tokens,
            config.context_tokens,
            config.max_context_tokens,
            "context_tokens",
        ),
        min_evidence=evidence,
    )


def check_question(question: str) -> None:
    """Raise unless the text can be asked."""
    limit = get_config().max_query_chars
    if len(question) > limit:
        raise TooLarge(f"longer than {limit} characters", "question")
    if not question.strip():
        raise InvalidInput("must not be empty", "question")
    if "\0" in question:
        raise InvalidInput("the character NUL is not allowed", "question")
    try:
        question.encode()
    except UnicodeEncodeError:
        raise InvalidInput("a lone surrogate is not text", "question") from None


def _bounded(asked: int | None, default: int, most: int, field: str) -> int:
    value = min(default, most) if asked is None else asked
    if not 1 <= value <= most:
        raise InvalidInput(f"must be between 1 and {most}", field)
    return value
