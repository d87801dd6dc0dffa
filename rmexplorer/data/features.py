"""Surface features of responses: length, style and the phrases that reward models fall for, in polars expressions.

All patterns run in linear time (Rust regex), phrases on lower-cased text. One set of expressions serves the analysis of
length and style, the facets of the Data pane and the default encoder. Counts are per response; shares lie in [0, 1].
"""

from __future__ import annotations

import polars as pl

_CJK = r"\p{Han}\p{Hiragana}\p{Katakana}"
_LETTERS = r"[\w--\p{Han}--\p{Hiragana}--\p{Katakana}]"
_WORD = rf"[{_CJK}]|{_LETTERS}+(?:'{_LETTERS}+)*"
TOKEN = rf"{_WORD}|[^\w\s]"
"""Words of letters and digits (each Chinese or Japanese character is one) and single punctuation marks."""
_SPACED = rf"[{_CJK}]|[^\s{_CJK}]+"


def _phrases(alternatives: str) -> str:
    """One pattern for whole words or phrases; the boundary is that of ASCII words, which keeps the search fast."""
    return rf"(?-u:\b)(?:{alternatives})(?-u:\b)"


HEDGES = _phrases(
    "might|may|maybe|perhaps|possibly|probably|presumably|seems?|appears? to|likely|could be|i think|i believe|"
    "i guess|i suppose|in my opinion|sort of|kind of|roughly|not (?:entirely )?sure|not certain|it depends|"
    "arguably|generally|usually|tends? to")
CERTAINTY = _phrases(
    "definitely|certainly|absolutely|clearly|obviously|undoubtedly|surely|of course|without (?:a )?doubt|"
    "no doubt|always|guaranteed?|i'm (?:certain|sure|confident)|in fact|indeed|unquestionably|undeniably|must be")
APOLOGIES = _phrases("sorry|apologi[sz]e|apolog(?:y|ies)|my mistake|my bad|forgive me|regret|unfortunately")
REFUSALS = _phrases(
    "i can(?:'t|not| not)|i won't|i will not|i (?:am|'m)? ?not able to|i'm (?:unable|not able) to|i am unable to|"
    "as an ai|i(?: do not|'m not| am not| don't)(?: feel)? comfortable|i'd rather not|"
    "(?:not|isn't|wouldn't be) (?:appropriate|ethical|legal|a good idea)|against (?:my|the law)|i refuse|"
    "i (?:don't|do not) (?:know|understand|have)|i'm not (?:sure|allowed|going to)|illegal|unethical")
POLITENESS = _phrases(
    "please|thanks?|thank you|you're welcome|welcome|glad|happy to|my pleasure|kindly|feel free|i'd be happy|"
    "enjoy")
AGREEMENT = _phrases(
    "you(?:'re| are) (?:absolutely |completely |totally |quite |so |very )?(?:right|correct)|"
    "i (?:absolutely |completely |totally |quite |so |very )?agree|(?:that's|that is) (?:true|right|correct)|"
    "(?:good|great|excellent|fair) point|as you (?:said|say|note|noted|mentioned)|couldn't agree more|well said|"
    "i (?:see|understand) (?:your|what you)")
NEGATIONS = _phrases(r"no|not|none|nothing|never|nobody|nor|neither|cannot|\w+n't")
FIRST_PERSON = _phrases(r"i|me|my|mine|myself|i'\w+|we|us|our")
SECOND_PERSON = _phrases(r"you|your|yours|yourself|you'\w+")
CONNECTIVES = _phrases(
    "because|however|therefore|thus|hence|but|so|also|although|though|while|whereas|since|first|firstly|second|"
    "secondly|then|next|finally|moreover|furthermore|additionally|overall|in addition|for example|for instance|"
    "such as|in conclusion|on the other hand|as a result|instead|in order to")
STOP_WORDS = _phrases(
    "the|a|an|and|or|of|to|in|on|at|by|for|with|from|as|is|are|was|were|be|been|being|it|its|this|that|these|"
    "those|he|she|they|them|his|her|their|there|which|who|what|when|where|how|if|than|then|into|about|over|can|"
    "could|will|would|should|may|might|do|does|did|have|has|had|not|no|you|your|i|my|we|our")
