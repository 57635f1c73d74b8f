"""Ten generated business tables: what people keep, in the form that they keep it.

Columns depend on one another through hidden factors. Five tables are complete.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks._ordinary_maker import Maker, Ordinary

Columns = dict[str, tuple[str, Any]]
N_NEW = 400


@dataclass(frozen=True)
class Plan:
    """How a table is made: rows for ``fit``, the target, a typo, shares of missing cells."""

    make: Callable[[Maker], Columns]
    n: int
    target: str
    typo: tuple[str, float]
    gaps: Mapping[str, float] = field(default_factory=dict)


def _orders(m: Maker) -> Columns:
    kind, items = m.count(m.score(1.0, 0.3), 4)
    _, price = m.money(m.score(0.5, 1.0), 30, 0.6)
    return {
        "order_id": m.coded("ORD-{:06d}", 1_000_000),
        "ordered_on": m.days(m.score(0.0, 1.0, 1.0), "2023-01-01", 700),
        "items": (kind, items + 1),
        "unit_price": ("money", price),
        "total": ("money", np.round(price * (items + 1) * np.exp(m.score(0, 0) * 0.05), 2)),
        "shipping": m.money(m.score(1.0, 0.2), 6, 0.4),
        "channel": m.pick(m.score(1.0), ["web", "shop", "phone", "app"], [4, 3, 1, 2], ["fax"]),
        "country": m.pick(m.score(0.2, 1.0), ["DE", "FR", "IT", "PL", "AT"], [5, 3, 2, 1, 1]),
        "gift": m.flag(m.score(0.3, 1.0), 0.2),
        "note": m.text(),
    }


def _patients(m: Maker) -> Columns:
    age = m.score(1.0, 0.2, 0.4)
    return {
        "patient_id": m.coded("P-{:05X}", 16**5),
        "age": m.integer(age, 52, 15, 18, 95),
        "sex": m.pick(m.score(0.0, 1.0), ["f", "m"], [1, 1]),
        "admitted": m.days(m.score(0.0, 0.6, 1.0), "2022-01-01", 900, "%d/%m/%Y"),
        "height_cm": m.integer(m.score(0.0, 1.0), 171, 9, 140, 205),
        "weight_kg": m.tenth(m.score(0.4, 1.0), 76, 13),
        "systolic": m.integer(0.8 * age + 0.6 * m.score(0.5, 0.5), 132, 16, 85, 210),
        "heart_rate": m.integer(m.score(0.6, -0.6), 74, 11, 40, 140),
        "stay_days": m.count(m.score(1.0), 5),
        "smoker": m.flag(m.score(0.4, 0.8), 0.3),
        "ward": m.pick(m.score(1.0, 0.3, 0.3), ["A", "B", "C", "D"], [3, 3, 2, 2]),
        "diagnosis": m.pick(
            m.score(1.0, 0.5), ["J18", "I21", "E11", "N39", "K35"], [4, 3, 3, 2, 1], ["Q90", "Z99"]
        ),
    }


def _sensors(m: Maker) -> Columns:
    weights = np.random.default_rng(1).normal(size=(14, 2))
    scores = [m.score(a, b, 0.5) for a, b in weights]
    channels = {f"channel_{i:02d}": m.real(scores[i], 5.0 * i, 1.0 + i / 4) for i in range(14)}
    return {
        "temperature": m.real(m.score(1.0, 0.4, 0.4), 21.0, 4.0),
        "humidity": m.real(m.score(-0.6, 1.0, 0.4), 55.0, 8.0),
        **channels,
        "pulses": m.count(m.score(1.0), 40, 0.2),
        "alarm": m.flag(m.score(1.0, 0.5), 0.3),
        "supply_volt": ("constant", np.full(m.n, 230.0)),
    }


def _survey(m: Maker) -> Columns:
    weights = [(1, 0), (1, 0.3), (-1, 0.2), (0, 1), (0.3, 1), (0.2, -1)]
    answers = {f"q{i}": m.integer(m.score(*w), 3, 1.1, 1, 5) for i, w in enumerate(weights, 1)}
    return {
        **answers,
        "birth_year": m.integer(m.score(1.0, 0.3), 1975, 16, 1930, 2006, "year"),
        "income": m.money(m.score(0.6, 1.0), 2600, 0.5),
        "household": m.integer(m.score(0.3, 0.8), 2.4, 1.2, 1, 8),
        "region": m.pick(m.score(1.0), ["north", "south", "east", "west"], [3, 3, 2, 2]),
        "job": m.pick(
            m.score(0.2, 1.0), ["office", "craft", "care", "none"], [4, 3, 2, 2], ["diver"]
        ),
        "owner": m.flag(m.score(0.5, 0.8), 0.5),
        "comment": m.text(),
    }


def _logs(m: Maker) -> Columns:
    size = m.score(1.0, 0.5)
    status = np.array([200, 304, 404, 500])[np.searchsorted([0.8, 1.4, 2.0], m.score(0.3, 1.0))]
    return {
        "request_id": m.coded("{:08x}", 16**8),
        "at": m.times("2024-03-01 00:00", 20_000 + 6000 * m.score(0.3, 0.3, 1.0)),
        "path": m.pick(
            m.score(1.0, 0.2, 0.3),
            ["/", "/item", "/cart", "/pay", "/help", "/login", "/search", "/img"],
            [6, 5, 3, 2, 1, 2, 4, 6],
            ["/admin"],
        ),
        "method": m.pick(m.score(1.0), ["GET", "POST", "PUT"], [7, 2, 1]),
        "status": ("code", status),
        "bytes": ("integer", np.round(9000 * np.exp(1.1 * size)).astype(np.int64)),
        "duration_ms": m.money(0.7 * size + 0.7 * m.score(0.0, 1.0), 80, 0.8),
        "retries": m.count(m.score(0.2, 1.0), 0.6),
        "cached": m.flag(m.score(-1.0, 0.4), 0.4),
        "agent": m.pick(m.score(0.1, 1.0), ["firefox", "chrome", "safari", "bot"], [3, 6, 2, 1]),
        "region": ("constant", np.full(m.n, "eu", dtype=object)),
    }


def _customers(m: Maker) -> Columns:
    cities = ["Wien", "Graz", "Linz", "Bern", "Basel", "Ulm", "Köln", "Bonn", "Mainz", "Trier"]
    return {
        "customer_id": m.coded("C{:07d}", 10**7),
        "since": m.days(m.score(0.8, 0.2), "2012-01-01", 4000, "%d.%m.%Y"),
        "age": m.integer(m.score(1.0, 0.2), 44, 13, 18, 90),
        "visits": m.count(m.score(0.4, 1.0), 6),
        "spend": m.money(m.score(0.5, 1.0, 0.4), 240, 0.7),
        "last_basket": m.money(m.score(0.4, 1.0, 0.5), 35, 0.6),
        "returns": m.count(m.score(-0.3, 1.0), 1.0),
        "kind": m.pick(m.score(1.0), ["a", "b", "c"], [5, 3, 2]),
        "city": m.pick(m.score(0.3, 1.0), cities, [9, 7, 5, 4, 3, 2, 2, 1, 1, 1], ["Zug", "Lech"]),
        "newsletter": m.flag(m.score(0.8, 0.3), 0.45),
        "notes": m.text(),
    }


def _taxi(m: Maker) -> Columns:
    distance = m.score(1.0, 0.3, 0.3)
    start = 300_000 + 120_000 * m.score(0.0, 0.0, 1.0)
    minutes = 6 + 9 * np.exp(0.5 * distance) * np.exp(0.1 * m.score(0, 1))
    return {
        "pickup": m.times("2024-01-01 00:00", start),
        "dropoff": m.times("2024-01-01 00:00", start + minutes),
        "passengers": m.integer(m.score(0.0, 0.6), 1.8, 1.1, 1, 6),
        "distance_km": m.money(distance, 5.2, 0.6),
        "fare": (
            "money",
            np.round(3.8 + 1.9 * 5.2 * np.exp(0.6 * distance + 0.03 * m.score(0)), 2),
        ),
        "tip": m.money(m.score(0.6, 0.8), 1.8, 0.5),
        "tolls": m.money(m.score(1.0), 1.1, 0.3),
        "payment": m.pick(m.score(0.2, 1.0), ["card", "cash", "app"], [6, 3, 2], ["voucher"]),
        "zone": m.pick(m.score(1.0, 0.0, 0.3), ["centre", "port", "hill", "airport"], [5, 2, 2, 1]),
        "night": m.flag(m.score(0.1, 1.0), 0.3),
    }


def _students(m: Maker) -> Columns:
    return {
        "student_no": m.running(204_001),
        "enrolled": m.integer(m.score(0.8, 0.0), 2019, 2.0, 2012, 2024, "year"),
        "age": m.integer(m.score(-0.8, 0.2), 23, 3.0, 17, 45),
        "credits": m.integer(m.score(-0.9, 0.6), 95, 38, 0, 210),
        "exam_1": m.integer(m.score(0.2, 1.0), 62, 15, 0, 100),
        "exam_2": m.integer(m.score(0.1, 1.0), 58, 17, 0, 100),
        "exam_3": m.integer(m.score(0.3, 1.0), 65, 13, 0, 100),
        "grade": m.tenth(m.score(0.2, -1.0, 0.3), 2.4, 0.6),
        "fee": m.money(m.score(1.0), 520, 0.15),
        "faculty": m.pick(m.score(1.0, 0.2, 0.3), ["law", "arts", "physics", "med"], [3, 3, 2, 2]),
        "grant": m.flag(m.score(0.2, 1.0), 0.25),
        "city": m.pick(
            m.score(0.6, 0.6), ["Jena", "Kiel", "Ulm", "Fulda"], [4, 3, 3, 1], ["Lagos", "Lima"]
        ),
    }


def _machines(m: Maker) -> Columns:
    wear = m.score(1.0, 0.3, 0.3)
    return {
        "serial": m.coded("MX-{:04d}-DE", 10_000),
        "installed": m.days(-wear, "2010-01-01", 4500),
        "hours": ("integer", np.round(12_000 + 4000 * wear).clip(0).astype(np.int64)),
        "oil_temp": m.tenth(m.score(0.8, 0.6), 71, 6),
        "vibration": m.real(m.score(1.0, 0.5), 2.4, 0.5),
        "pressure": m.tenth(m.score(-0.3, 1.0), 8.5, 1.1),
        "rpm": m.integer(m.score(0.2, -1.0), 1480, 60, 900, 2100),
        "failures": m.count(m.score(1.0), 2.0),
        "model": m.pick(m.score(1.0, 0.0, 0.3), ["K2", "K4", "R1", "R9"], [4, 3, 2, 1]),
        "site": m.pick(m.score(0.2, 1.0), ["Halle", "Gera", "Suhl"], [4, 3, 2], ["Depot"]),
        "serviced": m.flag(m.score(0.6, 0.6), 0.6),
        "phase_hz": ("constant", np.full(m.n, 50)),
    }


def _accounts(m: Maker) -> Columns:
    numbers = m.rng.choice(9 * 10**9, m.n, replace=False) + 10**9
    return {
        "account_no": ("id", numbers),
        "opened": m.days(m.score(0.6, 0.4), "2005-01-01", 6500, "%Y-%m-%d"),
        "balance": ("money", np.round(4000 * np.sinh(0.9 * m.score(0.5, 1.0)) + 1500, 2)),
        "limit": m.money(m.score(0.6, 0.8), 2500, 0.4),
        "bookings": m.count(m.score(1.0, 0.3), 25),
        "months_negative": m.count(m.score(0.0, -1.0), 1.5, 0.7),
        "fee": m.money(m.score(1.0), 4.9, 0.25),
        "branch": m.pick(m.score(1.0, 0.1), ["main", "west", "online"], [3, 3, 4]),
        "rating": m.pick(m.score(0.2, 1.0), ["AA", "A", "B", "C"], [1, 4, 3, 2], ["D"]),
        "joint": m.flag(m.score(0.8, 0.2), 0.3),
        "remark": m.text(),
    }


PLANS = {
    "orders": Plan(_orders, 900, "channel", ("items", 999), {"country": 0.05, "shipping": 0.08}),
    "patients": Plan(_patients, 1200, "ward", ("age", 999)),
    "sensors": Plan(_sensors, 1000, "alarm", ("temperature", 999.0)),
    "survey": Plan(
        _survey, 800, "region", ("birth_year", 9999), {"income": 0.12, "q3": 0.04, "job": 0.05}
    ),
    "logs": Plan(_logs, 1500, "method", ("duration_ms", 1e6)),
    "customers": Plan(_customers, 1500, "kind", ("age", 999)),
    "taxi": Plan(_taxi, 1200, "zone", ("distance_km", 9999.0), {"tip": 0.1, "passengers": 0.03}),
    "students": Plan(_students, 600, "faculty", ("age", 999)),
    "machines": Plan(_machines, 500, "model", ("hours", 9_999_999), {"oil_temp": 0.06}),
    "accounts": Plan(_accounts, 1000, "branch", ("bookings", 99_999), {"limit": 0.07}),
}
QUICK = ("students", "customers")


def make_table(name: str, seed: int, n: int | None = None) -> Ordinary:
    """Draw a table; ``n`` rows for ``fit`` instead of its own number."""
    import pandas as pd

    plan = PLANS[name]
    n = n or plan.n
    rng = np.random.default_rng([seed, *name.encode()])
    maker = Maker(rng, n + N_NEW)
    columns = plan.make(maker)
    frame = pd.DataFrame({column: cells for column, (_, cells) in columns.items()})
    for column, share in plan.gaps.items():
        gaps = rng.random(len(frame)) < share
        frame[column] = frame[column].where(~gaps)
    return Ordinary(
        name=name,
        rows=frame.iloc[:n].reset_index(drop=True),
        new=frame.iloc[n:].reset_index(drop=True),
        kinds={column: kind for column, (kind, _) in columns.items()},
        target=plan.target,
        typo=plan.typo,
        group=maker.group[:n],
    )
