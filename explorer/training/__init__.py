"""Training processes of the app: one is started with a config, and found again from its run folder alone.

    command.py     the command line that trains a config, as the app runs it and as a person would type it
    checks.py      what training would refuse at once, known before a process starts
    processes.py   start, put into the queue, resume and remove
    job.py         every run with its state, progress, time left and last numbers
    status.py      what is at work now, what waits and what failed, at the cost of a glance
    cost.py        what a run should cost, from runs like it
    probe.py       the same from a few real steps, in a process of its own

A process is detached and owes the app nothing: it writes its run folder and goes on when the app ends. Its output is
kept in `log.txt` in that folder. No streamlit and no torch here.
"""

from core.detached import as_typed, log_tail, stop
from core.hardware import cores
from core.queue import Place, Queue
from explorer.training.checks import check_config
from explorer.training.command import fork_arguments, overrides, shown_path, train_arguments, what_if_command
from explorer.training.cost import Expectation, expectation
from explorer.training.job import Job, JobState, alike, jobs, read_job
from explorer.training.probe import Probe, probed
from explorer.training.processes import (
    Order,
    enqueue,
    forked_run,
    new_run,
    remove,
    resume,
    start,
    work_queue,
)
from explorer.training.status import Live, Status, dismiss, glance

__all__ = [
    "Expectation",
    "Job",
    "JobState",
    "Live",
    "Order",
    "Place",
    "Probe",
    "Queue",
    "Status",
    "alike",
    "as_typed",
    "check_config",
    "cores",
    "dismiss",
    "enqueue",
    "expectation",
    "fork_arguments",
    "forked_run",
    "glance",
    "jobs",
    "log_tail",
    "new_run",
    "overrides",
    "probed",
    "read_job",
    "remove",
    "resume",
    "shown_path",
    "start",
    "stop",
    "train_arguments",
    "what_if_command",
    "work_queue",
]
