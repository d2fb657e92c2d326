"""Whether a figure can be read when printed: sizes, and texts in one another's way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.spines import Spine
from matplotlib.text import Text

from lottery.report import style

SMALLEST = 7  # points
GAP = 1.5  # points between two texts side by side, or they read as one
HIGHEST = 10.0  # inches: a page
CONTRAST = 3.0  # with white, of text, lines and marks (WCAG 2.2, 1.4.11)


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
    found += [f"{what} is too faint" for what in faint(figure)]
    inches = figure.get_size_inches()
    if inches[0] > style.PAGE + 1e-9 or inches[1] > HIGHEST:
        found.append(f"{inches[0]:.1f} x {inches[1]:.1f} inches is more than a page")
    return found


def contrast(colour: object) -> float:
    """Contrast of a colour with white, from 1 to 21 (WCAG 2.2); 1 if it is transparent."""
    *parts, alpha = to_rgba(colour)
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (1 - alpha * (1 - part) for part in parts)
    ]
    return 1.05 / (np.dot((0.2126, 0.7152, 0.0722), linear) + 0.05)


def faint(figure: Figure) -> list[str]:
    """What is drawn with too little contrast; rules that only guide the eye may be faint."""
    looks = []
    for line in figure.findobj(Line2D):
        grid = line.axes is not None and line not in line.axes.lines
        if line.get_visible() and not grid and line.get_color() != style.RULE:
            if line.get_linestyle() not in ("None", "none", "", " "):
                looks.append((line, [line.get_color()]))
            if line.get_marker() not in ("None", "none", "", None):
                looks.append((line, [line.get_markeredgecolor(), line.get_markerfacecolor()]))
    backgrounds = [figure.patch, *(a.patch for a in figure.findobj(lambda a: hasattr(a, "patch")))]
    backgrounds += [legend.get_frame() for legend in figure.legends]
    looks += [
        (patch, [patch.get_edgecolor(), patch.get_facecolor()])
        for patch in figure.findobj(Patch)
        if patch not in backgrounds and not isinstance(patch, Spine)
    ]
    for lines in figure.findobj(LineCollection):
        looks += [(lines, [colour]) for colour in lines.get_color()]
    on_images = {text for axes in figure.axes if axes.images for text in axes.texts}
    looks += [
        (text, [text.get_color()])
        for text in figure.findobj(Text)
        if text.get_text() and text not in on_images
    ]
    return [str(artist) for artist, colours in looks if max(map(contrast, colours)) < CONTRAST]


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

    def keep(figure: Figure, paths: list[Path]) -> None:
        figures[paths[0].stem] = figure
        save(figure, paths)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "save", keep)
        patch.setattr(style, "DPI", 80)  # a quarter of the time
        yield figures
