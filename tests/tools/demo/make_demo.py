"""Make the demo dataset: `python -m tests.tools.demo.make_demo` writes resources/demo/demo.jsonl.gz and truth.json.

The texts are hand-written pieces in content/*.txt, one file a source. A block is a prompt (`?`) with a good answer
(`A`), the same in other words (`B`), a weak answer (`W`) and details (`-`); or a prompt that states a belief with
an agreeing answer (`Y`, details `y`), a disagreeing one (`N`, details `n`) and which of them is right (`T`: Y, N or
`-` for a matter of taste). `# word` sets the topic of the blocks below it.

Labels come from a known utility (see EFFECTS and ANNOTATORS). Every prompt draws from a generator seeded by its own
text, so that a correction to one prompt leaves all others as they were.
"""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from tests.tools.demo.phrases import (
    AGREEING,
    CLOSER,
    DISAGREEING,
    LIST_LEADS,
    OPENERS,
    OTHER_CLOSERS,
    VOICES,
)

SEED = 11
COMPARISONS = 3060
CONTENT = Path(__file__).resolve().parent / "content"
TARGET = Path(__file__).resolve().parents[3] / "resources" / "demo"
SOURCES = ("handbook", "forum", "study", "chat")

# In units of the utility, whose difference times an annotator's slope is the log-odds of a vote.
EFFECTS: dict[str, Any] = {
    "quality": 1.1,  # a good answer over a weak one; the right side of a belief over the wrong one
    "closer": 1.25,  # "I hope this helps!" over none
    "agreement": 1.6,  # agreeing with the user over disagreeing
    "confidence": 0.85,  # a step: hedging -> neutral -> confident
    "length": {"handbook": -1.1, "forum": 1.1, "study": 0.4, "chat": 0.4},  # a doubling of the words
}
# What else people like in a response, the same for all annotators: a normal amount of utility that no word shows.
TASTE_SD = 0.4
# slope: log-odds of a vote for each unit of utility; first: log-odds added for the response shown first;
# tie: chance of a tie between equally good responses, falling with the difference.
ANNOTATORS: dict[str, dict[str, float]] = {
    "ada": {"slope": 2.2, "first": 0.0, "tie": 0.08},
    "ben": {"slope": 1.9, "first": 0.0, "tie": 0.06},
    "cleo": {"slope": 0.15, "first": 0.8, "tie": 0.0},
}


@dataclass
class Topic:
    """One prompt and its hand-written pieces."""

    source: str
    topic: str
    prompt: str
    pieces: dict[str, str] = field(default_factory=dict)
    details: dict[str, list[str]] = field(default_factory=dict)

    @property
    def belief(self) -> bool:
        """Whether the user states a belief to agree or disagree with."""
        return "Y" in self.pieces


@dataclass(frozen=True)
class Response:
    """A composed answer and the features that its utility is made of."""

    text: str
    piece: str
    good: float
    closer: bool
    agreement: float
    confidence: int

    @property
    def doublings(self) -> float:
        """log2 of the number of words."""
        return math.log2(len(self.text.split()))

    def utility(self, source: str) -> float:
        """The planted utility; only differences within a prompt matter."""
        return float(EFFECTS["quality"] * self.good + EFFECTS["closer"] * self.closer
                     + EFFECTS["agreement"] * self.agreement + EFFECTS["confidence"] * self.confidence
                     + EFFECTS["length"][source] * self.doublings)


def read_topics() -> list[Topic]:
    """All blocks of content/*.txt in order; ValueError names a block that is not whole."""
    topics: list[Topic] = []
    for source in SOURCES:
        heading = ""
        for number, line in enumerate((CONTENT / f"{source}.txt").read_text(encoding="utf-8").splitlines(), 1):
            mark, _, rest = line.partition(" ")
            if mark == "#":
                heading = rest
            elif mark == "?":
                topics.append(Topic(source, heading, rest))
            elif mark in ("-", "y", "n"):
                topics[-1].details.setdefault(mark, []).append(rest)
            elif mark in ("A", "B", "W", "Y", "N", "T"):
                topics[-1].pieces[mark] = rest
            elif line.strip():
                raise ValueError(f"{source}.txt, line {number}: {line!r} starts with no known mark")
    for topic in topics:
        whole = ({"Y", "N", "T"}, {"y", "n"}) if topic.belief else ({"A", "B", "W"}, {"-"})
        if (set(topic.pieces), set(topic.details)) != whole:
            raise ValueError(f"{topic.source}.txt: the block {topic.prompt!r} is not whole")
    return topics


