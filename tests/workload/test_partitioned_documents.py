"""Partitioned networks in files: what is saved is what is loaded, and one line for whatever is wrong."""

import json
import os
import time
import tracemalloc
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from partitioned_graphs import graphs

import ppsim
from ppsim.documents import quote
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import LAYER_TYPES, Linear
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer, all_blocks, split_evenly
from ppsim.workload.partitioned_documents import FORMAT, MAX_BLOCKS, MAX_BYTES, MAX_PARTS
from ppsim.workload.partitioned_writing import WIDTH, readable
from ppsim.workload.sparsity import LAWS, Sparsity

DOCS = Path(__file__).parent.parent.parent / "docs"
EXAMPLE = DOCS / "examples" / "small-mlp.json"

BASE = {
    "format": FORMAT,
    "name": "net",
    "workload": {
        "input": [8],
        "layers": [
            {"name": "fc1", "type": "linear", "out_features": 6},
            {"name": "relu", "type": "elementwise"},
            {"name": "fc2", "type": "linear", "out_features": 2},
        ],
    },
    "parts": 3,
    "layers": {"fc1": {}, "fc2": {"split": "inputs"}},
}


def write(folder: Path, document) -> Path:
    path = folder / "net.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def changed(path: str, value) -> dict:
    """The base document with the value at "a.b.0" replaced."""
    document = deepcopy(BASE)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = document
    for parent in parents:
        place = place[parent]
    place[last] = value
    return document


def refusal(path: Path, **arguments) -> str:
    """What is wrong with a file, without its name."""
    with pytest.raises(ppsim.InputError) as caught:
        ppsim.load_partitioned(path, **arguments)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


@settings(max_examples=60)
@given(graphs())
def test_what_is_saved_is_what_is_loaded(tmp_path_factory, graph):
    folder = tmp_path_factory.getbasetemp()
    ppsim.save_partitioned(graph, folder / "a.json")
    loaded = ppsim.load_partitioned(folder / "a.json", batch=graph.graph.batch, bits=graph.graph.bits)
    assert loaded == graph
    assert list(loaded.layers) == [layer.name for layer in graph.graph.layers if layer.name in graph.layers]
    ppsim.save_partitioned(loaded, folder / "b.json")
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()


def test_the_example():
    graph = ppsim.load_partitioned(str(EXAMPLE), batch=2, bits=8)
    assert (graph.name, graph.parts, graph.placement, graph.graph.batch, graph.graph.bits) == (
        "small-mlp", 4, (0, 0, 1, 1), 2, 8,
    )  # fmt: skip
    assert graph.description.startswith("Four layers in four parts")
    fc1, fc2, fc3, fc4 = graph.layers.values()
    assert fc1 == PartitionedLayer(
        in_sizes=(3, 3, 3, 3),
        out_sizes=(4, 4, 4, 4),
        kept=((Kept(0, 3, 9),), (Kept(1, 3, 12),), (Kept(2, 3, 7), Kept(3, 3, 2)), (Kept(3, 3, 10),)),
        in_assignment=(0, 1, 2, 3) * 3,
        sparsity=Sparsity(kind="compressed", format="relative index", index_bits=4),
        weight_bits=8,
    )
    assert (fc2.in_sizes, fc2.out_sizes, fc2.sparsity) == ((4,) * 4, (6, 4, 4, 2), Sparsity(kind="n:m", n=2, m=4))
    assert fc2.kept == tuple((Kept(p, 4),) for p in range(4))
    assert fc3.kept == ((Kept(0, 6),), (Kept(1, 4),), (Kept(2, 4),), (Kept(0, 2), Kept(3, 2)))
    assert fc3.rank == 1
    assert fc4 == PartitionedLayer((2,) * 4, (3,), (tuple(Kept(p, 2) for p in range(4)),), split="inputs")
    # 40 non-zeros; half of 64; factors of 8 + 6 + 6 + 6; all of 24
    assert (graph.nonzeros, graph.dense_weights) == (40 + 32 + 26 + 24, 192 + 256 + 128 + 24)
    assert graph.macs == 2 * (60 + 32 + 26 + 24)


