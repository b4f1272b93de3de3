"""Robustness out of distribution: corruptions, scene shifts and attacks on the network of a run.

`records` is what a run folder holds of it, `measures` what follows from that (both without torch); `command` measures.
Corruptions are in `corruptions` and `images`, shifts in `shifts`, attacks in `attacks`.
"""
