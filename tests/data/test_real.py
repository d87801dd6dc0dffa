"""Real files against counts that share no code with the reader."""

from __future__ import annotations

import gzip
import json
import statistics
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from rmexplorer.data.dataset import Dataset
from rmexplorer.data.read import read
from rmexplorer.data.summary import summary
from rmexplorer.job import finish
from rmexplorer.problem import Problem


def real(shared: Path, *parts: str) -> Path:
    return Path(shared, "data", "real", *parts)


def opened(path: Path) -> tuple[Dataset, dict[str, Any]]:
    dataset = finish(read(path))
    return dataset, summary(dataset)


def test_that_pandalm_agrees_with_a_plain_count(shared: Path) -> None:
    path = real(shared, "pandalm", "testset-v1.json")
    chosen, rejected, prompts, ties, missing = [], [], set(), 0, 0
    for row in json.loads(path.read_text("utf-8")):
        one, two = row["response1"], row["response2"]
        if not isinstance(one, str) or not isinstance(two, str):
            missing += 1
            continue
        prompts.add((row["instruction"], row["input"]))
        votes = Counter(row[f"annotator{place}"] for place in (1, 2, 3)).most_common()
        winner = 0 if len(votes) > 1 and votes[0][1] == votes[1][1] else votes[0][0]
        if winner == 0:
            ties += 1
        else:
            chosen.append(one if winner == 1 else two)
            rejected.append(two if winner == 1 else one)
    dataset, said = opened(path)
    assert said["format"] == "pandalm" and said["rows"] == 999 and said["annotators"] == 3
    assert (said["pairs"], said["ties"], said["prompts"]) == (len(chosen), ties, len(prompts)) == (888, 105, 170)
    assert said["skipped"] == {"missing_response": missing}
    assert said["votes"] == 3 * (888 + 105) and dataset.agreement.height == 3 * 999
    longer = sum(len(good.strip()) > len(bad.strip()) for good, bad in zip(chosen, rejected, strict=True))
    assert said["chosen_longer"] == round(longer / len(chosen), 4)
    assert said["chosen_words_median"] == statistics.median(len(text.split()) for text in chosen)
    assert said["rejected_words_median"] == statistics.median(len(text.split()) for text in rejected)


@pytest.mark.parametrize("model", ["FuseChat-Llama-3.1-8B-Instruct", "alpaca-7b", "gpt-3.5-turbo-1106_verbose"])
def test_that_alpaca_eval_agrees_with_the_leaderboard(shared: Path, model: str) -> None:
    path = real(shared, "alpaca_eval", model, "annotations.json")
    rows = json.loads(path.read_text("utf-8"))
    kept = [row for row in rows if row["output_1"].strip() != row["output_2"].strip() and row["preference"] is not None]
    dataset, said = opened(path)
    assert said["format"] == "alpaca_eval" and said["rows"] == len(rows) and said["annotators"] == 1
    assert said["pairs"] + said["ties"] == len(kept)
    assert said["pairs"] == sum(row["preference"] != 1.5 for row in kept)
    won = [(row["generator_2"] if row["preference"] > 1.5 else row["generator_1"]) for row in kept]
    names = dataset.pairs.select("model_first", "model_second", "winner").rows()
    assert [one if winner == 1 else two for one, two, winner in names] == won
    soft = statistics.mean(row["preference"] - 1 for row in kept)
    assert 1 - float(dataset.pairs["p_first"].mean() or 0) == pytest.approx(soft)


def test_that_oasst_trees_agree_with_a_plain_walk(shared: Path) -> None:
    path = real(shared, "oasst_trees", "en_100_tree.jsonl")
    pairs: list[tuple[str, str]] = []

    def walk(node: dict[str, Any]) -> None:
        replies = node.get("replies") or []
        if node["role"] == "prompter":
            ranked = [reply for reply in replies if reply["role"] == "assistant" and reply.get("rank") is not None]
            for one, two in combinations(ranked, 2):
                pairs.append((one["text"], two["text"]) if one["rank"] < two["rank"] else (two["text"], one["text"]))
        for reply in replies:
            walk(reply)

    for line in path.read_text("utf-8").splitlines():
        walk(json.loads(line)["prompt"])
    dataset, said = opened(path)
    assert said["pairs"] == len(pairs) == 754 and said["responses"] == 641 and said["annotators"] == 0
    texts = dataset.responses["text"]
    read_pairs = list(
        zip(texts.gather(dataset.chosen).to_list(), texts.gather(dataset.rejected).to_list(), strict=True)
    )
    assert sorted(read_pairs) == sorted(pairs)
    assert read_pairs == pairs


