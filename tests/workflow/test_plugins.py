"""The example plugins run a study to its report, from a folder outside the repository."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from command_line import ROOT, planned, run_snakemake
from runs import Config, Run, Share, run_to_the_end

EXAMPLES = ("layerwise_magnitude", "random_heads", "taylor_squared")
# Claims that are about the other kind of pruning.
OF_UNITS = {"C3", "C6", "C7", "C8", "C9", "C10", "C11", "C12", "C13", "C14"}
OF_WEIGHTS = {"C2", "C5"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plugged(share: Share, study: Config) -> Run:
    def make(folder: Path) -> Config:
        for name in EXAMPLES:
            shutil.copy(ROOT / f"docs/examples/{name}.py", folder)
        config = study | {
            "plugins": [f"{name}.py" for name in EXAMPLES],
            "tasks": {"tone": study["tasks"]["tone"]},
            "methods": {
                "layerwise": {"algorithm": "layerwise_magnitude", "keep": 0.7},
                "heads": {"algorithm": "random_heads", "subnetworks": ["good", "bad"]},
                "squared": {
                    "algorithm": "taylor_squared",
                    "units": ["head", "neuron", "layer"],
                    "subnetworks": ["good", "random"],
                },
            },
        }
        return run_to_the_end(folder, config)

    return share("plugged", make)


@pytest.fixture(scope="module")
def claims(plugged: Run) -> pd.DataFrame:
    table = pd.read_csv(plugged.folder / "results/tables/claims.csv", keep_default_na=False)
    return table.set_index(["method", "claim"])


def test_the_plugins_are_named_with_their_digests_before_planning(plugged: Run) -> None:
    for name in EXAMPLES:
        assert re.search(rf"^plugin {name}\.py \(sha256 [0-9a-f]{{64}}\)$", plugged.output, re.M)


def test_masks_are_what_the_plugins_say(plugged: Run) -> None:
    sizes = pd.read_csv(plugged.folder / "results/tables/scores.csv")
    layerwise = sizes[(sizes["method"] == "layerwise") & (sizes["subnetwork"] != "full")]
    assert layerwise["kept_fraction"].between(0.69, 0.71).all()
    assert layerwise["heads_kept"].isna().all()
    heads = sizes[sizes["method"] == "heads"]
    assert (heads["mlps_kept"] == 3).all() and (heads["heads_kept"] < 12).any()


def test_claims_about_the_other_kind_of_pruning_do_not_apply(claims: pd.DataFrame) -> None:
    verdicts = claims["verdict"]
    for claim in OF_UNITS | {"C1", "C4"}:  # its search goes down to no threshold
        assert verdicts["layerwise", claim] == "not applicable", claim
    for claim in OF_WEIGHTS | {"C11"}:  # it records no importances
        assert verdicts["heads", claim] == "not applicable", claim
    for method, claim in (("layerwise", "C2"), ("heads", "C1"), ("heads", "C7")):
        assert verdicts[method, claim] != "not applicable"


def test_nothing_says_that_a_search_stopped_where_there_was_none(
    plugged: Run, claims: pd.DataFrame
) -> None:
    for text in claims.loc["layerwise", "reason"]:
        assert "stopped" not in text
    assert not list((plugged.folder / "results/figures/tiny/layerwise").glob("trajectories*"))
    assert list((plugged.folder / "results/figures/tiny/heads").glob("trajectories*"))


def test_shares_of_weights_are_no_numbers_of_seeds(plugged: Run) -> None:
    for method, counted in (("layerwise", False), ("heads", True)):
        table = pd.read_csv(plugged.folder / f"results/tables/tiny/{method}/survival.csv")
        whole = table["mean"].isin([0.0, 0.5, 1.0])  # of two seeds
        assert whole.all() == counted
        figure = (plugged.folder / f"results/figures/tiny/{method}/survival_tasks.svg").read_text()
        assert ("share of seeds in which the unit survives" in figure) == counted
        assert ("share kept" in figure) != counted


def test_a_criterion_of_ones_own_has_all_figures_and_claims(
    plugged: Run, claims: pd.DataFrame
) -> None:
    figures = plugged.folder / "results/figures/tiny"
    names = {path.name for path in (figures / "squared").iterdir()}
    assert {
        "survival_tasks.svg",
        "survivors.svg",
        "importance_histograms.svg",
        "trajectories.svg",
    } <= names
    units = pd.read_csv(plugged.folder / "results/tables/tiny/squared/survival.csv")["unit"]
    assert set(units) == {"head", "mlp", "neuron", "layer"}
    assert claims["verdict"]["squared", "C11"] != "not applicable"
    report = (plugged.folder / "results/report.html").read_text()
    assert "taylor_squared.py" in report and "squared" in report
    sizes = pd.read_csv(plugged.folder / "results/tables/scores.csv")
    good = sizes[(sizes["method"] == "squared") & (sizes["subnetwork"] == "good")]
    assert {*good["phase"]} == {"pruned", "retrained"} and (good["kept_fraction"] < 1).any()
    assert good["units_kept"].str.contains("neurons=").all()


def test_provenance_holds_the_digest(plugged: Run) -> None:
    mask = plugged.cell("tone", 7) / "mask/layerwise"
    for name in ("provenance.json", "random.provenance.json"):
        plugin = json.loads((mask / name).read_text())["params"]["settings"]["plugin"]
        assert plugin["file"] == "layerwise_magnitude.py" and plugin["sha256"] in plugged.output


def test_an_edit_runs_its_cells_again_and_no_others(plugged: Run, tmp_path: Path) -> None:
    for name in EXAMPLES:
        shutil.copy(plugged.folder / f"{name}.py", tmp_path)
    with (tmp_path / "layerwise_magnitude.py").open("a") as plugin:
        plugin.write("# a word more\n")
    # Snakemake reads what is planned in the run's folder, so the edited file is put there.
    folder = tmp_path / "run"
    shutil.copytree(plugged.folder, folder, symlinks=True)
    assert planned(folder, plugged.config) == {}
    shutil.copy(tmp_path / "layerwise_magnitude.py", folder)
    found = planned(folder, plugged.config)
    assert found["search_layerwise_magnitude"] == 2
    assert "search_random_heads" not in found and "finetune" not in found
    # random and bad of two seeds; good, random and bad.
    assert (found["sample_masks"], found["retrain"], found["evaluate_pruned"]) == (4, 6, 2)
    assert found["plot_scores"] == 1


def test_an_error_in_a_plugin_is_a_sentence_with_its_line(study: Config, tmp_path: Path) -> None:
    text = (ROOT / "docs/examples/random_heads.py").read_text()
    (tmp_path / "broken.py").write_text(text.replace("def search(", "def serach(", 1))
    config = study | {
        "plugins": ["broken.py"],
        "methods": {"heads": {"algorithm": "random_heads"}},
    }
    refused = run_snakemake(tmp_path, config, "--dry-run")
    assert refused.returncode == 1 and "Traceback" not in refused.stdout
    last = refused.stdout.strip().splitlines()[-1]
    assert last.startswith("Error: The plugin broken.py, line ") and "NameError" in last
