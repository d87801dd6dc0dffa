"""How numbers and sentences are written: true minus, en dash intervals, brackets that do not break."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rmexplorer.statistics import Estimate

MINUS, DASH, SPACE = "\u2212", "\u2013", "\u00a0"
FEW_PAIRS = 30
HEADLINE = 150

BASELINES = {
    "length": "length alone",
    "style": "style alone",
    "bag_of_words": "a bag of words",
    "linear": "a linear head",
    "coin_flip": "a coin flip",
}

STYLE = {
    "sentences": "sentences",
    "sentence_length": "long sentences",
    "type_token_ratio": "varied words",
    "list_items": "bullet points",
    "headings": "headings",
    "bold": "bold text",
    "code_blocks": "code blocks",
    "links": "links",
    "exclamations": "exclamation marks",
    "questions": "question marks",
    "hedges": "hedging (“perhaps”)",
    "certainty": "certainty (“definitely”)",
    "apologies": "apologies",
    "refusals": "refusals",
    "politeness": "politeness",
    "agreement": "agreement with the user",
    "opener": "set openers (“Sure!”)",
    "closer": "closing offers to help",
    "copied_share": "words copied from the prompt",
}


def number(value: float | None, digits: int = 2, signed: bool = False) -> str:
    """A number with a true minus: 0.66, −0.53, signed +0.46; a dash for None; never −0.00."""
    if value is None:
        return DASH
    text = f"{abs(value):,.{digits}f}"
    if not float(text.replace(",", "")):
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def small(chance: float | None) -> str:
    """A p- or q-value, which is never 0: 0.033, <0.001; a dash for None."""
    return "<0.001" if chance is not None and chance < 0.001 else number(chance, 3)


def percent(share: float | None) -> str:
    """A share in whole percent: 62%."""
    return DASH if share is None else number(100 * share, 0) + "%"


def counted(n: int, noun: str = "") -> str:
    """A count with thousands commas and its noun in the right number: 1 pair, 5,180 pairs."""
    return f"{n:,}" if not noun else f"{n:,}{SPACE}{noun if n == 1 else noun + 's'}"


def between(low: float | None, high: float | None, digits: int = 2, shares: bool = False) -> str:
    """An interval with an en dash and its unit once: 0.63–0.69, 59–65%; finer where both ends look alike."""
    if low is None or high is None:
        return DASH
    if shares:
        return between(100 * low, 100 * high, 0) + "%"
    finest = digits + 2 if high > low else digits
    while digits < finest and number(low, digits) == number(high, digits):
        digits += 1
    joined = f"{SPACE}to{SPACE}" if number(high, digits).startswith(MINUS) else DASH  # no dash before a minus
    return f"{number(low, digits)}{joined}{number(high, digits)}"


def bracket(text: str) -> str:
    """The text in round brackets, with no place to break a line."""
    return "(" + text.replace(" ", SPACE) + ")"


def with_interval(
    estimate: Estimate, digits: int = 2, shares: bool = False, signed: bool = False, name: bool = True, of: str = ""
) -> str:
    """A value, what it is `of`, and its bracketed interval: 62% of pairs (95% CI 59–65%); no brackets without one."""
    value = percent(estimate.value) if shares else number(estimate.value, digits, signed)
    value = f"{value} {of}" if of else value
    if estimate.low is None:
        return value
    interval = between(estimate.low, estimate.high, digits, shares)
    return f"{value} {bracket('95% CI ' + interval if name else interval)}"


def difference(estimate: Estimate, higher: str = "higher", lower: str = "lower") -> str:
    """A difference in words that claim no more than its interval: 0.03 higher (−0.01–0.07): no clear difference."""
    if estimate.value is None:
        return DASH
    value = estimate.value
    turned = (
        estimate
        if value >= 0 or estimate.low is None or estimate.high is None
        else Estimate(-value, -estimate.high, -estimate.low, estimate.n, estimate.how)
    )
    text = with_interval(
        Estimate(abs(value), turned.low, turned.high, estimate.n), name=False, of=higher if value >= 0 else lower
    )
    return text if estimate.excludes(0.0) else f"{text}: no clear difference"


def baseline(name: str) -> str:
    """A baseline's name as a sentence says it: length alone."""
    return BASELINES.get(name, name.replace("_", " "))


def baselines(metrics: Mapping[str, Any], *names: str) -> str:
    """length alone 0.56 (0.51–0.61), style alone 0.61 (0.56–0.66): those of a run's metrics that are known, or `names` alone."""
    values, intervals = metrics.get("baselines") or {}, metrics.get("baselines_ci") or {}
    return ", ".join(
        f"{baseline(name)} {number(value)}" + (f" {bracket(between(*intervals[name]))}" if intervals.get(name) else "")
        for name, value in values.items() if value is not None and (not names or name in names))


def headline(*sentences: str) -> str:
    """Sentences joined while they fit 150 characters; the first one always stands."""
    text = sentences[0] if sentences else ""
    for sentence in sentences[1:]:
        if sentence and len(text) + 1 + len(sentence) <= HEADLINE:
            text = f"{text} {sentence}"
    return text


def too_few(n: int, rest: str = "") -> str:
    """The opening of a headline on fewer than 30 pairs."""
    if n == 0:
        return "Too few pairs to say: there are none here."
    return f"Too few pairs to say ({counted(n)})." if not rest else f"Too few pairs to say ({counted(n)}): {rest}"


def method_line(*parts: str) -> str:
    """The method line: its parts, those not empty, between middle dots."""
    return " · ".join(part for part in parts if part)


def pairs_of(n: int, split: str = "") -> str:
    """1,036 held-out pairs: the count with the split's name."""
    return counted(n, f"{split} pair" if split else "pair")


def intervals(how: str) -> str:
    """How intervals are made, as the method line says it."""
    return {
        "Wilson": "Wilson intervals",
        "bootstrap over prompts": "intervals by bootstrap over prompts",
        "cluster-robust by prompt": "cluster-robust intervals by prompt",
    }.get(how, f"intervals: {how}" if how else "")


def parts(text: str) -> list[tuple[str, bool]]:
    """A headline cut into (text, is it a bracketed interval), so that intervals can be drawn lighter."""
    return [
        (part, part.startswith("(") and any(map(str.isdigit, part))) for part in re.split(r"(\([^()]*\))", text) if part
    ]


def against_baseline(name: str, accuracy: Estimate, gap: Estimate) -> str:
    """That beats length alone (0.62) by 0.04 (0.01–0.07). `gap` is the model's accuracy minus the baseline's."""
    rule = f"{baseline(name)} {bracket(number(accuracy.value))}"
    if gap.value is None:
        return ""
    if gap.excludes(0.0):
        ahead = gap.value > 0
        size = gap if ahead or gap.low is None or gap.high is None else Estimate(-gap.value, -gap.high, -gap.low, gap.n)
        return f"That {'beats' if ahead else 'loses to'} {rule} by {with_interval(size, name=False)}."
    return f"Against {rule}: {difference(gap)}."


def style(name: str) -> str:
    """A surface feature as a sentence or a row of a plot says it: closing offers to help."""
    return STYLE.get(name, name.replace("_", " "))
