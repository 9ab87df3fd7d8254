"""The caller: who asks, and what it may see."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from embedhub.errors import Forbidden


class Scope(StrEnum):
    """What a key may do; each includes the ones before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


# What a scope allows besides itself.
IMPLIED = {
    Scope.READ: frozenset({Scope.READ}),
    Scope.WRITE: frozenset({Scope.READ, Scope.WRITE}),
    Scope.ADMIN: frozenset(Scope),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: one workspace, and the bounds of the key within it.

    `collection_ids` None: every collection. `principals` None: every document, whatever its
    access; an empty tuple: only documents that everybody in the workspace may see.
    """

    workspace_id: int
    key_id: int | None
    scopes: frozenset[str]
    collection_ids: frozenset[int] | None = None
    principals: tuple[str, ...] | None = None

    @classmethod
    def for_workspace(cls, workspace_id: int) -> "Caller":
        """Return the caller that may do everything in one workspace: staff and the command line."""
        return cls(workspace_id, key_id=None, scopes=frozenset(Scope))

    def may(self, scope: str) -> bool:
        """Say whether one of the scopes includes this one."""
        return any(scope in IMPLIED[Scope(own)] for own in self.scopes)

    def require(self, scope: str) -> None:
        """Return if the scope is held; raises Forbidden otherwise."""
        if not self.may(scope):
            raise Forbidden(f"this key lacks the scope {str(scope)!r}")

    def require_writing(self) -> None:
        """Return if this caller may change documents and collections; else raises Forbidden.

        Who is bound to principals could overwrite, and so learn of, what it may not see.
        """
        self.require(Scope.WRITE)
        if self.principals is not None:
            raise Forbidden("a key bound to principals may only read")

    def require_every_document(self) -> None:
        """Return if every document of its collections may be seen; else raises Forbidden.

        A count over a whole collection would tell of documents that are hidden from a bound key.
        """
        if self.principals is not None:
            raise Forbidden("a key bound to principals may not count a collection")

    def require_whole_workspace(self) -> None:
        """Return if nothing in the workspace is hidden from this caller; else raises Forbidden.

        A bound key must not make, list or revoke keys, nor collections outside its bounds: it
        could hand itself what it may not see.
        """
        if self.collection_ids is not None or self.principals is not None:
            raise Forbidden("a key bound to collections or principals may not do this")

    def may_open(self, collection_id: int) -> bool:
        """Say whether the key's bounds include a collection of its workspace."""
        return self.collection_ids is None or collection_id in self.collection_ids

    def narrowed(self, principals: Sequence[str] | None) -> "Caller":
        """Return this caller seeing only what these principals may see too; never widens."""
        if principals is None:
            return self
        asked = tuple(dict.fromkeys(principals))
        if self.principals is not None:
            asked = tuple(name for name in asked if name in self.principals)
        return replace(self, principals=asked)
