"""The queue: one run after the other, in order, each exactly once, whoever is killed meanwhile."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.detached import LOG, PROMPT, launch
from core.heartbeat import HEARTBEAT, beat_of, heartbeat, process_alive, write_whole
from core.queue import Queue, QueuedRun, work_off
from core.runs import read_run
from explorer.training import enqueue, jobs, new_run, start, work_queue
from tests._runs import Plan, write_run
from tests.test_training_jobs import ROOT, await_job, small

TINY = ("data.train=96", "training.epochs=1", "training.samples=0")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """An empty root; what still works there afterwards is ended."""
    yield tmp_path
    beats = [heartbeat(path.parent) for path in tmp_path.rglob(HEARTBEAT)]
    for beat in sorted((beat for beat in beats if beat), key=lambda beat: "waiting" not in beat.message):
        if beat.pid != os.getpid() and process_alive(beat):
            os.kill(beat.pid, signal.SIGKILL)


def waits(root: Path, name: str, *arguments: str) -> QueuedRun:
    """A run in the queue whose command is one that ends at once, unless told otherwise."""
    run = QueuedRun(title=name, folder=root / name, arguments=arguments or ("validate", "nowhere"), added=time.time())
    Queue(root).add(run)
    return run


def names(root: Path) -> list[str]:
    return [place.run.title for place in Queue(root).waiting()]


def until(true: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds} s"
        time.sleep(0.03)


def starts(folder: Path) -> int:
    """How often a process was started in a folder."""
    return (folder / LOG).read_text().count(PROMPT) if (folder / LOG).exists() else 0


# ---- the files ------------------------------------------------------------------------------------------------------


def test_runs_wait_in_order_and_change_places(root: Path) -> None:
    queue = Queue(root)
    assert (names(root), queue.busy()) == ([], False)
    for name in "abcd":
        waits(root, name)
    assert (names(root), queue.busy()) == (["a", "b", "c", "d"], True)
    queue.move(queue.waiting()[2], -1)
    assert names(root) == ["a", "c", "b", "d"]
    queue.move(queue.waiting()[0], 1)
    assert names(root) == ["c", "a", "b", "d"]
    queue.move(queue.waiting()[0], -1)
    queue.move(queue.waiting()[3], 1)
    assert names(root) == ["c", "a", "b", "d"]
    gone = queue.waiting()[1]
    assert queue.remove(gone)
    assert not queue.remove(gone)
    queue.move(gone, 1)
    assert names(root) == ["c", "b", "d"]
    waits(root, "e")
    assert names(root) == ["c", "b", "d", "e"]


def test_a_reserved_folder_goes_with_the_run_that_waited_and_is_no_run(root: Path) -> None:
    Queue(root).change(paused=True)
    folder = enqueue(new_run(small()), root)
    assert folder.is_dir()
    assert jobs(root) == []
    [place] = Queue(root).waiting()
    assert place.run.title == "MTSL on digits · seed 0"
    Queue(root).remove(place)
    assert not folder.exists()


def test_a_pause_and_the_number_at_once_are_kept(root: Path) -> None:
    queue = Queue(root)
    assert (queue.settings().paused, queue.settings().at_once) == (False, 1)
    queue.change(paused=True)
    queue.change(at_once=3)
    waits(root, "a")
    assert (queue.settings().paused, queue.settings().at_once, queue.busy()) == (True, 3, False)
    assert queue.step() == []
    work_queue(root)
    assert heartbeat(queue.worker) is None
    with pytest.raises(ValueError, match="at_once"):
        queue.change(at_once=0)


def test_only_as_many_train_at_once_as_are_allowed_whoever_started_them(root: Path) -> None:
    queue, other = Queue(root), write_run(root / "other", Plan(structural_phases=1, end="cut"))
    write_whole(other / HEARTBEAT, beat_of(os.getpid(), "training", 0.5).model_dump_json().encode())
    for name in "abc":
        waits(root, name)
    assert queue.step() == []
    queue.change(at_once=3)
    assert [place.run.title for place in queue.step()] == ["a", "b"]
    assert names(root) == ["c"]


def test_start_now_does_not_wait_and_works_once(root: Path) -> None:
    queue = Queue(root)
    waits(root, "a"), waits(root, "b")
    queue.change(paused=True)
    last = queue.waiting()[1]
    assert queue.start(last)
    assert not queue.start(last)
    assert names(root) == ["a"]
    assert starts(root / "b") == 1


# ---- nothing is lost, nothing starts twice --------------------------------------------------------------------------


def taken(root: Path, name: str, *arguments: str) -> Path:
    """A run that a worker took just before it was killed."""
    waits(root, name, *arguments)
    [place] = [place for place in Queue(root).waiting() if place.run.title == name]
    (Queue(root).folder / "started").mkdir(exist_ok=True)
    return place.file.rename(Queue(root).folder / "started" / place.file.name)


def test_a_run_that_was_taken_but_not_launched_waits_again_in_its_place(root: Path) -> None:
    Queue(root).change(paused=True)
    taken(root, "a")
    (root / "a").mkdir()
    (root / "a" / LOG).write_text(f"{PROMPT}python -m core validate nowhere\n")  # killed just before the start
    waits(root, "b")
    Queue(root).step()
    assert names(root) == ["a", "b"]
    assert starts(root / "a") == 0


def test_a_process_is_known_by_its_lock_alone(root: Path) -> None:
    """Its worker was killed before it could write down whom it started."""
    queue = Queue(root)
    waits(root, "a", "queue", str(root / "elsewhere"))
    Queue(root / "elsewhere").change(paused=False)
    waits(root / "elsewhere", "x", "validate", "nowhere")
    other, sleeper = Queue(root / "elsewhere"), root / "elsewhere" / "sleeper"
    write_run(sleeper, Plan(structural_phases=1, end="cut"))
    write_whole(sleeper / HEARTBEAT, beat_of(os.getpid(), "training", 0.5).model_dump_json().encode())
    [place] = queue.step()  # a process that lives until `sleeper` ends
    (place.run.folder / HEARTBEAT).unlink()
    queue.step()
    assert [place.run.title for place in queue.training()] == ["a"]
    assert names(root) == []
    (sleeper / HEARTBEAT).unlink()
    until(lambda: not queue.training())
    assert other.waiting() == []
    queue.step()
    assert not queue.busy()
    assert starts(root / "a") == 1


def test_a_killed_worker_is_followed_by_another_and_every_run_is_trained_once(root: Path) -> None:
    queue = Queue(root)
    orders = [new_run(small(*TINY, f"training.learning_rate=0.00{number}", method="one")) for number in (1, 2)]
    first, second = (enqueue(order, root) for order in orders)
    until(lambda: process_alive(heartbeat(first)))
    worker = heartbeat(queue.worker)
    assert worker is not None
    os.kill(worker.pid, signal.SIGKILL)
    until(lambda: not process_alive(worker))
    assert names(root) == ["One network on digits · seed 0"]
    await_job(first, lambda job: job.state == "finished")  # without its starter
    assert starts(second) == 0
    work_queue(root)
    await_job(second, lambda job: job.state == "finished")
    until(lambda: heartbeat(queue.worker) is None)
    assert not queue.busy()
    assert [starts(folder) for folder in (first, second)] == [1, 1]
    assert (first / "events.jsonl").stat().st_mtime <= (second / "run.json").stat().st_mtime
    assert [read_run(folder).state() for folder in (first, second)] == ["finished"] * 2


def test_the_worker_needs_no_torch_and_no_streamlit_and_works_alone(root: Path) -> None:
    queue = Queue(root)
    sleeper = write_run(root / "other", Plan(structural_phases=1, end="cut"))
    write_whole(sleeper / HEARTBEAT, beat_of(os.getpid(), "training", 0.5).model_dump_json().encode())
    waits(root, "a")
    work_queue(root)
    until(lambda: "1 waiting" in (beat.message if (beat := heartbeat(queue.worker)) else ""))
    worker = heartbeat(queue.worker)
    assert worker is not None
    maps = Path(f"/proc/{worker.pid}/maps").read_text()
    assert "torch" not in maps
    said: list[str] = []
    work_off(root, said.append)  # a second one
    assert said == ["another process works this queue off"]
    assert names(root) == ["a"]
    (sleeper / HEARTBEAT).unlink()
    until(lambda: not queue.busy() and heartbeat(queue.worker) is None)
    assert starts(root / "a") == 1
    assert "started a: a" in (queue.worker / LOG).read_text()


def test_a_run_that_fails_does_not_hold_up_the_next(root: Path) -> None:
    waits(root, "a"), waits(root, "b")
    code = "import sys; from pathlib import Path; from core.queue import work_off; work_off(Path(sys.argv[1]), print)"
    subprocess.run(
        [
            sys.executable,
            "-c",
            f"{code}; assert 'streamlit' not in sys.modules and 'torch' not in sys.modules",
            str(root),
        ],
        cwd=ROOT,
        check=True,
        timeout=90,
    )
    found = {job.folder.name: (job.state, job.problem) for job in jobs(root)}
    assert {state for state, _ in found.values()} == {"failed"}
    assert "expected a run folder" in found["a"][1]
    assert [starts(root / name) for name in "ab"] == [1, 1]


def test_a_process_that_cannot_be_started_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError("no memory")

    monkeypatch.setattr("core.detached.subprocess.Popen", refuse)
    with pytest.raises(OSError, match="no memory"):
        launch(root / "x", ["train"])
    with pytest.raises(OSError, match="no memory"):
        start(new_run(small()), root / "runs")
    assert jobs(root / "runs") == []
    waits(root, "a")
    queue = Queue(root)
    queue.step()
    queue.step()
    assert not queue.busy()
    [job] = [job for job in jobs(root) if job.folder.name == "a"]
    assert (job.state, job.problem) == ("failed", "the process cannot be started: no memory")
