"""Answers: what a caller may rely on.

A question is searched for, the passages are read in one short transaction, sentences are encoded
and language models asked while none is open.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from embedhub.access.caller import Caller
from embedhub.answers import generation, prompt
from embedhub.answers.check import claims
from embedhub.answers.checking import Checked, check_answer
from embedhub.answers.checks import Limits, check_request
from embedhub.answers.context import cite, place_of
from embedhub.answers.events import (
    AnswerEvent,
    CitationMade,
    Delta,
    Done,
    Failed,
    SourcesFound,
    Waiting,
)
from embedhub.answers.extract import choose
from embedhub.answers.extracting import cite_first, compose, exact_citations, quotable
from embedhub.answers.generator import GenerationBusy, GenerationFailed, Generator
from embedhub.answers.marks import MarkReader
from embedhub.answers.reading import Found, find
from embedhub.answers.request import (
    Answer,
    AnswerRequest,
    AnswerTook,
    Citation,
    Context,
    Method,
    Source,
)
from embedhub.errors import InvalidInput
from embedhub.stopwatch import Stopwatch

__all__ = ["answer", "stream"]

NOT_FOUND = "Not found in the documents."


def answer(caller: Caller, slugs: Sequence[str], request: AnswerRequest) -> Answer:
    """Return the answer to a question from collections of the caller, every sentence checked.

    Only documents that the caller and the request's principals and filter let pass are read, cited
    or named as nearest. Raises NotFound for a collection the caller may not know of, InvalidInput
    and TooLarge naming the part of the request, NotReady, and with the sources GenerationFailed
    where the language model gave no answer, GenerationBusy where it could not be asked just now.
    """
    sources: tuple[Source, ...] = ()
    for event in stream(caller, slugs, request):
        match event:
            case SourcesFound():
                sources = event.sources
            case Done(answer=found):
                return found
            case Failed(message=message, retry_after_s=retry_after_s, code=code):
                kind = GenerationBusy if code == GenerationBusy.code else GenerationFailed
                raise kind(message, retry_after_s=retry_after_s, sources=sources)
            case _:
                continue
    raise RuntimeError("an answer ended without an end")


def stream(caller: Caller, slugs: Sequence[str], request: AnswerRequest) -> Iterator[AnswerEvent]:
    """Return the events of an answer; raises what `answer` raises before the first of them.

    Only a language model can fail after that: then the last event is Failed. Closing the iterator
    ends the call of the model.
    """
    caller.require("read")
    caller = caller.narrowed(request.principals)
    limits = check_request(slugs, request)
    generator = _generator(caller, request)
    watch = Stopwatch()
    question, failure = request.question, None
    if generator is not None and request.history:
        try:
            with watch.part("generate"):
                question = generator.standalone(question, request.history)
        except GenerationFailed as error:
            # What was asked still finds something: whoever asked gets that at least.
            failure = error
    found = find(caller, slugs, replace(request, question=question), limits, watch)
    asked = _Asked(caller, request, limits, found, watch)
    return asked.events(generator, failure)


def _generator(caller: Caller, request: AnswerRequest) -> Generator | None:
    if request.method is Method.EXTRACTIVE:
        return None
    generator = generation.find_generator(caller.workspace_id)
    if generator is None and request.method is Method.GENERATED:
        raise InvalidInput("this workspace has no language model", "method")
    return generator


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question whose passages are found and read."""

    caller: Caller
    request: AnswerRequest
    limits: Limits
    found: Found
    watch: Stopwatch

    def events(
        self, generator: Generator | None, failure: GenerationFailed | None
    ) -> Iterator[AnswerEvent]:
        """Yield what happens from here on."""
        if generator is None:
            yield from self._extractive()
        elif failure is None:
            yield from self._generated(generator)
        else:
            yield self._sources(self.found.context)
            yield _failed(failure)

    def _sources(self, context: Context) -> SourcesFound:
        return SourcesFound(self.found.request_id, self.found.question, context.sources)

    def _extractive(self) -> Iterator[AnswerEvent]:
        found = self.found
        sentences = quotable(found.context, found.sentences) if self._is_found else []
        chosen = choose(
            sentences,
            max_citations=self.limits.max_citations,
            max_words=self.limits.max_words,
        )
        context = cite_first(found.context, chosen)
        yield self._sources(context)
        if not chosen:
            yield Delta(NOT_FOUND)
            yield Done(self._nothing(Method.EXTRACTIVE))
            return
        text, said = compose(context, chosen)
        known = exact_citations(context, chosen, found.pages)
        told: set[int] = set()
        for end, claim in zip([0, *(claim.span.end for claim in said)], said, strict=False):
            yield Delta(text[end : claim.span.end])
            for number in claim.numbers:
                if number not in told:
                    told.add(number)
                    yield CitationMade(known[number])
        checked = check_answer(self.caller, found, context, said, known)
        yield Done(self._answer(Method.EXTRACTIVE, text, checked))

    def _generated(self, generator: Generator) -> Iterator[AnswerEvent]:
        context = self.found.context
        yield self._sources(context)
        if not self._is_found:
            yield Delta(NOT_FOUND)
            yield Done(self._nothing(Method.GENERATED))
            return
        text, marks = "", MarkReader({source.number for source in context.sources})
        deltas = generator.generate(self.found.question, context, self.request.history)
        try:
            with self.watch.part("generate"):
                for delta in deltas:
                    if not delta:
                        yield Waiting()
                        continue
                    text += delta
                    yield Delta(delta)
                    for number in marks.read(delta):
                        yield CitationMade(self._whole(number))
        except GenerationFailed as error:
            yield _failed(error)
            return
        finally:
            _close(deltas)
        said = claims(text)
        if not said or all(claim.text == prompt.NOT_FOUND for claim in said):
            yield Done(self._nothing(Method.GENERATED, text.strip() or NOT_FOUND))
            return
        checked = check_answer(self.caller, self.found, context, said, {})
        yield Done(self._answer(Method.GENERATED, text, checked))

    def _whole(self, number: int) -> Citation:
        source = self.found.context.sources[number - 1]
        return cite(source, source.start, source.end, self.found.pages.get(place_of(source)))

    @property
    def _is_found(self) -> bool:
        return bool(self.found.sentences) and self.found.evidence >= self.limits.min_evidence

    def _answer(self, method: Method, text: str, checked: Checked) -> Answer:
        return Answer(
            request_id=self.found.request_id,
            question=self.found.question,
            method=method,
            found=True,
            text=text,
            sentences=checked.sentences,
            citations=checked.citations,
            nearest=(),
            evidence=self.found.evidence,
            min_evidence=self.limits.min_evidence,
            complete=self.found.complete,
            notes=self.found.notes,
            took=_took(self.watch),
        )

    def _nothing(self, method: Method, text: str = NOT_FOUND) -> Answer:
        nearest = sorted(self.found.context.sources, key=lambda source: -source.score)
        empty = self._answer(method, text, Checked((), ()))
        return replace(empty, found=False, nearest=tuple(nearest[: self.limits.max_citations]))


def _took(watch: Stopwatch) -> AnswerTook:
    return AnswerTook(
        search=watch.spent("search"),
        read=watch.spent("read"),
        encode=watch.spent("encode"),
        generate=watch.spent("generate"),
        total=watch.total,
    )


def _failed(error: GenerationFailed) -> Failed:
    return Failed(error.code, error.message, error.retry_after_s)


def _close(deltas: Iterator[str]) -> None:
    close = getattr(deltas, "close", None)
    if close is not None:
        close()
