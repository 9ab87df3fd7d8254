"""Grouping, naming, matching, laying out and placing: what needs no database."""

import io

import numpy as np
import pytest

from embedhub.errors import InvalidInput
from embedhub.graph.lists import Lists
from embedhub.topics import compute, following, layout, naming, quality
from embedhub.topics.grouping import (
    NONE,
    Method,
    by_density,
    by_means,
    choose_k,
    join_nearest,
    middles,
    share_of_own,
    smallest_group,
    votes_of,
)
from embedhub.topics.map_format import decode_map, encode_map
from embedhub.topics.matching import match_numbers, numbered
from embedhub.topics.material import Material
from embedhub.topics.neighborhood import (
    Floats,
    Integers,
    Neighborhood,
    link_matrix,
    neighborhood_of,
    reduce,
    smooth,
    unit,
)
from embedhub.topics.picture import Entry, draw
from embedhub.topics.queries.members import Places
from embedhub.topics.setting import FitSetting, read_setting
from embedhub.topics.titles import clean_title

N, GROUPS = 240, 4


@pytest.fixture(scope="module")
def rows() -> tuple[Floats, Integers, Neighborhood]:
    """Rows around four middles, the group of each, and their true neighbours."""
    random = np.random.default_rng(3)
    truth = np.arange(N) % GROUPS
    middle = random.normal(size=(GROUPS, 24))
    vectors = unit((middle[truth] + 0.6 * random.normal(size=(N, 24))).astype(np.float32))
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    near = np.argsort(-cosines, axis=1)[:, :16].astype(np.int64)
    around = Neighborhood(near, np.take_along_axis(cosines, near, axis=1))
    return vectors, truth, around


def places_of(xy: Floats, numbers: Integers, ids: Integers | None = None) -> Places:
    n = len(numbers)
    return Places(
        np.arange(1, n + 1) if ids is None else ids,
        numbers,
        np.linspace(0, 1, n, dtype=np.float32),
        xy,
        np.arange(n) % 2 == 0,
        np.arange(n) % 3 == 0,
    )


def test_smoothing_draws_rows_of_a_group_together(
    rows: tuple[Floats, Integers, Neighborhood],
) -> None:
    vectors, truth, around = rows
    smoothed = smooth(vectors, link_matrix(around))
    assert np.allclose(np.linalg.norm(smoothed, axis=1), 1, atol=1e-5)
    before, after = quality.silhouette(vectors, truth), quality.silhouette(smoothed, truth)
    assert before is not None
    assert after is not None
    assert after > before + 0.3


def test_a_row_without_neighbors_stays_where_it_is() -> None:
    vectors = unit(np.eye(3, dtype=np.float32))
    around = Neighborhood(
        np.array([[1], [0], [NONE]], np.int64), np.array([[0.5], [0.5], [0]], np.float32)
    )
    smoothed = smooth(vectors, link_matrix(around))
    assert np.allclose(smoothed[2], vectors[2])
    assert smoothed[0] @ smoothed[1] > 0.9


def test_reduced_rows_keep_their_distances(rows: tuple[Floats, Integers, Neighborhood]) -> None:
    vectors, _, _ = rows
    reduced = reduce(vectors)
    assert reduced.shape == (N, 24)
    assert np.allclose(
        np.linalg.norm(reduced[0] - reduced[1:], axis=1),
        np.linalg.norm(vectors[0] - vectors[1:], axis=1),
        atol=1e-4,
    )
    assert reduce(np.ones((5, 8), np.float32)).shape == (5, 1)