def test_the_example_is_as_it_would_be_saved(tmp_path):
    ppsim.save_partitioned(ppsim.load_partitioned(EXAMPLE), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == EXAMPLE.read_bytes()


def test_the_page_shows_the_example():
    page = (DOCS / "partitioned-graph.md").read_text(encoding="utf-8")
    assert page.split("```json\n")[1].split("```")[0] == EXAMPLE.read_text(encoding="utf-8")
    assert "122 of 600 weights" in page


def test_the_page_names_every_key():
    page = (DOCS / "partitioned-graph.md").read_text(encoding="utf-8")
    definitions = ppsim.partitioned_schema()["$defs"]
    keys = {*ppsim.partitioned_schema()["properties"]}
    for name in ("LayerDocument", "BlockDocument", "UnitsDocument", "InlineWorkload", "Sparsity"):
        keys |= {*definitions[name]["properties"]}
    assert [key for key in sorted(keys) if f"`{key}`" not in page and f'"{key}"' not in page] == []
    assert all(f"`{kind}`" in page for kind in LAWS)


def test_the_schema():
    schema = ppsim.partitioned_schema()
    assert schema == json.loads((DOCS / "partitioned-graph.schema.json").read_text(encoding="utf-8"))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["properties"]["format"]["const"] == FORMAT
    assert schema["required"] == ["format", "name", "workload", "parts", "layers"]
    assert schema["properties"]["parts"]["maximum"] == MAX_PARTS
    for name in ("LayerDocument", "BlockDocument", "UnitsDocument", "InlineWorkload", "Sparsity"):
        definition = schema["$defs"][name]
        assert definition["description"]
        assert definition["additionalProperties"] is False
        assert all(field["description"] for field in definition["properties"].values())
    assert all(field["description"] for field in schema["properties"].values())
    assert {*schema["$defs"]["BlockDocument"]["properties"]} == {"from", "to", "nonzeros", "units"}
    assert schema["$defs"]["Sparsity"]["properties"]["kind"]["enum"] == list(LAWS)
    assert all("type" in schema["$defs"][layer.__name__]["required"] for layer in LAYER_TYPES)


def test_defaults(tmp_path):
    graph = ppsim.load_partitioned(write(tmp_path, BASE))
    assert (graph.graph.batch, graph.graph.bits, graph.placement, graph.description) == (1, None, None, "")
    assert dict(graph.layers) == {
        "fc1": PartitionedLayer((3, 3, 2), (2, 2, 2), ((Kept(0, 3),), (Kept(1, 3),), (Kept(2, 2),))),
        "fc2": PartitionedLayer((2, 2, 2), (2,), ((Kept(0, 2), Kept(1, 2), Kept(2, 2)),), split="inputs"),
    }


def test_all_blocks(tmp_path):
    graph = ppsim.load_partitioned(write(tmp_path, changed("layers.fc1", {"blocks": "all"})))
    assert graph.layers["fc1"].kept == ((Kept(0, 3), Kept(1, 3), Kept(2, 2)),) * 3
    graph = ppsim.load_partitioned(write(tmp_path, changed("layers.fc2", {"blocks": "all", "split": "inputs"})))
    assert graph == ppsim.load_partitioned(write(tmp_path, BASE))
    blocks = [{"from": 2, "to": 0, "nonzeros": 1}, {"from": 0, "to": 0, "units": 1}]
    graph = ppsim.load_partitioned(write(tmp_path, changed("layers.fc2", {"blocks": blocks, "split": "inputs"})))
    assert graph.layers["fc2"].kept == ((Kept(2, 2, 1), Kept(0, 1)),)


def test_a_shipped_network_by_name(tmp_path):
    graph = ppsim.partition(ppsim.load_workload("tinyvgg16"), 16, layers="*")
    path = tmp_path / "net.json"
    ppsim.save_partitioned(graph, path)
    document = json.loads(path.read_text())
    assert (document["name"], document["workload"]) == ("tinyvgg16", "tinyvgg16")
    assert document["layers"]["fc7"] == {}
    assert ppsim.load_partitioned(path) == graph
    other = replace(graph, graph=replace(graph.graph, name="mine"))
    ppsim.save_partitioned(other, path)
    assert json.loads(path.read_text())["workload"] == "tinyvgg16"
    assert ppsim.load_partitioned(path) == other
    assert ppsim.load_partitioned(path, batch=3, bits=8).graph == replace(other.graph, batch=3, bits=8)


WORKLOAD = "format: ppsim-workload/1\nname: other\ninput: [8]\nlayers: [{name: fc1, type: linear, out_features: 6}]\n"


def test_a_network_beside_the_file(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "other.yaml").write_text(WORKLOAD)
    document = changed("workload", "sub/other.yaml") | {"layers": {"fc1": {}}}
    graph = ppsim.load_partitioned(write(tmp_path, document))
    assert graph.graph == LayerGraph("net", (8,), (Linear(name="fc1", out_features=6),))
    ppsim.save_partitioned(graph, tmp_path / "saved.json")  # anywhere: the network is in it
    assert json.loads((tmp_path / "saved.json").read_text())["workload"]["input"] == [8]
    assert ppsim.load_partitioned(tmp_path / "saved.json") == graph


def test_no_network_outside_the_folder_of_the_file(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    outside = tmp_path / "other.yaml"
    outside.write_text(WORKLOAD)
    (inside / "link.yaml").symlink_to(outside)
    (inside / "folder").symlink_to(tmp_path)
    (inside / "circle").symlink_to("circle")
    (inside / "good.yaml").write_text(WORKLOAD)
    for name in (
        "../other.yaml", "folder/other.yaml", "link.yaml", str(outside), "/dev/zero", "sub/../good.yaml",
        str(inside / "good.yaml"), "..",
    ):  # fmt: skip
        message = refusal(write(inside, changed("workload", name)))
        assert message.startswith(f"workload: {quote(name)} leads out of the file's folder; give a path below"), name
        assert "tinyvgg16" in message
    for name in ("", ".", "nothing.yaml", "tinyvgg17", "circle", "a\0b", "a" * 5000, "a/" * 3000):
        assert "is no network that ppsim ships and no file here" in refusal(write(inside, changed("workload", name)))
    (inside / "alias.yaml").symlink_to("good.yaml")
    document = changed("workload", "alias.yaml") | {"layers": {"fc1": {}}}
    assert ppsim.load_partitioned(write(inside, document)).parts == 3


def test_a_network_over_sequences(tmp_path):
    layers = [{"name": "fc", "type": "linear", "out_features": 4}]
    document = changed("workload", {"input": [8, 16], "layers": layers}) | {"layers": {"fc": {}}}
    path = write(tmp_path, document)
    assert ppsim.load_partitioned(path).graph.input_shape == (8, 16)
    assert ppsim.load_partitioned(path, sequence=5).graph.input_shape == (8, 5)
    assert refusal(path, sequence=0) == "net: sequence must be at least 1, got 0"
    assert refusal(path, batch=0) == "net: batch must be at least 1, got 0"
    assert "is no (features, positions)" in refusal(write(tmp_path, BASE), sequence=5)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("format", "ppsim-workload/1", "format: must be 'ppsim-partitioned/1'"),
        ("name", 5, "name: Input should be a valid string, got 5"),
        ("name", float("nan"), "name: Input should be a valid string, got nan"),
        ("batch", 4, "batch: unknown key; accepted: format, name, workload, parts, layers, description, placement"),
        ("parts", 0, "parts: Input should be greater than or equal to 1, got 0"),
        ("parts", 10**9, f"parts: Input should be less than or equal to {MAX_PARTS}, got 1000000000"),
        ("parts", 10**30, "parts: Input should be a valid integer, got 1e+30"),
        ("parts", float("nan"), "parts: Input should be a valid integer, got nan"),
        ("parts", float("-inf"), "parts: Input should be a valid integer, got -inf"),
        ("parts", 3.0, "parts: Input should be a valid integer, got 3.0"),
        ("parts", True, "parts: Input should be a valid integer, got True"),
        ("parts", "3", "parts: Input should be a valid integer, got '3'"),
        (
            "parts",
            7,
            "layers.fc1: 7 parts are more than the 6 outputs it is split by; take at most 6 parts, or split by",
        ),
        ("placement", [0, 1], "net: placement: give an accelerator (0 and up) for each of 3 parts"),
        ("placement", [0, 1, -1], "placement.2: Input should be greater than or equal to 0, got -1"),
        ("workload", 5, "workload: Input should be the name of a network, a path, or {"),
        ("workload.input", [], "workload.input: Tuple should have at least 1 item"),
        ("workload.layers", [], "workload.layers: Tuple should have at least 1 item"),
        ("workload.name", "x", "workload.name: unknown key; accepted: input, layers"),
        ("workload.layers.0.type", "lineal", "workload.layers.0: Input tag 'lineal' found using 'type' does not match"),
        (
            "workload.layers.0.outs",
            1,
            "workload.layers.0.linear.outs: unknown key; accepted: name, inputs, type, out_f",
        ),
        ("workload.layers.2.name", "fc1", "net: layers: the name 'fc1' is taken"),
        (
            "layers.fc3",
            {},
            "net: layer 'fc3': only linear layers and ungrouped convolutions can be partitioned; there are",
        ),
        (
            "layers.relu",
            {},
            "net: layer 'relu': only linear layers and ungrouped convolutions can be partitioned; there",
        ),
        ("layers.fc1", [], "layers.fc1: Input should be an object"),
        ("layers.fc1.input", {}, "layers.fc1.input: unknown key; accepted: inputs, outputs, blocks, split, sparsity"),
        (
            "layers.fc1.inputs",
            {},
            'layers.fc1.inputs: give either "sizes" or "assignment"; leave both out for parts as',
        ),
        ("layers.fc1.inputs", {"sizes": [8, 0, 0], "assignment": [0] * 8}, 'layers.fc1.inputs: give either "sizes" or'),
        ("layers.fc1.inputs", {"parts": 3}, "layers.fc1.inputs.parts: unknown key; accepted: sizes, assignment"),
        (
            "layers.fc1.inputs",
            {"sizes": [4, 4]},
            "layers.fc1.inputs.sizes: 2 sizes that add up to 8; give 3 that add up",
        ),
        ("layers.fc1.inputs", {"sizes": [4, 4, 1]}, "layers.fc1.inputs.sizes: 3 sizes that add up to 9; give 3 that"),
        (
            "layers.fc1.inputs",
            {"sizes": [4, 5, -1]},
            "layers.fc1.inputs.sizes.2: Input should be greater than or equal",
        ),
        (
            "layers.fc1.inputs",
            {"assignment": [0, 1]},
            "layers.fc1.inputs.assignment: 2 units; give the part of each of 8",
        ),
        (
            "layers.fc1.outputs",
            {"assignment": [0, 1, 2, 3, 0, 0]},
            "layers.fc1.outputs.assignment.3: there is no part 3; parts go from 0 to 2",
        ),
        (
            "layers.fc1.outputs",
            {"assignment": [0, 0, 10**17] * 2},
            "layers.fc1.outputs.assignment.2: there is no part 1",
        ),
        ("layers.fc1.outputs", {"assignment": [0, -1] * 3}, "layers.fc1.outputs.assignment.1: Input should be greater"),
        (
            "layers.fc2.outputs",
            {"sizes": [2]},
            "layers.fc2.outputs: a layer split by inputs has one output part; leave",
        ),
        (
            "layers.fc2.split",
            "outputs",
            "layers.fc2: 3 parts are more than the 2 outputs it is split by; take at most 2",
        ),
        ("layers.fc2.split", "both", "layers.fc2.split: Input should be 'outputs' or 'inputs', got 'both'"),
        ("layers.fc2.rank", 1, "layers.fc2: rank=1 goes with a split by outputs, not by inputs"),
        ("layers.fc1.rank", 0, "layers.fc1.rank: Input should be greater than 0, got 0"),
        ("layers.fc1.rank", 3, "net: layer 'fc1': rank=3 is more than its largest block has; take at most 2"),
        ("layers.fc1.weight_bits", 0, "layers.fc1.weight_bits: Input should be greater than 0, got 0"),
        ("layers.fc1.weight_bits", 1025, "layers.fc1.weight_bits: Input should be less than or equal to 1024"),
        ("layers.fc1.blocks", "some", 'layers.fc1.blocks: Input should be "all" or a list of blocks'),
        ("layers.fc1.blocks", {}, 'layers.fc1.blocks: Input should be "all" or a list of blocks'),
        ("layers.fc1.blocks", [{"to": 0}], "layers.fc1.blocks.0.from: Field required"),
        (
            "layers.fc1.blocks",
            [{"from": 0, "to": 0, "non": 0}],
            "layers.fc1.blocks.0.non: unknown key; accepted: from, to",
        ),
        (
            "layers.fc1.blocks",
            [{"from": 3, "to": 0}],
            "layers.fc1.blocks.0.from: there is no part 3; parts go from 0 to 2",
        ),
        (
            "layers.fc1.blocks",
            [{"from": 0, "to": 3}],
            "layers.fc1.blocks.0.to: there is no part 3; parts go from 0 to 2",
        ),
        ("layers.fc2.blocks", [{"from": 0, "to": 1}], "layers.fc2.blocks.0.to: there is no part 1; it has to be 0"),
        (
            "layers.fc1.blocks",
            [{"from": 0, "to": 0, "units": 4}],
            "layers.fc1.blocks.0.units: input part 0 has 3 units",
        ),
        ("layers.fc1.blocks", [{"from": 0, "to": 0, "units": 0}], "layers.fc1.blocks.0.units: Input should be greater"),
        ("layers.fc1.blocks", [{"from": 0, "to": 0}] * 2, "layers.fc1: output part 0 keeps input part 0 twice"),
        ("layers.fc1.blocks", [{"from": 0, "to": 0}], "layers.fc1: output part 1 keeps no block; keep at least one"),
        ("layers.fc1.blocks", [], "layers.fc1: output part 0 keeps no block"),
        (
            "layers.fc1.blocks",
            [{"from": p, "to": p, "nonzeros": 7} for p in range(3)],
            "net: layer 'fc1': output part 0: 7 nonzeros of input part 0 are more than the 6 weights of its 3 x 2",
        ),
        (
            "layers.fc1.sparsity",
            {"kind": "sparse"},
            "layers.fc1.sparsity: sparsity.kind: 'sparse' is unknown; accepted: d",
        ),
        (
            "layers.fc1.sparsity",
            {"kinds": "gated"},
            "layers.fc1.sparsity.kinds: unknown key; accepted: kind, format, index",
        ),
        ("layers.fc1.sparsity", {"kind": "n:m", "n": 2}, 'layers.fc1.sparsity: sparsity: kind "n:m" needs n and m'),
        ("layers.fc1.sparsity", "gated", "layers.fc1.sparsity: Input should be an object, got 'gated'"),
    ],
)
def test_a_document_that_cannot_be_used(tmp_path, path, value, says):
    assert refusal(write(tmp_path, changed(path, value))).startswith(says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not valid JSON: Expecting value: line 1 column 1"),
        ("format: ppsim-partitioned/1", "is not valid JSON: Expecting value"),
        ("[1, 2]", "holds no mapping; a ppsim-partitioned/1 document is expected"),
        ("5", "holds no mapping"),
        ("NaN", "holds no mapping"),
        ("{}", "format: must be 'ppsim-partitioned/1'"),
        (
            '{"format": "ppsim-partitioned/1", "name": "a", "name": "b"}',
            "is not valid JSON: the key 'name' stands twice",
        ),
        (
            '{"format": "ppsim-partitioned/1", "a": {"b": [{"c": 1, "c": 1}]}}',
            "is not valid JSON: the key 'c' stands twice",
        ),
        ('{"format": "ppsim-partitioned/1", "parts": ' + "9" * 100_000 + "}", "name: Field required"),
        (
            '{"format": "ppsim-partitioned/1", "a": ' + "[" * 33 + "]" * 33 + "}",
            "is not valid: nested more than 32 deep",
        ),
        ("[" * 5_000_000, "is not valid: nested more than 32 deep"),
        ('{"a":' * 1_000_000, "is not valid: nested more than 32 deep"),
        ("[" * 9_000_000, "9000000 lists, mappings and keys; ppsim-partitioned/1 files go up to 8388608"),
        ('{"format": "ppsim-partitioned/1"', "is not valid JSON: Expecting ',' delimiter"),
        (
            json.dumps({str(key): 5 for key in range(33)}),
            "is not valid JSON: a mapping of 33 keys; up to 32 are accepted",
        ),
        (
            json.dumps({str(key): {} for key in range(20_000)}),
            "is not valid JSON: a mapping of 20000 keys; up to 16384",
        ),
        (json.dumps({str(key): {} for key in range(16_000)}), "format: must be"),
        (json.dumps(BASE) + "x", "is not valid JSON: Extra data"),
        (json.dumps(BASE).replace('"net"', '"\\ud800"'), "Invalid JSON: "),
    ],
)
def test_a_file_that_is_no_document(tmp_path, text, says):
    assert refusal(write(tmp_path, text)).startswith(says)


