"""What may be sent as a document, and how a refusal names the part."""

import base64
import math
from typing import Any

import numpy as np
import pytest

from embedhub.config import get_config
from embedhub.documents.inputs import parse_document, parse_vector, refuse_repeats
from embedhub.errors import InvalidInput, TooLarge


def parsed(**fields: Any) -> Any:
    return parse_document({"external_id": "a"} | fields, "documents.3")


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = {"inner": value}
    return value


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"external_id": None}, "documents.3.external_id"),
        ({"external_id": "  "}, "documents.3.external_id"),
        ({"external_id": 7}, "documents.3.external_id"),
        ({"text": 7}, "documents.3.text"),
        ({"text": "a\0b"}, "documents.3.text"),
        ({"text": "lone \ud800"}, "documents.3.text"),
        ({"title": ["a"]}, "documents.3.title"),
        ({"colour": "red"}, "documents.3.colour"),
        ({"metadata": []}, "documents.3.metadata"),
        ({"metadata": {"a": {"b": "\0"}}}, "documents.3.metadata.a.b"),
        ({"metadata": {"a": [1, math.nan]}}, "documents.3.metadata.a.1"),
        ({"metadata": {"a": 2**80}}, "documents.3.metadata"),
        ({"metadata": {"\ud800": 1}}, "documents.3.metadata"),
        ({"access": "staff"}, "documents.3.access"),
        ({"access": [1]}, "documents.3.access.0"),
        ({"source_version": True}, "documents.3.source_version"),
        ({"source_version": -1}, "documents.3.source_version"),
        ({"expires_at": "tomorrow"}, "documents.3.expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-05:00"}, "documents.3.expires_at"),
        ({"vector": []}, "documents.3.vector"),
        ({"vector": [1, "2"]}, "documents.3.vector"),
        ({"vector": [1, True]}, "documents.3.vector"),
        ({"vector": [1, math.inf]}, "documents.3.vector"),
        ({"vector": [1e300]}, "documents.3.vector"),
        ({"vector": "not base64!"}, "documents.3.vector"),
        ({"vector": base64.b64encode(b"abc").decode()}, "documents.3.vector"),
        ({"vector": {"0": 1}}, "documents.3.vector"),
    ],
)
def test_a_refusal_names_the_part(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parsed(**fields)
    assert (refusal.value.field or "").startswith(path)


@pytest.mark.parametrize("raw", [None, 1, "text", [], [{"external_id": "a"}]])
def test_a_document_is_an_object(raw: object) -> None:
    with pytest.raises(InvalidInput, match=r"documents\.3"):
        parse_document(raw, "documents.3")


def test_sizes_are_limited() -> None:
    config = get_config()
    with pytest.raises(TooLarge, match=r"documents\.3\.text"):
        parsed(text="x" * (config.max_text_chars + 1))
    with pytest.raises(TooLarge, match=r"documents\.3\.metadata"):
        parsed(metadata={"a": "x" * config.max_metadata_bytes})
    with pytest.raises(TooLarge, match=r"documents\.3\.access"):
        parsed(access=[str(i) for i in range(config.max_access_entries + 1)])
    with pytest.raises(InvalidInput, match="nested"):
        parsed(metadata=deep(config.max_metadata_depth + 2))
    assert parsed(metadata=deep(config.max_metadata_depth)).metadata


def test_both_forms_of_a_vector_are_the_same() -> None:
    numbers = [0.25, -1.5, 3.0]
    packed = base64.b64encode(np.array(numbers, dtype="<f4").tobytes()).decode()
    for sent in (numbers, packed):
        vector = parse_vector(sent, "vector")
        assert vector is not None
        assert vector.dtype == np.float32
        assert vector.tolist() == numbers


def test_a_time_without_a_zone_is_utc() -> None:
    assert (
        parsed(expires_at="2027-01-31T12:00:00").expires_at
        == parsed(expires_at="2027-01-31T13:00:00+01:00").expires_at
    )


def test_hashes_tell_what_changed() -> None:
    one, same = (
        parsed(text="a", metadata={"x": 1, "y": 2}),
        parsed(text="a", metadata={"y": 2, "x": 1}),
    )
    assert one.whole_hash() == same.whole_hash()
    relabelled = parsed(text="a", metadata={"x": 2})
    assert relabelled.whole_hash() != one.whole_hash()
    assert relabelled.content_hash() == one.content_hash()
    assert parsed(title="b", text="a").content_hash() != one.content_hash()
    # Where title ends and text begins matters.
    assert (
        parsed(title="ab", text="c").content_hash() != parsed(title="a", text="bc").content_hash()
    )


def test_an_id_may_come_once_in_a_batch() -> None:
    twice = [parsed(), parsed()]
    with pytest.raises(InvalidInput, match=r"documents\.1\.external_id"):
        refuse_repeats(twice, "documents")


@pytest.mark.parametrize("sent", [[0.5, True], [False, 0.5], ["1"], [None], [[1.0]], [{}]])
def test_a_vector_holds_numbers_only(sent: list[object]) -> None:
    with pytest.raises(InvalidInput, match="numbers only"):
        parse_vector(sent, "vector")


def test_numbers_become_the_nearest_float32() -> None:
    sent = [1, 0, -0.0, 0.1, 1e-50, 2**64 - 1, 3.4e38]
    vector = parse_vector(sent, "vector")
    assert vector is not None
    assert vector.tolist() == np.array(sent, dtype=np.float64).astype(np.float32).tolist()
    with pytest.raises(InvalidInput, match="finite"):
        parse_vector([1e39], "vector")
