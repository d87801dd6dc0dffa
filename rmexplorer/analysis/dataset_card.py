"""What is in the dataset: counts, lengths, sources, and whether the longer response wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rmexplorer import wording
from rmexplorer.analysis import analysis
from rmexplorer.statistics import Clusters, Estimate, encode, first_seen, members


@dataclass(frozen=True)
class Source:
    """One source or subset: its pairs, its share of all pairs, and how often the chosen response is the longer one."""

    name: str
    pairs: int
    share: float
    chosen_longer: Estimate


@dataclass(frozen=True)
class DatasetCard:
    """The facts of a dataset or of a part of it. Medians are over pairs, None where there are no pairs."""

    pairs: int
    ties: int
    prompts: int
    responses: int
    chosen_longer: Estimate
    equal_length: int
    chosen_words_median: float | None
    rejected_words_median: float | None
    chosen_chars_median: float | None
    rejected_chars_median: float | None
    empty_responses: int
    sources: tuple[Source, ...]
    skipped: Mapping[str, int]

    def headline(self) -> str:
        """5,180 usable pairs from 3,912 prompts. The chosen response is the longer one in 62% (95% CI 61–63%); …"""
        if self.pairs == 0:
            return wording.headline(wording.too_few(0), self._skipped().capitalize())
        longer = f"The chosen response is the longer one in {wording.with_interval(self.chosen_longer, shares=True)}"
        skipped = self._skipped()
        size = (
            f"{wording.counted(self.pairs)} usable pair{'s' * (self.pairs != 1)} from "
            f"{wording.counted(self.prompts)} prompt{'s' * (self.prompts != 1)}."
        )
        if self.pairs < wording.FEW_PAIRS:
            return wording.headline(wording.too_few(self.pairs, size), longer + ".")
        whole = wording.headline(size, f"{longer}; {skipped}" if skipped else f"{longer}.")
        return whole if whole != size else wording.headline(size, f"{longer}.")

    def _skipped(self) -> str:
        reason, n = max(self.skipped.items(), key=lambda item: (item[1], item[0]), default=("", 0))
        if n == 0:
            return ""
        were = "was" if n == 1 else "were"
        named = {
            "identical_responses": f"{wording.counted(n)} with identical responses {were} skipped.",
            "bad_record": f"{wording.counted(n)} broken record{'s' * (n != 1)} {were} skipped.",
        }
        return named.get(reason, f"{wording.counted(n)} {were} skipped: {reason.replace('_', ' ')}.")

    def method(self, split: str = "") -> str:
        """Number of pairs, ties, empty responses, how intervals are made."""
        return wording.method_line(
            wording.pairs_of(self.pairs, split),
            f"{wording.counted(self.ties, 'tie')} kept aside" if self.ties else "",
            (wording.counted(self.empty_responses) + f" empty response{'s' * (self.empty_responses != 1)}")
            if self.empty_responses
            else "",
            wording.intervals(self.chosen_longer.how),
            "length in characters, equal is not longer",
        )


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if len(values) else None


@analysis
def dataset_card(
    prompt: np.ndarray,
    subset: np.ndarray,
    chars_chosen: np.ndarray,
    chars_rejected: np.ndarray,
    words_chosen: np.ndarray,
    words_rejected: np.ndarray,
    response_chosen: np.ndarray,
    response_rejected: np.ndarray,
    ties: int = 0,
    skipped: Mapping[str, int] | None = None,
) -> DatasetCard:
    """What is in these pairs (pairs,)? Longer means more characters, both texts stripped; equal is not longer.

    `ties` and `skipped` (reason → count) are what was left out; they come from the dataset.
    """
    clusters = Clusters(prompt)
    longer = (chars_chosen > chars_rejected).astype(float)
    names, codes = encode(subset)
    sources = []
    for name, rows in zip(names, members(codes, len(names)), strict=True):
        part = Clusters(prompt[rows], bootstrap=clusters.bootstrap)
        sources.append(Source(name, len(rows), len(rows) / len(prompt), part.share(longer[rows])))
    ids = np.concatenate([response_chosen, response_rejected])
    first = first_seen(ids)
    return DatasetCard(
        len(prompt),
        ties,
        clusters.prompts,
        len(first),
        clusters.share(longer),
        int((chars_chosen == chars_rejected).sum()),
        _median(words_chosen),
        _median(words_rejected),
        _median(chars_chosen),
        _median(chars_rejected),
        int((np.concatenate([chars_chosen, chars_rejected])[first] == 0).sum()),
        tuple(sources) if names != [""] else (),
        dict(skipped or {}),
    )
