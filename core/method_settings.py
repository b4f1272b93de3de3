"""Each method's own settings as a frozen, validated record, and which method has which (no torch)."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Settings(BaseModel):
    """A frozen group of settings; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Mtsl(Settings):
    """Multi-Task Structural Learning: alignment, similarity, grouping, amalgamation and their schedule."""

    min_similarity: float = Field(0.8, ge=-1, le=1, description="threshold of similarity above which a group fuses")
    rule: Literal["best-partition", "best-pairs"] = Field("best-partition", description="how tasks are grouped")
    alignment_weight: float = Field(0.2, ge=0, le=100, description="weight of the loss that pulls task nodes together")
    alignment_until: float = Field(0.6, ge=0, le=1, description="share of the epochs during which alignment acts")
    similarity_from: Literal["held-out", "train", "validation"] = Field(
        "held-out", description="images that similarity is measured on; held-out: taken away from training"
    )
    similarity_samples: int = Field(800, ge=4, le=100_000, description="images that similarity is measured on")
    fuser: Literal["amalgamation", "average"] = Field(
        "amalgamation", description="the group node learns from its task nodes, or is their mean"
    )
    start: Literal["average", "copy", "fresh"] = Field(
        "fresh", description="first weights of a group node: mean of its task nodes, copy of the first, or new"
    )
    amalgamation_learning_rate: float = Field(1e-4, gt=0, le=1, description="of the Adam that trains group nodes")
    copy_moments: bool = Field(True, description="group nodes inherit the mean of their task nodes' Adam moments")
    structural_epochs: tuple[int, ...] | None = Field(
        None, description="epochs right before which the structure is learned, from 1; none: the paper's, scaled"
    )
    amalgamation_epochs: tuple[int, ...] | None = Field(
        None, description="epochs of amalgamation of each structural phase; none: the paper's, scaled"
    )
    phases: int | None = Field(
        None, ge=1, le=100, description="number of structural phases when scaled; none: one a stage"
    )

    @model_validator(mode="after")
    def _check_lists(self) -> "Mtsl":
        epochs, amalgamation = self.structural_epochs, self.amalgamation_epochs
        if epochs is not None and (not epochs or list(epochs) != sorted(set(epochs)) or epochs[0] < 1):
            raise ValueError(f"`structural_epochs` should be rising numbers from 1. Found {list(epochs)}.")
        if amalgamation is not None and (not amalgamation or min(amalgamation) < 1):
            raise ValueError(f"`amalgamation_epochs` should be numbers of at least 1. Found {list(amalgamation)}.")
        if epochs and amalgamation and len(epochs) != len(amalgamation):
            raise ValueError(
                f"`amalgamation_epochs` should have one entry for each of the {len(epochs)} `structural_epochs`. "
                f"Found {len(amalgamation)}."
            )
        return self


class Selective(Settings):
    """Selective Task Group Updates: tasks are grouped by how one's step changes another's loss, and step in turn."""

    decay: float = Field(1e-3, gt=0, le=1, description="weight of the newest affinity in its running mean")
    single_iterations: int = Field(
        100, ge=0, le=1_000_000, description="batches during which every task steps alone, to get to know affinities"
    )
    attribution: Literal["stepped", "official"] = Field(
        "stepped",
        description="whose row an effect is written to: the group that stepped, or, as the authors' code does, the "
        "group that steps next",
    )
    group_loss: Literal["sum", "mean"] = Field("sum", description="of the losses of a group, for its step")
    head_factor: float | None = Field(
        None, gt=0, le=1000, description="learning rate of the heads over that of the rest; none: the number of tasks"
    )
    structure: Literal["one", "separate"] = Field("one", description="what is shared: all but the heads, or nothing")
    partitions: tuple[tuple[tuple[int, ...], ...], ...] | None = Field(
        None, description="who shares which stage instead: for every stage the groups of task numbers"
    )


