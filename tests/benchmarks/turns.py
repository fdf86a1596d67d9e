"""Timing for the benchmarks: all ways in turns, the best round of each."""

import time
from collections.abc import Callable


def best_seconds(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the shortest time of each way, in seconds; a first round warms up.

    The best round counts, because disturbances only ever make a program slower.
    """
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds + 1):
        for way, function in ways.items():
            start = time.perf_counter()
            function()
            best[way] = min(best[way], time.perf_counter() - start)
    return best
