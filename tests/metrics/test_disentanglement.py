"""Scores of codes against factors: perfect, rotated and useless codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sklatent.metrics import dci_score, factorvae_score, mig_score, sap_score

RNG = np.random.default_rng(0)
FACTORS = RNG.uniform(-1, 1, size=(4000, 3))
LEVELS = RNG.integers(0, [2, 4, 7], size=(4000, 3))
# sixty degrees about the diagonal: each factor goes equally into all codes
EVEN = np.array([[2.0, -1.0, 2.0], [2.0, 2.0, -1.0], [-1.0, 2.0, 2.0]]) / 3
PERFECT = FACTORS[:, [2, 0, 1]] ** 3 * [1.0, -50.0, 0.1] + [0.0, 3.0, 0.0]
USELESS = RNG.normal(size=(4000, 3))


def test_mutual_information_gap() -> None:
    assert mig_score(PERFECT, FACTORS) == pytest.approx(1.0, abs=0.03)
    assert mig_score(np.column_stack([LEVELS, USELESS]), LEVELS) == pytest.approx(1.0, abs=0.03)
    assert mig_score(FACTORS @ EVEN, FACTORS) < 0.1
    assert mig_score(USELESS, FACTORS) < 0.02
    assert mig_score(np.zeros((4000, 2)), FACTORS) == pytest.approx(0.0, abs=1e-12)
    # each factor in two codes is a gap of nothing
    assert mig_score(np.hstack([FACTORS, 2 * FACTORS]), FACTORS) == pytest.approx(0.0, abs=1e-12)


def test_gap_divides_by_the_entropy_of_the_factor() -> None:
    # a code that tells which half a factor of four levels is in knows half of its entropy
    factor = np.arange(4000) % 4
    assert mig_score((factor // 2)[:, None], factor) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("factors", [FACTORS, LEVELS], ids=["numbers", "classes"])
def test_single_predictors(factors: Any) -> None:
    assert sap_score(factors[:, ::-1] * 2.0, factors) > 0.95
    assert sap_score(USELESS, factors) < 0.05
    assert sap_score(FACTORS @ EVEN, FACTORS) < 0.5


@pytest.mark.parametrize("factors", [FACTORS, LEVELS], ids=["numbers", "classes"])
def test_votes(factors: Any) -> None:
    with_dead = np.column_stack([np.ones(4000), factors])
    assert factorvae_score(with_dead, factors, n_votes=200) == 1.0
    assert factorvae_score(USELESS, factors, n_votes=800) < 0.5
    assert factorvae_score(np.ones((4000, 2)), factors) == 0.0


def test_votes_of_rotated_codes() -> None:
    assert factorvae_score(FACTORS @ EVEN, FACTORS, n_votes=400) < 0.8


def test_importances() -> None:
    some = slice(0, 800)
    perfect = dci_score(PERFECT[some], FACTORS[some])
    assert min(perfect.disentanglement, perfect.completeness, perfect.informativeness) > 0.95
    np.testing.assert_array_equal(perfect.importances.argmax(0), [1, 2, 0])
    rotated = dci_score(FACTORS[some] @ EVEN, FACTORS[some])
    assert rotated.disentanglement < 0.6
    assert rotated.informativeness > 0.8
    useless = dci_score(USELESS[some], FACTORS[some])
    assert useless.informativeness < 0.05
    assert useless.disentanglement < 0.2
    classes = dci_score(LEVELS[some].astype(float), LEVELS[some])
    assert min(classes.disentanglement, classes.informativeness) > 0.99


def test_same_seed_same_answer() -> None:
    codes, factors = (FACTORS @ EVEN)[:300], FACTORS[:300]
    for score in (dci_score, factorvae_score):
        first, again = (score(codes, factors, random_state=3) for _ in range(2))
        assert repr(first) == repr(again)


def test_words_are_classes() -> None:
    words = np.array(["a", "b"], dtype=object)[LEVELS[:, 0]]
    assert mig_score(LEVELS[:, :1], words) == pytest.approx(1.0)


@pytest.mark.parametrize("score", [mig_score, sap_score, factorvae_score, dci_score])
def test_numbers_beside_words(score: Any) -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    some = slice(300)
    codes = np.column_stack([PERFECT[some, 1:], LEVELS[some, 1]])
    words = np.array(["a", "b", "c", "d"])[LEVELS[some, 1]]
    factors = {"x": FACTORS[some, 0], "whole": (1e6 * FACTORS[some, 1]).astype(int), "word": words}
    expected = repr(
        score(codes, np.column_stack([FACTORS[some, 0], factors["whole"], LEVELS[some, 1]]))
    )
    frame = pandas.DataFrame(factors)
    for table in (frame, polars.DataFrame(factors), frame.to_numpy()):
        assert repr(score(codes, table)) == expected


@pytest.mark.parametrize("score", [mig_score, sap_score, factorvae_score, dci_score])
def test_centre_and_units_of_codes_do_not_matter(score: Any) -> None:
    codes, factors = PERFECT[:200], FACTORS[:200]
    expected = score(codes, factors)
    for other in (codes + 2.0**30, 2.0**-300 * codes, np.column_stack([codes, np.full(200, 0.1)])):
        found = score(other, factors)
        if score is not dci_score:
            assert found == pytest.approx(expected, abs=0.005)
        else:
            assert found.informativeness == pytest.approx(expected.informativeness, abs=0.02)
            np.testing.assert_allclose(found.importances[:3], expected.importances, atol=0.02)


RARE = (RNG.uniform(size=4000) < 0.02).astype(float)
SPEAKING = {
    "two values": RARE,
    "apart": RARE + 0.05 * RNG.normal(size=4000),
    "in the middle": np.where(RARE > 0, 0.0, np.sign(FACTORS[:, 0])) + 0.05 * FACTORS[:, 1],
    "mostly zero": RARE * RNG.uniform(1, 2, size=4000),
}


@pytest.mark.parametrize("code", SPEAKING.values(), ids=SPEAKING)
def test_a_code_of_something_rare_counts_in_full(code: Any) -> None:
    both = np.column_stack([USELESS[:, 0], code])
    # the mutual information with noise, by chance, is what is missing
    assert mig_score(both, RARE) == pytest.approx(1.0, abs=0.05)
    scores = dci_score(both, RARE)
    assert scores.completeness > 0.95
    assert scores.informativeness == pytest.approx(1.0, abs=0.02)
    if code is SPEAKING["in the middle"]:
        return  # no threshold cuts it off, and it varies without
    assert sap_score(both, RARE) == pytest.approx(1.0, abs=0.1)
    factors = np.column_stack([RARE, FACTORS[:, 2]])
    codes = np.column_stack([code, FACTORS[:, 2]])
    assert factorvae_score(codes, factors, n_votes=400) > 0.97


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8, bool])
def test_rare_levels_in_any_type(dtype: Any) -> None:
    pandas = pytest.importorskip("pandas")
    codes = np.column_stack([RARE, LEVELS[:, 1] > 1]).astype(dtype)
    words = np.where(RARE > 0, "rare", "usual")
    for factor in (words, pandas.DataFrame({"f": pandas.Categorical(words)}), RARE.astype(dtype)):
        assert mig_score(codes, factor) == pytest.approx(1.0, abs=0.01)
        assert sap_score(codes, factor) == pytest.approx(1.0, abs=0.1)


def test_a_code_that_knows_half_of_something_rare() -> None:
    # normal codes two deviations apart: 0.363 of the entropy of a class of 2 %, by integration,
    # and 84 % of either class by the best threshold
    code = RNG.normal(size=4000) + 2 * RARE
    assert mig_score(code[:, None], RARE) == pytest.approx(0.363, abs=0.06)
    assert sap_score(code[:, None], RARE) == pytest.approx(0.683, abs=0.08)
    assert mig_score(USELESS, RARE) < 0.03
    assert sap_score(USELESS, RARE) < 0.1
    assert dci_score(USELESS, RARE).informativeness == 0.0


def test_rare_codes_do_not_pass_for_factors_held_still() -> None:
    # in few rows the first code does not vary either
    codes = np.column_stack([RARE, LEVELS[:, 1:], FACTORS[:, :1]])
    assert factorvae_score(codes, codes, n_votes=400) > 0.97
    assert factorvae_score(codes[:, ::-1], codes, n_votes=400) > 0.97


def test_values_of_a_single_row() -> None:
    factor = LEVELS[:, 0].copy()
    factor[[7, 9]] = [5, 6]
    codes = np.column_stack([factor, USELESS[:, 0]])
    assert mig_score(codes, factor) == pytest.approx(1.0, abs=0.02)
    assert sap_score(codes, factor) > 0.95
    assert dci_score(codes, factor).informativeness > 0.95
    both = np.column_stack([factor, FACTORS[:, 0]])
    assert factorvae_score(both, both, n_votes=400) > 0.97
    with pytest.raises(ValueError, match="Factor 0 has no value twice"):
        factorvae_score(USELESS[:15], np.arange(15))
    once = np.array([1] + [0] * 39)
    assert sap_score(USELESS[:40], once) == dci_score(USELESS[:40], once).informativeness == 0.0


def test_levels_in_the_order_of_the_rows() -> None:
    # every other row holds the same class: halves by position would hold one class each
    factor = np.arange(400) % 2
    assert sap_score(factor[:, None] * 3.0, factor) == 1.0
    assert dci_score(factor[:, None], factor).informativeness > 0.999


def test_a_number_that_is_mostly_zero() -> None:
    amount = np.where(FACTORS[:, 0] > 0.9, FACTORS[:, 1] + 5, 0.0)
    codes = np.column_stack([USELESS[:, 0], 1e3 * amount])
    assert mig_score(codes, amount) == pytest.approx(1.0, abs=0.05)
    assert sap_score(codes, amount) > 0.95
    assert dci_score(codes, amount).informativeness > 0.95


@pytest.mark.parametrize("score", [mig_score, sap_score, factorvae_score, dci_score])
def test_what_is_refused(score: Any) -> None:
    with pytest.raises(ValueError, match="factors contains NaN: factor 0 has missing cells"):
        score(FACTORS[:20], np.array(["a", None] * 10, dtype=object))
    with pytest.raises(ValueError, match="Factor 1 has one value only"):
        score(FACTORS, np.column_stack([FACTORS[:, 0], np.ones(4000)]))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        score(FACTORS[:50], FACTORS[:40])
    with pytest.raises(ValueError, match="NaN"):
        score(np.full((20, 2), np.nan), FACTORS[:20])
    if score in (mig_score, factorvae_score):
        with pytest.raises(ValueError, match="'n_bins' parameter"):
            score(FACTORS[:20], FACTORS[:20], n_bins=1)
