"""See what a reward model rewards: open preference data, train a reward head, find what it likes."""

__version__ = "0.1.0"