OPENER = (
    r"^(?:"
    "sure|certainly|of course|absolutely|definitely|great|good|excellent|interesting|wonderful|awesome|happy to|"
    "i'd be (?:happy|glad)|i would be (?:happy|glad)|thanks|thank you|no problem|yes, of course|what a|that's a|"
    "okay|ok|hello|hi|hey"
    r")(?-u:\b)")
CLOSER = (
    "hope (?:this|that|it|these|you)|let me know|feel free to|"
    "(?:is there |if there's |if there is )?anything else|any (?:other |more |further |additional )?questions|"
    "happy to help|good luck|best of luck|does that help|(?:would|do) you (?:like|want) (?:me|to|more)|"
    "have a (?:great|nice|good)")

FEATURES: dict[str, str] = {
    "characters": "Characters, without white space at either end.",
    "words": "Words between white space; each Chinese or Japanese character counts as one.",
    "sentences": "Sentences: runs that end with . ! ? or a line break.",
    "sentence_length": "Mean number of words in a sentence.",
    "word_length": "Mean number of characters in a word, white space included.",
    "type_token_ratio": "Share of the words that are different from each other, upper and lower case alike.",
    "distinct_words": "Number of different words.",
    "top_word_share": "Share of the words that are the most frequent word.",
    "stop_word_share": "Share of the words that are common function words of English.",
    "list_items": "Lines that begin with a bullet or a number.",
    "headings": "Lines that are Markdown headings, or wholly bold.",
    "bold": "Spans in **bold**.",
    "code_blocks": "Blocks of code fenced by three backticks.",
    "backticks": "Single backticks and more.",
    "links": "Web addresses and Markdown links.",
    "exclamations": "Exclamation marks.",
    "questions": "Question marks.",
    "commas": "Commas.",
    "colons": "Colons and semicolons.",
    "quotes": "Double quotation marks.",
    "brackets": "Opening brackets of any kind.",
    "dashes": "Long dashes, or hyphens between spaces.",
    "line_breaks": "Line breaks.",
    "blank_lines": "Blank lines between paragraphs.",
    "digits": "Digits.",
    "capitals": "Capital letters.",
    "shouted": "Words of at least three letters, all of them capital.",
    "not_ascii": "Characters outside ASCII: accents, other scripts, emoji.",
    "hedges": 'Hedges such as "might", "perhaps", "I think".',
    "certainty": 'Words of certainty such as "definitely", "certainly", "of course".',
    "apologies": 'Apologies such as "sorry", "I apologize", "unfortunately".',
    "refusals": 'Refusals such as "I cannot", "as an AI", "I don\'t know".',
    "politeness": 'Polite words such as "please", "thank you", "happy to".',
    "agreement": 'Agreement with the user such as "you\'re right", "I agree", "good point".',
    "negations": 'Negations such as "no", "not", "never", "don\'t".',
    "first_person": 'The speaker: "I", "me", "my", "we".',
    "second_person": 'The user: "you", "your".',
    "connectives": 'Connectives such as "because", "however", "for example".',
    "opener": 'Begins with a set opener such as "Sure!", "Great question", "Of course".',
    "closer": 'Ends with a set closer such as "I hope this helps" or "Let me know".',
    "starts_yes": 'Begins with "yes".',
    "starts_no": 'Begins with "no".',
    "starts_with_i": 'Begins with "I".',
    "starts_lower": "Begins with a small letter.",
    "ends_with_stop": "Ends with a full stop.",
    "ends_with_question": "Ends with a question mark.",
    "ends_with_exclamation": "Ends with an exclamation mark.",
    "cut_off": "Ends with a letter or comma, as if cut off.",
    "empty": "Holds nothing but white space.",
    "copied_share": "Share of the prompt's different words of at least four letters that the response repeats.",
    "prompt_word_share": "Share of the response's different words that stand in the prompt.",
    "length_to_prompt": "Logarithm of the characters of the response over those of the prompt, one added to each.",
}
"""Name of each column of `surface` and one sentence on it."""

FLAGS: frozenset[str] = frozenset({
    "opener", "closer", "starts_yes", "starts_no", "starts_with_i", "starts_lower", "ends_with_stop",
    "ends_with_question", "ends_with_exclamation", "cut_off", "empty"})
"""Features that are 1 where the sentence holds and 0 elsewhere."""

SHARES: frozenset[str] = frozenset({
    "type_token_ratio", "top_word_share", "stop_word_share", "copied_share", "prompt_word_share"})
"""Features in [0, 1] that are no flags."""