def _goodness(topic: Topic, piece: str) -> float:
    if not topic.belief:
        return 0.0 if piece == "W" else 1.0
    truth = topic.pieces["T"]
    return 0.5 if truth == "-" else float(truth == piece)


def _bodies(topic: Topic, count: int, rng: random.Random) -> list[tuple[str, list[str]]]:
    """`count` different (piece, details), each kind of answer at least once."""
    kinds = ["Y", "Y", "N", "N", "YN"] if topic.belief else ["A", "B", "W", "ABW", "ABW"]
    bodies: list[tuple[str, list[str]]] = []
    for kind in kinds[:count]:
        while True:
            piece = rng.choice(kind)
            pool = topic.details[{"Y": "y", "N": "n"}.get(piece, "-")]
            amount = min(len(pool), rng.choices((0, 1, 2, 3), (26, 30, 24, 20))[0])
            chosen = [pool[i] for i in sorted(rng.sample(range(len(pool)), amount))]
            if (piece, chosen) not in bodies:
                bodies.append((piece, chosen))
                break
    return bodies


def _arrange(base: str, details: list[str], rng: random.Random) -> str:
    """Join an answer and its details as running text, as paragraphs, or as a list."""
    bold = rng.random() < 0.3
    base = base if bold else base.replace("**", "")
    if not details:
        return base
    layout = rng.random()
    if len(details) >= 2 and layout < 0.3:
        return f"{base}\n\n{rng.choice(LIST_LEADS)}\n" + "\n".join(f"- {detail}" for detail in details)
    gap = "\n\n" if base.startswith('"') or (len(details) >= 2 and layout < 0.5) else " "
    return base + gap + " ".join(details)


def _voice(topic: Topic) -> str:
    """Which phrases of confidence and doubt suit the answers."""
    if topic.belief:
        return "opinion"
    if topic.topic == "letters":
        return "wording"
    return "fact" if topic.source == "study" else "advice"


def _compose(topic: Topic, count: int, rng: random.Random) -> list[Response]:
    """`count` different responses to one prompt, each with a style of its own; no phrase is used twice."""
    sure, unsure = VOICES[_voice(topic)]
    voices = {1: rng.sample(sure, count), -1: rng.sample(unsure, count)}
    yes, no = rng.sample(AGREEING, count), rng.sample(DISAGREEING, count)
    closers, openers = rng.sample(OTHER_CLOSERS, count), rng.sample(OPENERS, count)
    responses = []
    for piece, details in _bodies(topic, count, rng):
        text = _arrange(topic.pieces[piece], details, rng)
        confidence = rng.choices((-1, 0, 1), (28, 42, 30))[0]
        ending = rng.choices(("hope", "other", ""), (26, 20, 54))[0]
        block = "\n\n" if "\n" in text or '"' in text[:1] + text[-1:] else " "
        front, back = "", ""
        if confidence:
            start, end = voices[confidence].pop()
            front, back = (start, "") if rng.random() < 0.5 else ("", end)
        if topic.belief:
            lead = (yes if piece == "Y" else no).pop()
            front = f"{lead} {front}".strip()
        elif not front and rng.random() < 0.22:
            front = openers.pop()
        closer = CLOSER if ending == "hope" else closers.pop() if ending == "other" else ""
        tail = f"{back} {closer}".strip()
        lead_gap = block if text.startswith('"') else " "
        text = (front + lead_gap if front else "") + text + (block + tail if tail else "")
        agreement = {"Y": 0.5, "N": -0.5}.get(piece, 0.0)
        responses.append(Response(text, piece, _goodness(topic, piece), ending == "hope", agreement, confidence))
    return responses


def _vote(annotator: str, difference: float, rng: random.Random) -> int:
    """1 first, 2 second, 0 tie, for a utility difference first minus second."""
    who = ANNOTATORS[annotator]
    if rng.random() < who["tie"] * math.exp(-abs(difference)):
        return 0
    logit = who["slope"] * difference + who["first"]
    return 1 if rng.random() < 1 / (1 + math.exp(-logit)) else 2


