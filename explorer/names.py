"""What methods, data sets, backbones and presets are called, for people."""

_NAMES = {
    "mtsl": "MTSL",
    "one": "One network",
    "separate": "Separate networks",
    "retrain": "Retrain a structure",
    "random": "Random structure",
    "selective": "Selective updates",
    "automtl": "AutoMTL",
    "snr-trans": "SNR-Trans",
    "snr-aver": "SNR-Aver",
    "snr": "SNR",
    "mmoe": "MMoE",
    "ml-mmoe": "ML-MMoE",
    "rooms": "Rooms",
    "digits": "Digits",
    "flights": "Flights",
    "quick": "Quick",
    "paper": "Paper",
    "small": "Small",
    "mlp": "Fully connected (MLP)",
}


def get_name(choice: str) -> str:
    """The name of a choice; itself if it has none.

    >>> get_name("one"), get_name("held-out")
    ('One network', 'held-out')
    """
    return _NAMES.get(choice, choice)
