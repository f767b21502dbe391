"""Randomness by key: every draw is a pure function of the seed and of its purpose.

Nothing here has state, so the market is the same in whatever order it is read.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_U64 = (1 << 64) - 1


def key(seed: int, *names: str | int) -> int:
    """The 64-bit number of `names` under `seed`."""
    text = "/".join(str(name) for name in (seed, *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def draws(key_: int, at: int) -> np.random.Generator:
    """The random generator for a key at an index in time (a day, an hour; may be negative)."""
    return np.random.Generator(np.random.SFC64([key_, at & _U64]))


def mixed(key_: int, at: int) -> int:
    """64 random bits for a key and an integer; much cheaper than a numpy generator."""
    z = (key_ + (at & _U64) * 0x9E3779B97F4A7C15) & _U64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _U64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _U64
    return z ^ (z >> 31)


def uniforms(key_: int, at: Ints) -> Floats:
    """`mixed` for many numbers at once, as uniforms in (0, 1)."""
    z = np.uint64(key_) + at.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return ((z >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def bell(key_: int, at: int) -> float:
    """A nearly normal number (sum of three uniforms, variance 1) for a key and an integer."""
    bits = mixed(key_, at)
    thirds = (bits & 0x1FFFFF) + (bits >> 21 & 0x1FFFFF) + (bits >> 42 & 0x1FFFFF)
    return (thirds / 2.0**21 - 1.5) * 2.0


def wave(ends: tuple[float, float], knots: Floats, length: int) -> Floats:
    """A piecewise linear curve of `length` points from ends[0] towards ends[1], through evenly spaced `knots`."""
    heights = np.concatenate(([ends[0]], knots, [ends[1]]))
    places = np.arange(length) * ((len(knots) + 1) / length)
    line: Floats = np.interp(places, np.arange(len(heights)), heights)
    return line
