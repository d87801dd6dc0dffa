"""Prompts and replies as text: chat messages, transcripts, and the prompt that two conversations share."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

ROLES = {
    "human": "user",
    "prompter": "user",
    "user": "user",
    "client": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
    "ai": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "function": "tool",
}
SPEAKERS = {"user": "Human", "assistant": "Assistant", "system": "System", "tool": "Tool", "developer": "Developer"}
HH_TAG = re.compile(r"\n\n(?:Human|Assistant):")
ASSISTANT_TAG = "\n\nAssistant:"
# What str.strip strips; the strip of polars leaves the four separators 1C to 1F.
WHITESPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Text(NamedTuple):
    """What people read, and the JSON list of messages behind it (None for plain text)."""

    text: str
    messages: str | None = None


def encodable(value: Any) -> Any:
    """The same JSON value with lone surrogates, which no file can hold, replaced by U+FFFD."""
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [encodable(item) for item in value]
    if isinstance(value, dict):
        return {encodable(key): encodable(item) for key, item in value.items()}
    return value


def is_messages(value: Any) -> bool:
    """Whether this is a chat: a list of dicts that name a role (`role` or `from`), or one such dict."""
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(
        isinstance(item, dict) and ("role" in item or "from" in item or ("type" in item and "content" in item))
        for item in items
    )


def as_messages(value: Any) -> list[dict[str, Any]] | None:
    """A chat as a list of {role, content, ...} with the usual role names, or None where it is none."""
    if not is_messages(value):
        return None
    return [_message(item) for item in (value if isinstance(value, list) else [value])]


def _message(item: dict[str, Any]) -> dict[str, Any]:
    said = str(item.get("role", item.get("from", item.get("type"))))
    message: dict[str, Any] = {"role": ROLES.get(said.lower(), said.lower())}
    if "content" in item or "value" in item:
        content = item.get("content", item.get("value"))
        message["content"] = _flat(content)
    for key in ("tool_calls", "tool_call_id", "name"):
        if item.get(key):
            message[key] = item[key]
    return message


def _flat(content: Any) -> Any:
    """Text parts of a multimodal message as one text; other content is left alone."""
    if not isinstance(content, list):
        return content
    parts = [part.get("text", part.get("value")) if isinstance(part, dict) else part for part in content]
    texts = [part for part in parts if isinstance(part, str)]
    return "\n".join(texts) if texts and len(texts) == len(parts) else content


def content_of(message: dict[str, Any]) -> str | None:
    """The text of one message; of a reply that is only a tool call, the call's JSON; None where there is none."""
    content = message.get("content")
    if isinstance(content, str) and (content or not message.get("tool_calls")):
        return content
    if message.get("tool_calls"):
        return to_json(message["tool_calls"])
    return to_json(content) if isinstance(content, list | dict) and content else None


def to_json(value: Any) -> str:
    """Compact JSON that keeps letters readable."""
    return json.dumps(value, ensure_ascii=False)


def readable(messages: Sequence[dict[str, Any]]) -> str | None:
    """Turns joined for reading and for encoders, `Human: …` and `Assistant: …`; None where a turn has no text."""
    turns = []
    for message in messages:
        content = content_of(message)
        if content is None:
            return None
        turns.append(f"{SPEAKERS.get(message['role'], message['role'].title())}: {content}")
    return "\n\n".join(turns)


def prompt_text(messages: list[dict[str, Any]]) -> Text | None:
    """A chat prompt: the content of a single user message, else its turns; None where a turn has no text."""
    if len(messages) == 1 and messages[0]["role"] == "user":
        text = content_of(messages[0])
    else:
        text = readable(messages)
    return None if text is None else Text(text, to_json(messages))


def reply_text(value: Any) -> Text | None:
    """A response as text; None where it is none (null, a number, an empty chat).

    A list of one plain assistant message is its content; longer ones are joined turns and keep their messages.
    """
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, Text):
        return value
    messages = as_messages(value)
    if messages is None:
        return None
    if len(messages) > 1:
        text = readable(messages)
        return None if text is None else Text(text, to_json(messages))
    text = content_of(messages[0])
    if text is None:
        return None
    plain = messages[0]["role"] == "assistant" and messages[0].get("content") == text and len(messages[0]) == 2
    return Text(text, None if plain else to_json(messages))


def joined(*parts: Any) -> str:
    """Prompt parts that are there, joined by a blank line."""
    return "\n\n".join(part for part in parts if isinstance(part, str) and part)


class Split(NamedTuple):
    """A prompt and the two replies to it; None marks what is missing."""

    prompt: Text | None
    first: Text | None
    second: Text | None


def split_transcripts(first: str, second: str) -> Split:
    """Split two HH transcripts into the prompt and two replies, byte for byte.

    The prompt is everything up to the last assistant tag. Where the two part before that, it is the turns that
    they share and each reply is the rest (empty if one stops there).
    """
    one, two = first.rfind(ASSISTANT_TAG), second.rfind(ASSISTANT_TAG)
    if one == two >= 0:
        end = one + len(ASSISTANT_TAG)
        if first[:end] == second[:end]:
            return Split(Text(first[:end]), Text(first[end:]), Text(second[end:]))
    end = 0
    for mine, theirs in zip(_turns(first), _turns(second), strict=False):
        if mine != theirs:
            break
        end += len(mine)
    return Split(Text(first[:end]), Text(first[end:]), Text(second[end:]))


def _turns(text: str) -> list[str]:
    starts = [match.start() for match in HH_TAG.finditer(text)]
    edges = [*([0] if not starts or starts[0] else []), *starts, len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


def split_texts(first: str, second: str) -> Split:
    """Split two texts without roles: the prompt is their common start, rolled back to a word boundary."""
    end, shorter = 0, min(len(first), len(second))
    step = shorter
    while step:  # doubling search in slices, as comparing slices is far faster than comparing characters
        while end + step <= shorter and first[end : end + step] == second[end : end + step]:
            end += step
        step //= 2
    if any(len(text) > end and not text[end].isspace() for text in (first, second)):
        while end and not first[end - 1].isspace():
            end -= 1
    while end and first[end - 1].isspace():
        end -= 1
    return Split(Text(first[:end]), Text(first[end:]), Text(second[end:]))


def split_chats(
    first: list[dict[str, Any]], second: list[dict[str, Any]], before: list[dict[str, Any]] | None = None
) -> Split:
    """Split two chats: the prompt is the messages that both share at the start (after `before`), a reply the rest."""
    shared = 0
    for mine, theirs in zip(first, second, strict=False):
        if mine != theirs:
            break
        shared += 1
    if shared and shared == len(first) == len(second):
        shared -= 1
    start = list(before or [])
    if start and first[: len(start)] == start:
        start = []
    prompt = prompt_text(start + first[:shared])
    return Split(prompt, _rest(first[shared:]), _rest(second[shared:]))


def _rest(messages: list[dict[str, Any]]) -> Text | None:
    return reply_text(messages) if messages else Text("")