@pytest.mark.parametrize("method", list(Method))
def test_both_methods_find_the_groups(
    method: Method, rows: tuple[Floats, Integers, Neighborhood]
) -> None:
    vectors, truth, around = rows
    reduced = reduce(smooth(vectors, link_matrix(around)))
    material = Material(np.arange(N), [b""] * N, around, reduced)
    k = GROUPS if method is Method.KMEANS else None
    grouped = compute.group(material, FitSetting(method, k=k))
    assert quality.agreement(grouped.labels, truth) == pytest.approx(1)
    assert sorted(np.bincount(grouped.labels).tolist()) == [N // GROUPS] * GROUPS
    figures = compute.figures(material, reduced[:, :2], grouped, FitSetting(method, k=k))
    assert figures["n_topics"] == GROUPS
    assert figures["stability"] > 0.95
    assert figures["unsorted_share"] == 0


def test_as_many_groups_as_there_are_are_chosen(
    rows: tuple[Floats, Integers, Neighborhood],
) -> None:
    vectors, _, around = rows
    assert choose_k(reduce(smooth(vectors, link_matrix(around))), seed=1) == GROUPS


@pytest.mark.parametrize("n", [0, 1, 2, 30])
def test_identical_rows_are_one_group_and_few_are_none(n: int) -> None:
    same = np.ones((n, 3), np.float32)
    assert set(by_means(same, 5).tolist()) <= {0}
    labels = by_density(same, min_size=smallest_group(n))
    assert set(labels.tolist()) == ({0} if n > 2 else ({NONE} if n else set()))
    assert len(middles(labels, same, 3)) == (1 if n > 2 else 0)


def test_what_is_near_joins_and_what_is_far_stays_out() -> None:
    reduced = np.array([[0, 0], [0.2, 0], [0, 0.2], [0.1, 0.1], [0.05, 0.1], [9, 9]], np.float32)
    labels = np.array([0, 0, 0, NONE, 0, NONE])
    joined = join_nearest(labels, reduced)
    assert joined.labels.tolist() == [0, 0, 0, 0, 0, NONE]
    assert joined.is_soft.tolist() == [False, False, False, True, False, False]


def test_votes_weigh_neighbors_by_similarity() -> None:
    labels = np.array([0, 1, 1, NONE])
    near = np.array([[0, 1, 2], [3, 0, NONE], [NONE, NONE, NONE]], np.int64)
    similar = np.array([[0.9, 0.3, 0.3], [0.8, 0.2, 0], [0, 0, 0]], np.float32)
    chosen, shares = votes_of(labels, near, similar)
    assert chosen.tolist() == [0, NONE, NONE]
    assert shares.tolist() == pytest.approx([0.6, 0.8, 0])
    around = Neighborhood(near[:1].repeat(4, axis=0), similar[:1].repeat(4, axis=0))
    assert share_of_own(labels, around)[1] == pytest.approx(0.4)


def test_names_say_what_a_topic_says_more_than_others() -> None:
    whales = ["The blue whale swims", "A blue whale sings", "Blue whales of the sea"]
    lava = ["Hot lava of a volcano", "The volcano has hot lava", "Volcanoes are hot"]
    groups = [[naming.tokens(text) for text in texts] for texts in (whales, lava)]
    words = naming.weigh(groups, {"the", "of", "has", "are"})
    names = [naming.name_of(one, set(), number) for number, one in enumerate(words, start=1)]
    assert names[0].lower().startswith("blue whale")
    assert "volcano" in names[1].lower()
    assert all("the" not in word.text.lower().split() for one in words for word in one)
    # Of forms and parts of a word only one stands there.
    texts = [word.text.lower() for word in words[0]]
    assert "whale" not in texts or "blue whale" not in texts


def test_names_are_unlike_each_other_and_never_empty() -> None:
    words = [naming.Word("whale", 1.0), naming.Word("sea", 0.5)]
    first = naming.name_of(words, set(), 1)
    assert naming.name_of(words, {first}, 2) == "whale, sea (2)"
    assert naming.name_of([], set(), 3) == "Topic 3"
    assert naming.weigh([[], [[]]], set()) == [[], []]


def test_scripts_without_spaces_are_read_in_pairs() -> None:
    assert naming.tokens("鲸鱼很大") == ["鲸鱼", "鱼很", "很大"]
    assert naming.tokens("C++ and C# in 2024, asp.net’s") == ["C++", "and", "C#", "in", "asp.net’s"]


def test_numbers_stay_while_most_rows_do() -> None:
    old = np.array([7, 7, 7, 7, 9, 9, 9, 9, NONE])
    new = np.array([1, 1, 1, 2, 0, 0, 0, 0, 0])
    matches, free = match_numbers(old, new, n_groups=3, next_number=12)
    assert (matches[0].number, matches[1].number) == (9, 7)
    assert matches[1].kept_share == pytest.approx(0.75)
    assert (matches[2].number, matches[2].kept_share, free) == (12, None, 13)
    assert numbered(new, matches).tolist() == [7, 7, 7, 12, 9, 9, 9, 9, 9]


def test_a_first_fit_is_numbered_by_size() -> None:
    matches, free = match_numbers(np.full(3, NONE), np.array([0, 0, 1]), n_groups=2, next_number=1)
    assert [matches[group].number for group in range(2)] == [1, 2]
    assert free == 3


def test_a_map_is_turned_back_onto_the_last_one() -> None:
    random = np.random.default_rng(1)
    old = random.normal(size=(50, 2)).astype(np.float32)
    turned = old @ np.array([[0, 1], [1, 0]], np.float32) * 3 + 5
    known = np.arange(50) < 30
    assert np.allclose(layout.align(turned, old, known), old, atol=1e-4)
    assert np.allclose(layout.align(turned, old, np.zeros(50, bool)), turned)


def test_few_rows_are_laid_out_apart() -> None:
    around = Neighborhood(np.array([[1], [0], [0]], np.int64), np.ones((3, 1), np.float32))
    places = layout.lay_out(around, np.zeros((3, 1), np.float32))
    assert places.shape == (3, 2)
    assert np.isfinite(places).all()
    assert len(np.unique(places, axis=0)) == 3
    empty = Neighborhood(np.empty((0, 0), np.int64), np.empty((0, 0), np.float32))
    assert layout.lay_out(empty, np.zeros((0, 1), np.float32)).shape == (0, 2)


def test_new_rows_begin_amid_their_neighbors() -> None:
    old = np.array([[0, 0], [2, 0], [1, 9], [np.nan, np.nan], [np.nan, np.nan]], np.float32)
    near = np.array([[NONE] * 3, [NONE] * 3, [NONE] * 3, [0, 1, 2], [NONE] * 3], np.int64)
    around = Neighborhood(near, np.ones((5, 3), np.float32))
    start = layout.start_again(old, around, np.zeros((5, 2), np.float32))
    assert start[3].tolist() == [1, 0]
    assert np.isfinite(start).all()
    assert np.array_equal(start[:3], old[:3])


@pytest.mark.slow
def test_neighbors_stay_near_on_the_map_and_work_ends_when_asked(
    rows: tuple[Floats, Integers, Neighborhood],
) -> None:
    vectors, truth, around = rows
    start = reduce(vectors)[:, :2]
    places = layout.lay_out(around, start, seed=1)
    assert np.array_equal(places, layout.lay_out(around, start, seed=1))
    own = quality.silhouette(places, truth)
    assert own is not None
    assert own > 0.7

    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stopped(done, total)

    told: list[tuple[int, int]] = []
    with pytest.raises(Stopped):
        layout.lay_out(around, start, on_step=stop)
    # Whoever is told next is not locked out.
    layout.lay_out(around, start, on_step=lambda done, total: told.append((done, total)))
    assert told
    assert {total for _, total in told} == {layout.EPOCHS}


def test_rows_that_came_together_are_placed_by_each_other() -> None:
    known = places_of(
        np.array([[0, 0], [0, 2], [10, 10]], np.float32), np.array([4, 4, 6]), np.array([1, 2, 3])
    )
    lists = Lists(
        np.array([10, 11, 12]),
        np.array([[1, 2, 3], [10, 12, NONE], [99, NONE, NONE]]),
        np.array([[0.9, 0.9, 0.1], [0.8, 0.8, -np.inf], [0.5, -np.inf, -np.inf]], np.float32),
    )
    first, second, lost = following.place_rows(lists, known)
    assert (first.number, first.x, first.y) == (4, 0, 2)
    assert first.p == pytest.approx(1.8 / 1.9, abs=1e-4)
    assert (second.number, second.p, second.x) == (4, 1, 0)
    assert (lost.number, lost.p, lost.x) == (None, 0, None)


def test_a_map_is_read_as_it_was_written() -> None:
    random = np.random.default_rng(2)
    xy = random.normal(size=(40, 2)).astype(np.float32)
    xy[7] = np.nan
    numbers = random.integers(-1, 70_000, 40)
    ids = np.sort(random.choice(10**12, 40, replace=False))
    data = encode_map(places_of(xy, numbers, ids), fit_id=3, revision=9)
    found, kept = decode_map(data), np.arange(40) != 7
    assert np.array_equal(found["id"], ids[kept])
    assert np.array_equal(found["topic"], np.maximum(numbers[kept], 0))
    assert np.allclose(np.stack([found["x"], found["y"]], axis=1), xy[kept], atol=1e-3)
    assert found["flags"].tolist() == [
        (place % 2 == 0) + 2 * (place % 3 == 0) for place in range(40) if place != 7
    ]
    with pytest.raises(ValueError, match="not a map"):
        decode_map(b"PNG" + data)
    none = encode_map(
        places_of(np.empty((0, 2), np.float32), np.empty(0, int), np.empty(0, int)),
        fit_id=1,
        revision=1,
    )
    assert len(decode_map(none)["id"]) == 0


@pytest.mark.parametrize("n", [0, 1, 800])
def test_a_picture_holds_the_colours_of_its_topics(n: int) -> None:
    from PIL import Image

    random = np.random.default_rng(0)
    xy = random.normal(size=(n, 2)).astype(np.float32)
    entries = [Entry(1, "whales, sea", n, 0.6, 0.0, 0.0), Entry(2, "鲸鱼", n, 0.04, 1.0, 1.0)]
    data = draw(xy, random.integers(0, 3, n), entries if n else [], width=900, height=500)
    image = Image.open(io.BytesIO(data))
    assert image.size == (900, 500)
    colours = {colour for _, colour in image.getcolors(1 << 20) or []}
    assert ((0, 114, 178) in colours) == (n > 0)
    assert len(colours) > 2


def test_neighbors_that_are_not_there_count_as_none() -> None:
    ids = np.array([5, 9])
    found = neighborhood_of(ids, np.array([[9, 7], [5, -1]]), np.ones((2, 2), np.float32))
    assert found.neighbors.tolist() == [[1, NONE], [0, NONE]]
    assert found.similarities.tolist() == [[1, 0], [1, 0]]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"method": "lda"}, "method"),
        ({"method": "kmeans", "k": 1}, "k"),
        ({"k": 5}, "k"),
        ({"min_size": 1}, "min_size"),
        ({"method": "kmeans", "min_size": 5}, "min_size"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(given: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_setting(given)
    assert refused.value.field == field


def test_a_title_is_one_clean_line() -> None:
    assert clean_title('\n "**Marine   mammals.**"\nBecause ...') == "Marine mammals"
    assert clean_title("\x00 \n") == ""
