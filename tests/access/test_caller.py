import pytest

from embedhub.access.caller import Caller, Scope
from embedhub.errors import Forbidden


def caller(*scopes: str, principals: tuple[str, ...] | None = None) -> Caller:
    return Caller(1, 2, frozenset(scopes), principals=principals)


@pytest.mark.parametrize(
    ("held", "allowed", "refused"),
    [
        (["read"], ["read"], ["write", "admin"]),
        (["write"], ["read", "write"], ["admin"]),
        (["admin"], ["read", "write", "admin"], []),
        ([], [], ["read", "write", "admin"]),
    ],
)
def test_a_scope_includes_the_ones_before_it(
    held: list[str], allowed: list[str], refused: list[str]
) -> None:
    for scope in allowed:
        caller(*held).require(scope)
    for scope in refused:
        with pytest.raises(Forbidden, match=f"lacks the scope '{scope}'"):
            caller(*held).require(Scope(scope))


@pytest.mark.parametrize(
    ("of_key", "of_request", "seen"),
    [
        (None, None, None),
        (None, ["a", "b", "a"], ("a", "b")),
        (None, [], ()),
        (("a", "b"), None, ("a", "b")),
        (("a", "b"), ["b", "c"], ("b",)),
        (("a",), ["c"], ()),
        ((), ["c"], ()),
    ],
)
def test_a_request_narrows_what_the_key_may_see_and_never_widens_it(
    of_key: tuple[str, ...] | None, of_request: list[str] | None, seen: tuple[str, ...] | None
) -> None:
    assert caller("read", principals=of_key).narrowed(of_request).principals == seen


def test_bounds_to_collections_are_kept_when_narrowed() -> None:
    bound = Caller(1, 2, frozenset({"read"}), collection_ids=frozenset({7}))
    assert bound.narrowed(["a"]).may_open(7)
    assert not bound.narrowed(["a"]).may_open(8)
    with pytest.raises(Forbidden):
        bound.require_whole_workspace()
