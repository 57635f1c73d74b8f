"""Both kinds of fitted tables answer to one interface."""

from __future__ import annotations

import io
import pickle
import re
import tokenize
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import NotFittedError

import sklatent
from sklatent import AutoencoderTransformer, TabularEncoder
from sklatent.tabular import (
    AffineTable,
    Block,
    MixedRows,
    QuantileTable,
    Rows,
    Table,
    as_blocks,
    plain_blocks,
)
from sklatent.tabular._saved import table_of_state

RNG = np.random.default_rng(0)
NUMBERS = pd.DataFrame(
    {
        "a": RNG.normal(5.0, 3.0, 40),
        "b": RNG.integers(0, 9, 40),
        "same": 0.1,
        "flag": RNG.random(40) < 0.5,
    }
)
WORDS = pd.DataFrame(
    {
        "w": RNG.choice(["x", "y", "z"], 40),
        "n": np.where(RNG.random(40) < 0.2, np.nan, RNG.normal(size=40)),
        "spike": np.where(RNG.random(40) < 0.4, 0.0, RNG.exponential(size=40)),
        "one": "same",
    }
)
TABLES: dict[str, Any] = {
    "affine": NUMBERS,
    "affine array": NUMBERS.to_numpy(dtype=np.float32),
    "affine, missing": NUMBERS.assign(a=NUMBERS["a"].where(NUMBERS["a"] > 2)),
    "quantile": WORDS,
    "quantile array": WORDS.to_numpy(dtype=object),
    "quantile polars": pl.from_pandas(WORDS),
}
EVERY = pytest.mark.parametrize("name", TABLES)


def fitted(name: str) -> tuple[TabularEncoder, Any]:
    X = TABLES[name]
    return TabularEncoder().fit(X), X


def same_tables(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    if isinstance(found, pl.DataFrame):
        assert found.equals(expected)
    else:
        pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(expected))


@EVERY
def test_both_kinds_have_every_part_of_the_interface(name: str) -> None:
    encoder, X = fitted(name)
    table = encoder.table
    assert isinstance(table, QuantileTable if name.startswith("quantile") else AffineTable)
    parts = [part for part in vars(Table) if not part.startswith("_")]
    assert {"encode", "decode", "log_slope", "blocks", "numbers"} <= set(parts)
    assert [part for part in parts if not hasattr(table, part)] == []
    assert (table.kind, table.n_encoded, table.unit) == (encoder.mode_, 4, encoder.unit_)
    assert table.names == ([0, 1, 2, 3] if isinstance(X, np.ndarray) else list(X.columns))
    assert table.dtype == np.dtype(encoder.dtype_)
    assert table.blocks == encoder.blocks_
    assert all(type(block) is Block for block in table.blocks)
    assert np.array_equal(table.varying, encoder.varying_)
    assert len(table.ties) == 4
    numbers = [block.kind == "number" for block in table.blocks]
    assert table.numbers.tolist() == (numbers if table.kind == "quantile" else [True] * 4)


@EVERY
def test_round_trip(name: str) -> None:
    encoder, X = fitted(name)
    table = encoder.table
    rows = table.read(X, estimator=encoder, allow_missing=True)
    Z = table.encode(rows)
    assert np.array_equal(Z, encoder.transform(X), equal_nan=True)
    same_tables(table.decode(Z), encoder.inverse_transform(Z))
    same_tables(table.build(table.values(Z)), table.decode(Z))
    back = table.read_reconstructions(table.decode(Z))
    np.testing.assert_allclose(table.encode(back), Z, atol=1e-6)
    assert isinstance(rows, MixedRows) == (table.kind == "quantile")
    given = rows.given(X, as_array=True, as_objects=False)
    assert given is (X if isinstance(rows, MixedRows) else rows.values)
    assert rows.cast(np.zeros(2)).dtype == (
        np.float64 if isinstance(rows, MixedRows) else rows.dtype
    )
    assert len(rows.spans(slice(0, 2))) == (0 if isinstance(rows, MixedRows) else Z.shape[1])


