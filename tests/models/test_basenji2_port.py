"""Basenji2 against another implementation, the port basenji2-pytorch (`pip install basenji2-pytorch`)."""

import pytest
import torch

from enformer_vep.models.basenji2.config import Basenji2Config
from enformer_vep.models.basenji2.network import Basenji2, Block


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore")
def test_the_port_with_our_weights_predicts_the_same() -> None:
    """Published widths; the port has GELU's erf form, and crops 64 bins from each side whatever the window."""
    port = pytest.importorskip("basenji2_pytorch")
    window, tracks = 2**15, 8
    shape = port.basenji2_params["model"]
    shape = {**shape, "seq_length": window, "head_human": {**shape["head_human"], "units": tracks}}
    theirs = port.Basenji2(shape).eval()
    config = Basenji2Config(window=window, target_length=128, output_tracks={"human": tracks})
    torch.manual_seed(3)
    ours = Basenji2(config).eval().requires_grad_(False)
    for module in ours.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            for tensor in (module.weight, module.bias, module.running_mean):
                tensor.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
    # Both have their arrays in the order of the layers.
    weights = ours.state_dict().values()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), weights, strict=True)))
    for module in ours.modules():
        if isinstance(module, Block):
            module.activation = torch.nn.functional.gelu
    bases = torch.randint(0, 4, (1, window), generator=torch.Generator().manual_seed(1))
    x = torch.nn.functional.one_hot(bases, 4).float()
    with torch.inference_mode():
        expected = theirs(x.transpose(1, 2))
        found = ours(x)["human"]
    assert expected.std() > 1e-3
    assert ((found - expected).norm() / expected.norm()).item() < 1e-6
