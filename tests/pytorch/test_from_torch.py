"""PyTorch modules as networks: what is read computes what the module does, and is called what its parameters are."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune
from workload.formats.evaluate import evaluate_all, held

import ppsim
from ppsim.errors import InputError
from ppsim.workload.formats.torch_reading import from_torch
from ppsim.workload.layers import Add, BatchNorm, Conv, Elementwise, Embedding, Flatten, LayerNorm, Linear, MatMul

from ppsim.workload.layers import Pool, PRelu, Softmax  # isort: skip
from ppsim.workload.model import Model, named_tensors


def trained(module: nn.Module) -> nn.Module:
    """With numbers as training leaves them: none of them zero or one, variances positive."""
    torch.manual_seed(11)
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.is_floating_point() and not name.endswith("_mask"):
            tensor.data = torch.rand_like(tensor) + 0.5 if "var" in name else torch.randn_like(tensor) * 0.2
    return module


def same(module: nn.Module, x: torch.Tensor, tolerance: float = 1e-4) -> Model:
    """The module as read, which computes what it does when it is used."""
    model = from_torch(module, x)
    modes = [part.training for part in module.modules()]
    with torch.no_grad():
        want = module.eval()(x).numpy()
    assert any(modes), "the module was left as it was: in training"
    values = evaluate_all(model.graph, named_tensors(model), held(model.graph.input_shape, x.numpy()))
    last = model.graph.layers[-1].name
    np.testing.assert_allclose(values[last], held(values[last].shape, want), rtol=tolerance, atol=tolerance)
    return model


def types(model: Model) -> list[type]:
    return [type(layer) for layer in model.graph.layers]


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(12, 8)
        self.fc2 = nn.Linear(8, 5, bias=False)

    def forward(self, x):
        return torch.softmax(self.fc2(torch.relu(self.fc1(x.flatten(1)))), -1)


def test_a_perceptron():
    model = same(trained(Mlp()), torch.randn(1, 3, 4))
    assert model.graph.name == "Mlp"
    assert types(model) == [Flatten, Linear, Elementwise, Linear, Softmax]
    assert [layer.name for layer in model.graph.layers if isinstance(layer, Linear)] == ["fc1", "fc2"]


def test_the_arrays_are_the_parameters():
    module = trained(Mlp())
    model = from_torch(module, torch.randn(7, 12), name="mine")
    assert model.graph.name == "mine"
    assert model.graph.input_shape == (12,)
    for name, array in module.state_dict().items():
        np.testing.assert_array_equal(named_tensors(model)[name], array.numpy())


def test_a_pruned_layer_is_read_with_its_mask():
    module = trained(Mlp())
    prune.l1_unstructured(module.fc1, "weight", amount=0.5)
    model = same(module, torch.randn(1, 12))
    assert [layer.name for layer in model.graph.layers if isinstance(layer, Linear)] == ["fc1", "fc2"]
    assert (model.weight("fc1") == 0).mean() == 0.5


def test_a_convolutional_network():
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU6(),
        nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(8, 8, 3, stride=2, groups=8, bias=False),
        nn.PReLU(8),
        nn.Conv2d(8, 4, 1),
        nn.LeakyReLU(0.1),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.Dropout(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 6),
        nn.GELU(),
        nn.BatchNorm1d(6),
        nn.Sigmoid(),
    )
    model = same(trained(module), torch.randn(1, 3, 17, 17))
    assert types(model) == [
        Conv, Elementwise, Pool, Conv, PRelu, Conv, PRelu, Pool, Pool, Flatten, Linear, Elementwise, BatchNorm,
        Elementwise,
    ]  # fmt: skip
    named = [layer.name for layer in model.graph.layers if layer.tensors(model.graph.input_shapes_of(layer.name))]
    assert named[:4] == ["0", "4", "5", "6"]
    assert named[-2:] == ["12", "14"]


@pytest.mark.parametrize("first", [True, False], ids=["norm first", "norm last"])
def test_an_encoder_block(first):
    module = nn.TransformerEncoderLayer(24, 3, 40, activation="gelu", batch_first=True, norm_first=first)
    model = same(trained(module), torch.randn(1, 7, 24))
    assert model.graph.input_shape == (24, 7)
    linear = [layer.name for layer in model.graph.layers if isinstance(layer, Linear)]
    parts = [f"self_attn.in_proj_{number}" for number in range(3)]
    assert linear == [*parts, "self_attn.out_proj", "linear1", "linear2"]
    assert [layer.name for layer in model.graph.layers if isinstance(layer, LayerNorm)] == ["norm1", "norm2"]
    products = [layer for layer in model.graph.layers if isinstance(layer, MatMul)]
    assert [(layer.groups, layer.over) for layer in products] == [(3, "units"), (3, "positions")]
    assert products[0].inputs == (parts[0], parts[1])
    assert model.graph.macs == 7 * (4 * 24 * 24 + 2 * 24 * 40) + 2 * 7 * 7 * 24
    assert model.graph.parameters == sum(parameter.numel() for parameter in module.parameters())


class Language(nn.Module):
    """Words and positions, attention written out, and a last layer with the weights of the words."""

    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(50, 16), nn.Embedding(12, 16)
        self.norm = nn.LayerNorm(16)
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.head = nn.Linear(16, 50, bias=False)
        self.head.weight = self.wte.weight

    def forward(self, ids):
        batch, positions = ids.shape
        x = self.wte(ids) + self.wpe(torch.arange(positions))
        q, k, v = (part.view(batch, positions, 4, 4).transpose(1, 2) for part in self.qkv(self.norm(x)).split(16, -1))
        scores = torch.softmax(q @ k.transpose(-1, -2) * 0.5, -1)
        x = x + self.out((scores @ v).transpose(1, 2).reshape(batch, positions, 16))
        return self.head(x)


def test_a_language_model():
    module = trained(Language())
    module.head.weight = module.wte.weight
    model = same(module, torch.randint(0, 50, (1, 9)))
    assert model.graph.input_shape == (1, 9)
    assert types(model) == [Embedding, LayerNorm, Linear, Linear, Linear, MatMul, Softmax, MatMul, Linear, Add, Linear]
    assert model.graph.layers[0].entries == (50, 12)
    assert model.graph.layers[-1].tied
    assert model.graph.parameters == sum(parameter.numel() for parameter in module.parameters())


class Block(nn.Module):
    def __init__(self, channels, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, outputs, 3, stride, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.down = nn.Identity()
        if stride > 1:
            self.down = nn.Sequential(nn.Conv2d(channels, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        h = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(h + self.down(x))


def resnet18() -> nn.Module:
    blocks, channels = [], 64
    for outputs in (64, 128, 256, 512):
        blocks += [Block(channels, outputs, 1 if outputs == 64 else 2), Block(outputs, outputs, 1)]
        channels = outputs
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)]
    return nn.Sequential(*stem, *blocks, *head)


def vgg16(features: int, outputs: int) -> nn.Module:
    parts, channels = [], 3
    for size in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
        parts += [nn.Conv2d(channels, size, 3, 1, 1), nn.ReLU()] if size else [nn.MaxPool2d(2)]
        channels = size or channels
    head = [nn.Linear(features, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, outputs)]
    return nn.Sequential(*parts, nn.Flatten(), *head)


@pytest.mark.parametrize(
    ("make", "size", "name"),
    [(resnet18, 224, "resnet18"), (lambda: vgg16(2048, 200), 64, "tinyvgg16")],
    ids=["resnet18", "tinyvgg16"],
)
def test_networks_built_by_hand_are_those_that_are_shipped(make, size, name):
    model = from_torch(make(), torch.zeros(1, 3, size, size))
    shipped = ppsim.load_workload(name)
    assert model.graph.input_shape == shipped.input_shape
    assert model.graph.macs == shipped.macs
    assert model.graph.weights == shipped.weights
    gemms = [[graph.gemm_of(layer.name) for layer in graph.layers] for graph in (model.graph, shipped)]
    ours, theirs = (sorted(map(str, filter(None, found))) for found in gemms)
    assert ours == theirs


class Branches(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    ("module", "inputs", "says"),
    [
        (nn.Sequential(nn.Linear(3, 4), nn.SiLU()), torch.zeros(1, 3), "(Mul): multiplies activations element by"),
        (nn.Softplus(), torch.zeros(1, 3), "(Softplus): operator not supported; supported: Add, "),
        (nn.Linear(3, 4), torch.zeros(1, 7), "Linear: PyTorch cannot export it to ONNX: "),
        (Branches(), torch.zeros(1, 3), "Branches: PyTorch cannot export it to ONNX: "),
        (nn.Linear(3, 4), [torch.zeros(1, 3)], "Linear: example_inputs: a tensor or a tuple of tensors is accepted"),
        (nn.Linear(3, 4), (), "Linear: example_inputs: a tensor or a tuple of tensors is accepted"),
        (torch.relu, torch.zeros(1, 3), "from_torch: module: a torch.nn.Module is accepted, got <built-in method relu"),
        (nn.Bilinear(3, 3, 4), (torch.zeros(1, 3), torch.zeros(1, 3)), "Bilinear: "),
    ],
    ids=lambda value: "" if isinstance(value, str) else None,
)
def test_what_is_no_network_of_ours(module, inputs, says, capfd):
    with pytest.raises(InputError) as caught:
        from_torch(module, inputs)
    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert capfd.readouterr() == ("", "")


def test_a_module_that_cannot_be_exported_is_left_as_it_was():
    module = nn.Sequential(nn.Linear(3, 4), Branches())
    module[0].eval()
    with pytest.raises(InputError):
        from_torch(module, torch.zeros(1, 3))
    assert [part.training for part in module.modules()] == [True, False, True]
