"""Embeddings and models, asked for by the official client and by hand."""

import base64
import struct
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import openai as protocol
import pytest
from openai import OpenAI

from embedhub.access.caller import Caller
from embedhub.config import get_config, override_config
from embedhub.encoders import get_encoder
from tests.factories import make_collection
from tests.web.conftest import ApiClient

NAME = "hashing-64"
TEXTS = ["whales are mammals", "volcanoes are hot", "whales breathe air"]


def test_the_official_client_gets_the_encoders_vectors(openai: OpenAI) -> None:
    # It asks for base64 unless told otherwise.
    answer = openai.embeddings.create(model=NAME, input=TEXTS)
    assert [each.index for each in answer.data] == [0, 1, 2]
    found = np.array([each.embedding for each in answer.data])
    expected = get_encoder(NAME).encode_documents(TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert answer.usage.total_tokens == 9
    assert answer.model == NAME


def test_floats_and_base64_are_the_same_numbers(openai: OpenAI, api: ApiClient) -> None:
    floats = openai.embeddings.create(model=NAME, input="whales", encoding_format="float")
    body = {"model": NAME, "input": "whales", "encoding_format": "base64"}
    raw = api.post("/embeddings", body).json()["data"][0]["embedding"]
    packed = base64.b64decode(raw)
    assert list(struct.unpack(f"<{len(packed) // 4}f", packed)) == pytest.approx(
        floats.data[0].embedding, abs=1e-7
    )


def test_fewer_dimensions_are_the_first_ones_at_unit_length(openai: OpenAI) -> None:
    text = " ".join(f"word{n}" for n in range(100))
    whole = np.array(openai.embeddings.create(model=NAME, input=text).data[0].embedding)
    few = np.array(
        openai.embeddings.create(model=NAME, input=text, dimensions=16).data[0].embedding
    )
    assert few.shape == (16,)
    np.testing.assert_allclose(few, whole[:16] / np.linalg.norm(whole[:16]), atol=1e-6)


def test_a_query_is_encoded_as_searches_do_it(openai: OpenAI) -> None:
    for texts in (TEXTS[:1], TEXTS):
        answer = openai.embeddings.create(
            model=NAME, input=texts, extra_body={"input_type": "query"}
        )
        expected = get_encoder(NAME).encode_queries(texts)
        np.testing.assert_allclose([each.embedding for each in answer.data], expected, atol=1e-6)


def test_more_texts_than_one_slice_keep_their_order(openai: OpenAI) -> None:
    texts = [f"word{n} whale" for n in range(70)]
    answer = openai.embeddings.create(model=NAME, input=texts)
    expected = get_encoder(NAME).encode_documents(texts)
    np.testing.assert_allclose([each.embedding for each in answer.data], expected, atol=1e-6)


def test_a_collection_stands_for_its_encoder(openai: OpenAI, caller: Caller) -> None:
    make_collection(caller, "papers")
    by_collection = openai.embeddings.create(model="papers", input="whales")
    by_name = openai.embeddings.create(model=NAME, input="whales")
    assert by_collection.data[0].embedding == by_name.data[0].embedding


def test_cut_texts_are_told(api: ApiClient) -> None:
    long = "word " * 2_000
    answer = api.post("/embeddings", {"model": NAME, "input": ["short", long]}).json()
    most = get_encoder(NAME).description.max_tokens
    assert answer["truncated"] == [1]
    assert answer["usage"]["prompt_tokens"] == 1 + most


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"input": []}, 422, "input"),
        ({"input": ""}, 422, "input"),
        ({"input": ["a", "  "]}, 422, "input.1"),
        ({"input": 7}, 422, "input"),
        ({"input": ["a", None]}, 422, "input.1"),
        ({"input": [1, 2, 3]}, 422, "input.0"),
        ({"input": [[1, 2], [3]]}, 422, "input.0"),
        ({"input": None}, 422, "input"),
        ({"input": ["x"] * 2_049}, 413, "input"),
        ({"input": ["x" * 2_000_001]}, 413, "input"),
        ({"dimensions": 0}, 422, "dimensions"),
        ({"dimensions": 65}, 422, "dimensions"),
        ({"dimensions": "8"}, 422, "dimensions"),
        ({"encoding_format": "int8"}, 422, "encoding_format"),
        ({"input_type": "other"}, 422, "input_type"),
        ({"model": "nobody-has-this"}, 404, None),
        ({"model": "supplied-only"}, 422, "model"),
    ],
)
def test_what_cannot_be_encoded_is_refused_by_its_place(
    api: ApiClient, caller: Caller, change: dict[str, Any], status: int, field: str | None
) -> None:
    make_collection(caller, "supplied-only", encoder="supplied", dimension=8)
    response = api.post("/embeddings", {"model": NAME, "input": "a"} | change)
    assert response.status_code == status, response.content
    assert response.json().get("field") == field
    # In the member where the official clients look, too.
    assert response.json()["error"]["message"] == response.json()["detail"]
    assert response.json()["error"]["param"] == field


def test_fields_that_mean_nothing_here_are_let_pass(api: ApiClient) -> None:
    body = {"model": NAME, "input": "a", "user": "anna", "something": [1]}
    assert api.post("/embeddings", body).status_code == 200


def test_as_many_as_may_encode_at_once_do(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from embedhub.openai import embeddings

    taken = threading.BoundedSemaphore(1)
    monkeypatch.setattr(embeddings, "_seats", lambda: taken)
    body = {"model": NAME, "input": "a"}
    with taken:
        response = api.post("/embeddings", body)
        assert response.status_code == 429
        assert response["Retry-After"] == "1"
    assert api.post("/embeddings", body).status_code == 200


def test_answers_and_embeddings_together_leave_threads_for_searches() -> None:
    from embedhub.answers.llm.client import places
    from embedhub.openai import embeddings

    bounds = (places(), embeddings._seats())
    taken = sum(_n_free(bound) for bound in bounds)
    assert 2 <= taken < get_config().web_threads


def _n_free(bound: threading.BoundedSemaphore) -> int:
    n = 0
    while bound.acquire(blocking=False):
        n += 1
    bound.release(n)
    return n


def test_models_are_collections_and_encoders(
    openai: OpenAI, caller: Caller, stranger: Caller, openai_for: Callable[[Caller], OpenAI]
) -> None:
    override_config(default_encoder="hashing-64")
    make_collection(caller, "papers")
    owners = {model.id: model.owned_by for model in openai.models.list()}
    assert owners["papers"] == "collection"
    assert owners[NAME] == "encoder"
    assert openai.models.retrieve("papers").id == "papers"
    assert openai.models.retrieve(NAME).owned_by == "encoder"
    other = openai_for(stranger)
    assert "papers" not in {model.id for model in other.models.list()}
    for client, name in ((other, "papers"), (openai, "none"), (openai, "a/b")):
        with pytest.raises(protocol.NotFoundError):
            client.models.retrieve(name)


def test_a_strangers_collection_makes_no_embeddings(
    caller: Caller, stranger: Caller, openai_for: Callable[[Caller], OpenAI]
) -> None:
    make_collection(caller, "papers")
    with pytest.raises(protocol.NotFoundError, match="no model 'papers'"):
        openai_for(stranger).embeddings.create(model="papers", input="whales")


def test_a_wrong_key_is_told_as_the_official_client_expects(address: str, clean: str) -> None:
    client = OpenAI(base_url=f"{address}/v1", api_key="eh_wrong", max_retries=0)
    with client, pytest.raises(protocol.AuthenticationError, match="API key"):
        client.models.list()
