"""Writes a config for own data. What it finds is in comments; what is left open is asked for."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from lottery import files
from lottery.config import load_study
from lottery.config.sources import unpinned
from lottery.config.study import RESERVED_WORDS
from lottery.data.examples import are_positions, checked_examples, wanted_columns, with_gold_label
from lottery.data.readers import RawTable
from lottery.data.sources import HUB_CACHE, read_split
from lottery.data.splits import stratified_sample
from lottery.files.errors import StudyError, blaming
from lottery.models.checks import CONFIG
from lottery.models.model_files import check_folder
from lottery.tasks.entries import task_from_config
from lottery.tasks.labels import column_name, label_name, template_columns
from lottery.tasks.metrics import applicable
from lottery.tasks.task import PRESETS

if TYPE_CHECKING:
    import pyarrow as pa

MOST_LABELS = 20  # different values of a column that is taken for the label without being named
MOST_CLASSES = 1000
MOST_SHOWN = 10  # labels in a comment
FEWEST = 2  # examples of a split
SEED = 0  # of the examples that are set apart
MAX_LENGTH = 128
SHARE = "0.2"
HUB = re.compile(r"hub:([^/:]+/[^/:]+)(?:/([^/:]+))?")
CACHE = Path("resources/tasks") / HUB_CACHE  # from which the study takes what was downloaded

TEMPLATE = """\
# Written by `tickets init`. Check it, then: {run}
# What it makes is below results/, with the report in results/report.html.

# The pretrained encoder: `embedded`, a folder with config.json, or a hub id with its revision.
models:
  {model}:
{source}
tasks:
  {task}:
{found}
    data: {data}
    # {what_text}
    text: {text}
    # The column of the {what_label}.
    label: {label}
{labels}    # Also possible: {metrics}.
    metric: {metric}

# Every model is trained once per seed; claims are judged from three seeds on.
seeds: [1337, 42, 86]

# Fine-tuning, and retraining of the subnetworks ({recipe}).
training:
  learning_rate: {learning_rate}
  batch_size: {batch_size}
  epochs: 3
  warmup_steps: {warmup_steps}
  # Tokens per example; longer texts are cut.
  max_length: {max_length}

# What is pruned: attention heads and MLPs; single weights. docs/options.md lists the options.
methods:
  structured:
    algorithm: structured
    subnetworks: [good, random, bad]
  magnitude:
    algorithm: magnitude
    subnetworks: [good, random, bad]

# The models that are written for use outside the study, to results/export (docs/export.md).
export:
  - {{subnetwork: good, seed: 1337}}
