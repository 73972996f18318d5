"""What /metrics says, as numbers."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.support.server import Server, wait_until

Samples = dict[str, float]


def samples(server: Server) -> Samples:
    """Every line's value, by its name with its labels, as name{label="value"} or name."""
    found: Samples = {}
    for family in text_string_to_metric_families(server.get("/metrics").text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            key = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


def moved(server: Server, before: Samples, *expected: tuple[str, float]) -> None:
    """Wait until each of these has grown by that much since."""

    def grown() -> bool:
        now = samples(server)
        return all(now[name] - before.get(name, 0) == by for name, by in expected)

    wait_until(grown, f"{expected}, from {[before.get(name) for name, _ in expected]}")
