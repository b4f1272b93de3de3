"""A real server of the explorer and a real Chromium; without one these tests are skipped, unless `CI` is set."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests._runs import IMAGE_LEVEL, Plan, write_run

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# opened below a page's address, Streamlit's script first asks there for what only the root gives, and tries again
PROBE = re.compile(r"/\w+/_stcore/(health|host-config)$")
ROOMS = Plan(structural_phases=3)
expect.set_options(timeout=60_000)  # a loaded machine takes its time, and so does a process that imports torch


@dataclass
class Server:
    """A running explorer: its address and process, and where it finds runs."""

    address: str
    process: subprocess.Popen[bytes]
    runs: Path
    started: float

    def memory(self) -> int:
        """Resident memory of the server in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return 1024 * int(found[1])

    def libraries(self) -> str:
        """The files that the server has mapped."""
        return Path(f"/proc/{self.process.pid}/maps").read_text()


@contextmanager
def serve(runs: Path) -> Iterator[Server]:
    """The explorer over `runs`, as a person starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "explorer/app.py"]
    command += ["--server.port", str(port), "--server.headless", "true"]
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"MTSL_RUNS": str(runs)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() - started < 60, "the server does not answer"
            try:
                with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                    break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        yield Server(address, process, runs, started)
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests, with a run on dense tasks and one on image-level tasks."""
    runs = tmp_path_factory.mktemp("runs")
    write_run(runs / "rooms", ROOMS)
    write_run(runs / "digits", Plan(tasks=IMAGE_LEVEL, structural_phases=2, data="digits"))
    with serve(runs) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium found, but CI is set")
        pytest.skip("no Chromium found; install one to run the browser tests")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield running
        running.close()


@dataclass
class Watch:
    """What must not happen in a page: errors, and requests to anywhere but this machine."""

    complaints: list[str] = field(default_factory=list)

    def over(self, page: Page) -> Page:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._request)
        return page

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not PROBE.search(message.location.get("url", "")):
            self.complaints.append(f"console: {message.text} ({message.location})")

    def _request(self, request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            self.complaints.append(f"request: {request.url}")


Open = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Open]:
    """Open an address of the explorer in a browser that has never seen it; watches for errors until the test ends."""
    contexts: list[BrowserContext] = []
    watch = Watch()

    def visited(path: str = "", width: int = 1440, theme: str = "light", at: Server | None = None) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=theme)  # type: ignore[arg-type]
        contexts.append(context)
        page = watch.over(context.new_page())
        page.set_default_timeout(60_000)
        page.goto(f"{(at or server).address}/{path}")
        return page

    yield visited
    for context in contexts:
        context.close()
    assert watch.complaints == []
