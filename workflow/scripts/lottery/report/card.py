"""The model card of an exported subnetwork, README.md: what it is, how good, how it was made.

It holds numbers, names and labels, and no text of a data set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from lottery.report.tables.model import Record, Table, plain, records
from lottery.report.tables.numbers import counted, interval, percent, rounded
from lottery.report.tables.render import markdown
from lottery.results.scores import COSTS
from lottery.statistics.intervals import t_estimate

if TYPE_CHECKING:
    import pandas as pd

CELL = ("model", "task", "seed", "method", "subnetwork", "phase")
FULL = {"method": "none", "subnetwork": "full", "phase": "finetuned"}
PHASES = {
    "finetuned": "fine-tuned",
    "pruned": "pruned after fine-tuning and not trained again",
    "retrained": "retrained under its mask",
}
COST_LABELS = {
    "parameters": "parameters",
    "nonzero_parameters": "parameters that are not pruned",
    "file_bytes": "bytes of the smallest file of weights",
    "flops": "FLOPs of an example (mean over the validation split)",
}
CITATION = """\
@inproceedings{prasanna-etal-2020-bert,
  title = {When {BERT} Plays the Lottery, All Tickets Are Winning},
  author = {Prasanna, Sai and Rogers, Anna and Rumshisky, Anna},
  booktitle = {Proceedings of EMNLP},
  year = {2020},
  pages = {3208--3229},
  doi = {10.18653/v1/2020.emnlp-main.259},
}
"""
SOFTWARE = """\
@software{{all-tickets,
  title = {{All Tickets: lottery tickets in fine-tuned encoders as a Snakemake workflow}},
  author = {{{{All Tickets contributors}}}},
  note = {{{commit}}},
}}
"""


@dataclass(frozen=True, eq=False)
class Made:
    """What a card is filled from.

    Attributes:
        cell: model, task, seed, method, subnetwork and phase.
        facts: of the model, the task and the method (None for the full model), as the report has
            them; the task's with its labels, None for a regression.
        training: the recipe.
        pairs: whether the task has pairs of texts.
        files: the files of weights next to the card, `model.safetensors` aside.
        metrics: metrics.json of the cell.
        scores, differences: the study's tables, the first as `score_table` reads it.
        latency: the table of measured times, where there is one.
        provenance: the records of the model, the task and the trainings, in this order.
    """

    cell: Mapping[str, Any]
    facts: Mapping[str, Any]
    training: Mapping[str, Any]
    pairs: bool
    files: Sequence[str]
    metrics: Mapping[str, Any]
    scores: pd.DataFrame
    differences: pd.DataFrame
    latency: pd.DataFrame | None
    provenance: Sequence[Mapping[str, Any]]


def model_card(made: Made) -> str:
    """Writes the card, in Markdown with the metadata that the Hugging Face hub reads."""
    cell, source = made.cell, made.facts["model"]["source"]
    what = "The whole model" if made.facts["method"] is None else f"The subnetwork {_name(made)}"
    kept = made.metrics["kept_fraction"]
    size = "" if kept == 1 else f" It keeps {percent(kept)} of the encoder layers' parameters."
    parts = [
        f"---\n{yaml.safe_dump(_metadata(made), sort_keys=False)}---",
        f"# {cell['model']} on {cell['task']}: {_name(made)}",
        f"{what} of `{source}` for the task {cell['task']}, {PHASES[cell['phase']]}, seed "
        f"{cell['seed']}.{size}",
        _use(made),
        *(markdown(table) for table in _tables(made)),
        _versions(made),
        "## Citation",
        f"```bibtex\n{CITATION}\n{SOFTWARE.format(commit=_commit(made))}```",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _name(made: Made) -> str:
    subnetwork, method = made.cell["subnetwork"], made.cell["method"]
    return subnetwork if made.facts["method"] is None else f"{subnetwork} of {method}"


def _commit(made: Made) -> str:
    record = made.provenance[-1]
    version = record["versions"].get("all-tickets")
    return f"commit {record['commit']}" if record["commit"] else f"version {version or 'unknown'}"


def _metadata(made: Made) -> dict[str, Any]:
    model, task = made.facts["model"], made.facts["task"]
    found: dict[str, Any] = {"library_name": "transformers", "pipeline_tag": "text-classification"}
    if model["kind"] == "hub":
        found |= {"base_model": model["source"], "base_model_relation": "finetune"}
    if task["revision"]:
        found["datasets"] = [task["data_set"]]
    return found | {"tags": ["all-tickets", "lottery-ticket", "pruning"]}


def _use(made: Made) -> str:
    single, pair = '"a text"', '("a text", "its second text")'
    text = pair if made.pairs else single
    given = '{"text": "a text", "text_pair": "its second text"}' if made.pairs else single
    gives = "scores" if made.facts["task"]["labels"] is None else "probabilities of the labels"
    lines = [
        "## Use",
        "In the folder of this file, with transformers:",
        f"```python\nfrom transformers import pipeline\n\n"
        f'classify = pipeline("text-classification", model=".")\nclassify({given})\n```',
    ]
    if "shrunk.safetensors" in made.files:
        lines.append(
            "There the model has zeros where units are pruned, and is as large as before. "
            "`shrunk.safetensors` lacks them; the library of All Tickets loads it:"
        )
    else:
        lines.append("With the library of All Tickets:")
    lines.append(
        f'```python\nimport lottery\n\nlottery.load(".").predict([{text}])  # {gives}\n```'
    )
    if "onnx/model.onnx" in made.files:
        lines.append(
            "`onnx/model.onnx` takes what the tokenizer gives, int64 [batch, tokens], and gives "
            "logits."
        )
    return "\n\n".join(lines)


def _tables(made: Made) -> Iterator[Table]:
    """The tables of the card, in their order."""
    yield Table("origin", "", ("", "value"), plain(_origin(made)), {1}, title="Model and data")
    recipe = [[name, str(value)] for name, value in made.training.items()]
    seed = [["seed", str(made.cell["seed"])]]
    yield Table("recipe", "", ("option", "value"), plain(recipe + seed), {1}, title="Recipe")
    if made.facts["method"] is not None:
        yield Table("mask", "", ("", "value"), plain(_mask(made)), {1}, title="Mask")
    yield _score_table(made)
    if rows := _over_seeds(made):
        columns = ("", "split", "metric", "value", "95 % interval", "seeds")
        caption = (
            "Means over all seeds with an interval over seeds, and differences of such means with "
            "an interval over seeds and examples, which leave out collapsed runs."
        )
        yield Table("seeds", caption, columns, plain(rows), {1, 2}, title="Over the study's seeds")
    yield _cost_table(made)
    if (table := _latency_table(made)) is not None:
        yield table
    steps = [
        [each["step"], each["started"], each["commit"] or "unknown", each["computed_on"]]
        for each in made.provenance
    ]
    columns_of_steps = ("step", "started", "commit", "computed on")
    yield Table("made", "", columns_of_steps, plain(steps), {1, 2, 3}, title="How it was made")


def _origin(made: Made) -> list[list[str]]:
    model, task = made.facts["model"], made.facts["task"]
    data = made.provenance[1]
    files = {
        path.rsplit("/", 1)[-1]: digest
        for each in data["outputs"].values()
        for path, digest in each.items()
    }
    rows = [
        ["base model", model["source"]],
        ["its revision", model["revision"]],
        ["its weights", model["weights"]],
        ["data", task["source"]],
        ["its revision", task["revision"]],
        ["text, by columns of the data", "; ".join(task["text"])],
        ["fold for validation", task["fold"]],
        ["labels", ", ".join(task["labels"] or ["none: a regression"])],
    ]
    rows += [
        [f"{split} examples", f"{counts['examples']} (sha256 {files[f'{split}.parquet']})"]
        for split, counts in data["data"]["splits"].items()
    ]
    return [row for row in rows if row[1]]


def _mask(made: Made) -> list[list[str]]:
    method = made.facts["method"]
    units = made.metrics["units_kept"]
    kept = ", ".join(counted(count, name.removesuffix("s")) for name, count in units.items())
    rows = [
        ["method", made.cell["method"]],
        ["algorithm", method["algorithm"]],
        ["preset", method["preset"]],
        *([name, value] for name, value in method["options"].items()),
        ["searched on", method["search_on"]],
        ["subnetwork", made.cell["subnetwork"]],
        ["kept_fraction", rounded(made.metrics["kept_fraction"], 4)],
        ["kept units", kept],
    ]
    return [row for row in rows if row[1]]


def _of(frame: pd.DataFrame, **wanted: Any) -> list[Record]:
    for name, value in wanted.items():
        frame = frame[frame[name] == value]
    return records(frame)


def _score_table(made: Made) -> Table:
    """This model's scores next to those of the full model of its seed, and of majority."""
    cell = dict(made.cell)
    full = _by_metric(_of(made.scores, **cell | FULL))
    majority = _by_metric(
        _of(made.scores, model="none", task=cell["task"], subnetwork="majority", eval_task="")
    )
    rows = []
    for row in _of(made.scores, **cell):
        if row["group"]:
            continue
        key = (row["eval_task"], row["split"], row["metric"])
        on = row["eval_task"] or cell["task"]
        values = [row["value"], full.get(key), majority.get(key)]
        numbers = [rounded(value, 4) for value in values]
        rows.append([on, row["split"], row["metric"], *numbers, str(row["n_examples"])])
    columns = ("task", "split", "metric", "this model", "full model", "majority", "examples")
    caption = "This model, the full model fine-tuned with the same seed, and the majority baseline."
    return Table("scores", caption, columns, plain(rows), {1, 2}, title="Scores")


