"""What is learned of a model's costs, from calls whose costs are made up."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore_runtime.runners.model.costs import Costs


def seen(costs: Costs, sizes: list[int], each: float, fixed: float, noise: float = 0.05) -> Costs:
    wobble = random.Random(1)
    for n in sizes:
        costs.observe(n, (each * n + fixed) * wobble.uniform(1 - noise, 1 + noise))
    return costs


@given(each=st.floats(0, 0.01), fixed=st.floats(0.001, 0.1))
def test_the_cost_of_a_call_is_learned_from_calls_of_different_sizes(each: float, fixed: float) -> None:
    costs = seen(Costs(), [1, 4, 9, 16, 30, 2, 25] * 6, each, fixed, noise=0)
    for n in (1, 10, 30):
        assert costs.expected(n) == pytest.approx(each * n + fixed, rel=0.02)


def test_a_call_that_takes_a_hundred_times_as_long_changes_little() -> None:
    costs = seen(Costs(), [1, 8, 16] * 10, 0.001, 0.005)
    costs.observe(8, 1.3)
    assert costs.expected(8) == pytest.approx(0.013, rel=0.25)


def test_a_model_that_has_become_slower_is_soon_known_as_slower() -> None:
    costs = seen(Costs(), [1] * 100, 0, 0.001)
    seen(costs, [1] * 12, 0, 1.0)
    assert costs.expected(1) > 0.15
    seen(costs, [1] * 100, 0, 1.0)
    assert costs.expected(1) == pytest.approx(1.0, rel=0.1)


def test_batches_grow_to_what_the_target_allows_and_no_further() -> None:
    costs, sizes = Costs(), []
    wobble = random.Random(2)
    for _ in range(200):
        n = costs.largest(0.010)
        sizes.append(n)
        n = wobble.randint(1, n)  # not always does as much wait
        costs.observe(n, (0.0002 * n + 0.005) * wobble.uniform(0.97, 1.03))
    assert sizes[0] == 1
    assert all(20 <= size <= 30 for size in sizes[-50:]), "(10 - 5) / 0.2 = 25"


def test_a_target_that_one_item_misses_means_one_at_a_time() -> None:
    assert seen(Costs(), [1, 2, 4] * 5, 0.001, 0.02).largest(0.010) == 1


def test_nothing_is_expected_before_the_first_call() -> None:
    assert (Costs().expected(10), Costs().largest(0.01)) == (0.0, 1)
