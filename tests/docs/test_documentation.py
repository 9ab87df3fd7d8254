"""What the documentation says is what the code does."""

import re
from pathlib import Path

import click
import pytest

from embedhub.cli.app import embedhub
from embedhub.cli.settings import markdown_table

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *sorted((PROJECT / "docs").rglob("*.md"))]
TARGETS = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
COMMAND = re.compile(r"(?:^|\n)\s*(?:\.venv/bin/)?embedhub ([a-z]+)((?:[^\n#|]|\|\|)*)")


def ids(page: Path) -> str:
    return str(page.relative_to(PROJECT))


def blocks(page: Path) -> str:
    """Return the lines of a page that stand in code blocks."""
    lines, inside = [], False
    for line in page.read_text().splitlines():
        if line.lstrip().startswith("```"):
            inside = not inside
        elif inside:
            lines.append(line)
    return "\n".join(lines)


def test_the_table_of_settings_is_of_this_code() -> None:
    assert (PROJECT / "docs" / "settings.md").read_text() == markdown_table(), "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_make_targets_exist(page: Path) -> None:
    for target in re.findall(r"\bmake ([a-z]+)", page.read_text()):
        # "make sure", "make it" and the like are prose.
        assert target in TARGETS or f"make {target}" not in blocks(page), target


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_have_the_options_they_are_shown_with(page: Path) -> None:
    for name, rest in COMMAND.findall(blocks(page)):
        command: click.Command = embedhub.commands[name]
        known = set(re.findall(r"--[a-z]+", rest))
        if isinstance(command, click.Group):
            command = command.commands[rest.split()[0]]
        options = {option for parameter in command.params for option in parameter.opts}
        assert known <= options, f"embedhub {name}{rest}"


def test_commands_are_found_in_the_readme() -> None:
    shown = {name for name, _ in COMMAND.findall(blocks(PROJECT / "README.md"))}
    assert {"up", "down", "ingest", "search", "status", "doctor"} <= shown


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_settings_that_are_named_exist(page: Path) -> None:
    client_side = {"EMBEDHUB_URL", "EMBEDHUB_API_KEY", "EMBEDHUB_PUBLISH"}
    known = set(re.findall(r"EMBEDHUB_[A-Z_]+", markdown_table())) | client_side
    assert set(re.findall(r"EMBEDHUB_[A-Z_]+", page.read_text())) <= known