@pytest.mark.parametrize("name", ["affine", "affine array", "quantile"])
def test_slope_is_the_derivative_of_the_encoding(name: str) -> None:
    encoder, X = fitted(name)
    table, step = encoder.table, 1e-3 if "array" in name else 1e-6
    column = table.names[1 if name == "quantile" else 0]
    # between training values of a wide part of the column
    frame = pd.DataFrame(X).iloc[:1]
    place = np.sort(pd.DataFrame(X)[column].dropna())[[19, 20]].mean()

    def score(shift: float) -> Any:
        moved = frame.assign(**{str(column): place + shift})
        moved = moved if isinstance(X, pd.DataFrame) else moved.to_numpy()[:, [4, 1, 2, 3]]
        return table.read(moved, estimator=encoder)

    rise = table.encode(score(step)) - table.encode(score(-step))
    at = table.names.index(column)
    slope = table.log_slope(score(0.0))
    assert slope.shape == (1, 4)
    assert slope.dtype == np.float64
    assert slope[0, at] == pytest.approx(np.log(rise[0, at] / (2 * step)), abs=1e-4)
    assert (slope[:, ~table.varying] == 0).all()


def test_slope_of_numbers_subtracts_the_scale_to_the_last_bit() -> None:
    encoder = TabularEncoder().fit(NUMBERS)
    rows = encoder.read(NUMBERS)
    cells = RNG.normal(size=NUMBERS.shape)
    expected = cells - np.log(encoder.scale_)
    assert (cells + encoder.table.log_slope(rows)).tobytes() == expected.tobytes()
    assert encoder.table.log_det(rows) == encoder.log_abs_det_ != 0
    assert encoder.table.log_slope(rows)[0].sum() == pytest.approx(encoder.log_abs_det_)


def test_sum_of_the_slopes_of_a_row() -> None:
    encoder = TabularEncoder().fit(WORDS)
    rows = encoder.read(WORDS)
    slope = encoder.table.log_slope(rows)
    assert np.array_equal(encoder.table.log_det(rows), slope.sum(1))
    assert len(np.unique(slope.sum(1))) > 10


# -- reading -------------------------------------------------------------------------------------


def test_models_of_numbers_refuse_missing_cells() -> None:
    encoder, X = fitted("affine")
    holes = X.assign(a=np.nan)
    with pytest.raises(ValueError, match=r"NaN[\s\S]*\(column 'a', row 0\)"):
        encoder.table.read(holes, estimator=encoder)
    assert encoder.table.read(holes, estimator=encoder, allow_missing=True).shape == (40, 4)
    assert np.isnan(encoder.table.encode(encoder.read(holes))[:, 0]).all()
    mixed, X = fitted("quantile")
    assert mixed.table.read(X.assign(w=None), estimator=mixed).shape == (40, 4)
    with pytest.raises(ValueError, match="minimum of 41 is required by TabularEncoder"):
        mixed.table.read(X, estimator=mixed, min_rows=41)
    with pytest.raises(ValueError, match="feature names should match"):
        mixed.table.read(X[["n", "w", "spike", "one"]], estimator=mixed)


@pytest.mark.parametrize(
    ("X", "text", "column"),
    [
        (WORDS, "could not convert string to float: '.'", "column 'w'"),
        (WORDS.to_numpy(dtype=object), "could not convert string to float: '.'", "column 0"),
        (
            NUMBERS.assign(day=pd.Timestamp("2020")),
            "dtype datetime64.*, which is not numeric",
            "column 'day'",
        ),
        (np.array([["2020-01-01"]] * 2, dtype="M8[D]"), "which is not numeric", "these are"),
    ],
)
def test_models_of_numbers_say_what_to_do_about_words(X: Any, text: str, column: str) -> None:
    holder = AutoencoderTransformer()
    with pytest.raises(ValueError, match=text) as caught:
        TabularEncoder().read(X, estimator=holder, reset=True, mixed=False)
    message = str(caught.value)
    assert "AutoencoderTransformer takes tables of numbers and booleans only; " in message
    assert column in message
    assert "TabularEncoder" in message
    assert type(caught.value) is ValueError
    with pytest.raises(ValueError, match=r"which is not numeric|could not convert") as plain:
        TabularEncoder(mode="affine").read(X, reset=True)
    assert message.startswith(str(plain.value))


