"""Which endpoint words a workspace's answers, and where its key may go."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.answers.generator import GenerationFailed
from embedhub.answers.llm import service
from embedhub.answers.llm.endpoint import Endpoint
from embedhub.answers.llm.service import LlmSettingInput, find_endpoint, save_setting, try_setting
from embedhub.config import get_config, override_config
from embedhub.errors import InvalidInput
from tests.fake_llm import Reply, fake_llm

KEY = "sk-workspace-key"
OWN = LlmSettingInput(
    is_enabled=True, base_url="http://llm.example/v1/", name="small", api_key=KEY, temperature=0.2
)


@pytest.fixture
def installed() -> Iterator[None]:
    """The installation has an endpoint."""
    override_config(llm_base_url="https://house.example/v1", llm_name="big", llm_api_key="sk-house")
    yield
    override_config(llm_base_url="", llm_name="", llm_api_key="")


def test_without_any_endpoint_there_is_none(caller: Caller) -> None:
    assert find_endpoint(caller.workspace_id) is None


@pytest.mark.usefixtures("installed")
def test_a_workspace_has_what_the_installation_has_until_it_sets_its_own(
    caller: Caller, stranger: Caller
) -> None:
    endpoint = find_endpoint(caller.workspace_id)
    assert endpoint is not None
    assert (endpoint.base_url, endpoint.name, endpoint.api_key) == (
        "https://house.example/v1",
        "big",
        "sk-house",
    )
    save_setting(caller.workspace_id, OWN)
    endpoint = find_endpoint(caller.workspace_id)
    assert endpoint is not None
    assert endpoint.chat_url == "http://llm.example/v1/chat/completions"
    assert (endpoint.name, endpoint.api_key, endpoint.temperature) == ("small", KEY, 0.2)
    other = find_endpoint(stranger.workspace_id)
    assert other is not None
    assert other.name == "big"
    assert service.remove_setting(caller.workspace_id)
    assert not service.remove_setting(caller.workspace_id)
    assert find_endpoint(caller.workspace_id) == other


@pytest.mark.usefixtures("installed")
def test_the_installations_key_goes_to_no_address_of_a_workspace(caller: Caller) -> None:
    save_setting(caller.workspace_id, replace(OWN, api_key=None))
    endpoint = find_endpoint(caller.workspace_id)
    assert endpoint is not None
    assert endpoint.api_key == ""


@pytest.mark.usefixtures("installed")
def test_a_workspace_can_do_without(caller: Caller) -> None:
    view = save_setting(caller.workspace_id, LlmSettingInput(False, "", ""))
    assert not view.is_enabled
    assert find_endpoint(caller.workspace_id) is None


def test_a_key_is_stored_sealed_and_shown_to_nobody(caller: Caller) -> None:
    view = save_setting(caller.workspace_id, OWN)
    assert view.has_key
    assert KEY not in repr(view)
    with db.reading() as session:
        sealed = session.execute(text("SELECT api_key FROM llm_settings")).scalar_one()
    assert KEY.encode() not in bytes(sealed)


def test_a_key_stays_where_it_was_given_for(caller: Caller) -> None:
    save_setting(caller.workspace_id, OWN)
    assert save_setting(caller.workspace_id, replace(OWN, api_key=None, name="other")).has_key
    elsewhere = replace(OWN, api_key=None, base_url="http://elsewhere.example/v1")
    assert not save_setting(caller.workspace_id, elsewhere).has_key


def test_a_key_can_be_taken_away(caller: Caller) -> None:
    save_setting(caller.workspace_id, OWN)
    assert not save_setting(caller.workspace_id, replace(OWN, api_key="")).has_key


def test_a_key_sealed_with_another_secret_is_asked_for_again(caller: Caller) -> None:
    secret = get_config().secret_key.get_secret_value()
    save_setting(caller.workspace_id, OWN)
    override_config(secret_key="another secret")
    try:
        with pytest.raises(GenerationFailed, match="give the key again"):
            find_endpoint(caller.workspace_id)
    finally:
        override_config(secret_key=secret)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"base_url": ""}, "base_url"),
        ({"base_url": "ftp://llm.example"}, "base_url"),
        ({"base_url": "http:///v1"}, "base_url"),
        ({"base_url": "http://user:pass@llm.example"}, "base_url"),
        ({"base_url": "http://llm.example/v1?key=1"}, "base_url"),
        ({"base_url": "http://llm.example:99999/"}, "base_url"),
        ({"base_url": "http://[::1/v1"}, "base_url"),
        ({"base_url": "http://llm.example/\x00"}, "base_url"),
        ({"base_url": "http://" + "x" * 3_000}, "base_url"),
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"api_key": "with space"}, "api_key"),
        ({"api_key": "line\nbreak"}, "api_key"),
        ({"api_key": "schlüssel"}, "api_key"),
        ({"temperature": 2.1}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(
    caller: Caller, change: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        save_setting(caller.workspace_id, replace(OWN, **change))  # type: ignore[arg-type]
    assert caught.value.field == field
    assert service.find_setting(caller.workspace_id) is None


def test_a_setting_is_tried_before_it_is_stored(caller: Caller) -> None:
    with fake_llm("Hello.") as llm:
        trial = try_setting(caller.workspace_id, replace(OWN, base_url=llm.base_url))
        assert (trial.succeeded, trial.words) == (True, "Hello.")
        assert service.find_setting(caller.workspace_id) is None
        said = {"error": {"message": f"Incorrect key {KEY}"}}
        llm.usual = Reply(status=401, error=said)
        trial = try_setting(caller.workspace_id, replace(OWN, base_url=llm.base_url))
    assert not trial.succeeded
    assert "refuses the key" in trial.words
    assert trial.hint == "Incorrect key ***"


def test_the_stored_key_is_tried_at_its_own_address_alone(caller: Caller) -> None:
    with fake_llm() as llm, fake_llm() as other:
        save_setting(caller.workspace_id, replace(OWN, base_url=llm.base_url))
        try_setting(caller.workspace_id, replace(OWN, base_url=llm.base_url, api_key=None))
        try_setting(caller.workspace_id, replace(OWN, base_url=other.base_url, api_key=None))
    assert llm.keys == [f"Bearer {KEY}"]
    assert other.keys == [None]


@pytest.mark.parametrize("status", [200, 401])
@pytest.mark.parametrize("n_before", [0, 275, 290])
def test_a_key_that_an_endpoint_repeats_is_not_shown(status: int, n_before: int) -> None:
    key = "sk-0123456789abcdef"
    said = f"{'x' * n_before} the key {key} is wrong"
    with fake_llm(Reply(status=status, error={"message": said})) as fake:
        endpoint = Endpoint(fake.base_url, "small", key, None, 50, 2, 2, 5, 1, 0.01, 5_000)
        trial = service.try_endpoint(endpoint)
    assert not trial.succeeded
    assert trial.hint
    assert "sk-" not in trial.hint + trial.words
