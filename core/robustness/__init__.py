"""Robustness out of distribution: corruptions, scene shifts and attacks on the network of a run.

What a run folder holds of it is in `records`, what follows from that in `measures`, and what can be measured in
`settings`: all of that without torch. `corruptions`, `images` and `shifts` make other images, in the processes of
`workers`; `attacks` moves them against the network. `measuring` does it, `journal` writes it down, `command` is
`python -m core robustness`.
"""
