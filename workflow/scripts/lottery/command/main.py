"""From the words after `tickets` to a Snakemake command; what a study does is the workflow's."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from lottery.command.init import SHARE, init
from lottery.config import load_study, read_config
from lottery.config.sentences import did_you_mean
from lottery.files.errors import StudyError
from lottery.files.workflow import ROOT, WORKFLOW
from lottery.planning.check import check, resolve
from lottery.runtime.plan import last_words
from lottery.runtime.status import show
from lottery.tasks.metrics import METRICS

CONFIG = "config.yaml"
CONFIGS = WORKFLOW / "configs"
PROFILE = WORKFLOW / "profiles/tickets"
END = "What follows -- is handed to Snakemake, as in: tickets run study.yaml -- --forcerun finetune"


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        raise StudyError(f"{message}; `{self.prog} --help` shows what is allowed.")


def main(words: Sequence[str] | None = None) -> int:
    """Runs a command; gives the exit status."""
    words = list(sys.argv[1:] if words is None else words)
    end = words.index("--") if "--" in words else len(words)
    try:
        given = parser().parse_args(words[:end])
        return given.call(given, words[end + 1 :]) or 0
    except StudyError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = _Parser(prog="tickets", description="Lottery tickets in fine-tuned encoders.")
    commands = made.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, call: Callable[..., object], text: str, epilog: str | None = None
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, epilog=epilog)
        added.set_defaults(call=call)
        return added

    named = ", ".join(sorted(path.stem for path in CONFIGS.glob("*.yaml")))
    a_config = f"a config, or the name of one that comes with the workflow ({named})"
    of_last_run = f"{a_config}; left out, that of the last run in this folder, else {CONFIG}"

    new = command("init", _init, "write a config for your own data")
    new.add_argument(
        "data",
        metavar="DATA",
        help="csv, tsv, jsonl, parquet or arrow file to train on, or hub:OWNER/NAME[/CONFIG]",
    )
    texts = new.add_mutually_exclusive_group()
    texts.add_argument("--text", metavar="COLUMN", help="the column of the text")
    texts.add_argument("--pair", nargs=2, metavar="COLUMN", help="the columns of pairs of texts")
    new.add_argument("--label", metavar="COLUMN", help="the column of the label or score")
    new.add_argument(
        "--validation",
        metavar="FILE|SHARE|SPLIT",
        help="a file of validation examples, or the share of DATA to set apart (default: "
        f"{SHARE}); of a data set of the hub its split (default: validation)",
    )
    new.add_argument(
        "--model",
        metavar="FOLDER|HUB_ID",
        default="embedded",
        help="the pretrained encoder (default: embedded, a small one in the installation)",
    )
    new.add_argument(
        "--metric",
        choices=[name for name, each in METRICS.items() if not each.search_only],
        help="default: accuracy; pearson or spearman for scores",
    )
    new.add_argument("--encoding", help="of text files that are not UTF-8, as cp1252")
    new.add_argument("--quoting", choices=["csv", "none"], help="see docs/data_formats.md")
    new.add_argument("--output", metavar="FILE", default=CONFIG, help=f"default: {CONFIG}")

    start = command("run", _run, "run a study to its report, or what is left of it", END)
    start.add_argument("config", nargs="?", default=CONFIG, help=f"{a_config}; default: {CONFIG}")
    start.add_argument("--gpus", type=_count, metavar="N", help="default: all that are visible")

    asked = command("status", _status, "what is done, running, missing, or would run again")
    asked.add_argument("--cells", action="store_true", help="list every job")
    asked.add_argument("--files", action="store_true", help="list what would be overwritten")
    report = command("report", _report, "make a report of what is finished", END)
    export = command("export", _export, "write the models that the config exports", END)
    for each in (asked, report, export):
        each.add_argument("config", nargs="?", help=of_last_run)
    for each in (start, report, export):
        each.add_argument("--cores", default="all", metavar="N", help="default: all")
    for each in (start, export):
        each.add_argument(
            "-n", "--dry-run", action="store_true", help="count the jobs and run none"
        )
        each.add_argument(
            "--unlock", action="store_true", help="unlock the folder after a run was killed"
        )

    checked = command("check", _check, "check a config by itself")
    checked.add_argument("config", nargs="?", default=CONFIG, help=f"{a_config}; default: {CONFIG}")
    checked.add_argument("--resolve", action="store_true", help="print revisions of hub ids")
    return made


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1")
    return int(text)


def _init(given: argparse.Namespace, more: list[str]) -> None:
    if more:
        raise StudyError("`tickets init` runs no Snakemake, so it takes nothing after --.")
    init(
        given.data,
        text=given.pair or given.text,
        label=given.label,
        validation=given.validation,
        model=given.model,
        metric=given.metric,
        encoding=given.encoding,
        quoting=given.quoting,
        output=given.output,
    )


def _check(given: argparse.Namespace, more: list[str]) -> None:
    (resolve if given.resolve else check)(str(config_path(given.config)))


def _run(given: argparse.Namespace, more: list[str]) -> None:
    words = [*of_study(given.config), *limits(given.config, given.gpus), "--cores", given.cores]
    snakemake([*words, *_instead(given), *more])


def _export(given: argparse.Namespace, more: list[str]) -> None:
    from lottery.runtime.gpu_lease import allowed_devices

    # One job per GPU, since the last run may have had several config files.
    words = [*_of_last_run(given.config), *_at_a_time(len(allowed_devices()))]
    snakemake([*words, "--cores", given.cores, *_instead(given), "export", *more])


def _instead(given: argparse.Namespace) -> list[str]:
    """What Snakemake does in the place of a run."""
    if given.unlock:
        return ["--unlock"]
    return ["--quiet", "rules", "host", "reason", "--dry-run"] if given.dry_run else []


def _status(given: argparse.Namespace, more: list[str]) -> None:
    show([*_of_last_run(given.config), *more], given.files, given.cells)


def _report(given: argparse.Namespace, more: list[str]) -> int:
    from lottery.planning.partial import report_what_is_there

    return report_what_is_there([*_of_last_run(given.config), "--cores", given.cores, *more])


def of_study(config: str) -> list[str]:
    """The words that name a study to Snakemake. The last one takes no word behind it.

    Raises:
        StudyError: there is no such config.
    """
    words = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(config_path(config))]
    return [*words, "--workflow-profile", str(PROFILE)]


def _of_last_run(config: str | None) -> list[str]:
    """As `of_study`; without a config that of the last run in this folder, if it is still there."""
    words = last_words()
    files = [Path(word) for word in words if Path(word).is_absolute()]
    if config is None and files and all(file.is_file() for file in files):
        return [*words, "--workflow-profile", str(PROFILE)]
    return of_study(config or CONFIG)


def config_path(name: str) -> Path:
    """A config file, or the one of that name that comes with the workflow.

    Raises:
        StudyError: there is neither.
    """
    bundled = {path.stem: path for path in sorted(CONFIGS.glob("*.yaml"))}
    if Path(name).is_file():
        return Path(name)
    if name in bundled:
        return bundled[name]
    advice = "`tickets init DATA` writes one" if name == CONFIG else "name a file"
    raise StudyError(
        f"There is no config {name} in {Path.cwd()}{did_you_mean(name, bundled)}; {advice}, or "
        f"name one that comes with the workflow: {', '.join(bundled)}."
    )


def limits(config: str, gpus: int | None) -> list[str]:
    """The words that say how many GPU jobs run at a time; none where no GPU is used.

    Args:
        config: of the study.
        gpus: how many GPUs to use; None for all that CUDA_VISIBLE_DEVICES allows.

    Raises:
        StudyError: the config is wrong, or CUDA_VISIBLE_DEVICES is.
    """
    from lottery.runtime.gpu_lease import allowed_devices

    compute = load_study(read_config(config_path(config)), Path.cwd()).compute
    if compute["device"] == "cpu":
        return []
    return _at_a_time((gpus or len(allowed_devices())) * compute["slots_per_gpu"])


def _at_a_time(gpu_jobs: int) -> list[str]:
    return ["--resources", f"gpu={gpu_jobs}"] if gpu_jobs else []


def snakemake(words: Sequence[str]) -> None:
    """Goes on as Snakemake, which then gets the signals of the terminal itself."""
    sys.stdout.flush()
    # Without -P a file of the study's folder could hide a module of that name.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "snakemake", *words])


if __name__ == "__main__":
    sys.exit(main())
