"""What a run's recorded similarities would have led to under another threshold or rule. Nothing is trained.

evidence.py    what is known about the similarity of some tasks at a stage, and what is not
replay.py      the run's structural phases, decided anew on that: `study(history).replay(threshold, rule)`
trees.py       the final structure over all thresholds at once, and where it changes
controls.py    the page's controls; the only one that knows streamlit
"""
