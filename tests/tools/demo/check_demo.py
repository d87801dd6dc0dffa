"""Measure what was planted in the demo dataset from its labels: `python -m tests.tools.demo.check_demo` prints JSON.

Closer, confidence, agreement and length are read off the texts; only quality comes from the generator.
"""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from tests.tools.demo.make_demo import SOURCES, Comparison, Response, comparisons, spoken
from tests.tools.demo.phrases import AGREEING, CLOSER, DISAGREEING, OTHER_CLOSERS

PLANTED = ("quality", "closer", "agreement", "confidence", *(f"length:{source}" for source in SOURCES))
CONTROLS = ("another closer", "bold", "list")
CONFIDENT, HEDGING = spoken(0), spoken(1)


def seen(text: str) -> tuple[float, float, float]:
    """Closer (0, 1), agreement (-0.5, 0, 0.5) and confidence (-1, 0, 1), read off a response's text."""
    confidence = any(phrase in text for phrase in CONFIDENT) - any(phrase in text for phrase in HEDGING)
    agreement = text.startswith(tuple(AGREEING)) - text.startswith(tuple(DISAGREEING))
    return float(CLOSER in text), agreement / 2, float(confidence)


def features(response: Response, source: str) -> list[float]:
    """The values of PLANTED and CONTROLS for one response."""
    text = response.text
    closer, agreement, confidence = seen(text)
    lengths = [response.doublings if source == each else 0.0 for each in SOURCES]
    controls = [float(text.endswith(tuple(OTHER_CLOSERS))), float("**" in text), float("\n- " in text)]
    return [response.good, closer, agreement, confidence, *lengths, *controls]


def logistic(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Newton fit without intercept: coefficients and their z values, each (features,)."""
    beta = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ beta))
        hessian = (x * (p * (1 - p))[:, None]).T @ x
        beta = beta + np.linalg.solve(hessian, x.T @ (y - p))
    return beta, beta / np.sqrt(np.diag(np.linalg.inv(hessian)))


def kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Cohen's kappa of two annotators' choices (0, 1, 2)."""
    observed = np.mean(first == second)
    expected = sum(np.mean(first == choice) * np.mean(second == choice) for choice in (0, 1, 2))
    return float((observed - expected) / (1 - expected))


def heldout_accuracy(decided: list[Comparison]) -> float:
    """Accuracy of a linear Bradley-Terry model on TF-IDF in five folds by prompt."""
    y = np.array([c.winner == 1 for c in decided])
    prompts = np.array([c.topic.prompt for c in decided])
    right = []
    for train, test in GroupKFold(5).split(y, groups=prompts):
        tfidf = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        tfidf.fit([r.text for i in train for r in (decided[i].first, decided[i].second)])
        x = tfidf.transform([c.first.text for c in decided]) - tfidf.transform([c.second.text for c in decided])
        model = LogisticRegression(C=3.0, fit_intercept=False, max_iter=500).fit(x[train], y[train])
        right.append(model.predict(x[test]) == y[test])
    return float(np.concatenate(right).mean())


def measure(made: list[Comparison], text_model: bool = True) -> dict[str, Any]:
    """Effects with p values, lengths by source, kappas, position bias, Bayes accuracy, text model's accuracy."""
    decided = [c for c in made if c.winner]
    y = np.array([c.winner == 1 for c in decided], dtype=float)
    x = np.array([features(c.first, c.topic.source) for c in decided])
    x -= np.array([features(c.second, c.topic.source) for c in decided])
    beta, z = logistic(x, y)
    votes = {name: np.array([c.votes[name] for c in made]) for name in made[0].votes}
    chosen_longer = {}
    for source in SOURCES:
        longer = [(len(c.first.text) - len(c.second.text)) * (1 if c.winner == 1 else -1)
                  for c in decided if c.topic.source == source]
        chosen_longer[source] = float(np.mean(np.array(longer) > 0))
    difference = np.array([c.difference for c in decided])
    found = {
        "effects": {name: {"log_odds": float(b), "p": float(2 * stats.norm.sf(abs(value)))}
                    for name, b, value in zip(PLANTED + CONTROLS, beta, z, strict=True)},
        "chosen_longer": chosen_longer,
        "kappa": {f"{a},{b}": kappa(votes[a], votes[b]) for a, b in combinations(votes, 2)},
        "votes_for_first": {name: float(np.mean(v[v != 0] == 1)) for name, v in votes.items()},
        "bayes_accuracy": float(np.mean((difference > 0) == (y > 0))),
        "win_rate": {
            "closer": _win_rate(decided, 0),
            "agreement": _win_rate(decided, 1),
            "confidence": _win_rate(decided, 2),
            "agreement where the user is wrong": _win_rate([c for c in decided if c.topic.pieces.get("T") == "N"], 1),
        },
    }
    if text_model:
        found["text_model_accuracy"] = heldout_accuracy(decided)
    return found


def _win_rate(decided: list[Comparison], which: int) -> float:
    """How often the response with more of what `seen` reads wins, where the two differ in it."""
    values = [(seen(c.first.text)[which], seen(c.second.text)[which], c.winner == 1) for c in decided]
    return float(np.mean([(first > second) == won for first, second, won in values if first != second]))


if __name__ == "__main__":
    print(json.dumps(measure(list(comparisons())), indent=1))
