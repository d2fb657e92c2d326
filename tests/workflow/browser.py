"""A browser without a window that looks at a page: what it says, what it draws."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
MEASURED = "the-measurements-of-the-test"

# Runs in a copy of the page. Of every picture it tells whether it had to be opened, then opens all,
# and tells the size, and how many of its pixels differ from the most frequent colour, drawn at a
# hundred thousand pixels or so.
MEASURE = """
<script>
addEventListener("load", () => {
  const folded = new Map([...document.images].map(one => [one, !one.checkVisibility()]));
  for (const one of document.querySelectorAll("details")) one.open = true;
  const pictures = [...document.images].map(picture => {
    const width = picture.naturalWidth, height = picture.naturalHeight;
    const found = {width, height, alt: picture.alt, folded: folded.get(picture),
      shown: picture.getBoundingClientRect().width};
    if (!width || !height) return {...found, drawn: 0};
    const canvas = document.createElement("canvas");
    canvas.width = 400;
    canvas.height = Math.max(1, Math.round(400 * height / width));
    const context = canvas.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const pixels = new Uint32Array(
      context.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    const counts = new Map();
    for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) || 0) + 1);
    return {...found, drawn: 1 - Math.max(...counts.values()) / pixels.length};
  });
  const root = document.documentElement;
  const page = {pictures, width: root.scrollWidth, window: innerWidth};
  const place = document.createElement("pre");
  place.id = "NAME";
  place.textContent = JSON.stringify(page);
  document.body.append(place);
});
</script>
""".replace("NAME", MEASURED)


@dataclass(frozen=True)
class Look:
    """What was seen.

    Attributes:
        pictures: width, height, alt, folded, shown (width on the page) and drawn of every picture.
        width: of the whole page, in pixels.
        window: of the window.
        console: errors and warnings that the page gave.
    """

    pictures: list[dict[str, Any]]
    width: int
    window: int
    console: list[str]


def browser() -> str | None:
    """The program, or None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def run_browser(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Starts the browser with a profile of its own, without network."""
    command = [str(browser()), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += ["--enable-logging=stderr", "--disable-dev-shm-usage", "--no-first-run"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}"]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def look_at(page: Path, folder: Path, width: int = 1280) -> Look:
    """Loads a copy of a page and measures it.

    Args:
        page: the page.
        folder: where the copy is made.
        width: of the window in pixels, 500 at least.
    """
    copy = folder / "measured.html"
    text = page.read_text(encoding="utf-8")
    copy.write_text(text.replace("</body>", f"{MEASURE}</body>"), encoding="utf-8")
    size = f"--window-size={width},900"
    done = run_browser(
        folder, size, "--virtual-time-budget=20000", "--dump-dom", copy.resolve().as_uri()
    )
    found = re.search(rf'<pre id="{MEASURED}">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, f"the page did not load: {done.stderr[-3000:]}"
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Look(**json.loads(html.unescape(found[1])), console=console)


def photograph(page: Path, target: Path, width: int, height: int) -> None:
    """Takes a picture of the top of a page, as png."""
    size = f"--window-size={width},{height}"
    done = run_browser(target.parent, size, f"--screenshot={target}", page.resolve().as_uri())
    assert target.exists(), done.stderr[-3000:]


def print_page(page: Path, target: Path) -> None:
    """Prints a page as pdf."""
    done = run_browser(target.parent, f"--print-to-pdf={target}", page.resolve().as_uri())
    assert target.exists(), done.stderr[-3000:]


FRAMED = """<!doctype html><body style="margin: 0">
<iframe id="frame" style="border: 0; width: WIDTHpx; height: HEIGHTpx" srcdoc="PAGE"></iframe>
<script>
addEventListener("load", async () => {
  const inside = document.getElementById("frame").contentWindow;
  const place = document.createElement("pre");
  place.id = "NAME";
  place.textContent = JSON.stringify(await (ASKED)(inside, inside.document));
  document.body.append(place);
});
</script>
""".replace("NAME", MEASURED)


def ask(
    page: str, folder: Path, asked: str, width: int, height: int = 900, *, dark: bool = False
) -> Any:
    """What a function of JavaScript returns for a page in a frame, so that it may be narrow.

    Args:
        page: the page's HTML.
        folder: where files may be written.
        asked: the function, of the frame's window and document; its result is read as JSON.
        width, height: of the frame, in pixels.
        dark: whether the reader prefers dark colours.
    """
    texts = {"WIDTH": str(width), "HEIGHT": str(height), "ASKED": asked, "PAGE": html.escape(page)}
    framed = re.sub("|".join(texts), lambda found: texts[found[0]], FRAMED)
    (folder / "framed.html").write_text(framed, encoding="utf-8")
    arguments = [f"--window-size={max(width, 500)},{height}", "--virtual-time-budget=20000"]
    arguments += ["--blink-settings=preferredColorScheme=0"] if dark else []
    address = (folder / "framed.html").resolve().as_uri()
    done = run_browser(folder, *arguments, "--dump-dom", address)
    found = re.search(rf'<pre id="{MEASURED}">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, f"the page did not answer: {done.stderr[-3000:]}"
    return json.loads(html.unescape(found[1]))
