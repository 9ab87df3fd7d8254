"""How an item's fields become its text."""

import pytest

from embedhub.catalog.template import check_template, render
from embedhub.errors import InvalidInput

FIELDS = {"title": "Alien", "genres": ["horror", "space"], "year": 1979, "plot": " ", "seen": True}


def test_a_template_is_filled_in_and_its_empty_lines_go() -> None:
    template = "{title} ({year})\nPlot: {plot}\nGenres: {genres}\n{{kept}}"
    assert render(template, FIELDS) == "Alien (1979)\nGenres: horror, space\n{kept}"


def test_an_unknown_field_is_an_empty_one() -> None:
    assert render("{director}", FIELDS) == ""
    assert render("by {director}, {year}", FIELDS) == "by , 1979"


def test_without_a_template_every_field_is_a_line_by_name() -> None:
    assert render("", FIELDS) == "horror, space\nAlien\n1979"
    assert render("", {}) == ""


@pytest.mark.parametrize(
    "template", ["{", "}", "{}", "{ }", "{a!r}", "{a:>9}", "{a\nb}", "\x00", "x" * 10_001]
)
def test_what_is_no_template_is_refused_by_name(template: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_template(template)
    assert refused.value.field == "content_template"
