"""A person's own features of responses, as the project keeps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rmexplorer.data.own_features import OwnFeature
from rmexplorer.problem import Problem
from rmexplorer.project import Project

KEY = "features"


def kept(project: Project, report: Callable[[Problem], Any]) -> tuple[OwnFeature, ...]:
    """The features of a project, each tried out before it was kept; one that is none any more is reported and left out."""
    found = []
    records = project.view().get(KEY)
    for record in records if isinstance(records, list) else []:
        try:
            found.append(OwnFeature.from_dict(record, tried=False))
        except Problem as problem:
            report(problem)
    return tuple(found)


def keep(project: Project, features: tuple[OwnFeature, ...]) -> None:
    """Keep these features, and no others, in a project. Raises Problem where it cannot be written."""
    project.put_view(**{KEY: [feature.as_dict() for feature in features]})
