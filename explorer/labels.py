"""What every label on every page means: widgets, columns of tables, axes, metrics and settings.

A label that is a word of the glossary has its entry there; other labels have a sentence of their own here, and the
settings of a run are explained by their own records. `entry` finds what explains a label. No Streamlit here.
"""

import re
from collections.abc import Mapping

from core.config import Config, PaperBackbone, preset
from explorer.forms import controls, records
from explorer.forms.controls import about
from explorer.glossary import GLOSSARY

METRICS = {
    "mIoU": "Mean intersection over union: of the pixels that are or are called a class, the share that is both; the "
    "mean over classes that occur.",
    "pixel accuracy": "Share of pixels whose class is right.",
    "RMSE": "Root of the mean squared error over all valid pixels of the split.",
    "relative error": "Mean of the absolute error over the true value.",
    "F-measure": "Harmonic mean of precision and recall at the one threshold that is best for the whole split.",
    "balanced BCE": "Binary cross-entropy in which an edge pixel weighs 0.95 and any other 0.05.",
    "mean angle": "Mean angle between predicted and true normal, both of length 1.",
    "cosine similarity": "Mean cosine of that angle.",
    "MSE": "Mean squared error of the reconstructed, normalised image.",
    "PSNR": "Peak signal-to-noise ratio: the squared error in decibels, more is better.",
    "accuracy": "Share of images whose class is right.",
}
"""Metric -> what it measures."""

LABELS = {
    # the cursor
    "moment": "A position in the recorded events at which the cursor can stand.",
    "task epochs": "Passes of joint training over the data; each structural-learning phase has a stretch of its own.",
    "phase": "A task-learning or a structural-learning phase, numbered from 0 as they happened.",
    "structural phase": "The number of a structural-learning phase.",
    "task": "One of the things that the network learns, with the same colour and letter everywhere.",
    "task · neurons": "A task, and the output channels of a stage.",
    # structure
    "the graph grows": "Whether the sharing graph is drawn from the image upwards or to the right.",
    "groups": "The tasks that share a node of this stage, joined by +; nodes are parted by |.",
    "kind": "Shared by several tasks, specific to one, skipped, or a head.",
    "state": "Whether a node stands, is new in this phase, is being born or was removed; of a run: how it stands.",
    "why": "The decision by which a node is shared or not.",
    # what other methods learn
    "stage that is read, with its sub-networks side by side": "The stage whose parallel sub-networks the gates let "
    "through.",
    "who reads it": "The sub-networks of the next stage, or the heads of tasks, that a gate leads to.",
    "stage, from image to heads": "The stage whose policies are shown.",
    "losses fall": "By how much, in percent, a step for the panel's task lowers the losses of the others.",
    # robustness
    "family": "What changes the images: corruptions, shifts of the scene or picture, or attacks.",
    "corruption": "One of the 15 common corruptions of Hendrycks and Dietterich (2019), by kind.",
    "shift": "Another kind of scene or picture than those of training.",
    "under": "The corruption or shift whose pictures are shown.",
    "clean": "The key metric on the images as they are.",
    "mean": "The mean of the key metric over all that was measured of the family.",
    "degradation": "How much worse that mean is than clean, in percent of clean.",
    "rPC of the baseline": "Relative performance under corruption of the run that is compared with.",
    "attacked": "Whose loss the attack raises.",
    "watched": "Whose performance is measured under it.",
    "largest change": "How far an attack may move any value of the image, of 255.",
    "largest change of a value, of 255": "How far an attack may move any value of the image.",
    "a step for": "The task whose loss an optimizer step lowers.",
    "loss of": "The task whose loss is watched when another steps.",
    # similarity and decisions
    "pair": "Two tasks whose task nodes are compared.",
    "pair of tasks": "Two tasks, by their letters.",
    "best partition": "Of all partitions into at most k groups the one with the largest score.",
    "reaches threshold": "Whether the score of the partition is at least the threshold.",
    "chosen": "The partition with the fewest groups that reaches the threshold, else the last one.",
    "k": "The most groups that a partition may have.",
    "most groups allowed, k": "The most groups that a partition may have.",
    "mean similarity at which they join": "Mean similarity between two clusters of the dendrogram where they join.",
    "candidates": "Tasks whose task nodes read the same input and do not share yet: only they may fuse next.",
    "decision": "Which tasks of a candidate group fuse, from their similarities, the threshold and the rule.",
    "differs": "Whether the hypothetical decision is another than the recorded one.",
    "from": "The lowest threshold of an interval.",
    "to": "The highest threshold of an interval.",
    "fuses": "The groups that fuse at thresholds in this interval.",
    "group nodes gained": "Shared nodes that the tree has here and had not below this threshold.",
    "group nodes lost": "Shared nodes that the tree had below this threshold and has no more.",
    "recorded": "What the run decided.",
    "rests on unmeasured pairs": "Whether the outcome needs similarities that nobody measured; such pairs never fuse.",
    "similarities": "From which recorded matrix a hypothetical decision takes its similarities.",
    "final tree, by threshold": "The tree that the run would end with, for every interval of thresholds.",
    # metrics
    "show": "Which measure of the tasks is drawn.",
    "measure": "A metric or the loss, with its unit and the direction in which it improves.",
    "first": "The first value of the run.",
    "at the cursor": "The last value up to the cursor.",
    "best": "The best value of the run.",
    "last": "The last value of the run.",
    "before": "The last evaluation before a structural phase.",
    "first after": "The first evaluation after a structural phase.",
    "second after": "The second evaluation after a structural phase, if no other one begins before it.",
    "change": "How far the value changed in per cent, turned so that more is better.",
    "change to second": "The same up to the second evaluation after the phase.",
    "gain": "How far a value is ahead of the baseline's in per cent, turned so that more is better.",
    "difference between": "Which of the other runs the structure is compared with.",
    "mean gain": "Mean over the tasks of their gains over the baseline.",
    "what fused": "The groups that fused in a structural phase.",
    "learning rate": "Step size of the optimizer.",
    "speed": "Training images a second.",
    "loss": "The value that training makes small.",
    # predictions
    "image": "Number of the sample image, all from the validation split.",
    # overview
    "upload a zipped run": "A ZIP archive of one run folder; it is checked line by line before it is taken.",
    "open a folder of this machine": "The path of a run folder, which stays where it is.",
    "filter": "Shows only runs of these methods, data sets, states or tags.",
    "order": "Which run comes first.",
    "search": "Shows only runs whose name, method, data, tasks or tags hold these words.",
    "more": "Tags of the run, and deleting it.",
    # compare
    "compare": "The runs beside the one that is looked at, six in all.",
    "the other runs stand at the same": GLOSSARY["lock"],
    "quality": "What the runs are judged by: Δm over all tasks, or one task's key metric.",
    "size": "What the runs cost: parameters, or MACs for an image.",
    # train
    "what to train": "A new run, or one that goes on from another's phase.",
    "preset": "Settings that belong together: quick for a processor, paper for the paper's network and schedule.",
    "methods": "The methods of the runs that a sweep adds.",
    "seeds": "How many runs of each method a sweep adds, with seeds from 0.",
    # learn
    "step": "One of the eight steps of the algorithm.",
    "find a word": "Shows only entries that hold this text.",
}
"""Label in lower case -> what it means."""