def test_a_number_of_many_digits_is_named(tmp_path):
    text = json.dumps(BASE).replace('"parts": 3', '"parts": ' + "9" * 100_000)
    assert refusal(write(tmp_path, text)) == "parts: Input should be a valid integer, got inf"


def test_what_is_no_file(tmp_path):
    assert refusal(tmp_path) == "is a folder; give the name of a ppsim-partitioned/1 file"
    assert refusal(tmp_path / "nothing.json") == "cannot be read: No such file or directory"
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == "is no ordinary file; give the name of a ppsim-partitioned/1 file"
    assert refusal(Path("/dev/zero")) == "is no ordinary file; give the name of a ppsim-partitioned/1 file"
    (tmp_path / "latin.json").write_bytes(b'{"format": "\xe9"}')
    assert refusal(tmp_path / "latin.json").startswith("is not UTF-8 text")
    with pytest.raises(ppsim.InputError, match="cannot be read: embedded null byte"):
        ppsim.load_partitioned("a\0b")


def test_a_large_file_is_not_read(tmp_path):
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    tracemalloc.start()
    assert refusal(path) == f"{MAX_BYTES + 1} bytes; ppsim-partitioned/1 files go up to {MAX_BYTES}"
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("parts", 10**9),
        ("layers.fc1.outputs", {"assignment": [0, 1, 2, 0, 1, 10**17]}),
        ("layers.fc1.rank", 10**17),
        ("placement", [10**17, 0]),
        ("layers.fc1.blocks", [{"from": 0, "to": 10**17}]),
        ("layers.fc1.inputs", {"assignment": ["a"] * 50_000}),
        ("layers.fc1.inputs", {"sizes": [-1] * 50_000}),
        ("layers.fc1.blocks", [5] * 50_000),
        ("placement", [-1] * 50_000),
        ("name", ["a" * 10_000_000]),
        ("x" * 1_000_000, 5),
        ("layers." + "x" * 1_000_000, {}),
        ("workload.layers", [{}] * 100_000),
    ],
    ids=range(13),
)
def test_numbers_without_bounds_take_no_room(tmp_path, path, value):
    path = write(tmp_path, changed(path, value))
    begin = time.process_time()
    tracemalloc.start()
    assert refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()
    assert time.process_time() - begin < 5


