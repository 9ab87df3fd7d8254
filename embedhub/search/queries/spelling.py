"""The SQL that finds words which a lexical space knows, close to one that it does not."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.search.queries.lexical_index import PLACE
from embedhub.search.spelling import Known

# Lexemes that share their first letters, at most.
MAX_ALIKE = 3_000
# A sum for each word by the index: a join that the planner guesses to be small may take long.
KNOWN_WORDS = text(f"""
    WITH asked AS MATERIALIZED (
      SELECT word, lexeme FROM unnest(CAST(:words AS text[])) AS w(word)
      CROSS JOIN unnest(tsvector_to_array(to_tsvector(CAST(:configuration AS regconfig), word)))
        AS l(lexeme)),
    counted AS MATERIALIZED (
      SELECT lexeme, (SELECT sum(t.delta) FROM term_deltas t
                      WHERE t.space_id = :space_id AND t.lexeme = d.lexeme) AS n_rows
      FROM (SELECT DISTINCT lexeme FROM asked) AS d)
    SELECT a.word, a.lexeme, {PLACE.format(lexeme="a.lexeme")}, CAST(c.n_rows AS bigint)
    FROM asked a JOIN counted c ON c.lexeme = a.lexeme WHERE c.n_rows > 0
""")
ALIKE = text(f"""
    SELECT lexeme, lexeme, {PLACE.format(lexeme="lexeme")}, CAST(sum(delta) AS bigint)
    FROM term_deltas
    WHERE space_id = :space_id AND lexeme >= :prefix AND lexeme < :behind
      AND starts_with(lexeme, :prefix)
    GROUP BY lexeme HAVING sum(delta) > 0 LIMIT {MAX_ALIKE}
""")


def known_words(
    session: Session, *, space_id: int, configuration: str, words: Sequence[str]
) -> list[Known]:
    """Return those of the words that rows of a space hold, in any of their forms."""
    facts = {"space_id": space_id, "configuration": configuration, "words": list(words)}
    return [Known(*row) for row in session.execute(KNOWN_WORDS, facts)]


def lexemes_that_begin(session: Session, *, space_id: int, prefix: str) -> list[Known]:
    """Return the lexemes of a space that begin with these letters."""
    facts = {"space_id": space_id, "prefix": prefix, "behind": prefix + "\U0010ffff"}
    return [Known(*row) for row in session.execute(ALIKE, facts)]
