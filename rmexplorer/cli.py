"""The command line: everything the window computes, by the same functions. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rmexplorer import __version__
from rmexplorer.data.layouts import LAYOUTS
from rmexplorer.job import Job, Pace, Progress, Result, finish
from rmexplorer.problem import Problem, no_memory

EXPLAIN = ("gradient", "leave_one_out")
EXIT_CHECK, EXIT_INPUT, EXIT_INTERRUPTED = 1, 2, 130


class Parser(argparse.ArgumentParser):
    """A parser whose errors are Problems, so that wrong usage is one line as well."""

    def error(self, message: str) -> NoReturn:
        """Raise the Problem."""
        raise Problem(message, f"see {self.prog} --help")


class Meter:
    """Progress on stderr with rate and time left, where stderr is a terminal."""

    def __init__(self) -> None:
        self._pace = Pace()
        self._width = 0
        self._shows = sys.stderr.isatty()

    def __call__(self, progress: Progress) -> None:
        if not self._shows:
            return
        rate, left = self._pace.beat(progress)
        parts = [progress.note or "working"]
        if progress.total:
            parts.append(f"{progress.done:,} of {progress.total:,}")
        if rate:
            parts.append(f"{rate:,.0f} a second")
        if left is not None:
            parts.append(f"{left:.0f} s left")
        line = " · ".join(parts)
        sys.stderr.write("\r" + line.ljust(self._width))
        sys.stderr.flush()
        self._width = len(line)

    def end(self) -> None:
        """Clear the line."""
        if self._shows and self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")


def run(job: Job[Result]) -> Result:
    """Run a job to its end with progress on stderr."""
    meter = Meter()
    try:
        return finish(job, meter)
    finally:
        meter.end()


def say(text: str) -> None:
    """A remark for people, on stderr."""
    print(text, file=sys.stderr)


def warn(warnings: Iterable[str]) -> None:
    """Warnings, on stderr."""
    for warning in warnings:
        say(f"warning: {warning}")


def writable(path: Path, force: bool) -> Path:
    """Check that an output may be written; an existing file only with --force. Raises Problem."""
    if path.exists() and not force:
        raise Problem(f"{path}: is there already", "choose another name or add --force to write over it")
    if path.exists() and not path.is_file():
        raise Problem(f"{path}: is no plain file", "choose another name")
    if not path.parent.is_dir():
        raise Problem(f"{path}: cannot be written there", "choose a file name in a folder that exists")
    return path


def write_json(result: dict[str, Any]) -> None:
    """Exactly one JSON object on stdout."""
    print(json.dumps(result, ensure_ascii=False, allow_nan=False))


def read_mapping(arguments: argparse.Namespace) -> Any:
    """The mapping that --map names, None without."""
    from rmexplorer.data.mapping import load

    return None if arguments.map is None else load(arguments.map)


def read_dataset(arguments: argparse.Namespace, answered: bool = False, sample: bool = True) -> Any:
    """The dataset that FILE names; its warnings go to stderr unless they are part of the answer.

    Of very many pairs a sample is drawn, and said, unless `sample` is False: what takes pairs one after the other, and
    `info`, take them all.
    """
    from rmexplorer.data.limits import MOST_PAIRS
    from rmexplorer.data.read import read
    from rmexplorer.data.sample import sampled

    dataset = run(
        read(
            arguments.file,
            format=arguments.format,
            criterion=arguments.criterion,
            mapping=read_mapping(arguments),
            max_bytes=arguments.max_bytes,
        )
    )
    if not answered and sample and len(dataset) > MOST_PAIRS:
        dataset = sampled(dataset)
    if not answered:
        warn(dataset.warnings)
    return dataset


def command_info(arguments: argparse.Namespace) -> int:
    """What is in a dataset."""
    from rmexplorer.data.languages import prepare

    prepare()
    from rmexplorer.data.summary import describe
    from rmexplorer.workflows.informing import inform

    dataset = read_dataset(arguments, answered=True)
    facts = run(inform(dataset, arguments.against, arguments.max_bytes))
    if arguments.json:
        write_json(facts)
    else:
        print(describe(dataset, facts))
    return 0


def command_convert(arguments: argparse.Namespace) -> int:
    """Write a dataset in another layout."""
    from rmexplorer.data.convert import convert

    out = writable(arguments.out, arguments.force)
    dataset = read_dataset(arguments, sample=False)
    result = run(convert(dataset, arguments.to, out))
    if result.get("ties_left_out"):
        say(f"{result['ties_left_out']:,} ties were left out")
    if not len(dataset):
        say(f"warning: no pair was written, for all {len(dataset.skipped):,} comparisons were skipped; `rmexplorer info` says why")
    if arguments.json:
        write_json(result)
    else:
        print(f"Wrote {result['pairs']:,} pairs to {out}")
    return 0


def command_train(arguments: argparse.Namespace) -> int:
    """Train a reward head."""
    from rmexplorer.data.own_features import read_features
    from rmexplorer.workflows.settings import settings_from
    from rmexplorer.workflows.train_file import report, train_file

    out = writable(arguments.out, arguments.force)
    settings = settings_from(vars(arguments), () if arguments.features is None else read_features(arguments.features))
    begun = time.perf_counter()
    dataset = read_dataset(arguments)
    trained = run(train_file(dataset, settings, time.perf_counter() - begun))
    trained.checkpoint.save(out)
    if arguments.json:
        write_json(trained.metrics)
    else:
        print(report(trained.metrics))
        print(f"Wrote {out}")
    reached = trained.metrics["heldout_accuracy"]
    if arguments.min_accuracy is not None and (reached is None or reached < arguments.min_accuracy):
        say(
            f"held-out accuracy {'is not known' if reached is None else f'{reached:.4f}'}, below the {arguments.min_accuracy:g} asked for"
        )
        return EXIT_CHECK
    return 0


def command_score(arguments: argparse.Namespace) -> int:
    """Add a reward for every response."""
    from rmexplorer.reward.checkpoint import Checkpoint
    from rmexplorer.workflows.attributing import explained
    from rmexplorer.workflows.scoring import score_file

    out = writable(arguments.out, arguments.force)
    checkpoint = Checkpoint.load(arguments.model)
    dataset = read_dataset(arguments, sample=False)
    why = None if arguments.explain is None else explained(checkpoint, arguments.explain)
    result = run(score_file(dataset, checkpoint, out, why))
    if arguments.json:
        write_json(result)
    else:
        print(f"Wrote {result['pairs']:,} scored comparisons to {out}")
    return 0


def command_analyze(arguments: argparse.Namespace) -> int:
    """Accuracy, calibration, length and style bias."""
    from rmexplorer.data.own_features import read_features
    from rmexplorer.reward.checkpoint import Checkpoint
    from rmexplorer.workflows.analyze import describe
    from rmexplorer.workflows.analyze_file import HuntOptions, analyze_file, describe_more

    checkpoint = None if arguments.model is None else Checkpoint.load(arguments.model)
    own = () if arguments.features is None else read_features(arguments.features)
    second = Checkpoint.load(arguments.against) if arguments.against and arguments.against.endswith(".safetensors") else None
    if second is not None and checkpoint is None:
        raise Problem(f"{arguments.against}: a second head is compared with a first", "add --model")
    dataset, other = read_dataset(arguments), None
    if arguments.against is not None and second is None:
        from rmexplorer.data.limits import MOST_PAIRS
        from rmexplorer.data.read import read
        from rmexplorer.data.sample import sampled

        other = run(read(arguments.against, max_bytes=arguments.max_bytes))
        other = sampled(other) if len(other) > MOST_PAIRS else other
        warn(f"{arguments.against}: {warning}" for warning in other.warnings)
    hunt = HuntOptions(tuple(arguments.try_phrases or ()), arguments.seed) if arguments.hunt or arguments.try_phrases else None
    result = run(analyze_file(dataset, checkpoint, arguments.phrases, other, arguments.style, own, arguments.words, hunt, second,
                              (arguments.set_a or "", arguments.set_b or "")))
    warn(result.get("warnings", []))
    if arguments.json:
        write_json(result)
    else:
        print(describe(result) + describe_more(result))
    return 0


def command_probe(arguments: argparse.Namespace) -> int:
    """Minimal edits that should not change a reward, and do they."""
    from rmexplorer.reward.checkpoint import Checkpoint
    from rmexplorer.workflows.edits import chosen_probes, read_probes, read_templates
    from rmexplorer.workflows.probing import as_json, describe, probe_dataset
    from rmexplorer.workflows.rewards import unseen_pairs

    checkpoint = Checkpoint.load(arguments.model)
    own = () if arguments.probes is None else read_probes(arguments.probes)
    chosen = chosen_probes(own, arguments.built_in or not own, arguments.without or ())
    beliefs = None if arguments.templates is None else read_templates(arguments.templates)
    dataset = read_dataset(arguments)
    pairs = None if arguments.filter is None else run(unseen_pairs(dataset, checkpoint, arguments.filter))
    result = run(probe_dataset(dataset, checkpoint, chosen, pairs, beliefs))
    if arguments.json:
        write_json(as_json(result))
    else:
        print(describe(result))
    return 0


def command_demo(arguments: argparse.Namespace) -> int:
    """Open the window on the demo dataset, or draw every pane without a display."""
    from rmexplorer.workflows.files import demo_path

    if arguments.offscreen is None:
        return open_window([str(demo_path())])
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from rmexplorer.display import check_display, import_problem

    check_display()
    try:
        from rmexplorer.gui.offscreen import tour
    except ImportError as error:
        raise import_problem(error) from error

    for picture in tour([str(demo_path())], arguments.offscreen):
        print(picture)
    return 0


def open_window(files: list[str]) -> int:
    """Open the window; returns its exit code."""
    from rmexplorer.display import check_display, import_problem

    check_display()
    try:
        from rmexplorer.gui.main import main as window_main
    except ImportError as error:
        raise import_problem(error) from error
    return window_main(files)


def a_path(text: str) -> Path:
    """A path of an option, one that the system can look for."""
    path = Path(text)
    try:
        path.exists()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: cannot be used ({error.strerror})") from error
    return path


def names(text: str) -> list[str]:
    """NAME,NAME of --residualize."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} names no feature")
    return found


