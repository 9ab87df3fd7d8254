"""`embedhub eval recommend` and `embedhub catalog train`: recommenders trained and judged."""

from pathlib import Path
from typing import Any

import click

from embedhub.cli.client import HubClient
from embedhub.cli.index import follow
from embedhub.cli.options import UserPath, find_server, server_options
from embedhub.errors import HubError, InvalidInput


@click.command()
@click.option("--catalog", "slug", help="Evaluate a catalog's own interactions.")
@click.option(
    "--order",
    type=click.Choice(["time", "random"]),
    help="Hide each user's latest interactions, or any.  [default: as their times tell]",
)
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="As in nDCG@k.")
@click.option(
    "--movielens",
    type=UserPath(),
    metavar="FOLDER",
    help="Evaluate on MovieLens-100k in this process, by the public protocols; needs no server.",
)
@click.option("--steam", type=UserPath(), metavar="FOLDER", help="The same on Steam purchases.")
@click.option(
    "--content/--no-content",
    default=True,
    help="Of MovieLens, the texts' vectors as a source, and new items placed by them.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the figures here, as JSON.",
)
@server_options
def recommend(
    slug: str | None,
    order: str | None,
    *,
    k: int,
    movielens: Path | None,
    steam: Path | None,
    content: bool,
    output: Path | None,
    **given: Any,
) -> None:
    """Judge recommendations offline: full ranking of what was hidden, by several metrics.

    With --catalog the service hides a fifth of each user's interactions and trains on the rest.
    With --movielens (and --steam) the public protocols are run here, and each figure stands beside
    the one to reach; exit status 1 if one is not reached.
    """
    if slug is None and movielens is None and steam is None:
        raise click.UsageError("name a catalog, or a folder by --movielens or --steam")
    if slug is not None:
        client = HubClient(find_server(given["home"], given["url"], given["key"]))
        body = {"order": order, "k": k}
        run = followed(client, f"/v1/catalogs/{slug}/evaluations", body)
        from embedhub.cli.offline import print_catalog

        print_catalog(run["result"], output)
        return
    from embedhub.cli.offline import judge_public

    try:
        is_reached = judge_public(movielens, steam, with_content=content, output=output)
    except (OSError, ValueError) as error:
        raise InvalidInput(str(error)) from error
    if not is_reached:
        raise HubError("not every figure was reached")


@click.command()
@click.option("--catalog", "slug", required=True, help="Slug of the catalog.")
@click.option(
    "--publish/--no-publish",
    default=True,
    help="Let a better version answer, or have it wait until it is published.",
)
@server_options
def train(slug: str, *, publish: bool, **given: Any) -> None:
    """Train a catalog's recommender, and tell whether the new version answers."""
    client = HubClient(find_server(given["home"], given["url"], given["key"]))
    run = followed(client, f"/v1/catalogs/{slug}/training", {"publish": publish})
    result = run["result"]
    click.echo(f"version {result['version']}: {result['status']}, {result['reason']}")


def followed(client: HubClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Start a run and show what it does until it has succeeded; raises HubError if it does not."""
    run = follow(client, int(client.call("POST", path, body)["run_id"]))
    if run["status"] != "succeeded":
        raise HubError(f"the run {run['status']}: {run['error'] or 'somebody asked it to stop'}")
    return run
