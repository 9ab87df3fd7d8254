"""Clusters: listed by who may see their rows, and the row that stands for one chosen by hand."""

from collections.abc import Sequence

from embedhub import db
from embedhub.access.caller import Caller, Scope
from embedhub.duplicates.places import Where, find_set, held_set, who_decides
from embedhub.duplicates.queries import clusters as cluster_queries
from embedhub.duplicates.queries import decisions
from embedhub.duplicates.reading import ClusterView, cluster_views
from embedhub.duplicates.reclustering import recluster
from embedhub.duplicates.subjects import subjects_of
from embedhub.errors import InvalidInput, NotFound

MEMBERS_SHOWN = 10


def list_clusters(
    caller: Caller,
    where: Where,
    *,
    principals: Sequence[str] | None = None,
    after: tuple[int, int] | None = None,
    limit: int = 50,
) -> list[ClusterView]:
    """Return clusters of which somebody may see two rows and more, the largest first."""
    caller.require(Scope.READ)
    caller = caller.narrowed(principals)
    with db.reading() as session:
        found = find_set(session, caller, where)
        if found is None:
            return []
        rows = cluster_queries.list_clusters(
            session,
            found.id,
            subjects_of(found)[0],
            principals=caller.principals,
            after=after,
            limit=limit,
        )
        return cluster_views(
            session, found, rows, principals=caller.principals, n_members=MEMBERS_SHOWN
        )


def get_cluster(
    caller: Caller,
    where: Where,
    cluster_id: int,
    *,
    principals: Sequence[str] | None = None,
    after: int = 0,
    limit: int = 50,
) -> ClusterView:
    """Return a cluster with a page of its members by id; NotFound if fewer than two are seen."""
    caller.require(Scope.READ)
    caller = caller.narrowed(principals)
    with db.reading() as session:
        found = find_set(session, caller, where)
        row = None if found is None else cluster_queries.find_cluster(session, found.id, cluster_id)
        if found is None or row is None:
            raise NotFound("duplicate cluster", cluster_id)
        [view] = cluster_views(
            session, found, [row], principals=caller.principals, n_members=limit, after=after
        )
    if view.n_members < 2:
        raise NotFound("duplicate cluster", cluster_id)
    return view


def choose_canonical(
    caller: Caller, where: Where, cluster_id: int, external_id: str, *, by: str | None = None
) -> ClusterView:
    """Let a member stand for its cluster, whatever the policy; remembered when it is made anew.

    Raises NotFound, InvalidInput for a row that is no member.
    """
    caller.require_writing()
    with db.writing() as session:
        found = find_set(session, caller, where)
        if found is None or cluster_queries.find_cluster(session, found.id, cluster_id) is None:
            raise NotFound("duplicate cluster", cluster_id)
        held, subject = held_set(session, found), subjects_of(found)[0]
        members = cluster_queries.members_of(session, found.id, [cluster_id])
        keys = decisions.keys_of(session, subject, found.id, sorted(members))
        node_id = next((one for one, key in keys.items() if key == external_id), None)
        if node_id is None:
            raise InvalidInput("is no member of this cluster", "external_id")
        who = who_decides(caller, by)
        for key in keys.values():
            before = decisions.in_force(session, found.id, key, key)
            if before is not None:
                decisions.mark_undone(session, before.id, by=who)
        decisions.insert_decision(
            session,
            workspace_id=found.workspace_id,
            set_id=found.id,
            left_key=external_id,
            right_key=external_id,
            action="keep",
            keep_key=external_id,
            decided_by=who,
        )
        recluster(session, held, subject, [node_id])
        moved = cluster_queries.cluster_of_rows(session, found.id, [node_id])
    return get_cluster(caller, where, moved[node_id], limit=MEMBERS_SHOWN)
