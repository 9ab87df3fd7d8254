"""Labels: what a caller may rely on."""

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.errors import InvalidInput
from embedhub.graph.service import Owner
from embedhub.labels.doubts import decide, list_errors
from embedhub.labels.fitted import DESCRIBED, TRAINED
from embedhub.labels.giving import GivenInput, GivenOutcome, give, list_given, undo
from embedhub.labels.listing import Place, Wanted, classify, list_predictions
from embedhub.labels.publishing import get_version, list_versions, publish_version
from embedhub.labels.questions import queue
from embedhub.labels.sets import (
    SetInput,
    create_set,
    delete_set,
    describe_set,
    filled_fields,
    find_set,
    list_sets,
    run_subject,
    update_set,
)
from embedhub.labels.storing import ALWAYS, BETTER, NEVER
from embedhub.labels.view import (
    AskedView,
    ClassifierView,
    ErrorView,
    GivenView,
    LabelSetView,
    PredictionView,
    RowView,
    SetState,
)
from embedhub.runs.service import RunKind, start_run

__all__ = [
    "AskedView",
    "ClassifierView",
    "ErrorView",
    "GivenInput",
    "GivenOutcome",
    "GivenView",
    "LabelSetView",
    "Place",
    "PredictionView",
    "RowView",
    "SetInput",
    "SetState",
    "Wanted",
    "classify",
    "create_set",
    "decide",
    "delete_set",
    "describe_set",
    "filled_fields",
    "get_version",
    "give",
    "list_errors",
    "list_given",
    "list_predictions",
    "list_sets",
    "list_versions",
    "publish_version",
    "queue",
    "start_training",
    "undo",
    "update_set",
]


def start_training(
    caller: Caller,
    owner: Owner,
    slug: str,
    name: str,
    *,
    method: str | None = None,
    publish: str = BETTER,
) -> int:
    """Ask for the classifier of a label set to be trained; return the run, also one under way.

    `method`: `trained` on labelled rows, `described` by the labels' descriptions; None: as there
    are labels. `publish`: `better` if not worse than the live one, `always`, or `never`.
    """
    caller.require_writing()
    if method not in (None, TRAINED, DESCRIBED):
        raise InvalidInput(f"must be {TRAINED} or {DESCRIBED}", "method")
    if publish not in (BETTER, ALWAYS, NEVER):
        raise InvalidInput(f"must be {BETTER}, {ALWAYS} or {NEVER}", "publish")
    with db.writing() as session:
        row, subject = find_set(session, caller, owner, slug, name)
        return start_run(
            session,
            workspace_id=row.workspace_id,
            kind=RunKind.TRAIN_LABELS,
            subject=run_subject(row),
            arguments=subject.arguments
            | {"set_id": row.id, "label_set": row.name, "method": method, "publish": publish},
        )
