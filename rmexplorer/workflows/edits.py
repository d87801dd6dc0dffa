"""Probes as data: what an edit is called, what it does to a response, and where it is read from. Never code from a file."""

from __future__ import annotations

import hashlib
import random
import re
import tomllib
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from rmexplorer.data.definitions import definitions
from rmexplorer.paths import resource
from rmexplorer.problem import Problem

KINDS = ("append", "prepend", "replace", "regex", "whole", "pairs", "transform")
EXPECTED = ("none", "up", "down")
MOST_PROBES, MOST_TEXT = 500, 100_000
SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"”')\]]*\s+|\n+")
LISTED = re.compile(r"^\s*(?:[-*•+]|\d{1,3}[.)])\s|^```")
BOLD_EVERY, FILLERS = 6, 3


@dataclass(frozen=True)
class Probe:
    """One edit. kind and what it uses:

    append, prepend  text: one of these, in turn, after or before the response
    replace          words: each of these words by the other, where they stand
    regex            words: what each of these patterns matches by the other, $1 being its first group; one after the
                     other; Rust's patterns, which run in linear time
    whole            text: instead of the response
    pairs            pairs: (prompt, before, after), texts of their own
    transform        transform: one of TRANSFORMS; text for those that take some
    expected: none, up or down. own: added by a person.
    """

    name: str
    kind: str
    title: str = ""
    sub: str = ""
    doing: str = ""
    text: tuple[str, ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    pairs: tuple[tuple[str, str, str], ...] = ()
    transform: str = ""
    expected: str = "none"
    own: bool = False

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise Problem("a probe has no name", 'give it one, as in {"name": "closing_offer", …}')
        if self.expected not in EXPECTED:
            raise Problem(f"the probe {self.name} expects {self.expected!r}", "choose none, up or down")
        if self.kind not in KINDS:
            raise Problem(f"the probe {self.name} is of the unknown kind {self.kind!r}",
                          "give append, prepend, replace, regex, before and after, or transform")
        if self.kind == "transform" and self.transform not in TRANSFORMS:
            raise Problem(f"the probe {self.name} names the unknown transform {self.transform!r}",
                          f"choose one of {', '.join(TRANSFORMS)}")
        if self.kind in ("append", "prepend") and not any(self.text):
            raise Problem(f"the probe {self.name} has no text to {self.kind}", "give the text")
        if self.kind == "whole" and not self.text:
            raise Problem(f"the probe {self.name} has no text to put there", "give the text")
        if self.kind == "replace" and not (self.words and all(old for old, _ in self.words)):
            raise Problem(f"the probe {self.name} replaces an empty text", "say what is to be replaced")
        if self.kind == "regex":
            self._try_patterns()

    def _try_patterns(self) -> None:
        if not (self.words and all(old for old, _ in self.words)):
            raise Problem(f"the probe {self.name} has no pattern", "give a regular expression")
        try:
            _matched("", self.words)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            said = next((line.strip() for line in str(error).splitlines() if "error:" in line), str(error).splitlines()[0])
            raise Problem(f"the probe {self.name} has a pattern that cannot be used: {said}"[:300], "mend it") from error

    @property
    def shown(self) -> str:
        """Its title, or its name as words."""
        return self.title or self.name.replace("_", " ").strip().capitalize()

    @property
    def below(self) -> str:
        """What stands below the title: the text that it puts in, or what it does."""
        if self.sub:
            return self.sub
        if self.kind in ("append", "prepend", "whole") and self.text:
            quoted = f"“{_short(self.text[0])}”"
            return quoted if len(self.text) == 1 else f"{quoted} and {len(self.text) - 1} more"
        if self.kind in ("replace", "regex") and self.words:
            return f"{_short(self.words[0][0], 18)} → {_short(self.words[0][1], 18) or 'nothing'}"
        if self.kind == "pairs":
            return f"{len(self.pairs)} pairs of texts"
        return ""

    @property
    def said(self) -> str:
        """The beginning of a sentence about it: Appending “I hope this helps!”."""
        if self.doing:
            return self.doing
        first = f"“{_short(self.text[0], 40)}”" if self.text else ""
        if len(self.text) == 1 and first and self.kind in ("append", "prepend"):
            return f"{'Appending' if self.kind == 'append' else 'Opening with'} {first}"
        if self.kind == "whole":
            return f"Answering {first}"
        if self.kind == "replace" and len(self.words) == 1:
            old, new = self.words[0]
            return f"Changing “{_short(old, 24)}” to “{_short(new, 24)}”" if new else f"Leaving out “{_short(old, 24)}”"
        return f"The edit “{self.shown[:1].lower()}{self.shown[1:]}”"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, those that are not empty."""
        return {name: value for name, value in asdict(self).items() if value not in ("", (), False)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Probe:
        """The probe that `as_dict` wrote."""
        given = dict(values)
        given["text"] = tuple(given.get("text", ()))
        for name in ("words", "pairs"):
            given[name] = tuple(tuple(entry) for entry in given.get(name, ()))
        try:
            return cls(**given)
        except TypeError as error:
            raise Problem(f"a probe cannot be read ({error})", "add it again") from error


def _short(text: str, most: int = 34) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


# What the transforms do: (response, texts of the probe, texts of others, chance) → the edited response


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text."""
    return [part.strip() for part in SENTENCE_END.split(text) if part and part.strip()]


def joined(response: str, text: str) -> str:
    """A text put after a response: a space between them, a blank line after a list or code; white space as it is."""
    if not text.strip() or text[:1].isspace():
        return response + text
    before = response.rstrip()
    last = before.rsplit("\n", 1)[-1]
    return f"{before}{chr(10) * 2 if LISTED.match(last) else ' ' if before else ''}{text}"


def opened(response: str, text: str) -> str:
    """A text put before a response."""
    if not text.strip() or text[-1:].isspace():
        return text + response
    gap = "\n\n" if LISTED.match(response) else " "
    return f"{text}{gap}{response.lstrip()}"


def _repeat_last(response: str, texts: Sequence[str], other: str, chance: random.Random) -> str:
    found = sentences(response)
    return joined(response, found[-1]) if found else response


def _twice(response: str, texts: Sequence[str], other: str, chance: random.Random) -> str:
    return f"{response.rstrip()}\n\n{response.strip()}" if response.strip() else response


def _bold(response: str, texts: Sequence[str], other: str, chance: random.Random) -> str:
    words = re.split(r"(\s+)", response)
    plain = [place for place, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    for place in plain[::BOLD_EVERY]:
        words[place] = f"**{words[place]}**"
    return "".join(words)


def _list(response: str, texts: Sequence[str], other: str, chance: random.Random) -> str:
    found = sentences(response)
    if len(found) < 2 or any(LISTED.match(line) for line in response.split("\n")):
        return response
    return "\n".join(f"- {sentence}" for sentence in found)


def _filler(response: str, texts: Sequence[str], other: str, chance: random.Random) -> str:
    return joined(response, " ".join(chance.sample(list(texts), min(FILLERS, len(texts)))))


def _shuffle(response: str, texts: Sequence[str], other: str, chance: random.Random) -> str:
    words = response.split()
    chance.shuffle(words)
    return " ".join(words)


def _curly(response: str, texts: Sequence[str], other: str, chance: random.Random) -> str:
    double = re.sub(r'"([^"\n]*)"', r"“\1”", response)
    return re.sub(r"(?<=\w)'(?=\w)", "’", double)


def _delete(response: str, texts: Sequence[str], other: str, chance: random.Random) -> str:
    return ""


def _swap(response: str, texts: Sequence[str], other: str, chance: random.Random) -> str:
    return other


Transform = Callable[[str, Sequence[str], str, random.Random], str]
TRANSFORMS: dict[str, Transform] = {
    "repeat_last_sentence": _repeat_last, "say_it_twice": _twice, "bold_some_words": _bold, "wrap_in_list": _list,
    "pad_filler": _filler, "delete_answer": _delete, "shuffle_words": _shuffle, "swap_answer": _swap,
    "curly_quotes": _curly,
}
FRESH_WORDS = frozenset({"repeat_last_sentence", "say_it_twice", "delete_answer", "shuffle_words", "swap_answer"})
"""Transforms that put in, take out or move the response's own words or another's, so never twice the same ones."""


def apply(probe: Probe, response: str, turn: int = 0, other: str = "") -> str | None:
    """A response after the edit; None where the edit changes nothing in it, or repeats what stands there already.

    turn: which of several texts; other: a response to another prompt. The same response gives the same edit.
    """
    edited: str | None = response
    if probe.kind in ("append", "prepend"):
        text = probe.text[turn % len(probe.text)]
        stands = text.strip() and (
            response.rstrip().endswith(text.strip()) if probe.kind == "append" else response.startswith(text.strip()))
        edited = None if stands else (joined if probe.kind == "append" else opened)(response, text)
    elif probe.kind == "replace":
        edited = _replaced(response, probe.words)
    elif probe.kind == "regex":
        edited = _matched(response, probe.words)
    elif probe.kind == "whole":
        edited = probe.text[turn % len(probe.text)]
    elif probe.kind == "transform":
        seed = int.from_bytes(hashlib.blake2b(response.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
        edited = TRANSFORMS[probe.transform](response, probe.text, other, random.Random(seed))
    else:
        return None
    return None if edited == response else edited


@cache
def _finder(words: tuple[tuple[str, str], ...]) -> tuple[re.Pattern[str], dict[str, str]]:
    """One pattern for all words, longest first, whole words where they begin or end with a letter; and what they become."""
    become = dict(words)
    for old, new in words:  # at the start of a sentence as well
        if old[:1].islower():
            become.setdefault(old[:1].upper() + old[1:], new[:1].upper() + new[1:])
    parts = []
    for old in sorted(become, key=len, reverse=True):
        left, right = (r"(?<!\w)" if old[0].isalnum() else ""), (r"(?!\w)" if old[-1].isalnum() else "")
        parts.append(f"{left}{re.escape(old)}{right}")
    return re.compile("|".join(parts)), become


def _replaced(response: str, words: tuple[tuple[str, str], ...]) -> str:
    pattern, become = _finder(words)
    return pattern.sub(lambda match: become[match.group()], response)


def _matched(response: str, words: tuple[tuple[str, str], ...]) -> str:
    text = pl.Series([response], dtype=pl.String)
    for pattern, new in words:
        text = text.str.replace_all(pattern, new)
    return str(text[0])


def ending_probe(text: str) -> Probe:
    """The probe that appends a phrase, under a name of its own: `C#` must not take the place of `C++`, nor of one built in."""
    slug = re.sub(r"\W+", "_", text.lower()).strip("_")[:40]
    return Probe(f"append_{slug}_{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}", "append",
                 title=f"Append “{_short(text, 60)}”", text=(text,), own=True)


def texts_of(probe: Probe, n: int) -> float:
    """How many different texts a probe put into `n` responses: what averages out the luck of their words."""
    if probe.kind == "transform":
        if probe.transform in FRESH_WORDS:
            return float(max(n, 1))
        return max(1.0, len(probe.text) / FILLERS) if probe.transform == "pad_filler" else 1.0
    if probe.kind in ("replace", "regex"):
        return float(max(1, len({frozenset(pair) for pair in probe.words})))
    return float(max(1, len(probe.pairs) if probe.kind == "pairs" else len(set(probe.text))))


# Where probes come from


@dataclass(frozen=True)
class Claim:
    """A belief, the question about it, and what agrees with it and what does not."""

    belief: str
    question: str
    agree: str
    disagree: str


@dataclass(frozen=True)
class Sycophancy:
    """Templates of the difference of differences.

    stated: prompts with {belief} and {question}; unstated: the prompt with {question} alone; agree, disagree: how
    responses begin, with {agree} or {disagree}. Raises Problem where a template lacks its part or there is none.
    """

    stated: tuple[str, ...]
    unstated: str
    agree: tuple[str, ...]
    disagree: tuple[str, ...]
    claims: tuple[Claim, ...] = field(default=())

    def __post_init__(self) -> None:
        for name, needed in TEMPLATE_PARTS.items():
            given = (self.unstated,) if name == "unstated" else getattr(self, name)
            for template in given:
                if needed not in template:
                    raise Problem(f"the template {_short(template)!r} has no {needed}", f"write {needed} where it belongs")
            if not given:
                raise Problem(f"there is no template of {name}", f"give one with {needed}")
        if "{belief}" in self.unstated:
            raise Problem("the template without a stated belief states it", "leave {belief} out")
        if not self.claims:
            raise Problem("there is no belief to state", "give one with belief, question, agree and disagree")

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Sycophancy:
        """The templates that `as_dict` wrote; raises Problem where they are damaged."""
        try:
            return cls(tuple(values["stated"]), str(values["unstated"]), tuple(values["agree"]), tuple(values["disagree"]),
                       tuple(Claim(**claim) for claim in values["claims"]))
        except (KeyError, TypeError) as error:
            raise Problem(f"the templates of sycophancy cannot be read ({error})", "write them again") from error


TEMPLATE_PARTS = {"stated": "{belief}", "unstated": "{question}", "agree": "{agree}", "disagree": "{disagree}"}
CLAIM = ("belief", "question", "agree", "disagree")


def filled(template: str, **parts: str) -> str:
    """A template with its parts put in; nothing else in braces means anything."""
    return re.sub(r"\{(\w+)\}", lambda match: parts.get(match.group(1), match.group()), template)


def read_templates(path: Path) -> Sycophancy:
    """Templates of a person's file, JSON lines or a table, instead of those built in; a part not given stays. Raises Problem.

    A line is a claim {"belief", "question", "agree", "disagree"} or a template of one part, {"stated": "I hold that
    {belief}. {question}"}, with the names of TEMPLATE_PARTS.
    """
    claims: list[Claim] = []
    parts: dict[str, list[str]] = {name: [] for name in TEMPLATE_PARTS}
    for number, record in definitions(path):
        try:
            if not isinstance(record, Mapping):
                raise Problem("it is no object", 'give {"belief": …, "question": …, "agree": …, "disagree": …}')
            if "belief" in record or "question" in record:
                claims.append(Claim(*(_text(record.get(name), name) for name in CLAIM)))
            elif len(record) == 1 and set(record) <= set(TEMPLATE_PARTS):
                (name, template), = record.items()
                parts[name].append(_text(template, name))
            else:
                raise Problem(f"it has {', '.join(map(str, record)) or 'nothing'}",
                              f"give {', '.join(CLAIM)}, or one of {', '.join(TEMPLATE_PARTS)}")
        except Problem as problem:
            raise Problem(f"{path}: line {number}: {problem.what}", problem.remedy) from problem
    if not claims and not any(parts.values()):
        raise Problem(f"{path}: holds no template", 'give lines such as {"stated": "I think that {belief}. {question}"}')
    if len(parts["unstated"]) > 1:
        raise Problem(f"{path}: there are two templates without a stated belief", "give one")
    base = sycophancy()
    try:
        return Sycophancy(tuple(parts["stated"]) or base.stated, (parts["unstated"] or [base.unstated])[0],
                          tuple(parts["agree"]) or base.agree, tuple(parts["disagree"]) or base.disagree,
                          tuple(claims) or base.claims)
    except Problem as problem:
        raise Problem(f"{path}: {problem.what}", problem.remedy) from problem


def as_records(probe: Probe) -> list[dict[str, Any]]:
    """A probe as the lines of a file that `read_probes` reads; nothing of one built in is lost but how it is worded."""
    shared = {"name": probe.name, **({"title": probe.title} if probe.title else {}), "expected": probe.expected}
    if probe.kind == "pairs":
        return [shared | {"prompt": prompt, "before": before, "after": after} for prompt, before, after in probe.pairs]
    if probe.kind in ("replace", "regex"):
        return [shared | {probe.kind: dict(probe.words)}]
    if probe.kind == "transform":
        return [shared | {"transform": probe.transform, **({"text": list(probe.text)} if probe.text else {})}]
    return [shared | {"replace" if probe.kind == "whole" else probe.kind: list(probe.text)}]


@cache
def _table() -> dict[str, Any]:
    with resource("probes.toml").open("rb") as file:
        return tomllib.load(file)


def built_in() -> tuple[Probe, ...]:
    """The probes that come with the program (resources/probes.toml)."""
    made = []
    for entry in _table()["probe"]:
        values = dict(entry)
        values["text"] = tuple(values.get("text", ()))
        values["words"] = tuple(values.get("words", {}).items())
        made.append(Probe(**values))
    return tuple(made)


def chosen_probes(own: Sequence[Probe], with_built_in: bool, without: Iterable[str] = ()) -> tuple[Probe, ...]:
    """Those built in, if wanted, and a person's own, which win where they share a name, but those named in `without`.

    Raises Problem where a name is unknown or nothing is left.
    """
    known = {probe.name: probe for probe in (*(built_in() if with_built_in else ()), *own)}
    for name in without:
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise Problem(f"there is no probe {name!r}", f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}")
    left = tuple(probe for name, probe in known.items() if name not in set(without))
    if not left:
        raise Problem("no probe is left", "leave one out less")
    return left


def sycophancy() -> Sycophancy:
    """The templates of stated beliefs that come with the program."""
    part = _table()["sycophancy"]
    return Sycophancy(tuple(part["stated"]), part["unstated"], tuple(part["agree"]), tuple(part["disagree"]),
                      tuple(Claim(**claim) for claim in part["claim"]))


def read_probes(path: Path) -> tuple[Probe, ...]:
    """Probes of a person's file: JSON lines, or a table (.csv, .tsv) with the same names as header. Raises Problem."""
    return collect(definitions(path), str(path))


def collect(lines: Iterable[tuple[int, Any]], where: str = "probes") -> tuple[Probe, ...]:
    """Probes from (line, record); before/after records of one name are one probe. Raises Problem with the line."""
    found: dict[str, list[Probe]] = {}
    for number, record in lines:
        try:
            probe = of_record(record)
            named = found.setdefault(probe.name, [])
            if named and (named[0].kind, probe.kind) != ("pairs", "pairs"):
                raise Problem(f"the probe {probe.name} is there twice", "give each a name of its own")
            named.append(probe)
            if len(found) > MOST_PROBES:
                raise Problem(f"there are more than {MOST_PROBES} probes", "split the file")
        except Problem as problem:
            raise Problem(f"{where}: line {number}: {problem.what}", problem.remedy) from problem
    if not found:
        raise Problem(f"{where}: holds no probe", 'give lines such as {"name": "thanks", "append": "Thanks!"}')
    return tuple(replace(first, pairs=(*first.pairs, *(pair for probe in more for pair in probe.pairs)))
                 for first, *more in found.values())


def of_record(record: Any) -> Probe:
    """One probe of a record: name, expected, and before and after, append, prepend, replace or transform."""
    if not isinstance(record, Mapping):
        raise Problem("it is no object", 'give lines such as {"name": "thanks", "append": "Thanks!"}')
    name = record.get("name")
    more: dict[str, Any] = {key: str(record[key]) for key in ("title", "expected") if record.get(key) is not None}
    if not isinstance(name, str):
        raise Problem("a probe has no name", 'give it one, as in {"name": "closing_offer", …}')
    more |= {"name": name}
    kinds = [kind for kind in ("append", "prepend", "replace", "regex", "transform") if record.get(kind) is not None]
    if "before" in record or "after" in record:
        kinds.append("before")
    if len(kinds) != 1:
        raise Problem(f"the probe {name} says {' and '.join(kinds) or 'nothing'} to do",
                      "give one of append, prepend, replace, regex, before and after, transform")
    kind = kinds[0]
    if kind == "before":
        before, after = (_text(record.get(key, ""), key) for key in ("before", "after"))
        return Probe(kind="pairs", pairs=((_text(record.get("prompt", ""), "prompt"), before, after),), own=True, **more)
    value = record[kind]
    if kind == "transform":
        return Probe(kind="transform", transform=str(value), text=_texts(record.get("text", [])), own=True, **more)
    if kind in ("replace", "regex"):
        if isinstance(value, Mapping):
            pairs = tuple((_text(old, kind), _text(new, kind)) for old, new in value.items())
            return Probe(kind=kind, words=pairs, own=True, **more)
        if "with" in record or kind == "regex":  # a table has no empty cell: a pattern without `with` is taken out
            return Probe(kind=kind, words=((_text(value, kind), _text(record.get("with", ""), "with")),), own=True, **more)
        return Probe(kind="whole", text=_texts(value), own=True, **more)
    return Probe(kind=kind, text=_texts(value), own=True, **more)


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str) or len(value) > MOST_TEXT:
        raise Problem(f"{key} is no text, or one too long", f"give a text of at most {MOST_TEXT:,} characters")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_text(one, "the text") for one in (value if isinstance(value, list) else [value]))
