"""What is stored by COPY, as all of it is new, is what the usual way would have stored."""

from typing import Any

import orjson
import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.documents import upsert
from embedhub.documents.importing import import_documents
from embedhub.search import lexical_index
from embedhub.spaces.doctor import examine
from tests.factories import encode_everything, make_collection

DOCUMENTS: list[dict[str, Any]] = [
    {
        "external_id": "whole",
        "title": "Tïtle",
        "text": "# Head\n\nsome words here. And more words.\n\n## Sub\n\nlast words",
        "url": "https://example.org/page.md",
        "metadata": {"year": 2020, "when": "2020-01-01", "n": 1.5e300, "big": 2**63 - 1},
        "access": ["b", "a"],
        "source_version": 5,
        "language": "german",
        "expires_at": "2031-02-03T04:05:06.789123+01:00",
    },
    {"external_id": "hidden", "title": "only a title", "access": []},
    {"external_id": "blank"},
    {"external_id": "long", "text": "some words " * 600},
    {"external_id": "first", "text": "words words", "expires_at": "0001-01-01T00:00:00Z"},
    {
        "external_id": "last",
        "text": "e\u0301 \N{LATIN SMALL LIGATURE FI} 東京 \N{GRINNING FACE}",
        "metadata": {"a": {"b": [1, None, True]}},
        "expires_at": "9999-12-31T23:59:59.999999Z",
    },
]
OF_CHUNK = """
    JOIN spaces s ON s.id = e.space_id AND s.collection_id = :id JOIN chunks c ON c.id = e.owner_id
    JOIN documents d ON d.id = c.document_id ORDER BY d.external_id, c.position
"""
STORED = {
    "documents": """
        SELECT external_id, url, metadata, attributes, access, language, source_version,
               CAST(expires_at AS text), content_hash, version, live_version, generation,
               live_generation
        FROM documents WHERE collection_id = :id ORDER BY external_id""",
    "versions": """
        SELECT d.external_id, v.version, v.title, v.text, v.content_hash
        FROM document_versions v JOIN documents d ON d.id = v.document_id
        WHERE d.collection_id = :id ORDER BY d.external_id""",
    "chunks": """
        SELECT d.external_id, c.position, c.version, c.generation, c.start_offset, c.end_offset,
               c.heading_path, c.text, c.n_tokens, c.input_hash
        FROM chunks c JOIN documents d ON d.id = c.document_id
        WHERE c.collection_id = :id ORDER BY d.external_id, c.position""",
    "words": f"""
        SELECT d.external_id, c.position, e.access, e.attributes, e.language,
               CAST(e.terms AS text), CAST(e.weights AS text)
        FROM sparse_embeddings e {OF_CHUNK}""",
    "vectors": f"""
        SELECT d.external_id, c.position, e.access, e.attributes, CAST(e.vector AS text),
               e.input_hash, e.copy
        FROM embeddings e {OF_CHUNK}""",
    "ledger": f"""
        SELECT d.external_id, c.position, e.priority, e.encoder, e.input_hash
        FROM pending e {OF_CHUNK}""",
    "document frequencies": """
        SELECT t.lexeme, sum(t.delta) FROM term_deltas t
        JOIN spaces s ON s.id = t.space_id AND s.collection_id = :id GROUP BY 1 ORDER BY 1""",
}


def stored(slug: str) -> dict[str, list[tuple[Any, ...]]]:
    with db.reading() as session:
        found = {
            "id": session.execute(
                text("SELECT id FROM collections WHERE slug = :slug"), {"slug": slug}
            ).scalar_one()
        }
        return {
            what: [tuple(row) for row in session.execute(text(statement), found)]
            for what, statement in STORED.items()
        }


@pytest.mark.parametrize("dimension", [None, 8])
def test_both_ways_store_the_same_rows(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, dimension: int | None
) -> None:
    vectors = {} if dimension is None else {"vector": [3.0] * (dimension - 1) + [1e-8]}
    # One without: it is found by its words only.
    lines = [orjson.dumps(each | vectors) for each in DOCUMENTS[:-1]] + [
        orjson.dumps(DOCUMENTS[-1])
    ]
    for slug in ("fast", "usual"):
        make_collection(
            caller, slug, dimension=dimension, filterable={"year": "number", "when": "date"}
        )
    (part,) = import_documents(caller, "fast", lines)
    assert (len(part.outcomes), part.errors) == (len(DOCUMENTS), [])
    chunk_changed = upsert.chunk_changed

    def as_if_known(facts: Any, batch: Any) -> Any:
        refused = chunk_changed(facts, batch)
        for prepared in batch:
            prepared.is_known = True
        return refused

    monkeypatch.setattr("embedhub.documents.import_batches.chunk_changed", as_if_known)
    monkeypatch.delattr(upsert, "store_all_new")
    list(import_documents(caller, "usual", lines))
    assert stored("fast") == stored("usual")
    encode_everything()
    lexical_index.fold()
    after = stored("fast")
    assert after == stored("usual")
    assert after["vectors"]
    assert after["document frequencies"]
    assert examine().is_clean
