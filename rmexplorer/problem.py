"""The one error that users meet."""

from __future__ import annotations


class Problem(Exception):
    """Something a person can understand and mend: what is wrong, and what to do about it.

    The command line prints it as one line and exits with 2; the window shows it as a strip in the pane. Any other
    exception is a bug and is reported as one. `command` names an app command that mends it with a click.
    """

    def __init__(self, what: str, remedy: str = "", command: str = "") -> None:
        super().__init__(what, remedy, command)
        self.what = what
        self.remedy = remedy
        self.command = command

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}" if self.remedy else self.what

    def __reduce__(self) -> tuple[type[Problem], tuple[str, str, str]]:
        return Problem, (self.what, self.remedy, self.command)


def no_memory() -> Problem:
    """The Problem of a computation that finds no memory."""
    return Problem("there is not enough memory for this", "close other programs or take fewer rows")
