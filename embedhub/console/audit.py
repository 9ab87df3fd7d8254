"""Who among the staff did what: one line for every change made through the console."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from embedhub import db
from embedhub.access.service import record_staff_action


def record(
    request: HttpRequest,
    action: str,
    *,
    subject: str,
    subject_id: object = None,
    workspace_id: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write down that the staff member behind this request changed something."""
    with db.writing() as session:
        record_staff_action(
            session,
            staff=request.user.get_username(),
            action=action,
            subject=subject,
            subject_id=subject_id,
            workspace_id=workspace_id,
            details=details,
        )
