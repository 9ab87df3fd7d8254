"""Negation: what shares its words with a sentence that denies it is not backed by it."""

import re

import pytest

from embedhub.answers.polarity import denies, is_denied, stance
from embedhub.search.snippets import query_grams


def read(text: str) -> frozenset[str]:
    """Words by their beginnings, which stands for stemming; pairs of scripts without spaces."""
    return query_grams(text) | {word.lower()[:6] for word in re.findall(r"[^\W\d_]{3,}", text)}


def is_contrary(one: str, other: str) -> bool:
    return denies(stance(one, read), stance(other, read), {})


@pytest.mark.parametrize(
    ("said", "cited"),
    [
        ("The server supports streaming", "The server does not support streaming."),
        ("The server doesn't support streaming", "The server supports streaming."),
        ("Whales eat krill", "Whales never eat krill"),
        ("Whales eat krill", "Whales cannot eat krill"),
        ("The plan has a limit", "The plan has no limit"),
        ("It keeps documents", "It keeps nothing"),
        ("It works without a key", "It does not work without a key"),
        ("It supports DOCX", "It supports PDF, but not DOCX"),
        ("Der Server unterstützt PDF", "Der Server unterstützt PDF nicht."),
        ("Der Server unterstützt keine Bilder", "Der Server unterstützt Bilder."),
        ("El servidor admite imágenes", "El servidor no admite imágenes"),
        ("Nadie lee los documentos", "Todos leen los documentos"),
        ("Le serveur accepte les images", "Le serveur n'accepte pas les images"),
        ("Кит ест рыбу", "Кит не ест рыбу"),
        ("鲸鱼吃磷虾", "鲸鱼不吃磷虾"),
        ("鲸鱼有牙齿", "鲸鱼没有牙齿"),
        ("الحيتان تأكل السمك", "الحيتان لا تأكل السمك"),
        ("الخادم يدعم الصور", "الخادم لم يدعم الصور"),
    ],
)
def test_what_is_denied_is_seen_both_ways(said: str, cited: str) -> None:
    assert is_contrary(said, cited)
    assert is_contrary(cited, said)
    assert not is_contrary(said, said)
    assert not is_contrary(cited, cited)


@pytest.mark.parametrize(
    ("said", "cited"),
    [
        ("It does not support images", "It doesn't support images"),
        ("It takes a key", "It does not work without a key"),
        ("It supports tools", "Although it does not stream, it supports tools"),
        ("It supports PDF", "It supports PDF, but not DOCX"),
        ("It supports PDF and DOCX", "It supports not only PDF but also DOCX"),
        ("Version 7 supports PDF", "Version No. 7 supports PDF"),
        ("Es gibt keine Bilder", "Bilder gibt es nicht"),
        ("No admite imágenes", "No admite nunca imágenes"),
        ("Il existe trois options", "Il n'existe que trois options"),
        ("Dois cães correm no campo", "Dois cães correm num campo"),
        ("鲸鱼是不同的动物", "鲸鱼和鱼是不同的动物"),
        ("It keeps letters", "Whales do not eat krill"),
    ],
)
def test_what_is_only_worded_otherwise_is_not_denied(said: str, cited: str) -> None:
    assert not is_contrary(said, cited)
    assert not is_contrary(cited, said)


def test_one_sentence_that_says_it_is_enough() -> None:
    said, affirms, denied = (
        stance(text, read)
        for text in ("It supports images", "It supports images", "It does not support images")
    )
    assert is_denied(said, [denied], {})
    assert not is_denied(said, [denied, affirms], {})
    assert not is_denied(said, [], {})
