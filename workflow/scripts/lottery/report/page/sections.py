"""Which figure and table stands in which section of the page. This is the one place that says it.

A section appears where the run made something for it. A figure that no section names appears in
the last one, under its file's name.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """A kind of figure.

    Attributes:
        name: the stem of its file, maybe with * where it differs from figure to figure.
        title: the heading.
        caption: the stem of its caption in workflow/report; `name` where empty.
    """

    name: str
    title: str
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A question of the paper.

    Attributes:
        id: anchor within the page.
        title: the question.
        introduction: what to look at.
        figures: in the order of the page.
        tables: names of the tables that stand before the figures, maybe with *.
    """

    id: str
    title: str
    introduction: str
    figures: tuple[Shown, ...] = ()
    tables: tuple[str, ...] = ()


SECTIONS = (
    Section(
        "good",
        "Do small subnetworks work as well as the full model?",
        "A method removes what matters least by its own measure, as a rule until the score falls"
        " below a threshold. What is left is the good subnetwork. It is scored as it is (pruned),"
        " and after another fine-tuning from the pretrained weights (retrained).",
        (
            Shown("scores", "Scores"),
            Shown("methods", "Methods side by side"),
            Shown("trajectories", "The searches"),
        ),
    ),
    Section(
        "others",
        "Are the others worse, before and after retraining?",
        "Random and bad subnetworks of like size show whether it matters which part of the model is"
        " kept (published random masks have the good one's size on average, all others exactly). A"
        " control that shares much with the good subnetwork tells less.",
        (Shown("differences", "Differences between subnetworks"),),
        ("differences", "overlap", "trainability"),
    ),
    Section(
        "stable",
        "Are the good subnetworks stable over seeds?",
        "Agreement is compared with what masks of the same sizes would have in common by chance,"
        " and with the noise of the search itself.",
        (
            Shown("stability", "Agreement over seeds"),
            Shown("noise", "Noise of seeds and noise of data"),
            Shown("survival_tasks", "What survives, task by task"),
            Shown("survivors", "Units that survive under every seed"),
        ),
    ),
    Section(
        "units",
        "What do the surviving parts do?",
        "Whether attention patterns, importances and the size of the weights tell which units"
        " survive.",
        (
            Shown("patterns", "Attention patterns"),
            Shown("example_maps", "Examples of attention maps"),
            Shown("importance_histograms", "Importances"),
            Shown("importance_correlations", "Importances from step to step"),
            Shown("magnitudes", "Magnitudes of the weights"),
        ),
        ("associations",),
    ),
    Section(
        "tasks",
        "Do tasks share their subnetworks?",
        "Units that the good subnetworks of different tasks have in common.",
        (
            Shown("task_overlap", "Units in common, by pairs of tasks"),
            Shown("survival_all", "What survives over all tasks"),
        ),
    ),
    Section(
        "outside",
        "How do they do outside the data they were trained on?",
        "Models and subnetworks scored on tasks that nothing was trained on.",
        (Shown("on_*", "Scores on other tasks", "on_task"),),
        ("on_*",),
    ),
)
OTHERS = Section("further", "Further figures", "")