def test_many_parts_of_many_units(tmp_path):
    """Layers of any size do not lift the bounds on parts and blocks."""
    document = changed("workload.layers.0.out_features", 10**15) | {
        "parts": 10**9,
        "layers": {"fc1": {"blocks": "all"}},
    }
    document["workload"]["input"] = [10**15]
    assert refusal(write(tmp_path, document)).startswith("parts: Input should be less")
    document["parts"] = MAX_PARTS
    message = refusal(write(tmp_path, document))
    assert message == f"layers.fc1.blocks: {MAX_PARTS**2} blocks so far; a file has up to {MAX_BLOCKS}"
    del document["layers"]["fc1"]["blocks"]
    assert ppsim.load_partitioned(write(tmp_path, document)).layers["fc1"].in_sizes == split_evenly(10**15, MAX_PARTS)


def test_large_assignments_load_quickly(tmp_path):
    parts, units = 16, 25_088
    assignment = tuple((7 * unit) % parts for unit in range(units))
    sizes = tuple(assignment.count(part) for part in range(parts))
    cut = PartitionedLayer(sizes, sizes, all_blocks(sizes, sizes), assignment, assignment)
    names = ("a", "b", "c")
    net = LayerGraph("net", (units,), tuple(Linear(name=name, out_features=units) for name in names))
    graph = PartitionedGraph(net, parts, dict.fromkeys(names, cut))
    path = tmp_path / "net.json"
    ppsim.save_partitioned(graph, path)
    begin = time.process_time()
    loaded = ppsim.load_partitioned(path)
    assert time.process_time() - begin < 2  # 0.2 s on one idle core
    assert loaded == graph
    assert max(map(len, path.read_text().splitlines())) <= WIDTH


