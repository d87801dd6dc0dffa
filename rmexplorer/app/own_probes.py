"""The probes that a person can try: those that come with the program, and those that the project keeps."""

from __future__ import annotations

from rmexplorer.app.desk import Desk
from rmexplorer.problem import Problem
from rmexplorer.workflows.edits import Probe, built_in


def known_probes(desk: Desk) -> tuple[Probe, ...]:
    """The built-in probes and those of the project, which win where they share a name; a bad one is reported and left out."""
    own = {}
    for values in desk.project.probes():
        try:
            probe = Probe.from_dict(values)
        except Problem as problem:
            desk.report(problem)
            continue
        own[probe.name] = probe
    return (*(probe for probe in built_in() if probe.name not in own), *own.values())


def stock_phrases(desk: Desk) -> list[str]:
    """Phrases that a reward may follow: the closing offer, and the endings that a person kept as probes, as of a hunt."""
    kept = [probe for probe in known_probes(desk) if probe.kind == "append" and (probe.own or probe.name == "closing_offer")]
    return list(dict.fromkeys(text for probe in kept for text in probe.text if text.strip()))


def keep_probe(desk: Desk, probe: Probe) -> bool:
    """Keep a probe in the project and say so; False where that failed, which is reported."""
    try:
        desk.project.put_probe(probe.name, probe.as_dict())
    except Problem as problem:
        desk.report(problem)
        return False
    desk.notice.emit(f"Probes now has “{probe.shown}”")
    return True
