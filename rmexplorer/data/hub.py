"""Datasets of the Hugging Face Hub: hf://datasets/OWNER/NAME[/CONFIG][:SPLIT] as files in the Hub's own cache.

What a token is and where it is kept is the business of huggingface_hub (HF_TOKEN, or its login); none is stored here.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmexplorer.data.members import limit_of
from rmexplorer.data.unpack import is_data
from rmexplorer.job import Job, Progress
from rmexplorer.problem import Problem

PREFIX = "hf://datasets/"
CONVERTED = "refs/convert/parquet"
TIMEOUT_SECONDS = 10.0
_PAGE = re.compile(r"^https?://(?:www\.)?(?:huggingface\.co|hf\.co)/datasets/")
_ADDRESS = re.compile(r"([\w.-]+)/([\w.-]+)(?:/([^:]+?))?/?(?::([\w.\[\]-]+))?$")


@dataclass(frozen=True)
class Address:
    """OWNER/NAME, and the configuration and split that were named ("" where none was)."""

    repository: str
    config: str = ""
    split: str = ""

    def __str__(self) -> str:
        return f"{PREFIX}{self.repository}{'/' + self.config if self.config else ''}" + (
            f":{self.split}" if self.split else ""
        )


def is_address(path: str) -> bool:
    """Whether this names a dataset of the Hub rather than a file."""
    return path.startswith("hf:")


def parse(path: str) -> Address:
    """The parts of an address; raises Problem where it is none."""
    found = _ADDRESS.match(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else None
    if found is None or ".." in path:
        raise Problem(f"{path}: is no address of a dataset", f"write it as {PREFIX}OWNER/NAME/CONFIG:SPLIT")
    return Address(f"{found[1]}/{found[2]}", found[3] or "", found[4] or "")


def address_of(text: str) -> str:
    """The address that a person means by `hf://datasets/…`, by OWNER/NAME, or by the page of a dataset; raises Problem."""
    said = _PAGE.sub("", text.strip()).removeprefix(PREFIX)
    if not said or said.startswith("hf:") or "//" in said or "/" not in said:
        raise Problem(f"{text.strip() or 'this'}: is no address of a dataset", f"write it as {PREFIX}OWNER/NAME/CONFIG:SPLIT")
    owner, name, *rest = said.split("?")[0].split("/")
    if rest[:1] in (["viewer"], ["tree"], ["blob"], ["discussions"]):
        rest = rest[1:2] if rest[0] == "viewer" and rest[1:] else []
    return str(parse(PREFIX + "/".join([owner, name, *rest])))


def fetched(path: str, max_bytes: int | None = None) -> Job[list[tuple[str, Path]]]:
    """The files of a dataset of the Hub, fetched unless the cache has them: their names and where they lie.

    The branch that the Hub converts to parquet is preferred. Yields Progress in files. Raises Problem without the
    library, without a connection (unless HF_HUB_OFFLINE is set and the cache has it), for unknown names, and beyond `max_bytes`.
    """
    address = parse(path)
    try:
        hub: Any = importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise Problem(
            f"{path}: reading from the Hub needs huggingface_hub, which is not installed",
            "install rmexplorer[hf], or download the dataset and open its folder",
        ) from error
    yield Progress(0, 0, f"asking the Hub for {address.repository}")
    if hub.is_offline_mode():
        return _cached(hub, address)
    try:
        revision, sizes = _listed(hub, address)
        names = _chosen(address, list(sizes))
        total = sum(sizes[name] for name in names)
        if total > limit_of(1, max_bytes if max_bytes is not None else 8 * 2**30):
            raise Problem(
                f"{path}: its files are larger ({total:,} bytes) than the limit", "raise the limit with --max-bytes"
            )
        found = []
        for place, name in enumerate(names):
            yield Progress(place, len(names), f"fetching {name}")
            got = hub.hf_hub_download(address.repository, name, repo_type="dataset", revision=revision)
            found.append((name, Path(got)))
        return found
    except Problem:
        raise
    except Exception as error:
        raise _failed(hub, address, error) from error


def _listed(hub: Any, address: Address) -> tuple[str, dict[str, int]]:
    """The branch to read, and its data files with their sizes."""
    api = hub.HfApi()
    for revision in (CONVERTED, "main"):
        try:
            # asks once: what lists a tree tries again for 23 s where there is no connection
            found = api.dataset_info(address.repository, revision=revision, files_metadata=True, timeout=TIMEOUT_SECONDS)
        except hub.errors.RevisionNotFoundError:
            continue
        files = {file.rfilename: int(file.size or 0) for file in found.siblings or () if is_data(file.rfilename)}
        if files:
            return revision, files
    raise Problem(f"{address}: this repository holds no data files", "look at its files on the Hub")


def _failed(hub: Any, address: Address, error: Exception) -> Problem:
    """What went wrong with the Hub, in a sentence that names no token."""
    errors = hub.errors
    if isinstance(error, errors.GatedRepoError):
        return Problem(f"{address}: this dataset is gated", "accept its terms on the Hub and run `hf auth login`")
    if isinstance(error, errors.RepositoryNotFoundError):
        return Problem(
            f"{address}: the Hub has no such dataset, or not for you",
            "check the name; for a private one run `hf auth login`",
        )
    return Problem(
        f"{address}: the Hub cannot be reached ({type(error).__name__})",
        "check the connection; HF_HUB_OFFLINE=1 reads what the Hub's cache has",
    )


def _cached(hub: Any, address: Address) -> list[tuple[str, Path]]:
    """The files of a dataset in the cache of the Hub, without a connection."""
    for revision in (CONVERTED, "main"):
        try:
            folder = Path(
                hub.snapshot_download(address.repository, repo_type="dataset", revision=revision, local_files_only=True)
            )
        except Exception:
            continue
        names = [
            name
            for file in sorted(folder.rglob("*"))
            if file.is_file() and is_data(name := file.relative_to(folder).as_posix())
        ]
        if names:
            return [(name, folder / name) for name in _chosen(address, names)]
    raise Problem(
        f"{address}: is not in the cache, and the Hub is not asked while HF_HUB_OFFLINE is set",
        "unset it, or download the dataset and open its folder",
    )


def _split_of(name: str) -> tuple[str, str]:
    """(configuration, split) of a file: CONFIG/SPLIT/0000.parquet, or data/SPLIT-00000-of-00001.parquet."""
    parts = name.split("/")
    if len(parts) >= 3 and re.fullmatch(r"\d+\.parquet", parts[-1]):
        return "/".join(parts[:-2]), parts[-2].removeprefix("partial-")
    stem = re.sub(r"[-_.]?\d{5}-of-\d{5}$", "", parts[-1].split(".")[0])
    folder = "/".join(parts[:-1])
    return "" if folder == "data" else folder, stem


def _chosen(address: Address, names: list[str]) -> list[str]:
    """The files of the configuration and split that were named; raises Problem where a choice is needed."""
    found = {name: _split_of(name) for name in names}
    configs = list(dict.fromkeys(config for config, _ in found.values()))
    config = address.config
    if not config and len(configs) > 1:
        if not {"", "default"} & set(configs):
            raise Problem(
                f"{address}: has the configurations {', '.join(configs[:12])}",
                f"name one: {PREFIX}{address.repository}/{configs[0]}",
            )
        config = "default" if "default" in configs else ""
    elif not config:
        config = configs[0]
    if config not in configs:
        raise Problem(f"{address}: has no configuration {config!r}", f"choose one of {', '.join(configs[:12])}")
    splits = list(dict.fromkeys(split for where, split in found.values() if where == config))
    if address.split and address.split not in splits:
        raise Problem(f"{address}: has no split {address.split!r}", f"choose one of {', '.join(splits[:12])}")
    return [name for name, (where, split) in found.items() if where == config and split == (address.split or split)]
