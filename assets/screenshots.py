"""Rebuild the pictures of every page in assets/screenshots/: `python assets/screenshots.py [PAGE ...] [--out DIR]`.

Starts the explorer on a port of its own with the recorded runs, opens each page in a headless Chromium, light and
dark, on a wide screen and on a phone, and saves what a person sees. A PAGE is an address below the app's, such as
`metrics` or `"similarity?at=60&tasks=0-2"`; without any, all pages at the moments of the tour are taken. Needs a
Chromium on the path and tests/requirements.txt; about two minutes.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "assets" / "screenshots"
TOUR = {
    "structure": "?at=70",
    "similarity": "similarity?at=47",
    "decisions": "decisions?min=0.89",
    "metrics": "metrics?at=120&base=example.separate-rooms&smooth=0.4",
    "predictions": "predictions?at=120&image=1",
    "robustness": "robustness?base=example.one-rooms",
    "affinity": "similarity?run=example.selective-rooms&at=30",
    "gates": "?run=example.snr-trans-rooms",
    "policies": "?run=example.automtl-rooms&at=60",
    "overview": "overview",
    "compare": "compare?at=100&with=example.one-rooms,example.separate-rooms",
    "train": "train",
    "learn": "learn?step=3&at=32",
}
"""Name of the picture -> address of the page."""
WIDTHS = {"wide": 1440, "phone": 420}


@contextmanager
def explorer(runs: Path) -> Iterator[str]:
    """The address of a running explorer whose own runs lie in `runs`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "explorer/app.py", "--server.port", str(port)]
    process = subprocess.Popen(
        [*command, "--server.headless", "true"],
        cwd=ROOT,
        env=os.environ | {"MTSL_RUNS": str(runs)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def settle(page: Page) -> None:
    """Wait until the page has stopped changing: nothing runs and every chart is drawn."""
    page.get_by_test_id("stMainBlockContainer").wait_for(timeout=60_000)
    page.wait_for_function(
        """() => {
            const app = document.querySelector('[data-testid="stApp"]')
            const idle = app?.getAttribute("data-test-script-state") === "notRunning"
            const charts = [...document.querySelectorAll(".chart")].every((host) => host.querySelector(".main-svg"))
            return idle && charts && document.querySelectorAll('[data-testid="stSkeleton"]').length === 0
        }""",
        timeout=60_000,
    )
    page.wait_for_timeout(700)


def take(out: Path, pages: dict[str, str], runs: Path) -> None:
    """Save a picture of each page in each theme and width below `out`."""
    chromium = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
    if chromium is None:
        raise SystemExit("expected a Chromium on the path, found none; on Debian: apt-get install chromium")
    out.mkdir(parents=True, exist_ok=True)
    with explorer(runs) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, path in pages.items():
            for theme in ("light", "dark"):
                for width_name, width in WIDTHS.items():
                    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=theme)
                    page = context.new_page()
                    page.goto(f"{address}/{path}")
                    settle(page)
                    # the page scrolls inside the app, so the window is made as high as its content first
                    height = page.get_by_test_id("stMain").evaluate("main => main.scrollHeight + 10")
                    page.set_viewport_size({"width": width, "height": min(max(height, 700), 6000)})
                    settle(page)
                    file = out / f"{name}-{theme}-{width_name}.png"
                    page.screenshot(path=file)
                    context.close()
                    with Image.open(file) as picture:  # a palette of 256 colours shows the same at a third of the size
                        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
                    small.save(file, optimize=True)
                    print(file)
        browser.close()


def main() -> None:
    """Take the pictures named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="address of a page, with its parameters")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write to (default: assets/screenshots)")
    parser.add_argument("--runs", type=Path, help="folder with own runs to show (default: an empty one)")
    wanted = parser.parse_args()
    pages = {page.replace("/", "-").partition("?")[0] or "structure": page for page in wanted.pages} or TOUR
    own = ROOT / "runs"  # the place that the Train page names, unless somebody's own runs lie there
    with tempfile.TemporaryDirectory() as empty:
        take(wanted.out, pages, wanted.runs or (Path(empty) if own.exists() and any(own.iterdir()) else own))


if __name__ == "__main__":
    main()
