"""A file's access list, for what was read from it before it was sent again."""

from sqlalchemy.orm import Session

from embedhub.documents import relabelling
from embedhub.documents.files.queries import files as queries
from embedhub.tables import File


def narrow(session: Session, file: File) -> None:
    """Let the documents of a file be seen by nobody who may not see the file as it is now.

    What comes may be long in the queue, or not be readable at all. Who was newly let in waits for
    the documents that were meant for them.
    """
    narrowed = queries.narrow_documents(session, file.id)
    if narrowed:
        relabelling.start(
            session,
            workspace_id=file.workspace_id,
            collection_id=file.collection_id,
            document_ids=narrowed,
        )
