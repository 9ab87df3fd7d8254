"""`embedhub eval`: judged queries in, figures of settings side by side out."""

from pathlib import Path
from typing import Any

import click
import orjson

from embedhub.cli.client import HubClient
from embedhub.cli.documents import only_collection
from embedhub.cli.figures import history_table, print_evaluation
from embedhub.cli.index import collection_option, follow
from embedhub.cli.judged_files import JudgedFiles, corpus_documents, find_judged
from embedhub.cli.options import UserPath, find_server, server_options
from embedhub.errors import HubError

Given = dict[str, Any]


@click.group("eval")
def evaluation() -> None:
    """Search quality on your own data: judged queries, metrics, variants, learned weights."""


def connect(given: Given) -> tuple[HubClient, str]:
    """Return the client and the collection's address that the options name."""
    client = HubClient(find_server(given["home"], given["url"], given["key"]))
    slug = given["collection"] or only_collection(client)
    return client, f"/v1/collections/{slug}"


@evaluation.command("import")
@click.argument("folder", type=UserPath(), required=False)
@click.option("--queries", type=UserPath(), help="File of queries, where there is no folder.")
@click.option("--qrels", type=UserPath(), help="File of judgments, where there is no folder.")
@click.option("--split", help="Of a folder, this set alone; of files, how to call it.")
@click.option(
    "--documents",
    is_flag=True,
    help="Send the folder's corpus.jsonl too; makes the collection if it is missing.",
)
@collection_option
@server_options
def import_set(
    folder: Path | None,
    queries: Path | None,
    qrels: Path | None,
    split: str | None,
    *,
    documents: bool,
    **given: Any,
) -> None:
    """Import judged queries: a BEIR FOLDER, or --queries and --qrels as TREC or BEIR have them.

    A BEIR folder has queries.jsonl and qrels/test.tsv (train, dev), or qrels.tsv.
    """
    client, address = connect(given)
    if folder is None:
        if queries is None or qrels is None:
            raise click.UsageError("name a folder, or both --queries and --qrels")
        sets = [JudgedFiles(split or "test", queries, qrels)]
    else:
        sets = find_judged(folder, split)
    if documents:
        if folder is None:
            raise click.UsageError("--documents needs a folder")
        send_corpus(client, address.rpartition("/")[2], folder)
    for one in sets:
        tally = client.call("POST", f"{address}/judged-queries/import", one.body())
        click.echo(f"{one.split}: {tally_words(tally)}")


def send_corpus(client: HubClient, slug: str, folder: Path) -> None:
    """Send the documents of a BEIR folder under a bar, and wait until they are encoded."""
    from embedhub.cli import progress

    client.ensure_collection(slug)
    tally = progress.send(client, slug, corpus_documents(folder), total=None)
    for refused in tally.reasons:
        click.echo(f"  refused {refused.path}: {refused.reason}", err=True)
    click.echo(f"documents: {tally.sentence()}")
    progress.wait_until_encoded(client, slug)


@evaluation.command()
@click.option("--variant", "variants", multiple=True, help="A saved variant; may be repeated.")
@click.option(
    "--weight",
    "weights",
    type=click.FloatRange(0, 1),
    multiple=True,
    help="The live setting with this weight of meaning.",
)
@click.option(
    "--mode",
    "modes",
    type=click.Choice(["dense", "lexical"]),
    multiple=True,
    help="Meaning or words alone.",
)
@click.option(
    "--beside", "others", multiple=True, help="Another collection with the same documents."
)
@click.option("--ranking", "rankings", multiple=True, help='NAME={"diversity": 0.3}, as JSON.')
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="As in nDCG@k.")
@click.option("--depth", type=click.IntRange(1), default=100, show_default=True)
@click.option("--split", help="The queries of one set.")
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation as it came.")
@collection_option
@server_options
def run(k: int, depth: int, split: str | None, *, as_json: bool, **given: Any) -> None:
    """Measure the live setting, and others beside it."""
    client, address = connect(given)
    body = {"settings": settings_of(given), "k": k, "depth": max(k, depth), "split": split}
    asked = client.call("POST", f"{address}/evaluations", body)
    follow(client, asked["run_id"])
    show_one(client, f"{address}/evaluations/{asked['id']}", as_json=as_json)


def settings_of(given: Given) -> list[dict[str, Any]]:
    """Return the settings that the options name, the live one first."""
    found: list[dict[str, Any]] = [{"name": "live"}]
    found += [{"variant": name} for name in given["variants"]]
    found += [
        {"name": f"meaning {weight:g}", "ranking": {"weights": {"dense": weight}}}
        for weight in given["weights"]
    ]
    found += [{"name": f"{mode} only", "mode": mode} for mode in given["modes"]]
    found += [{"name": slug, "collection": slug} for slug in given["others"]]
    return found + [named_ranking(text) for text in given["rankings"]]