def a_weight(text: str) -> tuple[str, float]:
    """NAME=W of --weight-source."""
    name, _, weight = text.rpartition("=")
    try:
        if name:
            return name, float(weight)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=W with a number W")


def _input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="+",
                        help="a file, a folder or hf://datasets/OWNER/NAME; several are read as one dataset")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--format", metavar="ID", help="read as this format instead of recognising it")
    parser.add_argument("--map", metavar="NAME|FILE", help="a mapping that says what the columns are (a saved one or TOML)")
    parser.add_argument("--criterion", metavar="NAME", help="which label of rows that have several")
    parser.add_argument("--max-bytes", type=int, metavar="N", help="the most that an archive may unpack to")


def _output(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("-o", "--out", type=a_path, required=True, metavar="OUT", help=what)
    parser.add_argument("--force", action="store_true", help="write over OUT if it is there")


def _train_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--encoder", metavar="NAME", help="text encoder (default lexical)")
    add("--hidden-dim", type=int, metavar="N", help="hidden units, 0: linear (default 256)")
    add("--loss", metavar="NAME", help="loss (default bradley_terry)")
    add("--epochs", type=int, metavar="N", help="the most epochs (default 60, stops early)")
    add("--batch-size", type=int, metavar="N", help="pairs a step (default 128, from 30,000 pairs 512)")
    add("--learning-rate", type=float, metavar="X", help="step size of Adam (default 0.0003)")
    add("--weight-decay", type=float, metavar="X", help="decoupled weight decay")
    add("--dropout", type=float, metavar="X", help="dropped share of hidden units (default 0.5)")
    add("--length-fix", metavar="NAME", help="against a reward that follows length: residualize, balance or penalty (default none)")
    add("--residualize", dest="residual_features", type=names, metavar="NAME,…",
        help="--length-fix residualize on these features instead of the characters alone: characters, words, closer, bold, …")
    add("--features", type=a_path, metavar="FEATURES",
        help="features of your own that --residualize names: lines with a name and a regex, words or sql")
    add("--length-penalty", type=float, metavar="X", help="strength of --length-fix penalty (default 1)")
    add("--weight-source", dest="source_weights", type=a_weight, action="append", metavar="NAME=W",
        help="multiply the weight of a source's training pairs by W, 0: leave them out; may be given several times")
    add("--remove-phrase", dest="removed_phrases", action="append", metavar="TEXT",
        help="take a stock phrase out of every response before it is encoded, whatever its case; may be given several times")
    add("--holdout", type=float, metavar="SHARE", help="share of prompts held out, 0: train on all (default 0.2)")
    add("--seed", type=int, metavar="N", help="seed of split and training (default 0)")
    add("--min-accuracy", type=float, metavar="X", help="exit with 1 below this held-out accuracy")


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "demo": command_demo,
    "info": command_info,
    "convert": command_convert,
    "train": command_train,
    "score": command_score,
    "analyze": command_analyze,
    "probe": command_probe,
}


