"""Training processes of the app: one is started with a config, and found again from its run folder alone.

    command.py     the command line that trains a config, as the app runs it and as a person would type it
    checks.py      what training would refuse at once, known before a process starts
    processes.py   start, put into the queue, stop, resume and remove
    job.py         every run with its state, progress, time left and last numbers

A process is detached and owes the app nothing: it writes its run folder and goes on when the app ends. Its output is
kept in `log.txt` in that folder. No streamlit and no torch here.
"""

from core.detached import as_typed, log_tail
from core.queue import Place, Queue
from explorer.training.checks import check_config
from explorer.training.command import fork_arguments, overrides, shown_path, train_arguments
from explorer.training.job import Job, JobState, estimate, jobs, read_job
from explorer.training.processes import (
    Order,
    cores,
    enqueue,
    forked_run,
    new_run,
    remove,
    resume,
    start,
    stop,
    work_queue,
)

__all__ = [
    "Job",
    "JobState",
    "Order",
    "Place",
    "Queue",
    "as_typed",
    "check_config",
    "cores",
    "enqueue",
    "estimate",
    "fork_arguments",
    "forked_run",
    "jobs",
    "log_tail",
    "new_run",
    "overrides",
    "read_job",
    "remove",
    "resume",
    "shown_path",
    "start",
    "stop",
    "train_arguments",
    "work_queue",
]
