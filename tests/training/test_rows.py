"""Batches: every row once per pass, no small last batch, no copy of a memory map."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklatent._training import Batch, RowSource, row_source
from sklatent._training import _recipe as rows_module
from sklatent._training._recipe import TensorBatches
from tests.training.conftest import source_of

CPU = torch.device("cpu")


def numbered(n_rows: int) -> RowSource:
    return source_of(np.arange(n_rows, dtype=np.float32)[:, None])


def batches_of(rows: RowSource, size: int, n_batches: int, seed: int = 0) -> TensorBatches:
    return TensorBatches(rows, size, n_batches, torch.Generator().manual_seed(seed))


def xs(batches: Iterable[Batch]) -> list[torch.Tensor]:
    return [batch["x"] for batch in batches]


@given(n_rows=st.integers(1, 70), size=st.integers(1, 80))
def test_each_pass_has_every_row_once(n_rows: int, size: int) -> None:
    per_pass = max(1, n_rows // min(size, n_rows))
    stream = batches_of(numbered(n_rows), size, per_pass)
    for _ in range(3):
        batches = [batch["x"] for batch in stream]
        seen = torch.cat(batches).flatten().tolist()
        assert sorted(seen) == list(range(n_rows))
        assert all(len(batch) >= min(size, n_rows) for batch in batches)
        assert all(len(batch) < 2 * size for batch in batches)


def test_rest_of_a_pass_joins_the_last_batch() -> None:
    sizes = [len(batch["x"]) for batch in batches_of(numbered(33), 16, 4)]
    assert sizes == [16, 17, 16, 17]


def test_passes_differ_and_seeds_decide() -> None:
    first, second = xs(batches_of(numbered(40), 40, 2))
    assert not torch.equal(first, second)
    again, _ = xs(batches_of(numbered(40), 40, 2))
    assert torch.equal(first, again)
    other, _ = xs(batches_of(numbered(40), 40, 2, seed=1))
    assert not torch.equal(first, other)


def test_iterating_goes_on_where_it_ended() -> None:
    whole = xs(batches_of(numbered(50), 8, 12))
    pieces = batches_of(numbered(50), 8, 5)
    taken = xs(pieces)
    pieces.n_batches = 7
    taken += xs(pieces)
    assert all(torch.equal(a, b) for a, b in zip(whole, taken, strict=True))


def test_subset_of_a_subset(X: np.ndarray) -> None:
    part = source_of(X).subset(np.array([5, 3, 9, 0])).subset(np.array([2, 0]))
    assert len(part) == 2
    assert torch.equal(part.take(torch.tensor([0, 1]))["x"], torch.from_numpy(X[[9, 5]]))
    assert np.array_equal(np.concatenate(list(part.arrays())), X[[9, 5]])
    assert next(part.arrays()).dtype == np.float64


def test_chunks_go_once_through_in_order(X: np.ndarray, rows: RowSource) -> None:
    chunks = xs(rows.chunks(size=7))
    assert [len(chunk) for chunk in chunks] == [7] * 7 + [1]
    assert torch.equal(torch.cat(chunks), torch.from_numpy(X))
    assert np.array_equal(np.concatenate(list(rows.arrays(size=7))), X)


def test_rows_that_stay_where_they_are_give_the_same_batches(
    X: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    resident = xs(batches_of(source_of(X), 8, 12))
    monkeypatch.setattr(rows_module, "MAX_RESIDENT_BYTES", 0)
    lazy = xs(batches_of(source_of(X), 8, 12))
    assert all(torch.equal(a, b) for a, b in zip(resident, lazy, strict=True))


def test_memory_map_is_read_batch_by_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n_rows, n_columns = 40_000, 50
    path = tmp_path / "rows.npy"
    np.save(path, np.ones((n_rows, n_columns), np.float32))
    mapped = np.load(path, mmap_mode="r")
    monkeypatch.setattr(rows_module, "MAX_RESIDENT_BYTES", 1000)
    tracemalloc.start()
    try:
        rows = row_source(lambda index: mapped[index] * 2, n_rows, n_columns, CPU)
        for batch in batches_of(rows, 128, 50):
            assert float(batch["x"].sum()) == 2.0 * batch["x"].numel()
        total = sum(float(chunk["x"].sum()) for chunk in rows.chunks())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == 2.0 * n_rows * n_columns
    assert peak < 0.75 * mapped.nbytes


def test_fields_and_partners_come_with_their_rows(X: np.ndarray) -> None:
    y = np.arange(len(X), dtype=np.float32)
    neighbors = np.stack([(np.arange(50) + 1) % 50, (np.arange(50) + 2) % 50], 1)
    rows = row_source(lambda i: X[i].copy(), 50, 4, CPU, fields={"y": y}, neighbors=neighbors)
    seen = set()
    for batch in batches_of(rows, 8, 60):
        assert set(batch) == {"x", "y", "partner"}
        own = batch["y"].long()
        assert torch.equal(batch["x"], torch.from_numpy(X)[own])
        steps = [
            int((torch.from_numpy(X)[(row + step) % 50] == partner).all()) and step
            for row, partner in zip(own, batch["partner"], strict=True)
            for step in (1, 2)
        ]
        seen |= set(steps)
        assert sum(step > 0 for step in steps) == len(own)
    assert seen == {0, 1, 2}
    # a part of the rows keeps neighbours that lie outside, and validation always sees the same
    part = rows.subset(np.array([4, 7]))
    first, again = next(part.chunks()), next(rows.subset(np.array([4, 7])).chunks())
    assert first["y"].tolist() == [4.0, 7.0]
    assert torch.equal(first["partner"], again["partner"])