def _by_metric(rows: list[Record]) -> dict[tuple[str, str, str], float]:
    return {
        (row["eval_task"], row["split"], row["metric"]): row["value"]
        for row in rows
        if not row["group"]
    }


def _over_seeds(made: Made) -> list[list[str]]:
    """Means over seeds of scores.csv in the reported metric, then the rows of differences.csv."""
    cell = {name: value for name, value in made.cell.items() if name != "seed"}
    runs = _of(made.scores, **cell, metric=made.facts["task"]["metric"], eval_task="")
    rows = []
    for split in dict.fromkeys(row["split"] for row in runs):
        values = [row["counted"] for row in runs if row["split"] == split]
        found = t_estimate([values]) if None not in values else None
        if found is not None:
            rows.append(["this subnetwork", split, *_estimate(runs[0]["metric"], vars(found))])
    same = {name: cell[name] for name in ("model", "task", "method", "phase")}
    for row in _of(made.differences, **same):
        if cell["subnetwork"] in (row["first"], row["second"]):
            name = f"{row['first']} - {row['second']}"
            of_row = row | {"value": row["difference"]}
            rows.append([name, row["split"], *_estimate(row["metric"], of_row)])
    return rows


def _estimate(metric: str, row: Mapping[str, Any]) -> list[str]:
    span = "" if row["low"] is None else f"[{rounded(row['low'], 4)}, {rounded(row['high'], 4)}]"
    return [metric, rounded(row["value"], 4), span, str(row["n_seeds"])]


