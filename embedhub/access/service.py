"""Workspaces, API keys and the staff audit: what a caller may rely on."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access import queries, recent
from embedhub.access.caller import Caller, Scope
from embedhub.access.tokens import MAX_TOKEN_CHARS, hash_token, make_token
from embedhub.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from embedhub.tables import ApiKey, Workspace

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
SLUG_RULE = "1 to 63 lower-case letters, digits, - and _, a letter or digit at both ends"
MAX_NAME_CHARS = 200
MAX_PRINCIPALS = 1_000
MAX_PRINCIPAL_CHARS = 256


@dataclass(frozen=True, slots=True)
class WorkspaceView:
    """A tenant."""

    id: int
    slug: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKeyView:
    """An API key without its secret; `collection_ids` and `principals` None mean all."""

    id: int
    workspace_id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    collection_ids: tuple[int, ...] | None
    principals: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def authenticate(token: str) -> Caller:
    """Return the caller a token stands for; raises Unauthenticated for any that does not open.

    A key is believed for a few seconds without asking the database (`recent.KEPT_S`): a revoked
    one stops working at once in the process that revoked it and within that time in the others.
    """
    if not token.startswith("eh_") or len(token) > MAX_TOKEN_CHARS:
        raise Unauthenticated("this is not an API key")
    secret_hash = hash_token(token)
    caller = recent.find(secret_hash)
    if caller is None:
        with db.reading() as session:
            key = queries.find_usable_key(session, secret_hash)
        if key is None:
            raise Unauthenticated("this API key is unknown, revoked or expired")
        caller = _caller(key)
        recent.remember(secret_hash, caller, until=key.expires_at)
    recent.note_use(caller)
    return caller


def create_workspace(slug: str, name: str = "") -> int:
    """Create a workspace and return its id; raises Conflict if the slug is taken."""
    check_slug(slug)
    with db.writing() as session:
        workspace = queries.insert_workspace(session, slug=slug, name=name or slug)
        if workspace is None:
            raise Conflict(f"there is already a workspace {slug!r}")
        return workspace.id


def ensure_workspace(slug: str) -> int:
    """Return the id of the workspace of this slug, made if there was none."""
    check_slug(slug)
    with db.writing() as session:
        workspace = queries.find_workspace(session, slug)
        workspace = workspace or queries.insert_workspace(session, slug=slug, name=slug)
        # Somebody else made it between our two looks: now it is there.
        workspace = workspace or queries.find_workspace(session, slug)
        if workspace is None:
            raise NotFound("workspace", slug)
        return workspace.id


def find_workspace(slug: str) -> WorkspaceView:
    """Return the workspace of this slug; raises NotFound."""
    with db.reading() as session:
        workspace = queries.find_workspace(session, slug)
    if workspace is None:
        raise NotFound("workspace", slug)
    return _workspace_view(workspace)


def list_workspaces() -> list[WorkspaceView]:
    """Return every workspace, by slug."""
    with db.reading() as session:
        return [_workspace_view(row) for row in queries.list_workspaces(session)]


def create_key(
    workspace_id: int,
    *,
    name: str,
    scopes: Sequence[str] = (Scope.READ,),
    collection_ids: Sequence[int] | None = None,
    principals: Sequence[str] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKeyView, str]:
    """Create a key and return it with its secret token, which cannot be had a second time."""
    check_key(name=name, scopes=scopes, principals=principals, expires_at=expires_at)
    token, prefix = make_token()
    with db.writing() as session:
        if queries.find_workspace_by_id(session, workspace_id) is None:
            raise NotFound("workspace", workspace_id)
        key = queries.insert_key(
            session,
            workspace_id=workspace_id,
            name=name,
            prefix=prefix,
            secret_hash=hash_token(token),
            scopes=[str(Scope(scope)) for scope in dict.fromkeys(scopes)],
            collection_ids=None if collection_ids is None else sorted(set(collection_ids)),
            principals=None if principals is None else list(dict.fromkeys(principals)),
            expires_at=expires_at,
        )
        return _key_view(key), token


def list_keys(
    workspace_id: int, *, after: int | None = None, limit: int | None = None
) -> list[ApiKeyView]:
    """Return a workspace's keys by id, revoked ones included, from the one behind `after` on."""
    with db.reading() as session:
        rows = queries.list_keys(session, workspace_id=workspace_id, after=after, limit=limit)
        return [_key_view(row) for row in rows]


