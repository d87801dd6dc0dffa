"""What a list shows of a pair at a glance: the last turn of its prompt, and how many annotators agree with its
label."""

from __future__ import annotations

import re
from unicodedata import bidirectional

import numpy as np

from rmexplorer.data.dataset import Dataset

HUMAN = re.compile(r"(?:^|\n\n)Human: ?")
SPEAKER = re.compile(r"(?:^|\n\n)(Human|Assistant|System|Tool|Developer): ?")
WHO = {"Human": "User", "Assistant": "Assistant", "System": "System", "Tool": "Tool", "Developer": "Developer"}
FEW = 64
ASSISTANT = re.compile(r"\n\nAssistant:\s*$")


def last_turn(prompt: str) -> str:
    """What the person said last: of turns joined as `Human: …`, `Assistant: …` the last one, else the whole prompt."""
    turns = HUMAN.split(prompt)
    return ASSISTANT.sub("", turns[-1] if len(turns) > 1 else prompt).strip()


def turns_of(prompt: str) -> list[tuple[str, str]]:
    """(who speaks, what is said) for each turn of a prompt joined as `Human: …`; one turn of nobody where it has no tags."""
    tags = list(SPEAKER.finditer(prompt))
    if not tags or prompt[: tags[0].start()].strip():
        return [("", prompt)]
    ends = [tag.start() for tag in tags[1:]] + [len(prompt)]
    turns = [(WHO[tag[1]], prompt[tag.end() : end].strip()) for tag, end in zip(tags, ends, strict=True)]
    return turns if len(turns) > 1 or turns[0][0] != "User" else [("", turns[0][1])]


def votes_for_label(dataset: Dataset, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For rows `pairs` (n,) of Dataset.pairs: (n,) votes equal to the pair's winner, and (n,) votes in all."""
    votes = dataset.votes
    if len(pairs) <= FEW:  # one look at a pair must not read all votes, and as an array those of a file in pieces are copied
        found = []
        for pair in pairs.tolist():
            first, after = votes["pair"].search_sorted(pair, "left"), votes["pair"].search_sorted(pair, "right")
            choices = votes["choice"].slice(first, after - first)
            found.append([int((choices == int(dataset.winner[pair])).sum()), after - first])
        both = np.array(found, dtype=np.int64).reshape(-1, 2)
        return both[:, 0], both[:, 1]
    of_pair, choice = votes["pair"].to_numpy(), votes["choice"].to_numpy()
    pairs = pairs.astype(of_pair.dtype, copy=False)  # else all votes are converted
    low, high = np.searchsorted(of_pair, pairs, "left"), np.searchsorted(of_pair, pairs, "right")
    agree = np.concatenate([[0], np.cumsum((choice == dataset.winner[of_pair]).view(np.int8), dtype=np.int64)])
    return agree[high] - agree[low], high - low


def reads_right_to_left(text: str) -> bool:
    """Whether the first letter with a direction is Hebrew, Arabic or another that reads from the right."""
    return next((kind in ("R", "AL") for sign in text if (kind := bidirectional(sign)) in ("L", "R", "AL")), False)
