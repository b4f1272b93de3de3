"""Presets: what a run on each data set sets, by the preset's name and the data set's (plain values, no torch)."""

from pydantic import JsonValue

# `quick`: the whole story on two cores in minutes. Reasons for what differs from the paper's settings:
# - 64x64 rooms and a network of width 16: an epoch of five such networks takes seconds.
# - learning rate 1e-3 and batch 32: the paper's 1e-4 fine-tunes ImageNet weights, here all weights are new.
# - 16 epochs, as many as it takes to leave one between all eight structural phases and a third of them for the end.
# - alignment 0.05 and threshold 0.93: with the paper's 0.2 every similarity exceeds 0.97 within two epochs and all
#   tasks fuse everywhere; with 0 almost nothing fuses. Between them the stem is shared by all, two groups part above
#   it, and the last stages stay private: tried on seeds 0, 1 and 2, and on 0.02 to 0.1 with thresholds 0.9 to 0.95.
# - one thread: with networks this small a second one saves a third of the time on an idle machine, but as soon as
#   anything else runs (the app, a second run) the two wait for each other and training takes ten times as long.
# - SNR: its gates learn at 15 to 30 times the rate of the weights, as log alpha has some way to go in 300 steps (a gate
#   is closed 2.4 below 0); the penalty is as high as tasks bear it: on rooms, with 172 gates, 0.03 cut decoders off.
# - AutoMTL: policies have 60 batches to learn from, in the paper 4,000. So they take turns every five batches, with 5
#   times the learning rate, ten times the pull to sharing, and a temperature that falls from 5 to 1.7 meanwhile. The
#   network goes on with Adam, as the paper's SGD at 1e-3 would hardly move it in as many.
# - group nodes start as the mean of their task nodes: with one pass of amalgamation, new weights would not catch up.
# - a state is kept at the start of every phase, to fork from: networks this small have room on any disk.
_QUICK_AUTOMTL: dict[str, JsonValue] = {
    "pretrain_epochs": 3,
    "policy_epochs": 6,
    "policy_iterations": 5,
    "network_iterations": 5,
    "policy_learning_rate": 0.05,
    "network_optimizer": "adam",
    "temperature_every": 2,
    "regulariser_weight": 5e-3,
}
_QUICK_ROOMS: dict[str, JsonValue] = {
    "data": {"dataset": "rooms"},
    "backbone": {"name": "small"},
    "training": {
        "epochs": 16,
        "batch_size": 32,
        "learning_rate": 1e-3,
        "precision": "float32",
        "threads": 1,
        "keep_checkpoints": "phases",
    },
    "mtsl": {
        "min_similarity": 0.93,
        "alignment_weight": 0.05,
        "similarity_samples": 128,
        "start": "average",
        "amalgamation_learning_rate": 1e-3,
    },
    "automtl": _QUICK_AUTOMTL,
    "snr": {"gate_factor": 30, "penalty": 5e-3},
}
# on digits: small images and no decoder, since answers are at image level; a lower threshold, as its tasks differ more
_QUICK_DIGITS: dict[str, JsonValue] = {
    "data": {"dataset": "digits"},
    "backbone": {"name": "small", "decoder_stages": 0, "encoder_stages": 3, "stem_stride": 1},
    "training": {
        "epochs": 10,
        "batch_size": 64,
        "learning_rate": 2e-3,
        "precision": "float32",
        "threads": 1,
        "keep_checkpoints": "phases",
    },
    "mtsl": {
        "min_similarity": 0.85,
        "alignment_weight": 0.05,
        "similarity_samples": 256,
        "start": "average",
        "amalgamation_learning_rate": 1e-3,
    },
    "automtl": {**_QUICK_AUTOMTL, "pretrain_epochs": 2, "policy_epochs": 4},
    "snr": {"gate_factor": 15, "penalty": 0.02},
}
# on flights: fully connected layers as in the experiments of Sub-Network Routing, in a size for two cores; batches of
# 256, as there are 20,000 rows, and a threshold and an alignment as on digits; rows are so small that all the
# predictions that may be kept are
_QUICK_FLIGHTS: dict[str, JsonValue] = {
    "data": {"dataset": "flights"},
    "backbone": {"name": "mlp", "hidden": [128, 128, 64]},
    "training": {
        "epochs": 12,
        "batch_size": 256,
        "learning_rate": 1e-3,
        "precision": "float32",
        "threads": 1,
        "samples": 64,
        "keep_checkpoints": "phases",
    },
    "mtsl": {
        "min_similarity": 0.85,
        "alignment_weight": 0.05,
        "similarity_samples": 1024,
        "start": "average",
        "amalgamation_learning_rate": 1e-3,
    },
    "automtl": {**_QUICK_AUTOMTL, "pretrain_epochs": 2, "policy_epochs": 4},
    "snr": {"gate_factor": 30, "penalty": 0.02},
    "mmoe": {"grid": 1},
}
# `paper`: the network and every setting of the MTSL paper; only the data set is ours, in the paper's number of images.
# That network comes in one width only, so sub-networks and experts are whole ones, and few.
_PAPER: dict[str, JsonValue] = {
    "backbone": {"name": "paper"},
    "snr": {"subnetworks": 2, "width": "full"},
    "mmoe": {"experts": 2, "width": "full"},
}
# On flights it is the paper of Sub-Network Routing, as far as it says: two layers of 2048 units (the largest of its
# grid) for the shared bottom and as many weights for the others, towers of 16 units, 8 experts, batches of 128, and a
# penalty of 1e-4, the middle of its grid, with which gates got sparse. The rate and the constants of the gates were
# searched at random there (1e-5 to 0.1; beta 0.5 to 0.9, gamma -1 to -0.1, zeta 1.1 to 2) and training stopped early;
# here they are ours.
_PAPER_FLIGHTS: dict[str, JsonValue] = {
    "data": {"dataset": "flights", "train": 150_000, "val": 50_000},
    "backbone": {"name": "mlp", "hidden": [2048, 2048]},
    "training": {"epochs": 20, "batch_size": 128, "learning_rate": 1e-4, "weight_decay": 0.0, "samples": 64},
    "mmoe": {"grid": 1},
}
_PAPER_ROOMS: dict[str, JsonValue] = {"dataset": "rooms", "train": 2975, "val": 500, "height": 128, "width": 128}

PRESETS: dict[tuple[str, str], dict[str, JsonValue]] = {
    ("quick", "rooms"): _QUICK_ROOMS,
    ("quick", "digits"): _QUICK_DIGITS,
    ("quick", "flights"): _QUICK_FLIGHTS,
    ("paper", "rooms"): _PAPER | {"data": _PAPER_ROOMS},
    ("paper", "digits"): _PAPER | {"data": {"dataset": "digits", "train": 2975}},
    ("paper", "flights"): _PAPER_FLIGHTS,
}
