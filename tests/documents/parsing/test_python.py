"""Documentation strings: found by parsing, named by where they are."""

import pytest

from embedhub.documents.parsing.parsed import Unreadable
from embedhub.documents.parsing.python import parse_docstrings

SOURCE = b'''"""What the module is for."""
import nonsense_that_is_never_imported
def shown(a):
    """What the function does."""
    def inner():
        """Not reachable from outside."""
def _hidden():
    """Nobody's business, really."""
class Box:
    """What a box holds."""
    def open(self):
        """How a box is opened."""
    def open(self):
        """The same name a second time."""
    def shut(self):
        """Short"""
'''


def test_public_things_are_named_by_where_they_are() -> None:
    found = list(parse_docstrings("a.b", SOURCE, min_chars=10))
    assert [d.external_id for d in found] == ["a.b", "a.b.shown", "a.b.Box", "a.b.Box.open"]
    assert found[3].text == "How a box is opened."
    assert found[3].metadata == {"module": "a.b", "package": "a", "kind": "function", "line": 11}


def test_what_is_not_python_is_refused() -> None:
    with pytest.raises(Unreadable, match="not Python"):
        list(parse_docstrings("a", b"def", min_chars=1))
    with pytest.raises(Unreadable, match="not Python"):
        list(parse_docstrings("a", b"a\x00b", min_chars=1))