"""


@dataclass(frozen=True)
class _Column:
    """What the values of a column look like."""

    name: str
    names: Counter[str | None]  # of its values as labels; None where one is missing
    numbers: bool  # whether all values are numbers, but for missing ones
    words: bool  # whether there is a blank or a character outside of ASCII in any value

    @property
    def may_be_label(self) -> bool:
        different = len([name for name in self.names if name is not None])
        return 2 <= different <= min(MOST_LABELS, self.names.total() / 2)

    @property
    def may_be_text(self) -> bool:
        return self.words and not self.numbers and not self.may_be_label


def init(
    data: str,
    *,
    text: str | Sequence[str] | None = None,
    label: str | None = None,
    validation: str | None = None,
    model: str = "embedded",
    metric: str | None = None,
    encoding: str | None = None,
    quoting: str | None = None,
    output: str = "config.yaml",
) -> None:
    """Writes a config that trains on a data file, and says what was found in it.

    Args:
        data: A data file of any type that a config may name, a folder of `save_to_disk`, or
            hub:OWNER/NAME or hub:OWNER/NAME/CONFIG for a data set of the hub.
        text: The column of the text, or those of a pair; None for the only one it can be.
        label: The column of the label; None for `label`, or the only one it can be.
        validation: A data file, or the share of the examples that are set apart: then two files
            are written into the working directory. Of a data set of the hub a split. None for a
            share of 0.2, or the split validation.
        model: `embedded`, a folder, or a hub id, whose present revision is asked for.
        metric: The metric; None for the default of a classification.
        encoding: Of text files; see docs/data.md.
        quoting: Of csv and tsv files; see docs/data.md.
        output: The config.

    Raises:
        StudyError: a file exists or cannot be read, a choice is left open, or the config that would
            be written is wrong.
    """
    _require_new(Path(output))
    reading = {"quoting": quoting, "encoding": encoding}
    share = None
    if data.startswith("hub:"):
        place = _of_the_hub(data, validation or "validation")
        stem = Path(place["hub"]).name
    else:
        share = _share(validation or SHARE)
        # A share is set apart of what is read as one.
        place = {"train": data, "validation": data if share else validation}
        stem = Path(data).stem
    place |= {name: value for name, value in reading.items() if value is not None}
    columns = _columns(place)
    label = _label(data, columns, label, _named_columns(text, columns), metric)
    texts = _texts(data, columns, _names(text), label)
    labels = _classes(data, columns[label], metric)
    missing = columns[label].names[None] if labels else 0
    task_id = _id(stem, "data")
    task_id = f"own_{task_id}" if task_id in (*PRESETS, *RESERVED_WORDS) else task_id
    entry: dict[str, Any] = {
        "data": place,
        "text": texts[0] if len(texts) == 1 else texts,
        "label": label,
    }
    entry |= {"labels": labels} if labels else {}
    entry |= {"drop_labels": [""]} if missing else {}
    entry |= {"metric": metric or applicable(len(labels) or 1)[0]}
    parts: dict[Path, str] = {}
    if share is None:
        counts = _check_both(task_id, entry)
    else:
        counts, parts = _set_apart(task_id, entry, data, share)
    settings = _of_model(model) | _of_task(task_id, entry, data, columns, counts, missing, share)
    run = f"tickets run {'' if output == 'config.yaml' else _plain(output)}".rstrip()
    config = TEMPLATE.format(run=run, **settings)
    with _new_files() as write:
        for path, content in parts.items():
            write(path, content)
        load_study(yaml.safe_load(config), Path.cwd())  # whose files must exist
        write(Path(output), config)
    for path in parts:
        print(f"Wrote {path}.")
    print(f"Wrote {output}, whose comments say what was found in {data}; check it, then run")
    print(f"  {run}")


def _require_new(path: Path, advice: str = "--output names another") -> None:
    if path.exists():
        raise StudyError(f"{path} exists and is not overwritten: remove it ({advice}).")


@contextmanager
def _new_files() -> Iterator[Callable[[Path, str], None]]:
    """Gives a function that writes a file; what it has written goes again if there is an error."""
    made: list[Path] = []

    def write(path: Path, content: str) -> None:
        try:
            with files.atomic(path) as temporary:
                temporary.write_text(content, encoding="utf-8", newline="")
        except OSError as error:
            raise StudyError(f"{path} cannot be written: {error.strerror}.") from error
        made.append(path)

    try:
        yield write
    except BaseException:
        for path in made:
            path.unlink(missing_ok=True)
        raise


def _names(text: str | Sequence[str] | None) -> list[str]:
    given = [text] if isinstance(text, str) else text or []
    return [column_name(name) for name in given]


def _id(name: str, otherwise: str) -> str:
    """A name as an id of the config."""
    return re.sub("[^a-z0-9_]+", "_", name.lower()).strip("_")[:64] or otherwise


def _share(validation: str) -> float | None:
    """The share of examples to set apart; None if a file is named."""
    with suppress(ValueError):
        share = float(validation)
        if not 0 < share < 1:
            raise StudyError(
                f"--validation is {validation}; allowed are a file, and a share between 0 and 1."
            )
        return share
    return None


# --- which columns ---


def _of_the_hub(data: str, validation: str) -> dict[str, Any]:
    """What a config says of a data set of the hub, at its present revision."""
    from lottery.files.hub import describe_data_set, present_commit

    named = HUB.fullmatch(data)
    if named is None:
        raise StudyError(f"{data} is no data set; allowed are hub:OWNER/NAME and hub:.../CONFIG.")
    repository, config = named.groups()
    revision = present_commit(repository, "dataset")
    splits = describe_data_set(repository, config, revision)["splits"]
    for split in ("train", validation):
        if split not in splits:
            raise StudyError(
                f"{repository} has no split {split!r}, but {', '.join(splits)}: --validation names "
                "the split for validation, and docs/data.md shows other choices."
            )
    place = {"hub": repository, "revision": revision} | ({"config": config} if config else {})
    return place | {"splits": {"train": "train", "validation": validation}}


def _columns(place: dict[str, Any]) -> dict[str, _Column]:
    """The columns of the training examples by name, in their order."""
    # Of a task that reads no column yet.
    task = task_from_config("data", {"data": place, "text": "text", "labels": ["0", "1"]})
    available = [*map(column_name, read_split(task, "train", (), None, CACHE).available)]
    raw = read_split(task, "train", available, None, CACHE)
    return {name: _column(raw, name) for name in dict.fromkeys(available)}


def _column(raw: RawTable, name: str) -> _Column:
    given = {str(place): each for place, each in enumerate(raw.label_names.get(name, ()))}
    names: Counter[str | None] = Counter()
    numbers, words = True, False
    for value in raw.label_values(name):
        of_value = label_name(value)
        of_value = None if of_value is None else given.get(of_value, of_value)
        names[of_value] += 1
        numbers = numbers and (of_value is None or _is_number(of_value))
        words = words or (isinstance(value, str) and (" " in value.strip() or not value.isascii()))
    return _Column(name, names, numbers, words)


def _is_number(name: str) -> bool:
    return re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", name) is not None


def _named_columns(text: str | Sequence[str] | None, columns: dict[str, _Column]) -> set[str]:
    """The columns that `--text` or `--pair` names, those within templates too."""
    return {
        column_name(column)
        for name in _names(text)
        for column in ([name] if name in columns else template_columns(name) or [name])
    }


def _label(
    data: str,
    columns: dict[str, _Column],
    label: str | None,
    texts: set[str],
    metric: str | None,
) -> str:
    if label is not None:
        return _existing(data, columns, column_name(label), "--label")
    if "label" in columns and "label" not in texts:
        return "label"
    left = [each for each in columns.values() if each.name not in texts]
    scores = metric in applicable(1)
    found = [each.name for each in left if (each.numbers if scores else each.may_be_label)]
    if len(found) != 1:
        raise StudyError(
            f"{data} has {_choice(found, 'the label')}; name it by --label (its columns are "
            f"{_listed(columns)})."
        )
    return found[0]


def _texts(data: str, columns: dict[str, _Column], texts: list[str], label: str) -> list[str]:
    if texts:
        option = "--text" if len(texts) == 1 else "--pair"
        for text in texts:  # a column, or a template that joins some
            for name in [text] if text in columns else template_columns(text) or [text]:
                _existing(data, columns, name, option)
        return texts
    found = [each.name for each in columns.values() if each.may_be_text and each.name != label]
    if len(found) != 1:
        raise StudyError(
            f"{data} has {_choice(found, 'the text')}; name one by --text, or two by --pair (its "
            f"columns are {_listed(columns)})."
        )
    return found


def _choice(found: list[str], what: str) -> str:
    if not found:
        return f"no column that is surely {what}"
    return f"{len(found)} columns that could be {what}, {_listed(found)}"


def _existing(data: str, columns: dict[str, _Column], name: str, option: str) -> str:
    if name not in columns:
        raise StudyError(
            f"{option} names the column {_plain(name)}, which {data} does not have; its columns "
            f"are {_listed(columns)}."
        )
    return name


def _classes(data: str, column: _Column, metric: str | None) -> list[str]:
    """The names of the classes; none for a regression.

    Raises:
        StudyError: there are too few or too many values, or numbers that may be scores.
    """
    names = [name for name in column.names if name is not None]
    if metric in applicable(1):
        return []
    if metric is None and column.numbers and len(names) > MOST_LABELS:
        raise StudyError(
            f"The column {_plain(column.name)} of {data} holds {len(names)} different numbers: "
            f"give --metric {' or '.join(applicable(1))} if they are scores, and --metric "
            "accuracy if they are classes."
        )
    if not 2 <= len(names) <= MOST_CLASSES:
        raise StudyError(
            f"The column {_plain(column.name)} of {data} holds {len(names)} different values; a "
            f"label has from 2 to {MOST_CLASSES} (--label names another column)."
        )
    return sorted(
        names, key=lambda name: (0, float(name), name) if column.numbers else (1, 0, name)
    )


# --- training and validation examples ---


def _read(task_id: str, entry: dict[str, Any], split: str, numbered: bool | None) -> Any:
    """The checked examples of a split, and whether its labels are positions."""
    task = task_from_config(task_id, entry)
    raw = read_split(task, split, wanted_columns(task), None, CACHE)
    raw, _ = with_gold_label(raw, task)
    if numbered is None and task.labels is not None:
        numbered = are_positions(raw, task.label, task.labels)
    return checked_examples(raw, task, split, numbered), numbered


def _check_both(task_id: str, entry: dict[str, Any]) -> dict[str, int]:
    """Checks the files of both splits; gives their numbers of examples."""
    train, numbered = _read(task_id, entry, "train", None)
    dev, _ = _read(task_id, entry, "validation", numbered)
    return {"train": len(train), "validation": len(dev)}


def _set_apart(
    task_id: str, entry: dict[str, Any], data: str, share: float
) -> tuple[dict[str, int], dict[Path, str]]:
    """The content of two files, which take the place of the one in the entry.

    The classes keep their shares, and examples of equal text stay together.
    """
    stem = Path(data).stem
    paths = [Path(f"{stem}_{split}.csv") for split in ("train", "validation")]
    for path in paths:
        _require_new(path, "--validation names a file in place of a share")
    examples, _ = _read(task_id, entry, "train", None)
    texts = [name for name in ("text_a", "text_b") if name in examples.column_names]
    rows = [*zip(*(examples[name].to_pylist() for name in texts), strict=True)]
    first: dict[tuple[str, ...], int] = {}
    group = np.array([first.setdefault(row, len(first)) for row in rows])
    starts = np.unique(group, return_index=True)[1]
    size = min(max(round(share * len(starts)), FEWEST), len(starts) - 1)
    labels = examples["label"].to_numpy()[starts]
    chosen = stratified_sample(labels, np.arange(len(starts)), size, SEED)
    apart = np.isin(group, chosen)
    entry["data"] = {"train": str(paths[0]), "validation": str(paths[1]), "quoting": "csv"}
    parts = [examples.filter(~apart), examples.filter(apart)]
    counts = {"train": len(parts[0]), "validation": len(parts[1])}
    if classes := entry.get("labels"):
        for split, part in zip(("train", "validation"), parts, strict=True):
            there = set(part["label"].to_pylist())
            if lost := [name for number, name in enumerate(classes) if number not in there]:
                raise StudyError(
                    f"{data} has so few examples of {_plain(lost[0])} that none would be among "
                    f"those for {split}: name a file by --validation, or a larger share."
                )
    return counts, {path: _as_csv(part, entry) for path, part in zip(paths, parts, strict=True)}


def _as_csv(examples: pa.Table, entry: dict[str, Any]) -> str:
    """Examples as csv: their number in the file, texts, and the name of the label or the score."""
    texts, classes = entry["text"], entry.get("labels")
    texts = [texts] if isinstance(texts, str) else texts
    lines = io.StringIO()
    # Texts in quotation marks: a lone carriage return would end the line.
    writer = csv.writer(lines, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(["idx", *texts, entry["label"]])
    columns = [examples[name].to_pylist() for name in examples.column_names]
    for idx, *values, label in zip(*columns, strict=True):
        writer.writerow([idx, *values, classes[label] if classes else repr(label)])
    return lines.getvalue()


# --- the config ---


def _of_model(source: str) -> dict[str, Any]:
    """The settings of the model, and of its training."""
    name = _id(Path(source).name, "model")
    lines = [f"source: {_plain(source)}"]
    with blaming("--model"):
        if (files.expanded(source) / CONFIG).is_file():
            check_folder(files.expanded(source), weights=True)
    if unpinned({"models": {name: {"source": source}}}, Path.cwd()):
        from lottery.files.hub import present_commit

        lines.append(f"revision: {_plain(present_commit(source))}")
    demo = source == "embedded"
    return {
        "model": name,
        "source": "".join(f"    {line}\n" for line in lines),
        "recipe": "as in the demo" if demo else "as in the paper",
        "learning_rate": "2.0e-4" if demo else "2.0e-5",
        "batch_size": 8 if demo else 32,
        "warmup_steps": 0.1 if demo else 0,
        "max_length": _max_length(files.expanded(source)),
    }


def _max_length(folder: Path) -> int:
    """The default, unless a model in a folder has fewer positions, two of which may be special."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        read = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return max(4, min(MAX_LENGTH, read["max_position_embeddings"] - 2))
    return MAX_LENGTH