def _cost_table(made: Made) -> Table:
    ours, full = (
        _of(made.scores, **dict(made.cell) | other, split="validation", eval_task="")[0]
        for other in ({}, FULL)
    )
    rows = [
        [COST_LABELS[name], f"{ours[name]:.0f}", f"{full[name]:.0f}"] for name in (*COSTS, "flops")
    ]
    return Table("cost", "", ("", "this model", "full model"), plain(rows), title="Size and cost")


def _latency_table(made: Made) -> Table | None:
    if made.latency is None:
        return None
    wanted = {name: made.cell[name] for name in ("model", "task", "method", "subnetwork")}
    rows = [
        [
            str(row["batch_size"]),
            f"{rounded(row['ms'])} {interval(row['ms_low'], row['ms_high'])}",
            f"{rounded(row['ratio'])} {interval(row['ratio_low'], row['ratio_high'])}",
            f"{row['device']}, {row['threads']} threads of torch",
        ]
        for row in _of(made.latency, **wanted)
    ]
    columns = ("examples in a batch", "ms per example", "time / time of the full model", "device")
    caption = (
        "Medians with quartiles over rounds, of the same subnetwork under the study's first seed."
    )
    return Table("latency", caption, columns, plain(rows), {3}, title="Latency") if rows else None


def _versions(made: Made) -> str:
    versions = made.provenance[-1]["versions"]
    named = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return f"Versions of the last step: {named}."
