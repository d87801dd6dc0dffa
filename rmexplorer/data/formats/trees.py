"""OpenAssistant message trees, nested or a message a row: siblings with ranks under one prompter message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rmexplorer.data.formats import Format, Outcome, add, anything, text
from rmexplorer.data.records import Record, Skip
from rmexplorer.data.shapes import Fields, Item, all_pairs, name, number
from rmexplorer.data.texts import ROLES, prompt_text

DEPTH = 500


def _message(node: Fields) -> Fields:
    said = str(node.get("role")).lower()
    return {"role": ROLES.get(said, said), "content": node.get("text")}


def _walk(source: Record, node: Fields, path: list[Fields], group: str | None) -> Iterator[Outcome]:
    """The comparisons under a node, depth first."""
    stack = [(node, path)]
    while stack:
        node, path = stack.pop()
        here = [*path, _message(node)]
        replies = node.get("replies")
        children = [child for child in replies if isinstance(child, dict)] if isinstance(replies, list) else []
        if here[-1]["role"] == "user":
            answers = [child for child in children if _message(child)["role"] == "assistant"]
            yield from _siblings(source, here, answers, group)
        if len(here) < DEPTH:
            stack.extend((child, here) for child in reversed(children))


def _siblings(source: Record, path: list[Fields], answers: list[Fields], group: str | None) -> Iterator[Outcome]:
    items = []
    for answer in answers:
        rank = number(answer.get("rank"))
        items.append(Item(answer.get("text"), None if rank is None else -rank, name(answer.get("model_name"))))
    ranked = [item for item in items if item.score is not None]
    if len(ranked) < 2:
        yield Skip(source, "single_response" if len(items) < 2 else "unranked", str(path[-1].get("content")))
        return
    for outcome in all_pairs(source, prompt_text(path), items, ranks=True, group=group):
        if not (isinstance(outcome, Skip) and outcome.reason == "unranked"):
            yield outcome


def _trees(records: Iterable[Record], criterion: str | None) -> Iterator[Outcome]:
    for source in records:
        root = source.value.get("prompt")
        if isinstance(root, dict):
            yield from _walk(source, root, [], name(source.value.get("message_tree_id")))
        else:
            yield Skip(source, "missing_prompt")


def _flat(records: Iterable[Record], criterion: str | None) -> Iterator[Outcome]:
    nodes: dict[str, tuple[Record, Fields]] = {}
    roots: list[str] = []
    for source in records:
        identity = str(source.value.get("message_id"))
        nodes[identity] = (source, {**source.value, "replies": []})
    for identity, (_, fields) in nodes.items():
        parent = nodes.get(str(fields.get("parent_id")))
        if parent is None or str(fields.get("parent_id")) == identity:
            roots.append(identity)
        else:
            parent[1]["replies"].append(fields)
    for identity in roots:
        source, fields = nodes[identity]
        yield from _walk(source, fields, [], name(fields.get("message_tree_id")))


_USED = frozenset(
    {
        "message_tree_id",
        "prompt",
        "message_id",
        "parent_id",
        "user_id",
        "text",
        "role",
        "rank",
        "replies",
        "created_date",
        "review_count",
        "deleted",
        "synthetic",
        "model_name",
    }
)


def _node(value: Any) -> bool:
    return isinstance(value, dict) and "message_id" in value


add(
    Format(
        "oasst_tree", "OpenAssistant message trees", ({"message_tree_id": anything, "prompt": _node},), _trees, _USED
    )
)
add(
    Format(
        "oasst_flat",
        "OpenAssistant messages",
        ({"message_id": text, "parent_id": anything, "text": text, "role": text},),
        _flat,
        _USED,
    )
)
