"""What one fit enters, of whatever sklatent is first on the path: started by ``house``."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

CALLER = "the script that calls fit"


def trace(package: Path) -> dict[str, Any]:
    """Fit once, in a fresh process, and list functions entered and arrows between files."""
    from sklatent import VAETransformer
    from sklatent.datasets import make_mixed_table

    inside = f"{package}/"
    entered: set[tuple[str, str]] = set()
    arrows: set[tuple[str, str]] = set()

    def file_of(code: CodeType) -> str | None:
        name = code.co_filename
        return name.removeprefix(inside) if name.startswith(inside) else None

    def look(frame: FrameType, event: str, _: Any) -> None:
        file = file_of(frame.f_code) if event == "call" else None
        if file is None:
            return
        entered.add((file, frame.f_code.co_qualname))
        below, source = frame.f_back, None
        while below is not None and source is None:
            source, below = file_of(below.f_code), below.f_back
        if source != file:
            arrows.add((source or CALLER, file))

    table = make_mixed_table(400, random_state=0)
    model = VAETransformer(max_steps=5, random_state=0)
    sys.setprofile(look)
    try:
        model.fit(table)
    finally:
        sys.setprofile(None)
    return {"functions": sorted(entered), "arrows": sorted(arrows)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    root = parser.parse_args().root
    import sklatent

    package = Path(sklatent.__file__).parent
    if package != root / "sklatent":
        raise SystemExit(f"another sklatent than that of {root} comes first on the path")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        print(json.dumps(trace(package)))


if __name__ == "__main__":
    main()