def test_a_file_too_large_to_be_loaded_is_not_saved(tmp_path, monkeypatch):
    example = ppsim.load_partitioned(EXAMPLE)
    monkeypatch.setattr("ppsim.workload.partitioned_documents.MAX_BYTES", 500)
    with pytest.raises(ppsim.InputError, match="bytes; ppsim-partitioned/1 files go up to 500"):
        ppsim.save_partitioned(example, tmp_path / "net.json")
    monkeypatch.setattr("ppsim.workload.partitioned_documents.MAX_BLOCKS", 17)
    with pytest.raises(ppsim.InputError, match="18 blocks; a file has up to 17"):
        ppsim.save_partitioned(example, tmp_path / "net.json")
    with pytest.raises(ppsim.InputError, match="a name is no text that can be written"):
        ppsim.save_partitioned(
            PartitionedGraph(replace(ppsim.gemm(1, 2, 2), name="\ud800"), 1, {}), tmp_path / "a.json"
        )
    with pytest.raises(ppsim.InputError, match="is a folder"):
        ppsim.save_partitioned(PartitionedGraph(ppsim.gemm(1, 2, 2), 1, {}), tmp_path)
    assert not list(tmp_path.iterdir())


PLAIN = st.recursive(
    st.integers() | st.text() | st.booleans() | st.none(),
    lambda inner: (
        st.lists(st.integers(), max_size=60) | st.lists(st.text(), max_size=20) | st.lists(inner, max_size=4)
        | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=20,
)  # fmt: skip


@given(PLAIN)
def test_readable_text_is_the_same_value(value):
    assert json.loads(readable(value)) == value


def test_readable_text_by_hand():
    assert readable({"a": [1, 2], "b": {}}) == '{"a": [1, 2], "b": {}}'
    rows = readable({"numbers": list(range(100)), "names": ["a, b" * 20, "c"] * 2}).splitlines()
    assert rows[1] == '  "numbers": ['
    assert rows[2].startswith("    0, 1, 2, ")
    assert rows[2].endswith(",")
    assert max(map(len, rows)) <= WIDTH