LAYOUT = ("list_items", "headings", "bold")
"""What Markdown adds to the look of a response."""

ROWS_AT_ONCE = 20_000


def folded(text: pl.Expr) -> pl.Expr:
    """Lower case, with one kind of apostrophe."""
    return text.str.to_lowercase().str.replace_all("’", "'", literal=True)


def lengths(texts: pl.Series) -> pl.DataFrame:
    """Columns `characters` (both ends stripped) and `words`, uint32, a row a text; a null text has none of either."""
    text = pl.col("text").fill_null("").str.strip_chars()
    return pl.DataFrame({"text": texts.cast(pl.String)}).select(
        text.str.len_chars().alias("characters"), text.str.count_matches(_SPACED).alias("words"))


def _counts() -> list[pl.Expr]:
    text, low = pl.col("text"), pl.col("low")
    counted = {
        "list_items": (text, r"(?m)^[ \t]*(?:[-*•+–]|\d{1,3}[.):])[ \t]"),
        "headings": (text, r"(?m)^[ \t]*(?:#{1,6}[ \t]+\S|\*\*[^*\n]+\*\*:?[ \t]*$)"),
        "bold": (text, r"\*\*[^*\n]+\*\*|__[^_\n]+__"),
        "links": (low, r"https?://|www\.|\]\("),
        "commas": (text, "[,，、]"), "colons": (text, "[:;：；]"),
        "quotes": (text, '["“”«»]'), "brackets": (text, r"[(\[{（]"),
        "exclamations": (text, "[!！]"), "questions": (text, "[?？]"), "dashes": (text, "[—–]| - "),
        "blank_lines": (text, r"\n[ \t\r]*\n"), "capitals": (text, r"\p{Lu}"),
        "digits": (text, "[0-9]"), "shouted": (text, r"(?-u:\b)[A-Z]{3,}(?-u:\b)"),
        "not_ascii": (text, r"[^\x00-\x7F]"), "hedges": (low, HEDGES), "certainty": (low, CERTAINTY),
        "apologies": (low, APOLOGIES), "refusals": (low, REFUSALS), "politeness": (low, POLITENESS),
        "agreement": (low, AGREEMENT), "negations": (low, NEGATIONS),
        "first_person": (low, FIRST_PERSON), "second_person": (low, SECOND_PERSON), "connectives": (low, CONNECTIVES),
    }
    plain = {"line_breaks": "\n", "backticks": "`"}
    return [
        *(source.str.count_matches(pattern).alias(name) for name, (source, pattern) in counted.items()),
        *(text.str.count_matches(mark, literal=True).alias(name) for name, mark in plain.items()),
        (text.str.count_matches("```", literal=True) + 1).floordiv(2).alias("code_blocks"),
        low.str.count_matches(STOP_WORDS).alias("stop_words"),
    ]


def _flags() -> list[pl.Expr]:
    text, low = pl.col("text"), pl.col("low")
    return [
        low.str.contains(OPENER).alias("opener"),
        low.str.tail(160).str.contains(CLOSER).alias("closer"),
        low.str.contains(r"^(?:yes|yeah|yep|yup)(?-u:\b)").alias("starts_yes"),
        low.str.contains(r"^(?:no|nope|nah)(?-u:\b)").alias("starts_no"),
        low.str.contains(r"^i(?-u:\b)").alias("starts_with_i"),
        text.str.contains(r"^\p{Ll}").alias("starts_lower"),
        text.str.tail(2).str.contains(r"[.。][\"”')]?$").alias("ends_with_stop"),
        text.str.tail(2).str.contains(r"[?？][\"”')]?$").alias("ends_with_question"),
        text.str.tail(2).str.contains(r"[!！][\"”')]?$").alias("ends_with_exclamation"),
        text.str.tail(1).str.contains(r"[\p{L},]$").alias("cut_off"),
    ]


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(part / whole).otherwise(0.0)


def _against_prompt() -> list[pl.Expr]:
    kinds, asked, asked_long = pl.col("kinds"), pl.col("asked"), pl.col("asked_long")
    return [
        _share(asked_long.list.set_intersection(kinds).list.len(), asked_long.list.len()).alias("copied_share"),
        _share(asked.list.set_intersection(kinds).list.len(), kinds.list.len()).alias("prompt_word_share"),
        ((pl.col("characters") + 1).log() - (pl.col("prompt_characters") + 1).log()).alias("length_to_prompt"),
    ]


