"""The words of a search's queries as the indexes know them, the same in all its collections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from embedhub.search import spelling
from embedhub.search.hits import lexemes_of
from embedhub.search.legs import QueryTerms
from embedhub.search.lexical import Term, idf, query_terms
from embedhub.search.queries import lexical as lexical_queries
from embedhub.search.queries import spelling as queries
from embedhub.search.question import Question
from embedhub.search.request import Note, NoteCode
from embedhub.search.snippets import normalized, words_of
from embedhub.search.spelling import Known
from embedhub.spaces.service import LiveSpaces
from embedhub.tables import Space

# A query so long has words enough; what a slip of the finger takes from it is little.
MAX_CORRECTED_CHARS = 500


@dataclass(frozen=True, slots=True)
class _Counted:
    """A query's lexemes in one space, with their places and row counts."""

    counts: Mapping[str, tuple[int, int]]
    n_rows: int

    def terms(self) -> QueryTerms:
        """Return those that some row holds."""
        return QueryTerms(query_terms(self.counts, self.n_rows), self.n_rows)


def analyse(
    session: Session, questions: Sequence[Question], spaces: Sequence[LiveSpaces]
) -> tuple[list[tuple[QueryTerms | None, ...]], list[Note]]:
    """Return for each collection the terms of each query, and notes about words that were guessed.

    None stands for a query without words, and for a collection without an index on them.
    """
    asked: list[list[QueryTerms | None]] = [[] for _ in questions]
    notes: list[Note] = []
    for number in range(len(questions[0].texts)):
        counted = [_count(session, *one, number) for one in zip(questions, spaces, strict=True)]
        terms = [None if one is None else one.terms() for one in counted]
        guesses = _guesses(session, questions, spaces, counted, number)
        for place, own in enumerate(_weighed_alike(terms)):
            found = [guess.term for guess in guesses if guess.place == place]
            more = None if own is None else replace(own, terms=_in_order([*own.terms, *found]))
            asked[place].append(more)
        notes += [_note(guess) for guess in guesses if questions[0].principals is None]
    return [tuple(own) for own in asked], list(dict.fromkeys(notes))


def _count(
    session: Session, question: Question, spaces: LiveSpaces, number: int
) -> _Counted | None:
    # Mode dense needs them too, to mark the words.
    text = question.texts[number]
    if text is None or spaces.sparse is None:
        return None
    counts, n_rows = lexical_queries.count_terms(
        session,
        space_id=spaces.sparse.id,
        configuration=question.configuration,
        query=text,
    )
    return _Counted(counts, n_rows)


def _weighed_alike(terms: Sequence[QueryTerms | None]) -> list[QueryTerms | None]:
    """Return the terms with the idf of all collections together: scores can be compared."""
    known = [one for one in terms if one is not None]
    if len(known) < 2:
        return list(terms)
    n_rows = sum(one.n_rows for one in known)
    with_term: dict[str, int] = {}
    for one in known:
        for term in one.terms:
            with_term[term.lexeme] = with_term.get(term.lexeme, 0) + term.n_rows
    return [
        one and replace(one, terms=[
            replace(term, idf=idf(n_rows, with_term[term.lexeme])) for term in one.terms
        ])
        for one in terms
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Guess:
    """A word that was taken for another, which a collection (by its number) knows."""

    word: str
    meant: str
    place: int
    term: Term


def _guesses(
    session: Session,
    questions: Sequence[Question],
    spaces: Sequence[LiveSpaces],
    counted: Sequence[_Counted | None],
    number: int,
) -> list[_Guess]:
    """Return what unknown words of a query may have meant, in each collection that knows it."""
    known = [one for one in counted if one is not None]
    text = questions[0].request.texts[number] if known else ""
    unknown = set(known[0].counts) if known else set()
    for counts in known:
        unknown &= {lexeme for lexeme, (_, n_rows) in counts.counts.items() if not n_rows}
    if not unknown or len(text) > MAX_CORRECTED_CHARS:
        return []
    configuration = questions[0].configuration
    guesses = []
    for word, lexeme in _written(session, configuration, text, unknown):
        for place, (own, one) in enumerate(zip(spaces, counted, strict=True)):
            if one is None or own.sparse is None:
                continue
            found, factor = _meant(session, own.sparse, configuration, word, lexeme)
            if found is not None and found.lexeme not in one.counts:
                weight = factor * idf(one.n_rows, found.n_rows)
                term = Term(found.lexeme, found.place, found.n_rows, weight)
                guesses.append(_Guess(word, found.word, place, term))
    return guesses


def _written(
    session: Session, configuration: str, text: str, unknown: set[str]
) -> list[tuple[str, str]]:
    """Return the words of a text behind unknown lexemes that may be misspelt, with these."""
    words = {normalized(word).lower() for word in words_of(text)}
    words = {word for word in words if spelling.is_correctable(word)}
    lexemes = lexemes_of(session, configuration, words)
    found = [(word, own) for word in sorted(words) for own in lexemes[word] if own in unknown]
    return found[: spelling.MAX_TRIED]


def _meant(
    session: Session, space: Space, configuration: str, word: str, lexeme: str
) -> tuple[Known | None, float]:
    """Return the known word closest to an unknown one, and what it counts."""
    close = list(dict.fromkeys(spelling.neighbours(word, configuration)))
    known = queries.known_words(
        session, space_id=space.id, configuration=configuration, words=close
    )
    found = spelling.best_neighbour(word, known)
    if found is not None or len(word) < spelling.MIN_LETTERS_FOR_TWO:
        return found, spelling.WEIGHT_OF_ONE
    prefix = lexeme[: spelling.PREFIX_LETTERS]
    alike = queries.lexemes_that_begin(session, space_id=space.id, prefix=prefix)
    return spelling.best_within_two(lexeme, alike), spelling.WEIGHT_OF_TWO


def _in_order(terms: Sequence[Term]) -> list[Term]:
    return sorted(terms, key=lambda term: (term.n_rows, term.lexeme))


def _note(guess: _Guess) -> Note:
    message = f'no document holds "{guess.word}": "{guess.meant}" was searched instead'
    return Note(NoteCode.CORRECTED, message)
