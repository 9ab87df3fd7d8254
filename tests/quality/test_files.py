"""Real and hostile files end as they should, where they are at hand."""

import csv
from pathlib import Path

import pytest

from embedhub.documents.parsing.encoding import read_text
from embedhub.documents.parsing.parsed import Limits
from embedhub.documents.parsing.sandbox import Parser

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "retrieval" / "documents"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no evaluation data at {FOLDER}")


def test_every_file_ends_as_its_manifest_says(tmp_path: Path) -> None:
    with (FOLDER / "manifest.tsv").open() as manifest:
        rows = list(csv.DictReader(manifest, delimiter="\t", quoting=csv.QUOTE_NONE))
    work, out, wrong = tmp_path / "work", tmp_path / "out", []
    work.mkdir()
    with Parser(work, memory_mb=768, time_s=60, limits=Limits()) as parser:
        for row in rows:
            path = FOLDER / row["kind"] / row["file"]
            report = parser.parse(row["file"], path, out, lambda *_: None)
            outcome = report.reason_code or "text"
            if outcome not in row["expected"].split("|"):
                wrong.append((row["file"], outcome, row["expected"], report.reason))
    assert len(rows) == 98
    assert not wrong


@pytest.mark.parametrize("encoding", ["ar.cp1256", "de.cp1252", "es.iso8859-15", "ru.cp1251",
                                      "ru.utf-16", "tr.iso8859-9", "zh.utf-16-le"])  # fmt: skip
def test_texts_in_older_encodings_come_out_letter_by_letter(encoding: str) -> None:
    path = FOLDER / "derived_encodings" / f"xquad_{encoding}.txt"
    truth = path.with_name(f"{path.name}.truth.utf8").read_text(encoding="utf-8")
    assert read_text(path).removeprefix("\ufeff") == truth
