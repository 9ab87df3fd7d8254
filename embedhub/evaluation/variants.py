"""Variants: settings under a name, tried beside the live one, and made the live one.

Applying keeps what was live as a variant of its own, so that it can be applied again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.checks import checked_ranking
from embedhub.collections.service import (
    CollectionChanges,
    find_collection,
    update_collection,
)
from embedhub.config import get_config
from embedhub.errors import Conflict, HubError, InvalidInput, NotFound, TooLarge
from embedhub.evaluation.queries import variants as queries
from embedhub.evaluation.setting import LIVE, Setting, read_setting
from embedhub.search.ranking.settings import KEYS, merged
from embedhub.search.request import Mode
from embedhub.tables import Collection, Variant

MANUAL, LEARNED, FORMER = "manual", "learned", "former"
# Of what was live before and of what was learned, so many are kept of each.
KEPT = 10


@dataclass(frozen=True, slots=True)
class VariantView:
    """A saved setting; `facts` say how a learned one was found."""

    name: str
    source: str
    setting: dict[str, Any]
    facts: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Applied:
    """What is live now, and the variant that brings back what was."""

    ranking: dict[str, Any]
    former: str
    # that parts the documents anew, if the chunking changed
    run_id: int | None = None


def save_variant(caller: Caller, slug: str, setting: Setting) -> VariantView:
    """Save a setting under its name, in place of the one it had; raises InvalidInput, TooLarge."""
    caller.require_writing()
    if setting.name == LIVE:
        raise InvalidInput(f"{LIVE!r} is what callers get now", "name")
    with db.writing() as session:
        collection = find_collection(session, caller, slug)
        check_against(session, caller, collection, setting, "")
        known = queries.find_variant(
            session,
            workspace_id=caller.workspace_id,
            collection_id=collection.id,
            name=setting.name,
        )
        if known is None:
            check_new(session, collection)
        return view_of(store(session, collection, setting, source=MANUAL))


def check_new(session: Session, collection: Collection) -> None:
    """Raise TooLarge if the collection has as many variants as it may."""
    limit = get_config().max_variants
    if queries.count_variants(session, collection.id) >= limit:
        raise TooLarge(f"a collection has at most {limit} variants", "name")


def list_variants(caller: Caller, slug: str) -> list[VariantView]:
    """Return the variants of a collection, by name."""
    caller.require_every_document()
    with db.reading() as session:
        collection = find_collection(session, caller, slug)
        rows = queries.list_variants(
            session, workspace_id=caller.workspace_id, collection_id=collection.id
        )
        return [view_of(row) for row in rows]


def delete_variant(caller: Caller, slug: str, name: str) -> None:
    """Delete a variant; raises NotFound."""
    caller.require_writing()
    with db.writing() as session:
        collection = find_collection(session, caller, slug)
        if not queries.delete_variant(
            session, workspace_id=caller.workspace_id, collection_id=collection.id, name=name
        ):
            raise NotFound("variant", name)


def apply_variant(caller: Caller, slug: str, name: str) -> Applied:
    """Make a variant's ranking and chunking the collection's; what was live is kept as a variant.

    Raises Conflict for a variant that only a request or another collection can be.
    """
    caller.require_writing()
    with db.writing() as session:
        collection = find_collection(session, caller, slug)
        row = queries.find_variant(
            session, workspace_id=caller.workspace_id, collection_id=collection.id, name=name
        )
        if row is None:
            raise NotFound("variant", name)
        setting = setting_of(row)
        if setting.collection is not None and setting.chunking is None:
            raise Conflict(
                f"{name!r} is another collection: have your callers ask {setting.collection!r}"
            )
        if setting.mode is not Mode.HYBRID:
            raise Conflict(f"{name!r} searches in mode {setting.mode}, which each request says")
        former = Setting(
            _former_name(),
            ranking=restoring(collection.ranking),
            chunking=setting.chunking and collection.chunking,
        )
        store(session, collection, former, source=FORMER)
        ranking = merged(collection.ranking, setting.ranking)
    changes = CollectionChanges(ranking=ranking, chunking=setting.chunking)
    changed, run_id = update_collection(caller, slug, changes)
    return Applied(changed.ranking, former.name, run_id)


def restoring(ranking: Mapping[str, Any]) -> dict[str, Any]:
    """Return the override that makes any ranking this one again: what it lacks is taken away."""
    return {key: ranking.get(key) for key in KEYS}


def resolve(
    session: Session, caller: Caller, collection: Collection, raw: Sequence[Mapping[str, Any]]
) -> list[Setting]:
    """Return the settings that a request names: written out, or those of variants by their name.

    Raises InvalidInput naming the part for what could not be searched with.
    """
    settings = []
    for place, given in enumerate(raw):
        path = f"settings.{place}"
        name = given.get("variant")
        if name is None:
            setting = read_setting(given, path)
        else:
            setting = _of_variant(session, caller, collection, given, path)
        check_against(session, caller, collection, setting, f"{path}.")
        settings.append(setting)
    return settings


def check_against(
    session: Session, caller: Caller, collection: Collection, setting: Setting, path: str
) -> None:
    """Raise InvalidInput, naming the part, unless the setting can be searched with."""
    target = collection
    if setting.collection is None and setting.chunking is not None:
        message = "its passages are gone: apply it, or try this chunking anew"
        raise InvalidInput(message, f"{path}chunking")
    if setting.collection is not None:
        try:
            target = find_collection(session, caller, setting.collection)
        except NotFound as error:
            raise InvalidInput(str(error), f"{path}collection") from None
    if setting.ranking:
        try:
            checked_ranking(merged(target.ranking, setting.ranking), target.filterable)
        except InvalidInput as error:
            raise InvalidInput(error.message, f"{path}{error.field or 'ranking'}") from None


def store(
    session: Session,
    collection: Collection,
    setting: Setting,
    *,
    source: str,
    facts: Mapping[str, Any] | None = None,
) -> Variant:
    """Save a setting in the caller's transaction; of those nobody saved by hand the oldest go."""
    content = setting.as_mapping()
    del content["name"]
    row = queries.put_variant(
        session,
        workspace_id=collection.workspace_id,
        collection_id=collection.id,
        name=setting.name,
        source=source,
        setting=content,
        facts=dict(facts or {}),
    )
    if source != MANUAL:
        queries.forget_oldest(session, collection_id=collection.id, source=source, kept=KEPT)
    return row


def setting_of(row: Variant) -> Setting:
    """Return the setting of a saved variant."""
    return read_setting({**row.setting, "name": row.name}, "setting")


def _of_variant(
    session: Session,
    caller: Caller,
    collection: Collection,
    given: Mapping[str, Any],
    path: str,
) -> Setting:
    others = [key for key, value in given.items() if key not in ("variant", "name") and value]
    if others:
        raise InvalidInput("is said by the variant already", f"{path}.{others[0]}")
    row = queries.find_variant(
        session,
        workspace_id=caller.workspace_id,
        collection_id=collection.id,
        name=str(given["variant"]),
    )
    if row is None:
        raise InvalidInput(f"no variant {given['variant']!r}", f"{path}.variant")
    try:
        setting = setting_of(row)
    except HubError as error:
        raise InvalidInput(f"cannot be used any more: {error}", f"{path}.variant") from None
    name = given.get("name")
    return setting if name is None else replace(setting, name=str(name))


def _former_name() -> str:
    return f"before {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


def view_of(row: Variant) -> VariantView:
    """Return the row as callers see it."""
    return VariantView(row.name, row.source, row.setting, row.facts, row.created_at)
