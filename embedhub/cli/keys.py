"""`embedhub key`: make, revoke and list API keys, straight in the database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from embedhub.cli.options import home_option, use_database
from embedhub.errors import NotFound

if TYPE_CHECKING:
    from embedhub.access.service import ApiKeyView

workspace_option = click.option("--workspace", default="default", show_default=True)


@click.group()
def key() -> None:
    """API keys: create, revoke, list."""


@key.command()
@home_option
@workspace_option
@click.option("--name", default="made on the command line", help="What the key is for.")
@click.option("--scopes", default="read", show_default=True, help="Of read, write, admin.")
@click.option("--collections", help="Slugs the key is bound to.  [default: all]")
@click.option("--principals", help="Whose documents the key may see.  [default: everybody's]")
@click.option("--days", type=click.IntRange(1), help="Days until it expires.  [default: never]")
def create(
    *,
    home: Path | None,
    workspace: str,
    name: str,
    scopes: str,
    collections: str | None,
    principals: str | None,
    days: int | None,
) -> None:
    """Make a key and print it alone; a workspace that is not there is made. Lists use commas."""
    use_database(home)
    from embedhub.access import service

    workspace_id = service.ensure_workspace(workspace)
    _, secret = service.create_key(
        workspace_id,
        name=name,
        scopes=split(scopes),
        collection_ids=None if collections is None else ids_of(workspace_id, split(collections)),
        principals=None if principals is None else split(principals),
        expires_at=None if days is None else datetime.now(UTC) + timedelta(days=days),
    )
    click.echo(secret)


@key.command()
@home_option
@workspace_option
@click.argument("prefix")
def revoke(home: Path | None, workspace: str, prefix: str) -> None:
    """Revoke the key that begins with PREFIX, as `embedhub key list` shows it."""
    use_database(home)
    from embedhub.access import service

    workspace_id = service.find_workspace(workspace).id
    matching = [k for k in service.list_keys(workspace_id) if k.prefix == prefix]
    if not matching:
        raise NotFound("key", prefix)
    service.revoke_key(workspace_id, matching[0].id)
    click.echo(f"revoked {prefix}")


@key.command("list")
@home_option
@workspace_option
def list_keys(home: Path | None, workspace: str) -> None:
    """List the keys of a workspace."""
    use_database(home)
    from embedhub.access import service

    for view in service.list_keys(service.find_workspace(workspace).id):
        click.echo(line(view))


def line(view: "ApiKeyView") -> str:
    """Return a key on one line: prefix, scopes, state, last use, name."""
    now = datetime.now(UTC)
    state = "revoked" if view.revoked_at else "active"
    if state == "active" and view.expires_at and view.expires_at <= now:
        state = "expired"
    used = f"used {view.last_used_at:%Y-%m-%d %H:%M}" if view.last_used_at else "never used"
    return f"{view.prefix}  {','.join(view.scopes):<16}  {state:<8}  {used:<21}  {view.name}"


def ids_of(workspace_id: int, slugs: tuple[str, ...]) -> list[int]:
    """Return the ids of a workspace's collections; raises NotFound for a slug it does not have."""
    from embedhub.access.caller import Caller
    from embedhub.collections.service import collection_ids

    return collection_ids(Caller.for_workspace(workspace_id), slugs)


def split(text: str) -> tuple[str, ...]:
    """Return the parts of a list written with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