def revoke_key(workspace_id: int, key_id: int) -> ApiKeyView:
    """Revoke a key for good and return it; a second time changes nothing. Raises NotFound."""
    with db.writing() as session:
        key = queries.revoke_key(session, workspace_id=workspace_id, key_id=key_id)
        if key is None:
            raise NotFound("key", key_id)
        view = _key_view(key)
    recent.forget(key_id)
    return view


def record_staff_action(
    session: Session,
    *,
    staff: str,
    action: str,
    subject: str,
    subject_id: object = None,
    workspace_id: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> int:
    """Write one line of the staff audit in the caller's transaction and return its id."""
    return queries.insert_staff_action(
        session,
        staff=staff,
        action=action,
        subject=subject,
        subject_id=None if subject_id is None else str(subject_id),
        workspace_id=workspace_id,
        details=dict(details or {}),
    )


def check_slug(slug: str, field: str = "slug") -> None:
    """Return if the slug is well formed; raises InvalidInput with the rule."""
    if not SLUG.fullmatch(slug):
        raise InvalidInput(f"must be {SLUG_RULE}", field)


def check_principals(principals: Sequence[str], field: str = "principals") -> None:
    """Return if these can be principals: few enough, short enough, none empty."""
    if len(principals) > MAX_PRINCIPALS:
        raise InvalidInput(f"at most {MAX_PRINCIPALS} principals", field)
    for index, principal in enumerate(principals):
        if not 0 < len(principal) <= MAX_PRINCIPAL_CHARS or "\x00" in principal:
            message = f"1 to {MAX_PRINCIPAL_CHARS} characters without NUL"
            raise InvalidInput(message, f"{field}.{index}")


def check_key(
    *,
    name: str,
    scopes: Sequence[str],
    principals: Sequence[str] | None,
    expires_at: datetime | None,
) -> None:
    """Return if a key may be made with these; raises InvalidInput naming the part."""
    if not 0 < len(name) <= MAX_NAME_CHARS:
        raise InvalidInput(f"must have 1 to {MAX_NAME_CHARS} characters", "name")
    known = [scope.value for scope in Scope]
    if not scopes or not set(scopes) <= set(known):
        raise InvalidInput(f"must name one or more of {', '.join(known)}", "scopes")
    check_principals(principals or ())
    if expires_at is not None:
        if expires_at.tzinfo is None:
            raise InvalidInput("must name a time zone", "expires_at")
        if expires_at <= datetime.now(UTC):
            raise InvalidInput("must lie in the future", "expires_at")


def _caller(key: ApiKey) -> Caller:
    return Caller(
        workspace_id=key.workspace_id,
        key_id=key.id,
        scopes=frozenset(key.scopes),
        collection_ids=None if key.collection_ids is None else frozenset(key.collection_ids),
        principals=None if key.principals is None else tuple(key.principals),
    )


def _workspace_view(workspace: Workspace) -> WorkspaceView:
    return WorkspaceView(workspace.id, workspace.slug, workspace.name, workspace.created_at)


def _key_view(key: ApiKey) -> ApiKeyView:
    return ApiKeyView(
        id=key.id,
        workspace_id=key.workspace_id,
        name=key.name,
        prefix=key.prefix,
        scopes=tuple(key.scopes),
        collection_ids=None if key.collection_ids is None else tuple(key.collection_ids),
        principals=None if key.principals is None else tuple(key.principals),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )
