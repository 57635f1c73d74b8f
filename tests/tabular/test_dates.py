"""Dates written as words: the format, and back to the last character."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from sklatent.tabular._cells import Cells
from sklatent.tabular._dates import (
    as_times,
    as_words,
    find_format,
    parse_dates,
    spell_dates,
    unit_of,
)

START = dt.datetime(1995, 3, 1)
FORMATS = [
    *("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%Y%m%d", "%d %b %Y", "%B %d, %Y"),
    *("%d-%b-%y", "%b %Y", "%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M", "%Y-%m-%dT%H:%M:%SZ"),
    "%Y-%m-%d %H:%M:%S.%f",
]


def moments(n: int = 200) -> list[dt.datetime]:
    seconds = np.random.RandomState(0).randint(0, 86_400 * 9_000, n)
    return [START + dt.timedelta(seconds=int(s), microseconds=int(s) % 999_983) for s in seconds]


@pytest.mark.parametrize("form", FORMATS)
def test_formats_are_those_of_strptime(form: str) -> None:
    texts = list({moment.strftime(form) for moment in moments()})
    found = find_format(texts)
    assert found is not None
    assert found.format == form
    assert not found.is_ambiguous
    times, fits = parse_dates(texts, form)
    right = [np.datetime64(dt.datetime.strptime(text, form)) for text in texts]
    np.testing.assert_array_equal(times.astype(f"M8[{unit_of(form)}]"), np.array(right))
    assert fits.all()
    assert spell_dates(times, form) == texts


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["3/1/2024", "13/11/2024"], "%-d/%-m/%Y"),
        (["3 May 2024 9:05", "28 May 2024 19:05"], "%-d %b %Y %-H:%M"),
        (["2024-05-01 10:00:00.250", "2024-05-02 10:00:00.500"], "%Y-%m-%d %H:%M:%S.%3f"),
        (["12/31/24", "01/05/68"], "%m/%d/%y"),
    ],
)
def test_formats_come_back_to_the_last_character(texts: list[str], form: str) -> None:
    found = find_format(texts)
    assert found is not None
    assert found.format == form
    assert spell_dates(parse_dates(texts, form)[0], form) == texts


@pytest.mark.parametrize(
    "texts",
    [
        ["2024-01-01", "soon"],
        ["31/02/2024", "01/01/2024"],
        ["13/14/2024", "01/01/2024"],
        ["2024-01-01", "01/02/2024"],
        ["3/1/2024", "03/1/2024"],
        ["2024-01-01 24:00", "2024-01-01 10:00"],
        ["2024-01-01"],
        ["north", "south"],
        ["12", "13"],
        [],
    ],
)
def test_what_is_not_of_one_format_stays_words(texts: list[str]) -> None:
    assert find_format(texts) is None


def test_days_stand_first_where_months_might() -> None:
    found = find_format(["03/04/2024", "05/06/2024"])
    assert found is not None
    assert found == ("%d/%m/%Y", True)
    settled = find_format(["03/04/2024", "05/16/2024"])
    assert settled is not None
    assert settled == ("%m/%d/%Y", False)


def test_columns_become_times_and_words_again() -> None:
    levels = ["03/04/2024", "17/06/2024", "no date"]
    missing = np.array([False, False, True, False])
    cells = Cells("label", np.array([1, 0, 0, 2]), missing, levels, store={"dtype": "str"})
    times = as_times(cells, "%d/%m/%Y")
    assert times.family == "date"
    assert times.unit == "D"
    assert times.missing is not None
    assert times.missing.tolist() == [False, False, True, True]
    assert times.values[:2].astype("M8[D]").tolist() == [
        dt.date(2024, 6, 17),
        dt.date(2024, 4, 3),
    ]
    words = as_words(times)
    assert words.family == "label"
    assert [words.levels[v] for v in words.values[:2]] == ["17/06/2024", "03/04/2024"]
    assert as_words(cells) is cells
