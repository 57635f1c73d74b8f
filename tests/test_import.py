"""Importing the package is light, names appear when used: each claim in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sklatent

HEAVY = ("matplotlib", "pandas", "polars", "skorch", "torch")
# What lives outside the folder of the latent models.
WITHOUT_TORCH = {name for name, home in sklatent._HOMES.items() if home != "sklatent.models"}
SIDE_TOWERS = ("datasets", "geometry", "metrics", "plotting")


def loaded_after(code: str) -> set[str]:
    """Which of the heavy packages a fresh interpreter has loaded after ``code``."""
    probe = f"{code}\nimport json, sys\nprint(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    root = str(Path(sklatent.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_probe_sees_what_is_loaded() -> None:
    assert "pandas" in loaded_after("import pandas")


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import sklatent; dir(sklatent); sklatent.__version__") == set()


def test_some_names_load_torch_and_some_do_not() -> None:
    assert set() < WITHOUT_TORCH < set(sklatent.__all__)


@pytest.mark.parametrize("name", sorted(WITHOUT_TORCH))
def test_names_that_never_load_torch(name: str) -> None:
    # scikit-learn itself imports pandas where it is installed, so pandas says nothing here.
    assert loaded_after(f"import sklatent; sklatent.{name}") <= {"pandas"}


@pytest.mark.parametrize("module", SIDE_TOWERS)
def test_side_towers_load_neither_torch_nor_matplotlib(module: str) -> None:
    code = f"import sklatent; [getattr(sklatent.{module}, n) for n in sklatent.{module}.__all__]"
    assert loaded_after(code) <= {"pandas"}


@pytest.mark.parametrize("module", SIDE_TOWERS)
def test_public_names_of_side_towers_are_sorted_and_documented(module: str) -> None:
    tower = getattr(sklatent, module)
    assert module in dir(sklatent)
    assert tower.__all__ == sorted(tower.__all__)
    for name in tower.__all__:
        assert getattr(tower, name).__doc__


@pytest.mark.parametrize("name", sorted(set(sklatent.__all__) - WITHOUT_TORCH))
def test_latent_models_load_torch_when_named(name: str) -> None:
    loaded = loaded_after(f"import sklatent; sklatent.{name}")
    assert "torch" in loaded
    assert not loaded & {"matplotlib", "polars"}


def test_public_names_are_sorted_and_known() -> None:
    assert sklatent.__all__ == sorted(sklatent.__all__)
    assert set(sklatent.__all__) == set(sklatent._HOMES)
    assert {*sklatent.__all__, "__version__"} <= set(dir(sklatent))


@pytest.mark.parametrize("name", sklatent.__all__)
def test_every_public_name_resolves_to_a_documented_object(name: str) -> None:
    value = getattr(sklatent, name)
    assert value.__name__ == name
    assert value.__doc__
    assert getattr(sklatent, name) is value


def test_star_import_brings_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from sklatent import *", names)
    assert set(sklatent.__all__) <= set(names)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'sklatent' has no attribute 'Autoencoder'"):
        sklatent.Autoencoder  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name"):
        exec("from sklatent import Autoencoder", {})