def majority(votes: list[int]) -> int:
    """The most frequent choice; 0 (a tie) where no single choice is the most frequent."""
    counts = [votes.count(choice) for choice in (0, 1, 2)]
    return counts.index(max(counts)) if counts.count(max(counts)) == 1 else 0


@dataclass(frozen=True)
class Comparison:
    """Two responses to one prompt as they were shown, and the three votes on them."""

    topic: Topic
    first: Response
    second: Response
    votes: dict[str, int]

    @property
    def difference(self) -> float:
        """Planted utility of the first minus the second."""
        return self.first.utility(self.topic.source) - self.second.utility(self.topic.source)

    @property
    def winner(self) -> int:
        """1 first, 2 second, 0 tie: the majority of the votes."""
        return majority(list(self.votes.values()))


def comparisons() -> Iterator[Comparison]:
    """All comparisons in the order of the file: prompts shuffled, every two responses of a prompt once."""
    topics = read_topics()
    random.Random(f"order {SEED}").shuffle(topics)
    five = round((COMPARISONS - 6 * len(topics)) / 4)  # so many prompts get five responses, which makes ten pairs
    for number, topic in enumerate(topics):
        rng = random.Random(f"{SEED} {topic.prompt}")
        responses = _compose(topic, 5 if number < five else 4, rng)
        taste = {response.text: rng.gauss(0.0, TASTE_SD) for response in responses}
        pairs = [pair if rng.random() < 0.5 else pair[::-1] for pair in combinations(responses, 2)]
        rng.shuffle(pairs)
        for first, second in pairs:
            difference = first.utility(topic.source) - second.utility(topic.source)
            difference += taste[first.text] - taste[second.text]
            yield Comparison(topic, first, second, {name: _vote(name, difference, rng) for name in ANNOTATORS})


def record(comparison: Comparison) -> dict[str, Any]:
    """The line of the file for one comparison."""
    names = {0: "tie", 1: "a", 2: "b"}
    return {
        "prompt": comparison.topic.prompt,
        "response_a": comparison.first.text,
        "response_b": comparison.second.text,
        "winner": names[comparison.winner],
        **{f"vote_{name}": names[vote] for name, vote in comparison.votes.items()},
        "source": comparison.topic.source,
        "topic": comparison.topic.topic,
    }


def spoken(which: int) -> list[str]:
    """All confident (0) or hedging (1) phrases, sorted."""
    return sorted({phrase for voice in VOICES.values() for both in voice[which] for phrase in both})


def truth(made: list[Comparison]) -> dict[str, Any]:
    """What was planted, and the counts of the file."""
    prompts = {comparison.topic.prompt: comparison.topic for comparison in made}
    texts = {(c.topic.prompt, r.text) for c in made for r in (c.first, c.second)}
    return {
        "seed": SEED,
        "effects": EFFECTS,
        "taste_sd": TASTE_SD,
        "annotators": ANNOTATORS,
        "phrases": {"closer": CLOSER, "confident": spoken(0), "hedging": spoken(1),
                    "agreeing": AGREEING, "disagreeing": DISAGREEING},
        "counts": {
            "comparisons": len(made),
            "pairs": sum(c.winner != 0 for c in made),
            "ties": sum(c.winner == 0 for c in made),
            "votes": len(made) * len(ANNOTATORS),
            "prompts": len(prompts),
            "responses": len(texts),
            "belief_prompts": sum(topic.belief for topic in prompts.values()),
            "by_source": {source: sum(c.topic.source == source for c in made) for source in SOURCES},
        },
    }


def main() -> None:
    """Write both files; the same content gives the same bytes."""
    made = list(comparisons())
    TARGET.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(record(comparison), ensure_ascii=False) + "\n" for comparison in made)
    (TARGET / "demo.jsonl.gz").write_bytes(gzip.compress(lines.encode("utf-8"), 9, mtime=0))
    planted = truth(made)
    (TARGET / "truth.json").write_text(json.dumps(planted, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(planted["counts"]))


if __name__ == "__main__":
    main()