def named_ranking(text: str) -> dict[str, Any]:
    """Return the setting of NAME={...}; raises a usage error."""
    name, equals, raw = text.partition("=")
    try:
        ranking = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise click.BadParameter(f"is not JSON: {error}", param_hint="--ranking") from error
    if not equals or not isinstance(ranking, dict):
        raise click.BadParameter("expected NAME={...}", param_hint="--ranking")
    return {"name": name, "ranking": ranking}


@evaluation.command()
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation as it came.")
@collection_option
@server_options
def show(number: int, *, as_json: bool, **given: Any) -> None:
    """Print the figures of evaluation NUMBER again."""
    client, address = connect(given)
    show_one(client, f"{address}/evaluations/{number}", as_json=as_json)


def show_one(client: HubClient, address: str, *, as_json: bool) -> None:
    """Print an evaluation; raises HubError for one without figures."""
    found = client.call("GET", address)
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    elif found["status"] == "succeeded":
        print_evaluation(found)
    if found["status"] not in ("succeeded", "queued", "running"):
        raise HubError(f"evaluation {found['id']} {found['status']}: {found['error'] or 'stopped'}")


@evaluation.command()
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@collection_option
@server_options
def history(limit: int, **given: Any) -> None:
    """List the evaluations of a collection, newest first."""
    client, address = connect(given)
    history_table(client.call("GET", f"{address}/evaluations", limit=limit)["items"])


@evaluation.command()
@click.option("--min-clicks", type=click.IntRange(1), default=2, show_default=True)
@click.option("--days", type=click.IntRange(1), help="Look at so many days.")
@collection_option
@server_options
def harvest(min_clicks: int, days: int | None, **given: Any) -> None:
    """Turn the feedback of callers into judged queries."""
    client, address = connect(given)
    body = {"min_clicks": min_clicks, "days": days}
    found = client.call("POST", f"{address}/judged-queries/harvest", body)
    click.echo(
        f"{found['n_queries']:,} queries, {found['n_judgments']:,} judgments;"
        f" {found['n_undecided']:,} pairs with too little feedback,"
        f" {found['n_kept']:,} judged by people and left"
    )


@evaluation.command()
@click.option("--apply", "is_applied", is_flag=True, help="Make it live if it is better.")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="As in nDCG@k.")
@click.option("--split", help="The queries of one set.")
@collection_option
@server_options
def learn(k: int, split: str | None, *, is_applied: bool, **given: Any) -> None:
    """Learn how much meaning and words count, measured on queries not learned from."""
    client, address = connect(given)
    body = {"k": k, "split": split, "apply": "if_better" if is_applied else "never"}
    run = follow(client, client.call("POST", f"{address}/variants/learn", body)["run_id"])
    if run["status"] != "succeeded":
        raise HubError(f"the run {run['status']}: {run['error'] or 'somebody asked it to stop'}")
    found = run["result"]
    difference = found["difference"]
    click.echo(
        f"weight of meaning {found['live_weight']:g} -> {found['weight']:g};"
        f" {found['metric']} on unseen queries {found['live']['mean']:.4f} ->"
        f" {found['held_out']['mean']:.4f} ({difference['mean']:+.4f}, p ="
        f" {difference['p_value']:.4f}, {found['n_queries']:,} queries)"
    )
    if found["applied"]:
        click.echo(f"it is live; back with: embedhub eval apply '{found['former']}'")
    else:
        click.echo(f"kept as variant '{found['variant']}'; nothing was changed")


@evaluation.command()
@collection_option
@server_options
def variants(**given: Any) -> None:
    """List the saved settings of a collection."""
    client, address = connect(given)
    for one in client.call("GET", f"{address}/variants")["items"]:
        click.echo(f"{one['name']}  ({one['source']})  {orjson.dumps(one['setting']).decode()}")


@evaluation.command()
@click.argument("name")
@collection_option
@server_options
def apply(name: str, **given: Any) -> None:
    """Make the variant NAME live."""
    client, address = connect(given)
    found = client.call("POST", f"{address}/variants/apply", {"name": name})
    click.echo(f"'{name}' is live; back with: embedhub eval apply '{found['former']}'")


def tally_words(tally: dict[str, int]) -> str:
    """Return what an import held as one line."""
    words = [f"{tally['n_queries']:,} queries, {tally['n_judgments']:,} judgments"]
    if tally["n_without_text"]:
        words.append(f"{tally['n_without_text']:,} judged queries have no text and were left out")
    if tally["n_without_judgments"]:
        words.append(f"{tally['n_without_judgments']:,} queries are not judged here")
    if tally["n_negative"]:
        words.append(f"{tally['n_negative']:,} judgments below 0 taken as 0")
    return "; ".join(words)
