"""Which language a text is in, by py3langid (139 languages, offline), where that is clear."""

from __future__ import annotations

import io
import lzma
import threading
from array import array
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from rmexplorer.data.scripts import ROLE_TAG, scripts

LANGUAGES = {
    "af": "Afrikaans", "am": "Amharic", "ar": "Arabic", "az": "Azerbaijani", "be": "Belarusian", "bg": "Bulgarian",
    "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "eo": "Esperanto", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "ga": "Irish", "gl": "Galician", "gu": "Gujarati", "ha": "Hausa", "he": "Hebrew",
    "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "ig": "Igbo",
    "is": "Icelandic", "it": "Italian", "ja": "Japanese", "ka": "Georgian", "kk": "Kazakh", "km": "Khmer",
    "kn": "Kannada", "ko": "Korean", "ky": "Kyrgyz", "la": "Latin", "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian",
    "mk": "Macedonian", "ml": "Malayalam", "mn": "Mongolian", "mr": "Marathi", "ms": "Malay", "my": "Burmese",
    "ne": "Nepali", "nl": "Dutch", "no": "Norwegian", "pa": "Punjabi", "pl": "Polish", "ps": "Pashto",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sd": "Sindhi", "si": "Sinhala", "sk": "Slovak",
    "sl": "Slovenian", "so": "Somali", "sq": "Albanian", "sr": "Serbian", "sv": "Swedish", "sw": "Swahili",
    "ta": "Tamil", "te": "Telugu", "tg": "Tajik", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "tt": "Tatar",
    "uk": "Ukrainian", "ur": "Urdu", "uz": "Uzbek", "vi": "Vietnamese", "xh": "Xhosa", "yo": "Yoruba",
    "zh": "Chinese", "zu": "Zulu",
}  # fmt: skip
# what is not written in Latin letters; of those that have two scripts, Latin stands too
WRITTEN = {
    script: frozenset(names.split())
    for script, names in {
        "Arabic": "Arabic Pashto Persian Sindhi Urdu Punjabi Kazakh Kyrgyz", "Armenian": "Armenian",
        "Bengali": "Bengali", "Devanagari": "Hindi Marathi Nepali", "Ethiopic": "Amharic", "Georgian": "Georgian",
        "Greek": "Greek", "Han": "Chinese", "Hangul": "Korean", "Hebrew": "Hebrew", "Japanese": "Japanese",
        "Cyrillic": "Belarusian Bulgarian Kazakh Kyrgyz Macedonian Mongolian Russian Serbian Tajik Tatar Ukrainian Uzbek "
                    "Azerbaijani",
        "other": "Burmese Gujarati Kannada Khmer Lao Malayalam Punjabi Sinhala Mongolian", "Tamil": "Tamil",
        "Telugu": "Telugu", "Thai": "Thai",
    }.items()
}  # fmt: skip
LATIN = frozenset(LANGUAGES.values()) - frozenset().union(*WRITTEN.values()) | {"Azerbaijani", "Serbian", "Uzbek"}
NO_LANGUAGE = "zxx"
SURE = 0.8  # of 2,310 English prompts of HH harmless-base, 2,214 are at least so sure, and none of another language
READ = 400  # characters of a text


_ONE = threading.Lock()


def prepare() -> None:
    """Unpack the model (0.5 s) in a thread of its own, while a file is read."""
    threading.Thread(target=_identifier, daemon=True).start()


def _identifier() -> Any:
    with _ONE:  # who asks meanwhile waits for the one that is on its way
        return _unpacked()


@cache
def _unpacked() -> Any:
    from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier

    # at once, not in pieces as the library does: a thread would wait for the interpreter's lock after each of 700
    packed = lzma.decompress((MODEL_DIR / MODEL_FILE).read_bytes())
    with np.load(io.BytesIO(packed), allow_pickle=False) as model:
        moves, rows = (array(model[name].dtype.char, model[name].tobytes()) for name in ("nextmove", "nextmove_row"))
        found = LanguageIdentifier(
            model["ptc"], model["pc"], model["classes"].tolist(), moves, model["out_feat"].tolist(),
            norm_probs=True, tk_row=rows,
        )  # fmt: skip
    found.set_languages([*(code for code in LANGUAGES if code in found.labels), NO_LANGUAGE])
    return found


def start_of(texts: pl.Series) -> pl.Series:
    """What of each text is enough to tell its language: its first READ characters without role tags."""
    return texts.str.replace_all(ROLE_TAG, "").str.strip_chars().str.slice(0, READ)


def languages(texts: pl.Series) -> pl.Series:
    """(n,) the English name of the language that each text starts in, some 5,000 texts a second.

    Null where it is not clear at SURE, or is not written in the script that most letters are of (a mixed text).
    """
    identifier = _identifier()
    starts = start_of(texts)
    known: dict[str, str | None] = {}
    for start, script in zip(starts, scripts(starts), strict=True):
        if start not in known:
            code, share = identifier.classify(start)
            name = LANGUAGES.get(code)
            known[start] = name if share >= SURE and name in WRITTEN.get(script, LATIN) else None
    return pl.Series("language", [known[start] for start in starts], dtype=pl.String)
