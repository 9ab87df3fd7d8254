"""Figures of evaluations on a terminal."""

from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text


def print_evaluation(found: dict[str, Any]) -> None:
    """Print the metrics of each setting side by side, and what to know about them."""
    table = Table("metric", *(escape(result["name"]) for result in found["results"]))
    for place, metric in enumerate(found["results"][0]["metrics"]):
        cells = [cell(result, place) for result in found["results"]]
        table.add_row(metric["metric"], *cells)
    times = [f"{result['median_ms']:.0f} ms" for result in found["results"]]
    table.add_row("median time", *times)
    Console().print(table)
    for line in remarks(found):
        click.echo(line)


def cell(result: dict[str, Any], place: int) -> Text:
    """Return a mean with its interval, and below it how it differs from the first setting."""
    metric = result["metrics"][place]
    words = f"{metric['mean']:.4f}"
    if metric["low"] is not None:
        words += f" [{metric['low']:.3f}, {metric['high']:.3f}]"
    if result["comparison"]:
        compared = result["comparison"][place]
        p_value = "" if compared["p_value"] is None else f", p={compared['p_value']:.4f}"
        words += f"\n{compared['mean']:+.4f}{p_value}"
    return Text(words)


def remarks(found: dict[str, Any]) -> list[str]:
    """Return what to know about the figures, a line each."""
    lines = [f"evaluation {found['id']}: {found['n_queries']:,} queries"]
    if found["n_skipped"]:
        lines.append(f"{found['n_skipped']:,} queries have nothing relevant and were left out")
    if found["n_missing"]:
        lines.append(
            f"{found['n_missing']:,} relevant documents are not in the collection: not found"
        )
    for result in found["results"]:
        if result["n_without_hits"]:
            lines.append(f"{result['name']}: {result['n_without_hits']:,} queries without hits")
        lines += [f"{result['name']}: {code} in {n:,}" for code, n in result["notes"].items()]
    return lines


def history_table(evaluations: Sequence[dict[str, Any]]) -> None:
    """Print evaluations, a line each."""
    if not evaluations:
        click.echo("nothing was measured yet: embedhub eval run")
        return
    table = Table("no.", "when", "settings", "queries", "nDCG", "status")
    for one in evaluations:
        metrics = [result["metrics"][0] for result in one["results"]]
        table.add_row(
            str(one["id"]),
            one["created_at"][:16].replace("T", " "),
            Text(" | ".join(setting["name"] for setting in one["settings"])),
            "" if one["n_queries"] is None else f"{one['n_queries']:,}",
            " | ".join(f"{metric['mean']:.4f}" for metric in metrics),
            one["status"],
        )
    Console().print(table)
