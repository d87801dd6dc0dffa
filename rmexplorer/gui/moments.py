"""Moments as people say them."""

from __future__ import annotations

import time
from datetime import datetime


def when(moment: float, now: float | None = None) -> str:
    """A moment as people say it: 10:42, yesterday, Friday, 12 Nov."""
    then, today = datetime.fromtimestamp(moment), datetime.fromtimestamp(time.time() if now is None else now)
    days = (today.date() - then.date()).days
    if days == 0:
        return then.strftime("%H:%M")
    if days == 1:
        return "yesterday"
    return (
        then.strftime("%A")
        if days < 7
        else f"{then.day} {then.strftime('%b')}" + ("" if then.year == today.year else f" {then.year}")
    )
