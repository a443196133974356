"""Print how many birds are drawn in a second, on one core: ``python benchmarks/birds.py``."""

from __future__ import annotations

from time import perf_counter

from xai_widgets.data.birds import Bird, render

PICTURES = {32: 1000, 64: 1000, 128: 300, 224: 100}


def pictures_per_second(size: int, count: int) -> float:
    """Draw `count` birds of `size` pixels a side, after a few to warm up."""
    for individual in range(10):
        render(Bird(0, individual), size)
    start = perf_counter()
    for individual in range(count):
        render(Bird(individual % 24, individual), size)
    return count / (perf_counter() - start)


if __name__ == "__main__":
    for size, count in PICTURES.items():
        print(f"{size:4d} px: {pictures_per_second(size, count):6.0f} pictures/s")
