"""Training, as the pages show it: the forms of the Train page, its queue and its runs, and the status bar of all pages.

    run_form.py    the settings of a new run
    fork_form.py   what a fork of a run changes, and the button that leads there from a moment
    ordering.py    what comes of settings: start now, wait in the queue, a sweep, the command line
    cost.py        what a run should cost
    queue_list.py  the runs that wait
    job_list.py    the runs that train or have trained, a card each
    status.py      the status bar

What they show and do is in `explorer.training`, which knows no streamlit.
"""

from explorer.work.fork_form import fork_form, offer_fork
from explorer.work.job_list import job_list
from explorer.work.run_form import run_form
from explorer.work.status import status_bar

__all__ = ["fork_form", "job_list", "offer_fork", "run_form", "status_bar"]