def test_that_judgebench_and_its_dumps_keep_label_and_rewards(shared: Path) -> None:
    files = sorted(real(shared, "judgebench").glob("*.jsonl"))
    assert len(files) == 3
    for path in files:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        dataset, said = opened(path)
        assert said["format"] == "judgebench" and said["pairs"] == len(rows) == 350
        assert dataset.winner.tolist() == [1 if row["label"] == "A>B" else -1 for row in rows]
        if "judgments" in rows[0]:
            assert said["score_columns"] == ["judgments"]
            first = [
                statistics.mean(
                    (row["judgments"][0]["judgment"]["scores"][0], row["judgments"][1]["judgment"]["scores"][1])
                )
                for row in rows
            ]
            assert dataset.pairs["score_first"].to_list() == pytest.approx(first)
        else:
            assert said["score_columns"] == []


def test_that_llmbar_pku_and_rm_bench_keep_their_winners(shared: Path) -> None:
    for folder in ("Natural", "Adversarial/GPTInst"):
        path = real(shared, "llmbar", folder, "dataset.json")
        dataset, said = opened(path)
        assert said["format"] == "llmbar"
        assert dataset.winner.tolist() == [
            1 if row["label"] == 1 else -1 for row in json.loads(path.read_text("utf-8"))
        ]
    path = real(shared, "pku_saferlhf_sample", "train.json")
    text = path.read_text("utf-8")
    rows = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines()]
    dataset, said = opened(path)
    assert dataset.winner.tolist() == [1 if row["better_response_id"] == 0 else -1 for row in rows]
    assert any(warning.startswith("19 records") and "safer_response_id" in warning for warning in said["warnings"])
    path = real(shared, "rm_bench", "chat_filtered.json")
    dataset, said = opened(path)
    wanted = [
        (good, bad) for row in json.loads(path.read_text("utf-8")) for good in row["chosen"] for bad in row["rejected"]
    ]
    texts = dataset.responses["text"]
    assert list(zip(texts.gather(dataset.chosen), texts.gather(dataset.rejected), strict=True)) == wanted


def test_that_hh_folders_are_subsets_and_texts_stay_byte_for_byte(shared: Path) -> None:
    dataset, said = opened(real(shared, "hh_rlhf"))
    assert dict(dataset.extras["subset"].value_counts().rows()) == {"harmless-base": 2312, "helpful-base": 2352}
    assert said["rows"] == said["pairs"] + sum(said["skipped"].values())
    with gzip.open(real(shared, "hh_rlhf", "harmless-base", "test.jsonl.gz"), "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    frame = dataset.pairs.head(100)
    for record, prompt, first in frame.select("record", "prompt", "first").rows():
        assert dataset.prompts["text"][prompt] + dataset.responses["text"][first] == rows[record]["chosen"]


def test_that_llamafactory_demos_are_read_or_refused(shared: Path) -> None:
    for name in ("dpo_en_demo.json", "dpo_zh_demo.json"):
        path = real(shared, "llamafactory_demo", name)
        dataset, said = opened(path)
        rows = json.loads(path.read_text("utf-8"))
        assert said["format"] == "llamafactory" and said["pairs"] == len(rows)
        texts = dataset.responses["text"].gather(dataset.chosen).to_list()
        assert texts == [row["chosen"]["value"] for row in rows]
    with pytest.raises(Problem, match="thumb"):
        finish(read(real(shared, "llamafactory_demo", "kto_en_demo.json")))


def test_that_free_text_verdicts_are_read_by_their_first_words(shared: Path) -> None:
    dataset, said = opened(real(shared, "rankgen_ab"))
    assert said["format"] == "mturk_ab" and said["annotators"] >= 3
    assert said["rows"] == said["votes"] + said["skipped"].get("no_label", 0)
    assert dataset.pairs["model_first"].drop_nulls().unique().sort().to_list() == ["beam", "nucleus"]
