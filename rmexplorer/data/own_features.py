"""A person's own features of responses: a regular expression, a word list or an SQL expression, never code.

Patterns are Rust's, which run in linear time; SQL is an expression of polars over one response at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from rmexplorer.data.definitions import definitions
from rmexplorer.data.features import FEATURES, folded, surface
from rmexplorer.problem import Problem

Kind = Literal["regex", "words", "sql"]
KINDS: tuple[Kind, ...] = ("regex", "words", "sql")
MOST = 50
_NAME = re.compile(r"[^\W\d]\w{0,39}")
_TRIAL = ("A question?", ("", "Yes. It is 5,\nand more!"))


def _whole(word: str) -> str:
    """A pattern for a whole word or phrase; beside signs (C++) and in scripts without spaces there is no boundary."""
    first, last = ("" if re.fullmatch(r"[\W\u2e80-\u9fff\uf900-\ufaff]", end) else r"\b" for end in (word[0], word[-1]))
    return first + re.escape(word) + last


@dataclass(frozen=True)
class OwnFeature:
    """One feature: how often a pattern or a word of a list stands in a response, or the number that an expression gives.

    regex: counted in the stripped text as it stands, `(?i)` ignores case; words: whole words or phrases, a comma between
    them, upper and lower case alike; sql: over the columns `prompt`, `text` and the names of FEATURES.
    Raises Problem for a name or kind that cannot be, and without a definition; `try_out` finds what cannot be measured.
    """

    name: str
    kind: Kind
    definition: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise Problem(f"{self.name!r} cannot name a feature", "use letters, digits and _, at most 40, a letter first")
        if self.name in FEATURES:
            raise Problem(f"{self.name} is a feature that is there already", "choose another name")
        if self.kind not in KINDS:
            raise Problem(f"the feature {self.name} is neither regex, words nor sql", "give one of the three")
        if not self.definition.strip():
            raise Problem(f"the feature {self.name} is empty", f"give its {self.kind}")
        if self.kind == "words" and not self.words():
            raise Problem(f"the feature {self.name} has no word", "write words, a comma between them")

    def try_out(self) -> None:
        """Measure two short texts, together and alone: raises Problem where that fails or a text changes the other's."""
        asked, said = _TRIAL

        def found(*texts: str) -> list[float]:
            return measure((self,), pl.Series([asked] * len(texts)), pl.Series(texts))[self.name].to_list()

        if found(*said) != [found(text)[0] for text in said]:
            raise Problem(f"the feature {self.name} depends on what other responses say", "use an expression over one response")

    def words(self) -> list[str]:
        """The words or phrases of a word list."""
        return [word.strip() for word in self.definition.replace("\n", ",").split(",") if word.strip()]

    @classmethod
    def from_dict(cls, record: Any, tried: bool = True) -> OwnFeature:
        """A feature from {"name": …, and one of "regex", "words" (text or a list) and "sql"}. Raises Problem.

        tried: try it out, which takes 10 ms for SQL; not needed for one that was tried before.
        """
        if not isinstance(record, dict) or not isinstance(record.get("name"), str):
            raise Problem("a feature needs a name", 'give {"name": …, "regex": …}')
        name, kinds = record["name"], [kind for kind in KINDS if kind in record]
        if len(kinds) != 1 or set(record) - {"name", *kinds}:
            raise Problem(f"the feature {name} needs one of regex, words and sql, and nothing else",
                          'give {"name": …, "regex": …}')
        definition = record[kinds[0]]
        if kinds[0] == "words" and isinstance(definition, list) and all(isinstance(word, str) for word in definition):
            definition = ", ".join(definition)
        if not isinstance(definition, str):
            raise Problem(f"the {kinds[0]} of the feature {name} is no text", "write it between quotation marks")
        feature = cls(name, kinds[0], definition)
        if tried:
            feature.try_out()
        return feature

    def as_dict(self) -> dict[str, str]:
        """What `from_dict` reads."""
        return {"name": self.name, self.kind: self.definition}

    def expression(self) -> pl.Expr:
        """Over the columns `text` (stripped) and those of SQL. Raises Problem where SQL cannot be parsed."""
        if self.kind == "regex":
            return pl.col("text").str.count_matches(self.definition)
        if self.kind == "words":
            return folded(pl.col("text")).str.count_matches("|".join(_whole(word.lower()) for word in self.words()))
        try:
            return pl.sql_expr(self.definition)
        except pl.exceptions.PolarsError as error:
            raise self._problem(error) from error

    def _problem(self, error: BaseException) -> Problem:
        lines = [line.strip() for line in str(error).splitlines() if line.strip(" ^|")]
        said = next((line for line in lines if line.startswith("error:")), lines[0] if lines else type(error).__name__)
        return Problem(f"the {self.kind} of the feature {self.name} cannot be used: {said}"[:300], "mend its definition")

    def of(self, frame: pl.DataFrame) -> pl.Series:
        """The feature (rows,) float32 of a frame with its columns; null and what is not finite count as 0."""
        try:
            found = frame.select(self.expression().alias(self.name))[self.name]
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise self._problem(error) from error
        if not (found.dtype.is_numeric() or found.dtype == pl.Boolean):
            raise Problem(f"the feature {self.name} gives {found.dtype} instead of a number", "mend its definition")
        if len(found) != len(frame):
            raise Problem(f"the feature {self.name} does not give one number for each response ({len(found)} for {len(frame)})",
                          "use an expression over one response")
        value = found.cast(pl.Float32)
        return value.set(~value.is_finite().fill_null(False), 0.0)


def measure(features: Sequence[OwnFeature], prompts: pl.Series, responses: pl.Series) -> pl.DataFrame:
    """A float32 column for each feature, a row a response; the prompt of each response beside it. Raises Problem."""
    text = responses.cast(pl.String).fill_null("").str.strip_chars()
    frame = pl.DataFrame({"prompt": prompts.cast(pl.String).fill_null(""), "text": text})
    if any(feature.kind == "sql" for feature in features):
        frame = frame.hstack(surface(prompts, responses))
    return pl.DataFrame([feature.of(frame) for feature in features])


def collect(records: Iterable[tuple[str, Any]]) -> tuple[OwnFeature, ...]:
    """Features from (where, record); of two of one name it is the later one. Raises Problem that says where."""
    found: dict[str, OwnFeature] = {}
    for where, record in records:
        try:
            feature = OwnFeature.from_dict(record)
        except Problem as problem:
            raise Problem(f"{where}: {problem.what}", problem.remedy) from problem
        found[feature.name] = feature
    if not found:
        raise Problem("there is no feature", 'give lines such as {"name": "thanks", "words": ["thank you", "thanks"]}')
    if len(found) > MOST:
        raise Problem(f"{len(found)} features of your own are too many", f"give at most {MOST}")
    return tuple(found.values())


def read_features(path: Path) -> tuple[OwnFeature, ...]:
    """Features of a person's file: JSON lines, or a table (.csv, .tsv) with the same names as header. Raises Problem."""
    try:
        return collect((f"{path}: line {line}", record) for line, record in definitions(path))
    except Problem as problem:
        raise problem if str(path) in problem.what else Problem(f"{path}: {problem.what}", problem.remedy) from problem