def _of_task(
    task_id: str,
    entry: dict[str, Any],
    data: str,
    columns: dict[str, _Column],
    counts: dict[str, int],
    missing: int,
    share: float | None,
) -> dict[str, Any]:
    """The settings of the task, with what was found in comments."""
    label, classes = columns[entry["label"]], entry.get("labels")
    found = [f"{_plain(data)}: {label.names.total()} rows, columns {_listed(columns)}."]
    if share is not None:
        found.append(
            f"Set apart: {counts['train']} examples for training and {counts['validation']} for "
            "validation, with the classes' shares kept."
        )
    else:
        found.append(
            f"{counts['train']} examples for training, {counts['validation']} for validation."
        )
    labels = ""
    if classes:
        common = [(name, n) for name, n in label.names.most_common() if name is not None]
        shown = ", ".join(f"{_plain(name)} {n}" for name, n in common[:MOST_SHOWN])
        more = f", and {len(common) - MOST_SHOWN} more" if len(common) > MOST_SHOWN else ""
        labels = f"    # How often there is each in {_plain(data)}: {shown}{more}.\n"
        labels += f"    labels: {_plain(classes)}\n"
    if missing:
        labels += f'    # Rows without a label, left out: {missing}.\n    drop_labels: [""]\n'
    others = [name for name in applicable(len(classes or "1")) if name != entry["metric"]]
    pair = not isinstance(entry["text"], str)
    return {
        "task": task_id,
        "found": "\n".join(f"    # {line}" for line in found),
        "data": _plain(entry["data"]),
        "what_text": "The columns of a pair of texts." if pair else "The column of the text.",
        "text": _plain(entry["text"]),
        "what_label": "label" if classes else "score",
        "label": _plain(entry["label"]),
        "labels": labels,
        "metric": entry["metric"],
        "metrics": ", ".join(others),
    }


def _listed(names: Sequence[str] | dict[str, _Column]) -> str:
    return ", ".join(map(_plain, names))


def _plain(value: object) -> str:
    """A value as YAML on one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=float("inf"), sort_keys=False
    )
    return text.removesuffix("...\n").strip()
