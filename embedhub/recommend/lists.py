"""Which items a list of each kind is made of, and how they are scored, within a snapshot."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
from sqlalchemy.orm import Session

from embedhub.config import get_config
from embedhub.recommend.fold_in import Folding, fold
from embedhub.recommend.folding import Pool
from embedhub.recommend.history import history_of
from embedhub.recommend.interactions import Floats
from embedhub.recommend.opening import Opened, unit
from embedhub.recommend.queries import items as queries
from embedhub.recommend.queries import pools
from embedhub.recommend.queries.items import Counting
from embedhub.recommend.queries.pools import Leg
from embedhub.recommend.request import By, Kind, NoteCode
from embedhub.recommend.scoring import TEXT_SHARE, UNLIKE, Scored, Text, Wanted, pool_size, score
from embedhub.recommend.versions import Version

# Half of what trends happened within a half-life; what is older than this many counts nothing.
HALF_LIVES = 6
# Events of an item, or of a user, that are looked at for what is bought together.
EVENTS_EACH = 500
CONDITIONAL = "conditional"
NOTHING_KNOWN = "nothing is known to go by: the list is what is popular"
TEXT_KNOWN = "only the user's text is known: the list is what is popular, or like the text"


def make(
    session: Session, opened: Opened, most: int, *, least: int, also: Sequence[int] = ()
) -> Scored:
    """Return permitted items with their scores: `least` of them, if there are as many.

    Lists that are the same for everyone end after `most`. Of a personal list the items `also` are
    among them.
    """
    kind = opened.request.kind
    if kind is Kind.POPULAR:
        found = popular(session, opened, most)
    elif kind is Kind.TRENDING:
        found = trending(session, opened, most)
    elif kind is Kind.LATEST:
        found = of_rows(queries.latest(session, opened.permit, most=most))
    elif kind is Kind.BOUGHT_TOGETHER:
        found = together(session, opened, most)
    else:
        found = personal(session, opened, most, least=least, also=also)
    if not len(found.pool):
        _note_empty(session, opened)
    return found


def personal(
    session: Session, opened: Opened, most: int, *, least: int, also: Sequence[int]
) -> Scored:
    """Return items for a user, a session or examples."""
    request, version = opened.request, opened.version
    has_examples = bool(request.like or request.like_text)
    is_by_content = has_examples and request.by is not By.BEHAVIOR
    text = text_of(session, opened) if is_by_content else None
    n_pool = pool_size(session, opened.permit, version)
    wanted = Wanted(
        least=least,
        n_pool=n_pool,
        item_ids=[*also, *_named_by_rules(session, opened, most)],
        seen_ids=opened.seen_ids,
        decay=request.seen.decay,
    )
    foldings: list[Folding] = []
    if version is None:
        opened.note(NoteCode.NO_VERSION, "nothing was trained yet")
        text = text or (None if has_examples else text_of_user(session, opened))
        if text is None and request.like:
            return counted_together(session, opened, opened.known(request.like), most)
        if text is None:
            return popular(session, opened, most)
    elif has_examples:
        foldings = [] if request.by is By.CONTENT else examples(session, opened, version, n_pool)
    else:
        foldings = [of_user(session, opened, version, n_pool)]
        if not foldings[0].history.items and not foldings[0].given:
            text = text_of_user(session, opened)
            opened.note(NoteCode.NO_HISTORY, NOTHING_KNOWN if text is None else TEXT_KNOWN)
    return score(session, opened.permit, version, foldings, replace(wanted, text=text))


def text_of_user(session: Session, opened: Opened) -> Text | None:
    """Return the user's own text as what contents shall be like; None where it has no vector."""
    items, users = opened.contents, opened.user_contents
    if opened.user_id is None or items is None or users is None:
        return None
    if (items.encoder, items.revision) != (users.encoder, users.revision):
        return None
    vector = pools.vectors(session, users, [opened.user_id]).get(opened.user_id)
    return None if vector is None else Text(Leg(items, unit(vector)), TEXT_SHARE)


def of_user(session: Session, opened: Opened, version: Version, n_pool: int) -> Folding:
    """Return the user's history, the session's items being the latest of it, folded in.

    Where the version has a vector of the user, that one scores in place of the history's.
    """
    latest = reversed(opened.known(opened.request.session))
    history = history_of([*latest, *opened.past.events], version.half_life)
    vector = _vector_of_user(session, opened, version)
    return fold(session, version, history, opened.spaces, n_pool=n_pool, user_vector=vector)


def _vector_of_user(session: Session, opened: Opened, version: Version) -> Floats | None:
    """Return the vector of the user that was supplied with a version; None without one, or of 0."""
    space = opened.spaces.get(version.user_space_id or 0)
    if space is None or opened.user_id is None:
        return None
    vector = pools.vectors(session, space, [opened.user_id]).get(opened.user_id)
    return None if vector is None or not vector.any() else vector


def examples(session: Session, opened: Opened, version: Version, n_pool: int) -> list[Folding]:
    """Return the examples to be like and those to be unlike, folded in."""
    request = opened.request
    like = history_of(opened.known(request.like), None)
    unlike = history_of(opened.known(request.unlike), None)
    foldings = [fold(session, version, like, opened.spaces, are_examples=True, n_pool=n_pool)]
    if unlike.items:
        foldings.append(
            fold(session, version, unlike, opened.spaces, are_examples=True, sign=UNLIKE)
        )
    return foldings


