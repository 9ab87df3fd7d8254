"""The SQL of the endpoints that word the answers of workspaces."""

from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.tables import LlmSetting


def find_setting(session: Session, *, workspace_id: int) -> LlmSetting | None:
    """Return what a workspace has set, None if nothing."""
    return session.scalars(
        select(LlmSetting).where(LlmSetting.workspace_id == workspace_id)
    ).one_or_none()


def save_setting(session: Session, *, workspace_id: int, values: dict[str, Any]) -> None:
    """Set these columns of a workspace's setting; those not named keep what they have."""
    statement = insert(LlmSetting).values(workspace_id=workspace_id, **values)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["workspace_id"],
            set_={**{name: statement.excluded[name] for name in values}, "updated_at": func.now()},
        )
    )


def delete_setting(session: Session, *, workspace_id: int) -> bool:
    """Remove a workspace's setting and say whether there was one."""
    statement = (
        delete(LlmSetting).where(LlmSetting.workspace_id == workspace_id).returning(LlmSetting.id)
    )
    return session.scalars(statement).one_or_none() is not None
