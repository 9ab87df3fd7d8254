"""Rules of placements as they are kept: replaced, put back, told apart."""

from typing import Any

import pytest

from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.errors import Conflict, InvalidInput, NotFound
from embedhub.recommend.rules import service
from tests.catalog.factories import make_catalog


def pins(*items: str) -> list[dict[str, Any]]:
    return [{"action": "pin", "item": item, "position": n} for n, item in enumerate(items, 1)]


def test_every_change_is_a_revision_that_can_be_put_back(caller: Caller) -> None:
    make_catalog(caller)
    first = service.put_rules(caller, "films", "home", pins("m1"), by="staff ann")
    assert (first.revision, first.changed_by) == (1, "staff ann")
    assert service.put_rules(caller, "films", "home", pins("m1")) == first
    service.put_rules(caller, "films", "home", pins("m2"))
    service.put_rules(caller, "films", "home", [])
    assert [one.revision for one in service.list_revisions(caller, "films", "home")] == [2, 1]
    again = service.restore_revision(caller, "films", "home", 1)
    assert (again.revision, again.rules) == (4, pins("m1"))
    with pytest.raises(NotFound):
        service.restore_revision(caller, "films", "home", 9)
    assert service.get_placement(caller, "films", "home") == again
    assert service.delete_placement(caller, "films", "home") == again
    with pytest.raises(NotFound):
        service.get_placement(caller, "films", "home")


def test_only_so_many_revisions_and_placements_are_kept(caller: Caller) -> None:
    make_catalog(caller)
    override_config(kept_revisions=2, max_placements=1)
    try:
        for n in range(5):
            service.put_rules(caller, "films", "home", pins(f"m{n}"))
        with pytest.raises(Conflict, match="at most 1 placements"):
            service.put_rules(caller, "films", "cart", [])
    finally:
        override_config(kept_revisions=50, max_placements=200)
    assert [one.revision for one in service.list_revisions(caller, "films", "home")] == [4, 3]


def test_rules_changed_by_somebody_else_meanwhile_are_not_overwritten(caller: Caller) -> None:
    make_catalog(caller)
    service.put_rules(caller, "films", "home", pins("m1"), revision=0)
    with pytest.raises(Conflict, match="revision 1 holds"):
        service.put_rules(caller, "films", "home", pins("m2"), revision=0)
    assert service.put_rules(caller, "films", "home", pins("m2"), revision=1).revision == 2


@pytest.mark.parametrize("name", ["", " home", "a/b", "x" * 64, "a\nb"])
def test_a_name_that_no_request_could_give_is_refused(caller: Caller, name: str) -> None:
    make_catalog(caller)
    with pytest.raises(InvalidInput) as caught:
        service.put_rules(caller, "films", name, [])
    assert caught.value.field == "name"


def test_placements_are_listed_by_name(caller: Caller) -> None:
    make_catalog(caller)
    for name in ("home", "cart", "search"):
        service.put_rules(caller, "films", name, [])
    first = service.list_placements(caller, "films", limit=2)
    assert [one.name for one in first] == ["cart", "home"]
    rest = service.list_placements(caller, "films", after="home")
    assert [one.name for one in rest] == ["search"]
