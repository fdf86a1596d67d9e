"""Timing for the benchmarks: all ways in turns, so that disturbances hit them alike."""

import statistics
import time
from collections.abc import Callable


def seconds_of(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the time of each way in each round, in seconds; a first round warms up."""
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds + 1):
        for way, function in ways.items():
            start = time.perf_counter()
            function()
            taken[way].append(time.perf_counter() - start)
    return {way: seconds[1:] for way, seconds in taken.items()}


def best_seconds(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the shortest time of each way: disturbances only ever make a program slower."""
    return {way: min(seconds) for way, seconds in seconds_of(ways, rounds).items()}


def ratio(slow: list[float], quick: list[float]) -> str:
    """Return how many times as long one way takes: the median of the rounds, and their range."""
    ratios = [a / b for a, b in zip(slow, quick, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
