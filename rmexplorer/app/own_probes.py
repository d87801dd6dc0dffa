"""The probes that a person can try: those that come with the program, and those that the project keeps."""

from __future__ import annotations

from typing import Any

from rmexplorer.app.desk import Desk
from rmexplorer.problem import Problem
from rmexplorer.workflows.edits import Probe, Sycophancy, built_in


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


def switched_off(desk: Desk) -> frozenset[str]:
    """Names of the probes that are left out, as the project keeps them."""
    kept = desk.project.view().get("probes_off")
    return frozenset(name for name in kept if isinstance(name, str)) if isinstance(kept, list) else frozenset()


def switch_probe(desk: Desk, name: str, on: bool) -> bool:
    """Leave a probe out or run it again; False where that could not be kept, which is reported."""
    off = switched_off(desk) - {name} if on else switched_off(desk) | {name}
    return _keep(desk, probes_off=sorted(off))


def active_probes(desk: Desk) -> tuple[Probe, ...]:
    """The known probes that are not switched off."""
    off = switched_off(desk)
    return tuple(probe for probe in known_probes(desk) if probe.name not in off)


def known_beliefs(desk: Desk) -> Sycophancy | None:
    """The templates of sycophancy that the project keeps; None for those built in. Damaged ones are reported."""
    kept = desk.project.view().get("beliefs")
    if not isinstance(kept, dict):
        return None
    try:
        return Sycophancy.from_dict(kept)
    except Problem as problem:
        desk.report(problem)
        return None


def keep_beliefs(desk: Desk, given: Sycophancy | None) -> bool:
    """Keep templates in the project, None: those built in; False where that failed, which is reported."""
    return _keep(desk, beliefs=None if given is None else given.as_dict())


def _keep(desk: Desk, **values: Any) -> bool:
    try:
        desk.project.put_view(**values)
    except Problem as problem:
        desk.report(problem)
        return False
    return True


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