def build_parser() -> argparse.ArgumentParser:
    """The parser with every command."""
    parser = Parser(
        prog="rmexplorer", description="See what a reward model rewards. Without a command: open the window."
    )
    parser.add_argument("--version", action="version", version=f"rmexplorer {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def add(name: str) -> argparse.ArgumentParser:
        function = COMMANDS[name]
        sub = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        sub.set_defaults(run=function)
        return sub

    demo = add("demo")
    demo.add_argument(
        "--offscreen", type=a_path, metavar="DIR", help="run without a display and write a picture of each pane to DIR"
    )
    info = add("info")
    _input(info)
    info.add_argument("--against", metavar="FILE2", help="also: prompts that a second file holds too, exactly or nearly")
    convert = add("convert")
    _input(convert)
    _output(convert, "file to write")
    convert.add_argument(
        "--to", default="trl", choices=tuple(LAYOUTS), help="layout (default trl)"
    )
    train = add("train")
    _input(train)
    _output(train, "where to keep the head (safetensors)")
    _train_options(train)
    score = add("score")
    _input(score)
    score.add_argument("--model", type=a_path, required=True, metavar="MODEL", help="a head made by train")
    _output(score, "JSONL, or Parquet by suffix")
    score.add_argument("--explain", nargs="?", const="gradient", choices=EXPLAIN, metavar="METHOD",
                       help="also: what each word adds to the reward, by gradient (default) or leave_one_out")
    analyze = add("analyze")
    _input(analyze)
    analyze.add_argument(
        "--model", type=a_path, metavar="MODEL", help="a head made by train; without it the file's own scores"
    )
    analyze.add_argument("--phrases", action="store_true", help="also: phrases that carry reward, and words left out")
    analyze.add_argument("--words", nargs="?", const="leave_one_out", choices=EXPLAIN, metavar="METHOD",
                         help="also: words that pay and words that cost, by leave_one_out (default) or gradient")
    analyze.add_argument("--hunt", action="store_true", help="also: the ending that raises weak responses most, found greedily")
    analyze.add_argument("--try-phrase", dest="try_phrases", action="append", metavar="TEXT",
                         help="as --hunt, with a phrase of your own tried as well; may be given several times")
    analyze.add_argument("--seed", type=int, default=0, metavar="N", help="draws the weak responses of --hunt (default 0)")
    analyze.add_argument("--style", action="store_true",
                         help="also: what separates chosen from rejected, high from low reward, right from wrong")
    analyze.add_argument("--features", type=a_path, metavar="FEATURES",
                         help="as --style, with features of your own: lines with a name and a regex, words or sql")
    analyze.add_argument("--against", metavar="FILE2",
                         help="also: how a second file differs from this one; a second head (.safetensors): what it changes on these pairs")
    analyze.add_argument("--set-a", metavar="SET", help="also: compare this part of FILE: all, split=training, split=heldout, "
                         "source=NAME or filter=QUERY (default what the model learnt from)")
    analyze.add_argument("--set-b", metavar="SET", help="with this part of FILE2, or of FILE without --against; also prompts=FILE, "
                         "a prompt a line")
    probe = add("probe")
    _input(probe)
    probe.add_argument("--model", type=a_path, required=True, metavar="MODEL", help="a head made by train")
    probe.add_argument(
        "--probes", type=a_path, metavar="PROBES", help="edits of your own (JSON lines or CSV) instead of those built in"
    )
    probe.add_argument("--built-in", action="store_true", help="with --probes: those built in as well")
    probe.add_argument("--without", action="append", metavar="NAME", help="leave a probe out; may be given several times")
    probe.add_argument("--filter", metavar="QUERY",
                       help="edit responses of held-out pairs that pass this filter of the window: words>100 source:forum wrong:yes")
    probe.add_argument("--templates", type=a_path, metavar="FILE",
                       help="templates of sycophancy of your own (JSON lines or CSV): beliefs, and how they are stated")
    return parser


def _names_data(word: str) -> bool:
    """Whether the first word is a file or an address to open; a command is one even where a file has its name."""
    if word.startswith("-") or word in COMMANDS:
        return False
    try:
        return word.startswith("hf://") or Path(word).exists()
    except OSError as error:
        raise Problem(f"{word}: cannot be opened ({error.strerror})", "check the name") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code of CLI.md."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not words or _names_data(words[0]):
            return open_window(words)
        if words[0] not in COMMANDS and not words[0].startswith("-") and {"/", "."} & set(words[0]):
            raise Problem(f"{words[0]}: there is no such file", "check the name, or see rmexplorer --help")
        parsed = build_parser().parse_args(words)
        if parsed.command is None:
            return open_window([])
        code: int = parsed.run(parsed)
        return code
    except Problem as problem:
        say(f"rmexplorer: error: {' '.join(str(problem).split())}")
        return EXIT_INPUT
    except MemoryError:
        say(f"rmexplorer: error: {no_memory()}")
        return EXIT_INPUT
    except KeyboardInterrupt:
        say("rmexplorer: interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return EXIT_INTERRUPTED
