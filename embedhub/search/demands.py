"""What a query demands of passages beside its words, as a restriction of both legs."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from embedhub.config import get_config
from embedhub.search.analysis import UNSPACED, cells_of
from embedhub.search.filters import Filter
from embedhub.search.queries import operators as queries
from embedhub.search.queries.lexical import SPARSE
from embedhub.search.queries.operators import WordCondition, Wording
from embedhub.search.queries.restriction import Restriction, place_of
from embedhub.search.query_language import exact_pattern
from embedhub.search.question import Asked
from embedhub.search.request import Note, NoteCode
from embedhub.tables import Space


@dataclass(frozen=True, slots=True)
class Scope:
    """Where words are looked up: a lexical space, its analysis, and what restricts it already."""

    space: Space | None
    configuration: str
    plain: Restriction

    @classmethod
    def filtered(cls, space: Space | None, configuration: str, wanted: Filter) -> "Scope":
        """Return where whoever sees everything looks, by a filter alone."""
        return cls(space, configuration, Restriction(wanted, None))


def demanded(
    session: Session, asked: Asked, scopes: Sequence[Scope]
) -> tuple[list[Restriction], list[Note]]:
    """Return each collection's restriction with what phrases in quotes and -words demand.

    Where few passages hold the phrases, these are named: both legs compare all of them. Where none
    does in any collection the phrases are not demanded, and a note says so.
    """
    phrases = list(dict.fromkeys(one for query in asked.parsed for one in query.phrases))
    excluded = list(dict.fromkeys(one for query in asked.parsed for one in query.excluded))
    if not (phrases or excluded):
        return [scope.plain for scope in scopes], []
    found = [_condition(session, scope, phrases, excluded) for scope in scopes]
    if not phrases or any(one is not None and one.owners != () for one in found):
        return [_with(scope, one) for scope, one in zip(scopes, found, strict=True)], []
    relaxed = [
        None if one is None else replace(one, required=(), owners=None) for one in found
    ]  # fmt: skip
    quoted = ", ".join(f'"{phrase}"' for phrase in phrases)
    message = f"no passage found holds {quoted} as it stands: the words alone were searched"
    notes = [Note(NoteCode.PHRASE_NOT_FOUND, message)]
    return [_with(scope, one) for scope, one in zip(scopes, relaxed, strict=True)], notes


def _with(scope: Scope, condition: WordCondition | None) -> Restriction:
    if condition is None:
        return scope.plain
    # Where others hold a phrase, who cannot look it up has no passage to show.
    is_demanding = condition.required or condition.excluded or condition.owners is not None
    return replace(scope.plain, words=condition) if is_demanding else scope.plain


def _condition(
    session: Session, scope: Scope, phrases: Sequence[str], excluded: Sequence[str]
) -> WordCondition | None:
    """Return what passages of a collection must fulfil; `owners` are () where none does."""
    if scope.space is None:
        return None
    found = queries.analyse_phrases(
        session,
        configuration=scope.configuration,
        phrases=[list(pieces_of(phrase)) for phrase in (*phrases, *excluded)],
    )
    required = _wordings(phrases, found[: len(phrases)], is_exact=True)
    left_out = _wordings(excluded, found[len(phrases) :], is_exact=False)
    condition = WordCondition(scope.space, required, left_out)
    if len(required) < len(phrases):
        # Of what no index knows nothing can be demanded.
        return replace(condition, required=(), owners=())
    if not required:
        return condition
    limit = get_config().exact_rows
    owners = queries.owners_that_hold(
        session,
        place=place_of(SPARSE, scope.space),
        passes=replace(scope.plain, words=condition).predicate(SPARSE),
        limit=limit + 1,
    )
    return condition if len(owners) > limit else replace(condition, owners=tuple(owners))


def pieces_of(phrase: str) -> Iterator[str]:
    """Yield the parts of a phrase whose words stand side by side in the index.

    Scripts without spaces are stored by character and pair; the characters follow each other.
    """
    plain = unicodedata.normalize("NFKC", phrase)
    end = 0
    for run in UNSPACED.finditer(plain):
        yield plain[end : run.start()]
        yield " ".join(cells_of(run[0]))
        end = run.end()
    yield plain[end:]


def _wordings(
    phrases: Sequence[str], found: Sequence[str], *, is_exact: bool
) -> tuple[Wording, ...]:
    """Return what the index can find of the phrases; a single word left out takes its forms too."""
    return tuple(
        Wording(terms, _pattern(phrase) if is_exact or " " in phrase else None)
        for phrase, terms in zip(phrases, found, strict=True)
        if terms
    )


def _pattern(phrase: str) -> str:
    # As the texts that it is compared with.
    return exact_pattern(unicodedata.normalize("NFKC", phrase))