def text_of(session: Session, opened: Opened) -> Text | None:
    """Return what contents shall be like: the mean of examples and text, less those to be unlike.

    None, with a note, where nothing of it has a vector.
    """
    request, space, texts = opened.request, opened.contents, opened.texts
    if space is None:
        opened.note(NoteCode.NO_CONTENT, "contents of this catalog have no vectors")
        return None
    vectors = pools.vectors(session, space, opened.known((*request.like, *request.unlike)))
    like = [vectors[item] for item in opened.known(request.like) if item in vectors]
    unlike = [vectors[item] for item in opened.known(request.unlike) if item in vectors]
    if texts is not None and (texts.encoder, texts.revision) == (space.encoder, space.revision):
        like += [] if texts.like is None else [texts.like]
        unlike += [] if texts.unlike is None else [texts.unlike]
    elif request.like_text or request.unlike_text:
        opened.note(NoteCode.NO_CONTENT, f"the encoder {space.encoder} is not loaded yet")
    if not like:
        if not request.like_text:
            opened.note(NoteCode.NO_CONTENT, "the examples have no vectors yet")
        return None
    vector = unit(np.mean(like, axis=0))
    if unlike:
        vector = vector + UNLIKE * unit(np.mean(unlike, axis=0))
    return Text(Leg(space, vector), TEXT_SHARE)


def together(session: Session, opened: Opened, most: int) -> Scored:
    """Return what those who had the items of the basket had as well."""
    version, basket = opened.version, opened.known(opened.request.basket)
    if version is not None and CONDITIONAL in version.kinds:
        history = history_of(basket, None)
        n_pool = pool_size(session, opened.permit, version)
        folding = fold(
            session, version, history, opened.spaces, weights={CONDITIONAL: 1.0}, n_pool=n_pool
        )
        return score(session, opened.permit, version, [folding], Wanted(most, n_pool))
    opened.note(NoteCode.NO_VERSION, "nothing was trained yet")
    return counted_together(session, opened, basket, most)


def counted_together(
    session: Session, opened: Opened, item_ids: Sequence[int], most: int
) -> Scored:
    """Return what users of these items had as well, counted now; the score is how many of them."""
    rows = queries.taken_together(
        session, opened.permit, item_ids, types=opened.welcome_types, per_item=EVENTS_EACH,
        most=most,
    )  # fmt: skip
    return of_rows(rows)


def popular(session: Session, opened: Opened, most: int) -> Scored:
    """Return what is popular: as the live version counts, or counted now; else what is new."""
    version = opened.version
    if version is not None and version.prior is not None:
        return of_rows(queries.popular(session, opened.permit, version_id=version.id, most=most))
    rows = queries.counted(session, opened.permit, _counting(opened), most=most)
    if any(row.score for row in rows):
        return of_rows(rows)
    opened.note(NoteCode.NO_INTERACTIONS, "there are no interactions: the list is what is new")
    return of_rows(queries.latest(session, opened.permit, most=most))


def trending(session: Session, opened: Opened, most: int) -> Scored:
    """Return what was had lately, or without interactions what is popular."""
    half_life = timedelta(days=get_config().trending_days)
    window, now = HALF_LIVES * half_life, opened.permit.now
    newest = queries.newest_event(session, catalog_id=opened.catalog.id, now=now)
    if newest is None:
        return popular(session, opened, most)
    if newest < now - window:
        opened.note(
            NoteCode.NO_INTERACTIONS,
            f"no interactions within {window.days} days: the list is what trended at their end",
        )
        now = newest
    rows = queries.trending(
        session, opened.permit, _counting(opened), now=now, half_life=half_life, window=window,
        most=most,
    )  # fmt: skip
    return of_rows(rows)


def of_rows(rows: Sequence[queries.Scored]) -> Scored:
    """Return items with scores that are the same for everyone."""
    scores = np.array([row.score for row in rows], dtype=np.float64)
    nothing: Floats = np.zeros(len(rows))
    pool = Pool(
        ids=np.array([row.item_id for row in rows], dtype=np.int64),
        positions=np.full(len(rows), -1),
        popularity=scores,
        n_events=np.array([row.n_events for row in rows], dtype=np.int64),
        dots={},
    )
    return Scored(pool, scores, nothing, scores, nothing, is_ordered=True)


def _counting(opened: Opened) -> Counting:
    return Counting(opened.welcome_types, get_config().counted_interactions)


def _named_by_rules(session: Session, opened: Opened, most: int) -> list[int]:
    """Return items that the placement's rules want to see among the candidates."""
    rules = opened.decision.rules
    ids = opened.known(rules.pinned)
    version_id = None if opened.version is None else opened.version.id
    for rule in rules.wanted:
        ids += queries.matching(
            session, opened.permit, rule.match, version_id=version_id, most=most
        )
    return ids


def _note_empty(session: Session, opened: Opened) -> None:
    catalog = opened.catalog
    if queries.has_items(session, workspace_id=catalog.workspace_id, catalog_id=catalog.id):
        opened.note(
            NoteCode.NOTHING_PERMITTED,
            "no item is left by filter, categories, availability and what is seen",
        )
    else:
        opened.note(NoteCode.EMPTY_CATALOG, "the catalog holds no items")