def _prompt_words(prompts: pl.Series) -> pl.DataFrame:
    """The different words of each prompt; each distinct prompt is split once."""
    frame = pl.DataFrame({"prompt": prompts.cast(pl.String).fill_null("")})
    words = folded(pl.col("prompt")).str.extract_all(_WORD).list.unique()
    split = frame.unique().with_columns(
        words.alias("asked"), pl.col("prompt").str.strip_chars().str.len_chars().alias("prompt_characters"))
    split = split.with_columns(
        pl.col("asked").list.filter(pl.element().str.len_chars() >= 4).alias("asked_long"))
    return frame.join(split, on="prompt", how="left", maintain_order="left").drop("prompt")


def _top_counts(tokens: pl.Series) -> pl.Series:
    """How often the most frequent word of each row stands there; 0 where a row has no word."""
    frame = pl.DataFrame({"word": tokens}).with_row_index("row").explode("word").drop_nulls()
    top = frame.group_by("row", "word").len().group_by("row").agg(pl.col("len").max().alias("top_count"))
    rows = pl.DataFrame({"row": pl.int_range(len(tokens), dtype=pl.get_index_type(), eager=True)})
    return rows.join(top, on="row", how="left", maintain_order="left")["top_count"].fill_null(0)


def _block(prompts: pl.Series, responses: pl.Series) -> pl.DataFrame:
    frame = pl.DataFrame({"text": responses.cast(pl.String).fill_null("").str.strip_chars()})
    frame = frame.with_columns(folded(pl.col("text")).alias("low"))
    frame = frame.with_columns(pl.col("low").str.extract_all(_WORD).alias("tokens"))
    frame = frame.hstack([_top_counts(frame["tokens"])]).hstack(_prompt_words(prompts))
    text, tokens = pl.col("text"), pl.col("tokens")
    ends = text.str.count_matches(r"[.!?…]+[\"”')\]*]*(?:\s|$)|[。！？]+|[^\s.!?…。！？\"”')\]*][ \t]*\n")
    unfinished = text.str.contains(r"[^\s.!?…。！？\"”')\]*][\"”')\]*]*$")
    frame = frame.with_columns(
        text.str.len_chars().alias("characters"), text.str.count_matches(_SPACED).alias("words"),
        tokens.list.len().alias("spoken"), tokens.list.unique().alias("kinds"), (text == "").alias("empty"),
        pl.max_horizontal(ends + unfinished.cast(pl.UInt32), (text != "").cast(pl.UInt32)).alias("sentences"))
    frame = frame.with_columns(
        *_counts(), *_flags(), *_against_prompt(), pl.col("kinds").list.len().alias("distinct_words"))
    frame = frame.with_columns(
        _share(pl.col("words"), pl.col("sentences")).alias("sentence_length"),
        _share(pl.col("characters"), pl.col("words")).alias("word_length"),
        _share(pl.col("distinct_words"), pl.col("spoken")).alias("type_token_ratio"),
        _share(pl.col("top_count"), pl.col("spoken")).alias("top_word_share"),
        _share(pl.col("stop_words"), pl.col("spoken")).clip(0, 1).alias("stop_word_share"))
    return frame.select(pl.col(name).cast(pl.Float32) for name in FEATURES)


def surface(prompts: pl.Series, responses: pl.Series) -> pl.DataFrame:
    """Surface features of responses, a row a response and a float32 column for each name in FEATURES.

    prompts, responses: strings of equal length, the prompt of each response beside it; null counts as empty. The row of
    a response depends on that response and its prompt alone.
    """
    if len(prompts) != len(responses):
        raise ValueError(f"{len(prompts)} prompts stand beside {len(responses)} responses")
    blocks = [_block(prompts[start:start + ROWS_AT_ONCE], responses[start:start + ROWS_AT_ONCE])
              for start in range(0, max(1, len(responses)), ROWS_AT_ONCE)]
    return pl.concat(blocks)


def layout(responses: pl.Series) -> pl.DataFrame:
    """The columns LAYOUT of `surface`, which need no prompt, in a fraction of its time."""
    counts = [count for count in _counts() if count.meta.output_name() in LAYOUT]
    text = pl.col("text").cast(pl.String).fill_null("").str.strip_chars()
    frame = pl.DataFrame({"text": responses}).select(text)
    return frame.select(*counts).select(pl.col(name).cast(pl.Float32) for name in LAYOUT)