def settings() -> dict[str, str]:
    """Every setting of a run -> what it means, from the records of `core.config`."""
    found: dict[str, str] = {}
    config, digits = preset(), preset("quick", "digits")
    for record in (config, digits.data, PaperBackbone(), *records(config).values()):
        for inner in (record, *records(record).values()):
            found |= {control.label: control.help for control in controls(inner)}
    found |= {name.capitalize(): Config.model_fields[name].description or "" for name in ("method", "seed")}
    found |= {name.capitalize(): about(record) for name, record in records(config).items()}
    return found


def entry(label: str) -> str | None:
    """What explains a label as it stands on a page, None if nothing does.

    Units in brackets, arrows, what follows a bracket or a colon, and the plural do not matter.

    >>> entry("RMSE [m] ↓") == METRICS["RMSE"], entry("Neurons") == GLOSSARY["neuron"], entry("wibble")
    (True, True, None)
    """
    name = _plain(label)
    starts = (name, name.partition(", gain")[0], *(name.partition(f" {word} ")[0] for word in ("against", "over")))
    for start in (*starts, *(known for known in ("compare", "difference between") if name.startswith(f"{known} "))):
        for word in (start, start.removesuffix("s"), start.removesuffix(" per image"), start.partition(" · ")[0]):
            if found := _ENTRIES.get(word):
                return found
    return None


def matching(entries: Mapping[str, str], wanted: str) -> dict[str, str]:
    """The entries whose word or meaning holds `wanted`, in alphabetical order.

    >>> matching({"node": "A stage.", "loss": "A value."}, "stag")
    {'node': 'A stage.'}
    """
    ordered = sorted(entries.items(), key=lambda entry: entry[0].casefold())
    return {word: said for word, said in ordered if wanted.casefold() in f"{word} {said}".casefold()}


def _plain(label: str) -> str:
    return re.sub(r"[\[(:].*|[↑↓→←]", "", label.replace("\\", "")).strip().casefold()


_ENTRIES = {
    _plain(name): meaning
    for known in (
        settings(),
        METRICS,
        LABELS,
        GLOSSARY,
    )
    for name, meaning in known.items()
}
