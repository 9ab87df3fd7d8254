"""Web pages: nothing that a reader sees is lost on the way to Markdown."""

from embedhub.documents.parsing.html import markdown_of


def test_code_in_a_table_is_kept() -> None:
    page = "<table><tr><td>see</td><td><pre>print(1)\nprint(2)</pre></td></tr></table>"
    assert markdown_of(page) == "see\n\n```\nprint(1)\nprint(2)\n```"


def test_a_table_in_code_is_kept() -> None:
    page = "<pre>above<table><tr><td>a</td><td>b</td></tr></table></pre>"
    assert "| a | b |" in markdown_of(page)


def test_a_page_with_signs_of_our_own_is_read() -> None:
    """Fonts of icons use them too."""
    page = "<p>an \ue0007\ue001 icon</p><!-- \ue000 unseen --><pre>code</pre>"
    assert markdown_of(page) == "an 7 icon\n\n```\ncode\n```"
