"""Files of judged queries as BEIR and TREC publish them, and as they are broken."""

import pytest

from embedhub.errors import InvalidInput
from embedhub.evaluation.formats import read_qrels, read_queries


def test_beirs_json_lines_and_ours() -> None:
    text = '{"_id": "1", "text": " first ", "metadata": {}}\n\n{"id": 2, "text": "second"}\n'
    assert read_queries(text) == {"1": "first", "2": "second"}


def test_lines_with_tabs_with_and_without_a_header() -> None:
    assert read_queries("qid\ttext\n1\tone\ttab\n") == {"1": "one\ttab"}
    assert read_queries("\ufeff1\tone\r\n2\ttwo\r\n") == {"1": "one", "2": "two"}


def test_trecs_topics() -> None:
    text = """<top>
<num> Number: 301
<title> International Organized
  Crime &amp; more

<desc> Description: ...
</top>
<top><num>302</num><title>Polio</title></top>"""
    assert read_queries(text) == {"301": "International Organized Crime & more", "302": "Polio"}


def test_a_line_separator_within_a_query_ends_no_line() -> None:
    assert read_queries("1\tone\u2028two\n") == {"1": "one\u2028two"}


@pytest.mark.parametrize(
    "text",
    [
        "query-id\tcorpus-id\tscore\n1\tdoc 1\t1\n1\tb\t-1\n2\tc\t0\n",
        "1 0 doc_1 1\n1 0 b -1\r\n2 Q0 c 0",
        "1\tdoc 1\t1\n\n1\tb\t-1\n2\tc\t0",
    ],
)
def test_qrels_of_three_and_four_columns(text: str) -> None:
    found = read_qrels(text)
    named = "doc 1" if "\t" in text else "doc_1"
    assert found.relevance == {"1": {named: 1, "b": 0}, "2": {"c": 0}}
    assert found.n_negative == 1


@pytest.mark.parametrize(
    ("text", "field", "why"),
    [
        ("1\tone\nno tab\n", "queries.2", "tab"),
        ('{"_id": "1", "text": "one"}\n{"_id": \n', "queries.2", "JSON"),
        ('{"_id": "1"}', "queries.1", "text"),
        ("[1]", "queries.1", "tab"),
        ("1\tone\n1\ttwo\n", "queries.2", "twice"),
        ("1\t  \n", "queries.1", "no text"),
        ("<top><num>1</num></top>", "queries.1", "<title>"),
    ],
)
def test_a_broken_line_of_queries_is_named(text: str, field: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as raised:
        read_queries(text)
    assert raised.value.field == field


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("1 0 a 1\n1 a\n", "qrels.2"),
        ("1 0 a 1\n1 0 a", "qrels.2"),
        ("1\ta\thigh\n", "qrels.1"),
        ("1 a 1000", "qrels.1"),
    ],
)
def test_a_broken_line_of_qrels_is_named(text: str, field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_qrels(text)
    assert raised.value.field == field
