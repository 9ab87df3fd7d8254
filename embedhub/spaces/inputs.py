"""What the encoder is given for leased rows of the ledger: of chunks, items and users alike."""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from embedhub.documents.chunking import encoder_input
from embedhub.spaces.queries import ledger, members
from embedhub.spaces.queries.ledger import Input, LeasedRow

CHUNK = "chunk"


def inputs_of(session: Session, rows: Sequence[LeasedRow]) -> dict[Input, str]:
    """Return the text of each input, of rows whose owner still is what the ledger says."""
    subjects = subjects_of(session, rows)
    texts: dict[Input, str] = {}
    for subject, ids in owners_by_subject(rows, subjects).items():
        own = [row for row in rows if subjects.get(row.space_id) == subject]
        if subject == CHUNK:
            chunks = ledger.chunk_inputs(session, ids)
            for row in own:
                if (chunk := chunks.get(row.owner_id)) is not None:
                    texts[row.input] = encoder_input(chunk.title, chunk.heading_path, chunk.text)
            continue
        found = {one.id: one for one in members.inputs(session, subject=subject, ids=ids)}
        for row in own:
            one = found.get(row.owner_id)
            # Of another content meanwhile: the ledger holds a row for that one.
            if one is not None and one.input_hash == row.input_hash:
                texts[row.input] = one.content
    return texts


def subjects_of(session: Session, rows: Sequence[LeasedRow]) -> dict[int, str]:
    """Return whose vectors the spaces of these rows hold, as far as the spaces are there."""
    return members.subjects_of(session, [row.space_id for row in rows])


def owners_by_subject(
    rows: Sequence[LeasedRow], subjects: Mapping[int, str]
) -> dict[str, list[int]]:
    """Return the owners of these rows, in order, by what they are; pure."""
    owners: dict[str, set[int]] = {}
    for row in rows:
        if row.space_id in subjects:
            owners.setdefault(subjects[row.space_id], set()).add(row.owner_id)
    return {subject: sorted(ids) for subject, ids in owners.items()}
