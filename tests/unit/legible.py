"""Whether a figure can be read when printed: sizes, and texts in one another's way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from lottery.report import style

SMALLEST = 7  # points
GAP = 1.5  # points between two texts side by side, or they read as one
HIGHEST = 10.0  # inches: a page


def complaints(figure: Figure) -> list[str]:
    """What is wrong with a figure; nothing if it is legible."""
    with style.settings():
        texts = texts_of(figure)
    width, height = figure.bbox.size
    boxes = [(text, text.get_window_extent()) for text in texts]
    found = [f"{t.get_text()!r} is too small" for t in texts if t.get_fontsize() < SMALLEST]
    for text, box in boxes:
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height:
            found.append(f"{text.get_text()!r} leaves the figure")
    for (text, box), (other, other_box) in combinations(boxes, 2):
        # Turned texts have boxes that are larger than they are.
        straight = text.get_rotation() % 90 == other.get_rotation() % 90 == 0
        if straight and box.padded(GAP * figure.dpi / 72, 0).overlaps(other_box):
            found.append(f"{text.get_text()!r} and {other.get_text()!r} overlap")
    inches = figure.get_size_inches()
    if inches[0] > style.PAGE + 1e-9 or inches[1] > HIGHEST:
        found.append(f"{inches[0]:.1f} x {inches[1]:.1f} inches is more than a page")
    return found


def _within(place: float, interval: np.ndarray) -> bool:
    return min(interval) - 1e-9 <= place <= max(interval) + 1e-9


def texts_of(figure: Figure) -> list[Text]:
    """The texts that are drawn; axes also hold labels outside their limits, which are not."""
    figure.canvas.draw()
    hidden = {
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        if not _within(tick.get_loc(), axis.get_view_interval())
        for label in (tick.label1, tick.label2)
    }
    texts = figure.findobj(Text)
    return [t for t in texts if t.get_visible() and t.get_text().strip() and t not in hidden]


@contextmanager
def saved_figures() -> Iterator[dict[str, Figure]]:
    """Gathers the figures that steps save within this context, by the name of their svg."""
    figures = {}
    save = style.save

    def keep(figure: Figure, path_to_svg: Path, path_to_png: Path) -> None:
        figures[path_to_svg.stem] = figure
        save(figure, path_to_svg, path_to_png)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "save", keep)
        yield figures
