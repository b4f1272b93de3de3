"""Several methods on the same work, over several seeds: trained, measured and laid side by side.

    plan.py         which runs a comparison is made of, their folders, and whether what lies there fits
    work.py         trains them through the queue, some at a time; what was begun goes on
    served.py       measures the network that a finished run would serve: its size, latency and throughput
    results.py      what the run folders say: one record a run
    statistics.py   mean, standard deviation and paired tests over seeds
    rows.py         the tables
    report.py       the tables as text and files
    command.py      all of it, as `python -m core compare` does it

Tables come from run folders alone. Only `served.py` imports torch.
"""
