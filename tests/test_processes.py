"""Two real processes: gradients and statistics become their mean, decisions the first process's."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

SCRIPT = """
import torch
from lightning_fabric import Fabric
from core.processes import average_gradients, average_statistics, same_everywhere

fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
fabric.launch()
rank = fabric.global_rank
layer = torch.nn.Linear(3, 2)
unused = torch.nn.Parameter(torch.zeros(1))
optimizer = torch.optim.SGD([*layer.parameters(), unused], lr=1.0)
sum(weight.sum() * (1 + 2 * rank) for weight in layer.parameters()).backward()
average_gradients(fabric, optimizer)
assert all(torch.equal(weight.grad, torch.full_like(weight, 2.0)) for weight in layer.parameters())
assert unused.grad is None
norm = torch.nn.BatchNorm1d(2)
norm.running_mean += rank
norm.num_batches_tracked += 5
average_statistics(fabric, norm)
assert norm.running_mean.tolist() == [0.5, 0.5]
assert norm.num_batches_tracked.item() == 5
assert same_everywhere(fabric, torch.tensor([float(rank)])).item() == 0.0
assert same_everywhere(fabric, f"process {rank}") == "process 0"
print("agreed", flush=True)
torch.distributed.destroy_process_group()  # left to the interpreter's exit, its threads may abort the process
"""


def test_two_processes_agree(tmp_path: Path) -> None:
    script = tmp_path / "agree.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "agreed" in done.stdout
