"""What the walk over the endpoints needs of labels: sets with a classifier, a label, an error."""

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.graph.service import Owner
from embedhub.labels import service
from embedhub.labels.service import SetInput
from embedhub.labels.work import train_labels
from embedhub.runs.service import carry_out
from embedhub.tables import Document, GivenLabel, Item, LabelError, LabelSet

NAME = "kind"


def label_names(caller: Caller, slug: str, given: dict[str, int]) -> dict[str, object]:
    """Return the names of rows of a label set of the collection, and one of the catalog."""
    described = [
        {"name": "texts", "description": "an open text"},
        {"name": "animals", "description": "a text about an animal"},
    ]
    errors = {
        owner: _label_set(caller, owner, slug, described, given[f"/v1/{owner.value}/{{slug}}"])
        for owner in Owner
    }
    return {
        "label_set": NAME,
        "version": 1,
        "error_id": errors[Owner.COLLECTIONS],
        "catalog_error_id": errors[Owner.CATALOGS],
    }


def _label_set(
    caller: Caller, owner: Owner, slug: str, labels: list[dict[str, str]], given_id: int
) -> int:
    service.create_set(caller, owner, slug, SetInput(name=NAME, labels=labels))
    run_id = service.start_training(caller, owner, slug, NAME)
    carry_out(run_id, train_labels)
    is_catalog = owner is Owner.CATALOGS
    with db.writing() as session:
        label_set = session.query(LabelSet).order_by(LabelSet.id.desc()).first()
        rows = session.query(Item.id) if is_catalog else session.query(Document.id)
        row_id = max(rows)[0]
        assert label_set is not None
        of_row = {
            "workspace_id": label_set.workspace_id,
            "set_id": label_set.id,
            "node_id": row_id,
            "item_id" if is_catalog else "document_id": row_id,
        }
        error = LabelError(
            **of_row, label="texts", suggested="animals", confidence=0.1, suggested_probability=0.9
        )
        session.add_all([error, GivenLabel(**of_row, id=given_id, label="animals", given_by="ada")])
        session.flush()
        return error.id
