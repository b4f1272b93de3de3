"""Training processes of the app: one is started with a config, and found again from its run folder alone.

    command.py     the command line that trains a config, as the app runs it and as a person would type it
    checks.py      what training would refuse at once, known before a process starts
    processes.py   start, stop, resume and remove
    job.py         every run with its state, progress, time left and last numbers

A process is detached and owes the app nothing: it writes its run folder and goes on when the app ends. Its output is
kept in `log.txt` in that folder. No streamlit and no torch here.
"""

from explorer.training.checks import check_config
from explorer.training.command import as_typed, overrides, shown_path, train_arguments, what_if_command
from explorer.training.job import Job, JobState, estimate, jobs, read_job
from explorer.training.processes import cores, log_tail, remove, resume, start, stop

__all__ = [
    "Job",
    "JobState",
    "as_typed",
    "check_config",
    "cores",
    "estimate",
    "jobs",
    "log_tail",
    "overrides",
    "read_job",
    "remove",
    "resume",
    "shown_path",
    "start",
    "stop",
    "train_arguments",
    "what_if_command",
]
