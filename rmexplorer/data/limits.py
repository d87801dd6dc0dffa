"""How many pairs are too many to have their vectors and analyses in memory at once, and how many are drawn instead."""

from __future__ import annotations

MOST_PAIRS = 2_000_000
SAMPLED = 1_000_000