def test_models_of_numbers_read_numbers() -> None:
    holder = AutoencoderTransformer()
    rows = TabularEncoder(mode="quantile").read(NUMBERS, estimator=holder, reset=True, mixed=False)
    assert isinstance(rows, Rows)
    assert list(holder.feature_names_in_) == list(NUMBERS.columns)
    # what is wrong with these is not that they are no numbers
    with pytest.raises(ValueError, match="NaN") as caught:
        TabularEncoder().read(
            TABLES["affine, missing"], reset=True, mixed=False, allow_missing=False
        )
    assert "numbers and booleans only" not in str(caught.value)


def test_numbers_with_missing_cells_open_in_quantile_mode() -> None:
    X = TABLES["affine, missing"]
    holder = AutoencoderTransformer()
    encoder = TabularEncoder()
    assert isinstance(encoder.open(NUMBERS, estimator=holder), Rows)
    assert encoder.mode == "auto"
    assert isinstance(encoder.open(X, estimator=holder), MixedRows)
    assert encoder.mode == "quantile"
    assert list(holder.feature_names_in_) == list(X.columns)
    affine = TabularEncoder(mode="affine")
    assert isinstance(affine.open(X, estimator=holder), Rows)
    assert affine.mode == "affine"
    with pytest.raises(ValueError, match="minimum of 2 is required by AutoencoderTransformer"):
        TabularEncoder().open(X[:1], estimator=holder)


def test_there_is_no_table_before_fit() -> None:
    assert not hasattr(TabularEncoder(), "table")
    with pytest.raises(NotFittedError, match="TabularEncoder is not fitted"):
        _ = TabularEncoder().table


def test_unknown_levels_are_dealt_with_as_the_parameter_says_now() -> None:
    encoder, X = fitted("quantile")
    new = X.assign(w="new")
    with pytest.warns(UserWarning, match="'w' \\(40: 'new'\\)"):
        assert np.isnan(encoder.transform(new)[:, 0]).all()
    encoder.set_params(handle_unknown="error")
    with pytest.raises(ValueError, match="unknown categories"):
        encoder.transform(new)


def test_rows_of_another_kind_are_refused() -> None:
    affine, mixed = TabularEncoder().fit(NUMBERS), TabularEncoder().fit(WORDS)
    with pytest.raises(TypeError, match="read for a mixed table"):
        affine.table.encode(mixed.read(WORDS))
    with pytest.raises(TypeError, match="read for a table of numbers"):
        mixed.table.encode(affine.read(NUMBERS))


# -- completing and comparing --------------------------------------------------------------------


def test_only_mixed_tables_are_completed() -> None:
    affine = TabularEncoder().fit(NUMBERS).table
    rows = affine.read(NUMBERS, estimator=TabularEncoder().fit(NUMBERS))
    for ask in (
        lambda: affine.limits({"a": 1.0}),
        lambda: affine.obeying({"a": 1.0}, affine.encode(rows)),
        lambda: affine.filled(NUMBERS, rows, [affine.encode(rows)]),
    ):
        with pytest.raises(ValueError, match="in mode 'affine', has no"):
            ask()


def test_mixed_tables_are_filled_and_obey() -> None:
    encoder, X = fitted("quantile")
    table = encoder.table
    Z = encoder.transform(X)
    complete = np.where(np.isnan(Z), 0.0, Z)
    filled = table.filled(X, encoder.read(X), [complete])
    assert not filled["n"].isna().any()
    known = X["n"].notna()
    assert np.array_equal(filled["n"][known], X["n"][known])
    limits = table.limits({"w": "y", "n": (0.0, None)})
    assert limits[0] == 1.0
    drawn = table.obeying({"w": "y", "n": (0.0, None)}, np.where(np.arange(4) == 0, 1.0, complete))
    assert (drawn["w"] == "y").all()
    assert (drawn["n"] >= 0).all()


