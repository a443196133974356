"""Random numbers that depend on a seed and a purpose alone, and disturb nobody else's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derived(seed: int, purpose: str, number: int) -> int:
    """A seed that no other purpose or number shares."""
    digest = hashlib.blake2b(f"{seed} {purpose} {number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(seed: int, purpose: str, number: int) -> torch.Generator:
    """A generator on the CPU with the seed that is `derived`."""
    return torch.Generator().manual_seed(derived(seed, purpose, number))


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Seed torch's global random numbers, of the CPU and of this one device, and put them back afterwards."""
    devices = [device.index] if device.type == "cuda" else []
    with torch.random.fork_rng(devices, device_type="cuda"):
        # Not torch.manual_seed, which seeds every device there is.
        torch.default_generator.manual_seed(seed)
        for index in devices:
            torch.cuda.default_generators[index].manual_seed(seed)
        yield
