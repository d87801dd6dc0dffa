"""What the inspector says of a pair in words: how the lengths compare, and the end of a long prompt."""

from __future__ import annotations

import re

from rmexplorer.wording import counted, number

TURN = re.compile(r"\n\n(?:Human|Assistant): ")


def length_sentence(chosen: int, rejected: int, names: tuple[str, str] = ("Chosen", "Rejected")) -> str:
    """How the two lengths compare: "Rejected is 3.3× as long (1,204 characters)"."""
    if chosen == rejected:
        return f"Both have {counted(chosen, 'character')}"
    longer, shorter, name = (chosen, rejected, names[0]) if chosen > rejected else (rejected, chosen, names[1])
    if shorter == 0:
        return f"{name} has {counted(longer, 'character')}, the other none"
    times = longer / shorter
    by = f"{number(100 * (times - 1), 0)}% longer" if times < 2 else f"{number(times, int(times < 10))}× as long"
    return f"{name} is {by} ({counted(longer, 'character')})"


def end_of(text: str, most: int) -> str:
    """The end of a text: from the first turn that begins within its last `most` characters, or else the first word."""
    end = text[-most:]
    turn = TURN.search(end[: most // 2])
    return end[turn.end() - len(turn.group().lstrip()):] if turn else end.split(maxsplit=1)[-1]
