"""Trials: another chunking beside the live one, as a variant that can be measured and applied.

Passages are rows, so a trial has a collection of its own, which a run fills with the documents.
Applying it is quick: the vectors of its passages are in the cache.
"""

import re
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.checks import check_chunking
from embedhub.collections.service import CollectionInput, add_collection, find_collection
from embedhub.encoders import SUPPLIED
from embedhub.errors import Conflict, InvalidInput
from embedhub.evaluation.queries import variants as queries
from embedhub.evaluation.setting import Setting
from embedhub.evaluation.variants import (
    MANUAL,
    VariantView,
    check_against,
    check_new,
    setting_of,
    store,
    view_of,
)
from embedhub.runs.service import RunKind, start_run
from embedhub.tables import Collection

LONGEST_SLUG_PART = 40


def save_trial(caller: Caller, slug: str, setting: Setting) -> VariantView:
    """Save a variant of another chunking and have a collection filled with its passages by a run.

    That collection is `setting.collection`, or named after both. Saving the same again brings it
    up to date. Raises InvalidInput where vectors are supplied, Conflict if the slug is taken or the
    variant is something else, Forbidden for a key bound to collections or principals.
    """
    caller.require_writing()
    caller.require_every_document()
    with db.writing() as session:
        source = find_collection(session, caller, slug)
        if source.encoder == SUPPLIED:
            raise InvalidInput("vectors are supplied, one a document: each stays whole", "chunking")
        wanted = check_chunking(source.encoder, setting.chunking or {}).as_mapping()
        if wanted == source.chunking:
            raise InvalidInput("documents are parted like this already", "chunking")
        setting = _with_collection(setting, slug, wanted)
        copy = _known_copy(session, caller, source, setting) or _new_copy(
            session, caller, source, setting
        )
        check_against(session, caller, source, setting, "")
        run_id = start_run(
            session,
            workspace_id=caller.workspace_id,
            kind=RunKind.COPY_DOCUMENTS,
            subject=f"collection {copy.id}",
            arguments={"collection_id": copy.id, "source_id": source.id},
        )
        row = store(session, source, setting, source=MANUAL, facts={"run_id": run_id})
        return view_of(row)


def _with_collection(setting: Setting, slug: str, chunking: dict[str, Any]) -> Setting:
    part = re.sub(r"[^a-z0-9]+", "-", setting.name.lower()).strip("-")[:LONGEST_SLUG_PART]
    collection = setting.collection or f"{slug}-{part or 'trial'}"
    return replace(setting, collection=collection, chunking=chunking)


def _known_copy(
    session: Session, caller: Caller, source: Collection, setting: Setting
) -> Collection | None:
    row = queries.find_variant(
        session, workspace_id=caller.workspace_id, collection_id=source.id, name=setting.name
    )
    if row is None:
        check_new(session, source)
        return None
    known = setting_of(row)
    if (known.chunking, known.collection) != (setting.chunking, setting.collection):
        raise Conflict(f"there is a variant {setting.name!r} of another setting: delete it first")
    copy = find_collection(session, caller, str(known.collection))
    if copy.chunking != setting.chunking:
        raise Conflict(f"{copy.slug!r} parts its documents otherwise by now: take another name")
    return copy


def _new_copy(session: Session, caller: Caller, source: Collection, setting: Setting) -> Collection:
    wanted = CollectionInput(
        slug=str(setting.collection),
        name=f"{source.name}: {setting.name}",
        language=source.language,
        encoder=source.encoder,
        chunking=setting.chunking,
        filterable=source.filterable,
        ranking=source.ranking,
    )
    return add_collection(session, caller, wanted)
