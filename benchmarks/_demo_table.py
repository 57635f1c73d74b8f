"""The part of the demo on mixed tables: a fit, samples, and the report on them."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

TARGET = "survived"
# A third is held out, and the report wants 20 rows of it.
FEWEST_ROWS = 60
MAX_ROWS = 10_000
# A condition is shown on a column of at most so many levels.
MOST_LEVELS = 20


def generated() -> tuple[Any, str]:
    """Return a generated table and the column to predict."""
    from sklatent.datasets import make_mixed_table

    return make_mixed_table(1500, random_state=0), TARGET


def read_table(path: Path, target: str | None) -> Any:
    """Read a person's CSV file; says what of it is left out or read in another way."""
    import pandas as pd

    try:
        table = pd.read_csv(path, low_memory=False)
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path} cannot be read as a CSV file: {error}") from error
    if target is not None and target not in table.columns:
        raise SystemExit(f"{path} has no column {target!r}; its columns are {list(table.columns)}")
    print(f"{path}: {len(table)} rows, {table.shape[1]} columns")
    for name in list(table.columns):
        table = _tidied(table, name, keep=name == target)
    if target is not None and table[target].isna().any():
        table = table[table[target].notna()]
        print(f"kept the {len(table)} rows in which {target!r} is known")
    if len(table) > MAX_ROWS:
        print(f"took {MAX_ROWS} random rows, to be done in minutes")
        table = table.sample(MAX_ROWS, random_state=0)
    if len(table) < FEWEST_ROWS or not table.shape[1]:
        raise SystemExit(
            f"{len(table)} rows in {table.shape[1]} columns are left, and the report needs "
            f"{FEWEST_ROWS} rows"
        )
    return table.reset_index(drop=True)


def _tidied(table: Any, name: str, *, keep: bool) -> Any:
    """Leave an empty column out, or make its infinite cells missing, and say so."""
    import pandas as pd

    column = table[name]
    if column.isna().all() and not keep:
        print(f"dropped {name!r}: it is empty")
        return table.drop(columns=name)
    if pd.api.types.is_numeric_dtype(column) and np.isinf(column.astype(float)).any():
        print(f"made infinite cells of {name!r} missing")
        return table.assign(**{name: column.where(np.isfinite(column.astype(float)))})
    return table


def show(table: Any, target: str | None, output: Path) -> None:
    """Fit to two thirds of the rows, sample as many, and compare with the last third."""
    from matplotlib import pyplot as plt

    from sklatent import VAETransformer
    from sklatent.metrics import synthetic_report
    from sklatent.plotting import SyntheticDisplay

    train, test = train_test_split(table, test_size=1 / 3, random_state=0)
    try:
        model, seconds = _fitted(VAETransformer(random_state=0), train)
    except (TypeError, ValueError) as error:
        raise SystemExit(f"The table cannot be fitted: {error}") from error
    print(f"\n{model.table_.describe(train)}")
    print(
        f"\nVAETransformer fitted to {len(train)} rows in {seconds:.1f} s: "
        f"{model.n_active_components_} of {model.n_components_} components are active, "
        f"{model.kl_per_component_.sum():.1f} nats about a row"
    )
    drawn = model.sample(len(train), random_state=0)
    print("samples:\n" + drawn.head().to_string(max_colwidth=16, line_width=100))
    if model.table_.mode_ == "quantile":
        _show_verbs(model, test, target)
    report = synthetic_report(train, test, drawn, target=target, random_state=0)
    print(f"\n{report}\n")
    SyntheticDisplay.from_report(report).figure_.savefig(output / "synthetic.png", dpi=120)
    plt.close("all")
    drawn.to_csv(output / "synthetic.csv", index=False)


def _fitted(model: Any, train: Any) -> tuple[Any, float]:
    started = time.perf_counter()
    return model.fit(train), time.perf_counter() - started


def _show_verbs(model: Any, test: Any, target: str | None) -> None:
    """Sample under a condition, and impute missing cells."""
    levels = {name: test[name].dropna().unique() for name in test.columns}
    named = target if target is not None and len(levels[target]) <= MOST_LEVELS else None
    if named is None:
        named = next((name for name in levels if 1 < len(levels[name]) <= MOST_LEVELS), None)
    if named is not None:
        value = test[named].value_counts().index.tolist()[-1]
        drawn = model.sample(200, conditions={named: value}, random_state=0)
        obey = (drawn[named] == value).mean()
        print(f"sample(200, conditions={{{named!r}: {value!r}}}): {obey:.0%} of the rows obey")
    n_holes = int(test.isna().sum().sum())
    if n_holes:
        left = int(model.impute(test).isna().sum().sum())
        print(f"impute: {n_holes} cells of the rows held out were missing, now {left}")