def test_columns_that_missed_cells_and_ranges() -> None:
    affine, mixed = TabularEncoder().fit(TABLES["affine, missing"]), TabularEncoder().fit(WORDS)
    Z = affine.transform(TABLES["affine, missing"])
    assert affine.table.may_miss(Z).tolist() == [True, False, False, False]
    low, high = np.nanquantile(Z, [0.25, 0.75], axis=0)
    assert np.array_equal(affine.table.ranges(Z), high - low)
    W = mixed.transform(WORDS)
    # as fit saw it, whatever these rows hold
    assert mixed.table.may_miss(W[:0]).tolist() == [False, True, False, False]
    assert mixed.table.ranges(W).tolist() == [0.0, 1.349, 1.349, 0.0]


def test_rows_that_a_transformer_answered_come_in_the_container_of_fit() -> None:
    affine, mixed = TabularEncoder().fit(NUMBERS).table, TabularEncoder().fit(WORDS).table
    values = NUMBERS.to_numpy(dtype=float)
    pd.testing.assert_frame_equal(affine.contain(values, np.dtype("f8")), NUMBERS)
    assert affine.contain(NUMBERS, np.dtype("f8")) is NUMBERS
    assert mixed.contain(values, np.dtype("f4")) is values


# -- states --------------------------------------------------------------------------------------


def plain(value: Any) -> bool:
    """Whether a state refers to no class but those of Python and numpy's arrays."""
    if type(value) is dict:
        return all(map(plain, value.values()))
    if type(value) in (list, tuple):
        return all(map(plain, value))
    return type(value) in (str, int, float, bool, type(None), np.ndarray)


@EVERY
def test_state_is_plain_and_makes_the_same_table(name: str) -> None:
    encoder, X = fitted(name)
    table = encoder.table
    assert plain(table.to_state())
    assert plain(encoder.__getstate__())
    again = table_of_state(table.to_state())
    rows = table.read(X, estimator=encoder, allow_missing=True)
    Z = table.encode(rows)
    assert again.encode(rows).tobytes() == Z.tobytes()
    same_tables(again.decode(Z), table.decode(Z))
    assert again.blocks == table.blocks
    assert (again.names, again.dtype, again.unit) == (table.names, table.dtype, table.unit)
    assert np.array_equal(again.log_slope(rows), table.log_slope(rows))
    copy = pickle.loads(pickle.dumps(encoder))
    assert vars(copy).keys() == vars(encoder).keys()
    assert all(type(block) is Block for block in copy.blocks_)


@EVERY
def test_pickle_refers_to_public_classes_alone(name: str) -> None:
    encoder, _ = fitted(name)
    found = set()

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            found.add(f"{module}.{name}")
            return super().find_class(module, name)

    Reader(io.BytesIO(pickle.dumps(encoder))).load()
    assert {one for one in found if one.startswith("sklatent")} == {"sklatent.TabularEncoder"}


def test_blocks_become_plain_tuples_and_return() -> None:
    blocks = TabularEncoder().fit(WORDS).blocks_
    assert [type(one) for one in plain_blocks(blocks)] == [tuple] * 4
    assert plain_blocks(blocks) == blocks == as_blocks(plain_blocks(blocks))
    assert as_blocks(plain_blocks(blocks))[1].may_miss


# -- nobody else asks for the kind ---------------------------------------------------------------


def code_of(path: Path) -> str:
    """The code of a file without comments and strings."""
    with tokenize.open(path) as file:
        tokens = list(tokenize.generate_tokens(file.readline))
    return " ".join(t.string for t in tokens if t.type not in (tokenize.COMMENT, tokenize.STRING))


FORK = re.compile(r"\bmode_\b|\bMixedRows\b|isinstance \( rows|\bQuantileTable\b|\bAffineTable\b")


@pytest.mark.parametrize("folder", ["tasks", "metrics", "geometry", "plotting"])
def test_layers_above_do_not_ask_for_the_kind(folder: str) -> None:
    files = sorted((Path(sklatent.__file__).parent / folder).glob("*.py"))
    assert len(files) > 2
    assert [file.name for file in files if FORK.search(code_of(file))] == []


def test_forks_would_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    for line in ("if table.mode_ == 'affine': pass", "isinstance(rows, Rows)", "x: MixedRows"):
        file.write_text(line)
        assert FORK.search(code_of(file)), line
