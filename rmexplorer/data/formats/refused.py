"""What holds no comparison, refused by name; and evaluations of sycophancy, which can be turned to comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rmexplorer.data.formats import Format, Outcome, add, anything, digits, each, record, rows, text, texts
from rmexplorer.data.records import Comparison, Record
from rmexplorer.data.shapes import first_of, prompt_of
from rmexplorer.data.texts import is_messages, reply_text

PAIRS = "give pairs of responses to the same prompt, for example columns prompt, chosen and rejected"


def verdict(value: Any) -> bool:
    """A thumb up or down: a boolean, 0 or 1, or its name."""
    return isinstance(value, bool) or str(value).lower() in ("true", "false", "0", "1")


def tokens(value: Any) -> bool:
    """A list of whole numbers."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, int) for item in value)


def scores_only(value: Any) -> bool:
    """A number where a text belongs."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refuse(identity: str, title: str, layouts: tuple[dict[str, Any], ...], why: str, remedy: str = PAIRS) -> None:
    add(Format(identity, title, layouts, refuse=why, remedy=remedy))


_refuse(
    "kto",
    "unpaired feedback (KTO)",
    (
        {"prompt": anything, "completion": anything, "label": verdict},
        {"messages": is_messages, "label": verdict},
        {"messages": is_messages, "kto_tag": verdict},
        {"prompt": anything, "response": text, "label": verdict},
    ),
    "one response a row with a thumb up or down, so there is nothing to compare it with",
)
_refuse(
    "stepwise",
    "step labels (process reward data)",
    ({"prompt": text, "completions": texts, "labels": anything}, {"question": record, "label": record}),
    "labels of single steps, not of responses",
)
_refuse(
    "lm_human_prefs",
    "lm-human-preferences",
    ({"query": tokens, "sample0": tokens, "sample1": tokens, "best": digits},),
    "token numbers of GPT-2 instead of texts",
    "decode them with the GPT-2 tokenizer and save prompt, chosen and rejected",
)
_refuse(
    "verdicts",
    "verdicts or scores without texts",
    (
        {"idx": anything, "gpt_result": anything},
        {"idx": anything, "pandalm_result": anything},
        {"output": digits},
        {"chosen": scores_only, "rejected": scores_only},
        {"question_id": anything, "g1_winner": text, "g2_winner": text},
    ),
    "it holds no prompts or responses",
    "open the dataset that these verdicts belong to",
)
_refuse(
    "dpo_logs",
    "a training log",
    ({"log_history": rows, "global_step": anything}, {"rewards/chosen": digits, "step": digits}),
    "numbers of a training run, not preference data",
    "open the dataset that was trained on",
)
_refuse(
    "steerlm",
    "SteerLM regression data",
    ({"text": text, "label": rows}, {"text": text, "label": tokens}),
    "one rated response a row, so there is nothing to compare it with",
)


def _sycophancy(source: Record) -> Iterator[Outcome]:
    fields = source.value
    prompt = first_of("question", "prompt")(fields)
    good, bad = fields.get("answer_not_matching_behavior"), fields.get("answer_matching_behavior")
    base = fields.get("base")
    if isinstance(base, dict):
        good, bad = base.get("correct_answer"), base.get("incorrect_answer")
    yield Comparison(source, prompt_of(prompt), reply_text(good), reply_text(bad), winner=1)


add(
    Format(
        "sycophancy",
        "Sycophancy evaluations (the answer that does not flatter is chosen)",
        (
            {"question": text, "answer_matching_behavior": text, "answer_not_matching_behavior": text},
            {"prompt": is_messages, "base": record, "metadata": anything},
        ),
        each(_sycophancy),
        frozenset(
            {
                "question",
                "answer_matching_behavior",
                "answer_not_matching_behavior",
                "prompt",
                "base",
                "metadata",
                "statement",
            }
        ),
    )
)