class AutoMtl(Settings):
    """AutoMTL: every task shares, owns or skips each operation, as policies learn it; then training from scratch."""

    grain: Literal["stage", "convolution"] = Field("stage", description="what has a policy: stages, or convolutions")
    pretrain_epochs: int = Field(54, ge=0, le=10_000, description="epochs on the mean of all three branches, at first")
    policy_epochs: int = Field(108, ge=1, le=10_000, description="epochs in which policies are learned")
    policy_iterations: int = Field(100, ge=1, le=100_000, description="batches in a row that train the policies")
    network_iterations: int = Field(
        400, ge=1, le=100_000, description="batches in a row, of the other half of the data, that train the network"
    )
    policy_learning_rate: float = Field(0.01, gt=0, le=10, description="of the Adam that trains the policies")
    policy_weight_decay: float = Field(5e-4, ge=0, le=1, description="of the Adam that trains the policies")
    network_optimizer: Literal["sgd", "adam"] = Field(
        "sgd", description="what trains the network while policies are learned; sgd: with momentum 0.9"
    )
    network_learning_rate: float = Field(1e-3, gt=0, le=1, description="of the network while policies are learned")
    network_weight_decay: float = Field(1e-4, ge=0, le=1, description="of the network while policies are learned")
    temperature: float = Field(5.0, gt=0, le=1000, description="of the Gumbel-softmax at first; low: hard choices")
    temperature_factor: float = Field(0.965, gt=0, le=1, description="by which the temperature falls at a time")
    temperature_every: int = Field(101, ge=1, le=100_000, description="policy batches after which it falls")
    regulariser_weight: float = Field(5e-4, ge=0, le=100, description="of the pull towards sharing")
    regulariser_scale: float = Field(6.0, gt=0, le=100, description="how steep that pull is")
    choose: Literal["sampled", "likeliest"] = Field(
        "sampled", description="how policies become choices: drawn by their probabilities, as in the paper, or the best"
    )
    sample_seed: int | None = Field(None, ge=0, lt=2**31, description="of drawn choices; none: the run's seed")
    forced_shared: int = Field(
        0, ge=0, le=10_000, description="operations, from the image up, that all tasks share whatever policies say"
    )
    post_training: Literal["scratch", "continue"] = Field(
        "scratch", description="weights that training starts from once choices are made: new ones, or those of before"
    )
    steps: Literal["joint", "per-task"] = Field(
        "joint", description="optimizer steps a batch: one on all losses, or, as the authors' code does, one a task"
    )
    choices: tuple[tuple[Annotated[int, Field(ge=0, le=2)], ...], ...] | None = Field(
        None, description="choices of every task, 0 shared, 1 own, 2 skip, such as [[0, 1], [0, 2]]; none: learned"
    )


class Retrain(Settings):
    """A structure that was found before, trained from scratch."""

    partitions: tuple[tuple[tuple[int, ...], ...], ...] | None = Field(
        None, description="who shares which stage: for every stage the groups of task numbers, such as [[0, 1], [2]]"
    )


class Random(Settings):
    """A random structure of a given size, as a control."""

    parameters: int | None = Field(
        None, ge=1, description="weights that the network should have, heads included; the nearest tree is taken"
    )


class Snr(Settings):
    """Sub-Network Routing: parallel sub-networks, and gates that learn which of them a task uses."""

    subnetworks: int = Field(4, ge=2, le=64, description="parallel sub-networks of every stage")
    width: Literal["equal", "split", "full"] = Field(
        "equal",
        description="neurons of a sub-network; equal: as many as give the whole network the weights of one shared "
        "network, split: those of a stage over the number of sub-networks, full: those of a stage",
    )
    penalty: float = Field(1e-4, ge=0, le=100, description="weight of the number of open gates in the loss (lambda)")
    beta: float = Field(2 / 3, gt=0, le=10, description="temperature of the gates; near 0 they are 0 or 1")
    gamma: float = Field(-0.1, ge=-10, lt=0, description="lower end of the stretch that lets gates be exactly 0")
    zeta: float = Field(1.1, gt=1, le=10, description="upper end of the stretch that lets gates be exactly 1")
    start: float = Field(
        1.0, ge=-10, le=10, description="log alpha of every gate at the start; gates are half open at 0"
    )
    gate_factor: float = Field(
        1.0, gt=0, le=10_000, description="learning rate of the gates over that of all other weights"
    )


class Mmoe(Settings):
    """Mixtures of experts, one level or two: every task weighs the experts anew for every example."""

    experts: int = Field(8, ge=2, le=64, description="parallel sub-networks above the shared stages")
    expert_stages: int = Field(
        1, ge=1, le=8, description="encoder stages of an expert, the last ones; its decoder is its own too"
    )
    width: Literal["equal", "split", "full"] = Field(
        "equal",
        description="neurons of every stage; equal: as many as give the whole network the weights of one shared "
        "network, split: those of a stage over the number of experts, full: those of a stage",
    )
    grid: int = Field(
        4, ge=1, le=32, description="gates see what they read averaged over so many by so many fields of an image"
    )


Method = Literal[
    "mtsl", "one", "separate", "retrain", "random", "selective", "automtl", "snr-trans", "snr-aver", "mmoe", "ml-mmoe"
]

METHOD_SETTINGS: dict[str, str] = {
    "mtsl": "mtsl",
    "retrain": "retrain",
    "random": "random",
    "selective": "selective",
    "automtl": "automtl",
    "snr-trans": "snr",
    "snr-aver": "snr",
    "mmoe": "mmoe",
    "ml-mmoe": "mmoe",
}
"""Method -> the field of `Config` that holds its own settings; One and Separate have none."""
