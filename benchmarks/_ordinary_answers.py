"""What is right, and how near to it an answer has to be: chosen before anything was measured.

A share is of planted cells, rows, columns or faults. Bounds leave room for what chance does with
the numbers of rows at hand, and for nothing else.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bound:
    """A floor, or a ceiling, and why it is where it is."""

    value: float
    at_least: bool
    reason: str

    def holds(self, value: float) -> bool:
        """Whether a value is on the right side; NaN never is."""
        return value >= self.value if self.at_least else value <= self.value


def floor(value: float, reason: str) -> Bound:
    return Bound(value, True, reason)


def ceiling(value: float, reason: str) -> Bound:
    return Bound(value, False, reason)


ANSWERED = floor(1, "no fault of one cell may cost the row, whatever fit has seen")
ON_GRID = floor(1, "a count, an age or a price is on its grid or it is none")
IN_RANGE = floor(1, "a model returns nothing beyond what it was shown")
NO_IDS = ceiling(0, "one identifier that comes back is a person found")
KNOWN_WORDS = floor(1, "a word that fit has not seen cannot be known")
SAME_TYPES = floor(1, "rows come back in the types that they came in")

# By (verb, what) for every model that has the verb.
EXPECTED = {
    # fitting
    ("fit", "roles named in warnings"): floor(1, "what is left out or read otherwise is said"),
    ("fit", "CPU s of 1,500 rows"): ceiling(4, "identifiers and text included"),
    # encoding
    ("transform", "faults answered"): ANSWERED,
    ("transform", "new word: one warning names it"): floor(1, "once, and the column by its name"),
    ("transform", "ISO string is the date"): floor(1, "the same moment in other letters"),
    ("transform", "far cells told from the largest"): floor(1, "numbers go on beyond the last one"),
    ("transform", "order of numbers kept"): floor(1, "more is more, in codes as well"),
    # decoding
    ("inverse_transform", "same types"): SAME_TYPES,
    ("inverse_transform", "cells come back"): floor(0.99, "an encoder alone loses nothing"),
    ("inverse_transform", "numbers on their grid"): ON_GRID,
    ("inverse_transform", "numbers in range"): IN_RANGE,
    ("inverse_transform", "identifiers returned"): NO_IDS,
    ("inverse_transform", "texts returned"): NO_IDS,
    ("inverse_transform", "columns better than their middle"): floor(
        0.8, "half as many codes as columns: one in five may get none"
    ),
    ("score", "new rows beside those of fit"): ceiling(0.1, "a share of variance that generalizes"),
    # pipelines
    ("cross_val_score", "folds with a number"): floor(1, "a rare word is in one fold alone"),
    ("cross_val_score", "accuracy less the largest class"): floor(
        -0.03, "codes may not know the target, but are no worse than none; .03 is two errors"
    ),
    # sampling
    ("sample", "same types"): SAME_TYPES,
    ("sample", "identifiers returned"): NO_IDS,
    ("sample", "identifiers new and of their form"): floor(1, "different, and as they are written"),
    ("sample", "texts returned"): NO_IDS,
    ("sample", "whole rows copied"): ceiling(0, "a row of ten columns is not drawn twice"),
    ("sample", "numbers on their grid"): ON_GRID,
    ("sample", "numbers in range"): IN_RANGE,
    ("sample", "words known"): KNOWN_WORDS,
    ("sample", "dates readable"): floor(1, "in the format of the column, or missing as there"),
    ("sample", "gap of missing cells"): ceiling(0.04, "two standard errors of a share of .1"),
    ("sample", "KS distance less that of fresh rows"): ceiling(
        0.03, "as much again as two samples of the same law have"
    ),
    ("sample", "rank correlations' gap less that of fresh rows"): ceiling(
        0.03, "as much again as two samples of the same law have"
    ),
    ("sample", "in its cluster"): floor(0.8, "drawn from a cluster is labelled as one of it"),
    ("sample conditions", "obeyed"): floor(1, "a condition is no wish"),
    ("sample conditions", "ISO dates obeyed"): floor(1, "the same moment in other letters"),
    ("sample conditions", "identifier refused"): floor(1, "there is no distribution of it"),
    ("sample conditions", "gap of means, sd"): ceiling(
        0.2, "means of 300 rows against 150 or more differ by .1 by chance"
    ),
    # likelihood
    ("score_samples", "faults answered"): ANSWERED,
    ("score_samples", "typo below its true row"): floor(0.99, "a value nobody has is rarer"),
    ("score_samples", "huge below its true row"): floor(0.99, "1e9 is rarer, in any column"),
    ("score_samples", "far below its true row"): floor(0.99, "beyond all others is rarer"),
    ("score_samples", "times 100 below its true row"): floor(0.99, "twice the largest is rarer"),
    ("score_samples", "wrong century below its true row"): floor(0.99, "200 years on is rarer"),
    # imputation
    ("impute", "known cells changed"): ceiling(0, "known is known"),
    ("impute", "cells left missing"): ceiling(0, "every hidden cell belongs to a modelled column"),
    ("impute", "MAE over IterativeImputer's"): ceiling(
        1.05, "the classic is linear, so are most of these tables; .05 is noise of 400 cells"
    ),
    ("impute", "RMSE over IterativeImputer's"): ceiling(
        1.1, "the same, with room for a median in skewed columns"
    ),
    ("impute", "accuracy less IterativeImputer's"): floor(-0.03, "the same for categories"),
    ("impute", "numbers in range"): IN_RANGE,
    ("sample_imputations", "known cells changed"): ceiling(0, "known is known"),
    ("sample_imputations", "numbers on their grid"): ON_GRID,
    ("sample_imputations", "90 % intervals off by"): ceiling(
        0.06, "20 draws; the share of 300 cells has a standard error of .02"
    ),
    # anomalies: a detector that was shown clean rows, at 1 %
    ("predict", "clean rows flagged"): ceiling(0.03, ".01 and four standard errors of 400 rows"),
    ("predict", "typo flagged"): floor(0.95, "an age of 999 needs no second column"),
    ("predict", "times 100 flagged"): floor(0.95, "more than twice the largest price there was"),
    ("predict", "far flagged"): floor(0.9, "ten sd beyond the largest, in any column"),
    ("predict", "huge flagged"): floor(0.99, "1e9 in any column"),
    ("predict", "wrong century flagged"): floor(0.95, "a date 200 years on"),
    ("predict", "constant flagged"): floor(0.99, "it has never been otherwise"),
    ("predict", "first missing flagged"): ceiling(0.05, "a gap is no fault of the row"),
    ("predict", "in accordance with scores"): floor(1, "one threshold"),
    ("predict", "ISO string is the date"): floor(1, "the same moment in other letters"),
    ("predict", "faults answered"): ANSWERED,
    ("score_samples", "new word below its true row"): floor(
        0.95, "rarer than the rarest; a row that had the rarest may tie"
    ),
    ("score_samples", "mixed-up rows: AUROC less IsolationForest's"): floor(
        -0.03, "cells of other rows in a third of the columns; no cell alone is odd"
    ),
    ("explain", "names the column of a typo"): floor(0.95, "it is the only wrong one"),
    ("explain", "names the column of a huge value"): floor(0.95, "it is the only wrong one"),
    ("explain", "names the constant that changed"): floor(0.95, "it is the only wrong one"),
    ("explain", "sums to the score"): ceiling(1e-6, "a division leaves nothing over"),
    ("p_values", "share below .05 off by"): ceiling(0.035, "400 rows: three standard errors"),
    # anomalies among the rows of fit
    ("fit", "AUROC of grouped outliers under a mask"): floor(
        0.95, "ten robust sd out: their column alone ranks them first"
    ),
    ("fit_predict", "the mask itself flagged"): floor(1, "ten thousand times as far"),
    ("fit_predict", "grouped outliers flagged"): floor(
        0.8, "as many are flagged as there are; among 17 columns a clean row may be as odd"
    ),
    ("fit_predict", "equals predict"): floor(1, "one answer for one row"),
    # clusters
    ("predict", "new word keeps the label"): floor(0.9, "one column of ten does not move a row"),
    ("predict", "training rows as in labels_"): floor(0.97, "a border row may move"),
    ("predict", "labels without gaps"): floor(1, "labels are 0 to k - 1"),
    ("predict_proba", "sums to one"): ceiling(1e-6, "they are probabilities"),
    ("fit", "ARI less that of KMeans"): floor(-0.05, "three groups, usual preparation for KMeans"),
    ("fit", "ARI under a typo less that of KMeans without"): floor(-0.08, "one cell of thousands"),
}
