"""Free text as numbers."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from sklatent.tabular._cells import Cells
from sklatent.tabular._text import N_NUMBERS, embed, fit_text

ABOUT = {
    "money": ["wants a refund", "asks for the money back", "demands repayment of the price"],
    "parcel": ["waits for the parcel", "complains about late delivery", "box did not arrive"],
    "account": ["cannot log in", "has lost the password", "wants to close the account"],
}


def column(n: int, seed: int) -> tuple[Cells, np.ndarray]:
    rng = np.random.RandomState(seed)
    topics = rng.choice(list(ABOUT), n)
    texts = [f"customer {rng.choice(ABOUT[t])} since day {rng.randint(10**6)}" for t in topics]
    return Cells("label", np.arange(n), None, texts, store={"dtype": "str"}), topics


def test_numbers_tell_what_new_texts_are_about() -> None:
    cells, topics = column(300, 0)
    fitted = fit_text(cells)
    numbers = embed(fitted, cells)
    assert numbers.shape == (300, N_NUMBERS)
    np.testing.assert_allclose(numbers.var(0), 1 / N_NUMBERS, rtol=1e-4)
    np.testing.assert_allclose(numbers.mean(0), 0, atol=1e-6)
    classifier = LogisticRegression(C=100).fit(numbers, topics)
    new, wanted = column(200, 1)
    assert classifier.score(embed(fitted, new), wanted) > 0.9


def test_equal_texts_have_equal_numbers_and_missing_ones_none() -> None:
    cells, _ = column(300, 0)
    fitted = fit_text(cells)
    missing = np.array([False, True, False])
    some = Cells("label", np.array([0, 0, 0]), missing, [cells.levels[5]], store={})
    numbers = embed(fitted, some)
    np.testing.assert_array_equal(numbers[0], numbers[2])
    np.testing.assert_allclose(numbers[0], embed(fitted, cells)[5], atol=1e-12)
    assert np.isnan(numbers[1]).all()
    gone = Cells("empty", np.zeros(2), np.ones(2, dtype=bool))
    assert np.isnan(embed(fitted, gone)).all()


def test_fit_leaves_missing_cells_out_and_keeps_no_text() -> None:
    cells, _ = column(300, 0)
    missing = np.arange(300) >= 200
    gaps = Cells("label", cells.values, missing, cells.levels, store={})
    some = Cells("label", cells.values[:200], None, cells.levels[:200], store={})
    for name, value in fit_text(gaps).items():
        np.testing.assert_array_equal(value, fit_text(some)[name])
    assert {type(value) for value in fit_text(cells).values()} == {str, list, np.ndarray}
