#!/usr/bin/env bash
# narwhals 2.28.0 over pandas 3.1.1: a column of times in New York has no known dtype.
#
# narwhals reads the zone of a pandas column from how pandas spells its dtype, by a pattern of letters
# and one kind of separator. Zones whose names hold an underscore, a hyphen, a plus sign or a digit do
# not match, and the column becomes `Unknown`: America/New_York, America/Port-au-Prince, Etc/GMT+5.
# Berlin, Tokyo and UTC work, so that tests with these see nothing. The same times in polars and in
# arrow are `Datetime` with their zone. Code that branches on `nw.Datetime` drops or refuses the column.
#
# Seen: pandas ['Unknown', 'Unknown', 'Unknown', 'Datetime', 'Datetime', 'Datetime'], polars 'Datetime' six times.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    narwhals==2.28.0 pandas==3.1.1 polars==2.1.0 tzdata==2025.2

cat > "$folder/look.py" <<'PYTHON'
import narwhals as nw
import pandas as pd
import polars as pl

ZONES = [
    "America/New_York", "America/Port-au-Prince", "Etc/GMT+5", "Europe/Berlin", "Asia/Tokyo", "UTC"
]


def name(frame):
    dtype = nw.from_native(frame, eager_only=True).schema["t"]
    return "Unknown" if dtype == nw.Unknown else str(dtype).partition("(")[0]


of_pandas = [name(pd.DataFrame({"t": pd.date_range("2024", periods=3, tz=zone)})) for zone in ZONES]
of_polars = [
    name(pl.DataFrame({"t": pl.Series([0, 1, 2]).cast(pl.Datetime("us", zone))})) for zone in ZONES
]
print("pandas", of_pandas)
print("polars", of_polars)
assert of_pandas == ["Unknown"] * 3 + ["Datetime"] * 3
assert of_polars == ["Datetime"] * 6
PYTHON
"$folder/venv/bin/python" "$folder/look.py"
