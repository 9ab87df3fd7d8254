"""A label set of the house, with a label given, a classifier and a likely error."""

from sqlalchemy.orm import Session

from embedhub.tables import Classifier, Document, GivenLabel, LabelError, LabelSet


def add_labels(session: Session, workspace_id: int, collection_id: int) -> None:
    """Add one row of each."""
    document = session.query(Document).filter_by(external_id="whales").one()
    label_set = LabelSet(
        workspace_id=workspace_id,
        collection_id=collection_id,
        level="document",
        name="topic",
        source="given",
        labels=[{"name": "nature", "description": "Animals and the earth"}],
        created_by="staff",
    )
    session.add(label_set)
    session.flush()
    of_set = {"workspace_id": workspace_id, "set_id": label_set.id}
    of_row = {"document_id": document.id, "node_id": document.id}
    session.add_all(
        [
            GivenLabel(**of_set, **of_row, label="nature", given_by="staff"),
            Classifier(
                **of_set,
                number=1,
                status="live",
                origin="trained",
                space_id=1,
                data_hash=b"rows",
                n_rows=4,
                labels=["nature", "computers"],
                metrics={"accuracy": 0.75},
            ),
            LabelError(
                **of_set,
                **of_row,
                label="computers",
                suggested="nature",
                confidence=0.1,
                suggested_probability=0.9,
            ),
        ]
    )
