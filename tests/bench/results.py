"""What was measured: for each case and candidate a record a round, or why there is none."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

Record = dict[str, float]


@dataclass
class Results:
    records: dict[str, dict[str, list[Record]]] = field(default_factory=dict)
    failures: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def add(self, case: str, candidate: str, record: Record) -> None:
        if record.get("count"):
            for name in ("cpu", "own_cpu"):
                if name in record:
                    record[f"{name}_each"] = record[name] / record["count"]
        if record.get("seconds") and "own_cpu" in record:
            record["busy"] = record["own_cpu"] / record["seconds"]
        self.records.setdefault(case, {}).setdefault(candidate, []).append(record)

    def fail(self, case: str, candidate: str, why: str) -> None:
        self.failures.setdefault(case, {}).setdefault(candidate, []).append(why)

    def failed(self, case: str, candidate: str) -> bool:
        """Whether it has failed and never succeeded."""
        succeeded = self.records.get(case, {}).get(candidate)
        return candidate in self.failures.get(case, {}) and not succeeded

    def median(self, case: str, candidate: str, key: str) -> float | None:
        """Over the rounds in which it did not fail; None if there is no such figure."""
        records = self.records.get(case, {}).get(candidate, [])
        values = [record[key] for record in records if key in record]
        return statistics.median(values) if values else None

    def best(self, case: str, candidates: Iterable[str], key: str) -> tuple[str, float] | None:
        """Who has the highest figure, and which."""
        found = [(self.median(case, name, key), name) for name in candidates]
        known = [(value, name) for value, name in found if value is not None]
        return (max(known)[1], max(known)[0]) if known else None

    def further(self, candidate: str, key: str) -> float | None:
        """Bytes that one more bridge takes, where ten and where a hundred run already."""
        ten = self.median("memory 10", candidate, key)
        hundred = self.median("memory 100", candidate, key)
        return None if ten is None or hundred is None else (hundred - ten) / 90


def ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None
