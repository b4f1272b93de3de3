"""What the words and labels of the explorer mean: the glossary, and the entry behind every label on every page.

Words are those of the field. A label that is not itself a word of the glossary is listed in `LABELS` with the word that
explains it, or with a sentence of its own; settings of a run are explained by their own records. No Streamlit here.
"""

GLOSSARY = {
    "stage": "A layer of the backbone that tasks can share as a whole, with its own neurons.",
    "task node": "The first stage that a task does not share yet.",
    "group node": "A stage that several tasks share. It takes the place of their task nodes.",
    "task branch": "What remains private to one task, from its task node up.",
    "task head": "The last part of a task's network, never shared.",
    "neuron": "An output channel of a stage.",
    "node": "One stage evaluated for one group of tasks; a shared node counts once for all of them. Heads are left "
    "out.",
    "task-learning phase": "All tasks train jointly; nothing about the structure changes.",
    "structural-learning phase": "Similar task nodes are found, a group node is created, learns what they know, and "
    "they are removed.",
    "alignment": "A loss that pulls the task nodes of a candidate group towards similar features.",
    "similarity": "Debiased linear CKA between the outputs of two task nodes on the same images: 1 is the same up to "
    "rotation and scale, 0 is unrelated. It can fall slightly below 0.",
    "affinity": "What a step for one task does to the loss of another: the share by which the loss falls, as a "
    "running mean. Above 0 the step helps, below it hurts, and it has a direction (proximal inter-task affinity, Jeong "
    "and Yoon 2025).",
    "task group": "Tasks whose losses share one optimizer step. Groups step in turn on the same batch; affinity "
    "propagation makes them anew from the affinities.",
    "robustness": "How much of its clean performance a task keeps when images differ from those of training: under "
    "corruptions (noise, blur, weather, digital), shifts of the scene or picture, and attacks that look for the worst.",
    "kept": "Performance in percent of the clean one, by the key metric: value over clean where higher is better, "
    "clean over value where lower is. 100 is as good as clean.",
    "severity": "How strong a corruption or shift is, from 1 to 5; 0 is the clean image.",
    "rPC": "Relative performance under corruption: the mean of the corrupted values over the clean one, in percent, "
    "turned over where lower is better (Michaelis et al. 2019). Higher is more robust.",
    "mCE": "Mean corruption error: the errors of a run over severities, divided by those of the baseline, in percent, "
    "and averaged over corruptions (Hendrycks and Dietterich 2019). Below 100 is better than the baseline.",
    "relative mCE": "The same of what errors rise above the clean ones: who falls less, wherever it started.",
    "attack": "A change of the image, at most so large in every value, that raises the loss of a task: FGSM takes one "
    "step along the sign of the gradient, PGD many.",
    "score": "Of a task: its mean similarity to the others in its group, 0 if it is alone. Of a partition: the mean "
    "over its tasks.",
    "threshold": "The least score that a partition should reach, and that a group must exceed to fuse.",
    "amalgamation": "The group node learns to reproduce the outputs of its task nodes, each through a small channel "
    "coding of its own.",
    "gates": "How much of what a sub-network says reaches a reader, from 0 to 1; a gate that is 0 is pruned. Learned "
    "for each connection (Sub-Network Routing), or computed anew for each example (mixtures of experts).",
    "policies": "For each task and stage the probabilities that the task shares the stage, has it as its own, or skips "
    "it (AutoMTL). They are learned; one of the three is chosen when they are settled.",
    "parameters": "Trainable weights of the whole network, heads included. While a group node is being born, its "
    "weights and those of its task nodes both count.",
    "MACs": "Multiply-accumulates of the whole network for one image, heads included.",
    "moment": "A position in the recorded events at which the cursor can stand.",
    "baseline": "The run that others are measured by, usually one with separate networks.",
    "Δm": "Mean over tasks of how far the key metric is ahead of the baseline's, in per cent, turned so that more is "
    "better (Maninis et al. 2019).",
    "Pareto front": "The runs that no other run beats in both size and quality.",
    "agreement": "Share of all stages and pairs of tasks on which two runs say the same: the pair shares the stage "
    "in both, or in neither. It is the Rand index of their partitions, averaged over stages.",
    "lock": "Where the other runs stand while the cursor moves in this one. **Share**: at the same share of their "
    "training time. **Phase**: as far into the phase of the same number. **Epoch**: at the same epoch. Always at "
    "the last moment that is not later.",
    "key metric": "The first metric of a task, used wherever one number has to stand for it.",
    "second metric": "The next metric of a task; the key metric where it has no other.",
    "training loss": "Mean loss of a task over the training images of one epoch.",
    "smoothing": "An exponential moving average: each value is mixed with the past, whose weight is the number, and "
    "the start is corrected for. Values as measured stay visible behind.",
    "colour scale": "Which values the ends of the colours stand for: the least and largest of the run, of each stage "
    "or of each phase, or 0 and 1. It is printed beside the colours.",
    "grouping rule": "How a partition is chosen. Best partition, MTSL's own: of all partitions with the fewest "
    "groups whose score reaches the threshold, the best. Best pairs: the best of those in which every pair lies "
    "above it.",
    "what if": "The run's recorded similarities, decided anew under another threshold or rule, without training.",
    "dendrogram": "Tasks joined step by step, the most similar first, by the mean similarity between clusters.",
    "flip point": "A threshold at which a decision, or the final tree, changes. Between two of them nothing does.",
    "run": "One training of one network, kept in a run folder: what it is, everything that happened, sample images.",
    "fork": "A run that shares another run's history up to the start of a phase and goes on from there with other "
    "settings.",
    "queue": "Runs that wait and start by themselves, one after the other, also when no page is open.",
    "sweep": "Several runs that differ in method and seed alone.",
    "checkpoint": "The whole state of training in a file: structure, weights, optimizer and where the run stands. "
    "Resume goes on from the last one, a fork from the one at the start of a phase.",
}
"""Word -> one or two sentences."""
