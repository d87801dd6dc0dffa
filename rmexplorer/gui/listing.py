"""What the Responses pane lists, as cards: made in the thread of figures, so no widget is touched here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmexplorer import wording
from rmexplorer.analysis.responses import PairList, ResponseList, Responses, share_text
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.glance import last_turn, votes_for_label
from rmexplorer.gui.card_painter import ListedCard, ListedLine
from rmexplorer.statistics import sigmoid
from rmexplorer.wording import counted, number
from rmexplorer.workflows.columns import Columns, run

TIP = 280


@dataclass(frozen=True, eq=False)
class Drawn:
    """A result with what the cards of each view need; made in the thread of figures."""

    found: Responses
    cards: tuple[list[ListedCard], ...]
    view: str
    nothing: str


@dataclass(frozen=True, eq=False)
class Sources:
    """The source of each decided pair, by the row of the pair; '' where the file names none."""

    columns: Columns

    def of(self, pairs: np.ndarray) -> list[str]:
        """(n,) sources of pairs."""
        place = np.searchsorted(self.columns.rows, pairs)
        return [str(name) for name in self.columns["subset"][place]]

    def rows(self, pair: int) -> tuple[str, np.ndarray] | None:
        """The source of a pair and all rows of it, or None where the pair has none."""
        rows = self.columns.rows
        place = int(np.searchsorted(rows, pair))
        if place >= len(rows) or rows[place] != pair or not self.columns["subset"][place]:
            return None
        name = self.columns["subset"][place]
        return str(name), rows[self.columns["subset"] == name]


def response_cards(
    dataset: Dataset, sources: Sources, listed: ResponseList, far: float, edge: float | None, end: str, above: bool
) -> list[ListedCard]:
    """The cards of a list of responses; `far` is the |z| of a full bar, `edge` the reward at which the tail ends."""
    texts = dataset.responses["text"].gather(listed.response).to_list()
    prompts = dataset.prompts["text"].gather(dataset.prompt[listed.pair]).to_list()
    agree, votes = votes_for_label(dataset, listed.pair)
    names = sources.of(listed.pair)
    beyond = np.zeros(0, np.int64)
    if edge is not None:
        beyond = np.flatnonzero(listed.reward < edge if above else listed.reward > edge)
    first = int(beyond[0]) if len(beyond) and beyond[0] > 0 else -1
    cards = []
    for place, text in enumerate(texts):
        won = bool(listed.was_chosen[place])
        share = float(listed.chosen_share[place])
        kind = "chosen" if won else "rejected"
        people = ""
        if votes[place] > 1:
            liked = int(agree[place]) if won else int(votes[place] - agree[place])
            people = f"{liked} of {votes[place]} prefer it"
        elif 0 < share < 1:
            people = f"chosen in {wording.percent(share)} of its pairs"
        z, reward = float(listed.z[place]), float(listed.reward[place])
        meta = wording.method_line(counted(int(listed.words[place]), "word"), names[place], people)
        tip = (
            f"{number(z, signed=True)} SD from the mean · reward {number(reward, signed=True)}\n\n"
            f"Prompt: {_cut(last_turn(prompts[place]))}"
        )
        cards.append(
            ListedCard(
                int(listed.pair[place]),
                number(z, signed=True),
                z / far,
                kind,
                kind,
                (ListedLine(text, lines=2),),
                meta,
                tip,
                f"to: {last_turn(prompts[place])}",
                end if place == first else "",
            )
        )
    return cards


def pair_cards(
    dataset: Dataset, sources: Sources, listed: PairList, far: float, by_probability: bool
) -> list[ListedCard]:
    """The cards of a list of pairs, with P(chosen) or the margin as number; `far` is the |margin| of a full bar."""
    texts = dataset.responses["text"]
    chosen, rejected = (texts.gather(side[listed.pair]).to_list() for side in (dataset.chosen, dataset.rejected))
    prompts = dataset.prompts["text"].gather(dataset.prompt[listed.pair]).to_list()
    agree, votes = votes_for_label(dataset, listed.pair)
    names, chance = sources.of(listed.pair), sigmoid(listed.margin)
    cards = []
    for place, (good, bad) in enumerate(zip(chosen, rejected, strict=True)):
        margin = float(listed.margin[place])
        people = f"{agree[place]} of {votes[place]} prefer the chosen" if votes[place] > 1 else ""
        words = f"{len(good.split()):,} against {len(bad.split()):,} words"
        p, m = f"P {number(float(chance[place]))}", number(margin, signed=True)
        tip = f"P(chosen) {number(float(chance[place]))} · margin {m}\n\nPrompt: {_cut(last_turn(prompts[place]))}"
        lines = (
            ListedLine(last_turn(prompts[place]) or "(no prompt)", quiet=True),
            ListedLine(good, "chosen"),
            ListedLine(bad, "rejected"),
        )
        meta = wording.method_line(f"pair {int(listed.pair[place]) + 1:,}", words, names[place], people)
        cards.append(
            ListedCard(
                int(listed.pair[place]),
                p if by_probability else m,
                margin / far,
                f"margin {m}" if by_probability else p,
                "",
                lines,
                meta,
                tip,
            )
        )
    return cards


def _cut(text: str) -> str:
    return text if len(text) <= TIP else text[:TIP].rstrip() + "…"


def drawn(columns: Columns, mask: np.ndarray, view: str, share: float | None, one: bool, nothing: str) -> Drawn:
    """Compute the lists over the pairs of `mask` (pairs,) and write the cards of a view."""
    given = columns.take(mask)
    dataset, sources = columns.dataset, Sources(columns)
    found: Responses = run("responses", given, share=share, one_per_prompt=one)
    if view == "extremes":
        far = max([1.0, *(float(abs(part.z).max()) for part in (found.highest, found.lowest) if len(part))])
        end = f"{share_text(found.share)} ends here"
        return Drawn(
            found,
            (
                response_cards(dataset, sources, found.highest, far, found.high_edge, end, True),
                response_cards(dataset, sources, found.lowest, far, found.low_edge, end, False),
            ),
            view,
            nothing,
        )
    lists = {
        "margins": (found.largest_margins, found.smallest_margins),
        "wrong": (found.confident_mistakes,),
        "unsure": (found.least_sure,),
    }[view]
    far = max(
        [
            1e-9,
            *(float(abs(part.margin).max()) for part in (found.largest_margins, found.smallest_margins) if len(part)),
        ]
    )
    return Drawn(
        found, tuple(pair_cards(dataset, sources, part, far, view != "margins") for part in lists), view, nothing
    )
