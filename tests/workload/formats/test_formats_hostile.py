"""Files of arrays that are damaged, or made to do harm: one line that names the file, quickly and in little memory."""

import io
import json
import os
import pickle
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppsim.errors import InputError
from ppsim.workload.formats import npz, read_model_file, safetensors
from ppsim.workload.formats.npz import MAX_DIRECTORY, MAX_ENTRY, read_arrays
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Elementwise, Linear
from ppsim.workload.loading import load_model, save_model
from ppsim.workload.model import Model

GRAPH = LayerGraph(
    "net", (4,), (Linear(name="fc1", out_features=3), Elementwise(name="relu"), Linear(name="fc2", out_features=2))
)
MODEL = Model(
    GRAPH,
    {
        "fc1": {"weight": np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4), "bias": np.zeros(3, np.float32)},
        "fc2": {"weight": np.ones((2, 3), np.float32), "bias": np.ones(2, np.float32)},
    },
)


def refusal(path: Path, read: Callable = load_model) -> str:
    """What is wrong with a file, without its name: a line, in no time and little memory."""
    tracemalloc.start()
    start = time.monotonic()
    try:
        with pytest.raises(InputError) as caught:
            read(path)
        assert time.monotonic() - start < 3
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) - len(str(path)) < 500
    return message.removeprefix(f"{path}: ")


# .npz


def npy(shape, dtype="<f4", data: bytes | None = None) -> bytes:
    """An entry with a header of any shape; without `data`, as many zeros as a shape of few elements has."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": dtype, "fortran_order": False, "shape": shape})
    return content.getvalue() + (bytes(4 * int(np.prod(shape))) if data is None else data)


def archive(*entries: tuple[str, bytes], method: int = zipfile.ZIP_STORED, **lies: int) -> bytes:
    """A zip archive, in whose headers what `lies` names (flags, packed, size) is replaced."""
    body, directory = b"", b""
    for name, content in entries:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(content) + packer.flush() if method == zipfile.ZIP_DEFLATED else content
        sizes = (zlib.crc32(content), lies.get("packed", len(packed)), lies.get("size", len(content)))
        common = struct.pack("<5H3L2H", 20, lies.get("flags", 0), method, 0, 33, *sizes, len(name.encode()), 0)
        directory += b"PK\1\2\x14\0" + common + struct.pack("<3H2L", 0, 0, 0, 0, len(body)) + name.encode()
        body += b"PK\3\4" + common + name.encode() + packed
    return body + directory + end(len(entries), len(directory), len(body))


def end(entries: int, size: int, offset: int) -> bytes:
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, entries, entries, size, offset, 0)


def zeros_packed(size: int) -> bytes:
    """So many zeros, deflated, in pieces: nobody holds them."""
    packer, piece = zlib.compressobj(9, zlib.DEFLATED, -15), bytes(2**20)
    return b"".join(packer.compress(piece) for _ in range(size // len(piece))) + packer.flush()


class Harm:
    """What a pickled file would do when it is opened."""

    def __reduce__(self):
        return os.system, ("touch harmed",)


def header(text: bytes, version: bytes = b"\1\0") -> bytes:
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text


ARRAY = npy((2,))
WRONG_ENTRIES = {
    "an object": (npy((1,), "|O", b""), "holds pickled objects, which are never opened; booleans, integers and"),
    "complex": (npy((1,), "<c8"), "holds '<c8'; booleans, integers and floating point numbers are accepted"),
    "text": (npy((1,), "<U1"), "holds '<U1'; booleans"),
    "bytes": (npy((1,), "|S4"), "holds '|S4'; booleans"),
    "dates": (npy((1,), "<M8[D]"), "holds '<M8[D]'; booleans"),
    "long doubles": (npy((1,), "<f16"), "holds '<f16'; booleans"),
    "fields": (npy((1,), [("a", "<f4")]), "has no header of a plain array of numbers"),
    "too few": (npy((3,), data=bytes(8)), "has 8 bytes for an array of float32 of the shape (3,)"),
    "too many": (npy((3,), data=bytes(16)), "has 16 bytes for an array of float32 of the shape (3,)"),
    "more than there is": (npy((2**62, 2**62), data=b""), "has 0 bytes for an array of float32"),
    "nothing, at length": (npy((0, 2**62, 2**62), data=b""), "is damaged, or no .npz file: array is too big"),
    "dimensions": (npy((1,) * 40), "has 40 dimensions; up to 32 are accepted"),
    "a long number": (
        header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"9" * 5000 + b",), }"),
        "is dam",
    ),
    "many commas": (header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"1," * 4000), "has no header"),
    "negative": (header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"), "has no header"),
    "a sum": (header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1+1,), }"), "has no header of a plain"),
    "a call": (header(b"__import__('os').system('touch harmed')"), "has no header of a plain array of numbers"),
    "no numbers": (b"\x93NUMPY\1\0", "has no header of a plain array of numbers, as numpy.save writes it"),
    "a new version": (header(b"", b"\4\0"), "is no .npy array of a known version"),
    "no array": (b"hello", "is no .npy array of a known version"),
    "nothing": (b"", "is no .npy array of a known version"),
    "a long header": (b"\x93NUMPY\2\0\0\0\0\x80{", "has a header of 2147483648 bytes; up to 10000 are accepted"),
    "a pickle": (pickle.dumps(Harm()), "is no .npy array of a known version"),
}


@pytest.mark.parametrize("case", WRONG_ENTRIES)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_entries_that_are_no_arrays(case, method, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.npz"
    content, says = WRONG_ENTRIES[case]
    path.write_bytes(archive(("good.npy", ARRAY), ("x.npy", content), method=method))
    assert refusal(path, read_arrays).startswith(f"entry 'x.npy': {says}")
    assert os.listdir() == ["a.npz"]


def test_numpys_own_pickles(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", x=np.array([Harm()], dtype=object))
    assert "holds pickled objects, which are never opened" in refusal(Path("a.npz"), read_arrays)
    Path("b.npz").write_bytes(pickle.dumps(Harm()))
    assert refusal(Path("b.npz")) == "is damaged, or no .npz file: File is not a zip file"
    np.save("c.npy", np.ones(3))
    os.rename("c.npy", "c.npz")
    assert refusal(Path("c.npz")) == "is damaged, or no .npz file: File is not a zip file"
    assert not Path("harmed").exists()


BOMB = 2**26
ARCHIVES = {
    "a bomb": (
        lambda: archive(("x.npy", npy((BOMB // 4,))), method=zipfile.ZIP_DEFLATED),
        "entry 'x.npy': would inflate from",
    ),
    "a bomb that says it is small": (
        lambda: archive(("x.npy", npy((BOMB // 4,))), method=zipfile.ZIP_DEFLATED, size=136),
        "entry 'x.npy': is damaged, or no .npz file: Bad CRC-32",
    ),
    "a bomb that is small by its header too": (
        lambda: archive(("x.npy", npy((2,), data=bytes(BOMB))), method=zipfile.ZIP_DEFLATED, size=136),
        "entry 'x.npy': is damaged, or no .npz file: Bad CRC-32",
    ),
    "a large array": (
        lambda: archive(("x.npy", ARRAY), size=MAX_ENTRY + 1),
        f"an array of {MAX_ENTRY + 1} bytes; an .npz file has arrays of up to {MAX_ENTRY}",
    ),
    "large arrays": (
        lambda: archive(*[(f"{n}.npy", ARRAY) for n in range(3)], size=MAX_ENTRY),
        f"arrays of {3 * MAX_ENTRY} bytes; an .npz file has up to {2 * MAX_ENTRY} in all",
    ),
    "many arrays": (
        lambda: archive(*[(f"{n}.npy", b"") for n in range(4097)]),
        "4097 arrays; an .npz file has up to 4096",
    ),
    "a directory that is large": (
        lambda: bytes(MAX_DIRECTORY + 1) + end(9, MAX_DIRECTORY + 1, 0),
        f"is damaged, or no .npz file: its directory has more than {MAX_DIRECTORY} bytes",
    ),
    "a directory that is large in the other way": (
        lambda: (
            bytes(MAX_DIRECTORY + 1)
            + struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, MAX_DIRECTORY + 1, 0)
            + struct.pack("<4sLQL", b"PK\6\7", 0, MAX_DIRECTORY + 1, 1)
            + end(1, 9, 0)
        ),
        f"is damaged, or no .npz file: its directory has more than {MAX_DIRECTORY} bytes",
    ),
    "encryption": (lambda: archive(("x.npy", ARRAY), flags=1), "entry 'x.npy': is encrypted; save it without a"),
    "another method": (
        lambda: archive(("x.npy", ARRAY), method=zipfile.ZIP_LZMA),
        "entry 'x.npy': is compressed by method 14; accepted: stored, deflated",
    ),
    "more than the file": (
        lambda: archive(("x.npy", ARRAY), packed=2**29, size=2**29),
        "entry 'x.npy': claims 536870912 of the file's",
    ),
    "less than it is": (lambda: archive(("x.npy", ARRAY), packed=8), "entry 'x.npy': claims 8 of the file's"),
    "a name twice": (lambda: archive(("x.npy", ARRAY), ("x.npy", ARRAY)), "entry 'x.npy': stands twice"),
    "documents": (lambda: archive(("ppsim.json", b"1"), ("ppsim.json", b"2")), "entry 'ppsim.json': stands twice"),
    "a name with a zero": (lambda: archive(("x\0.npy", ARRAY)), "entry 'x': is no .npy array"),
    "something else": (lambda: archive(("x.txt", b"hello")), "entry 'x.txt': is no .npy array"),
    "a folder": (lambda: archive(("x.npy/", b"")), "entry 'x.npy/': is no .npy array"),
    "no UTF-8": (lambda: archive(("ppsim.json", b"\xff")), "entry 'ppsim.json': is damaged, or no .npz file: 'utf-8'"),
    "a large document": (
        lambda: archive(("ppsim.json", b""), size=2**26 + 1, packed=2**20),
        "entry 'ppsim.json': a document of 67108865 bytes; documents go up to 67108864",
    ),
    "no document": (lambda: archive(("ppsim.json", b"[]")), "its document: holds no mapping; a ppsim"),
    "an archive of nothing": (lambda: archive(), "holds arrays and no network; give a workload, and this file as its"),
    "nothing": (lambda: b"", "is damaged, or no .npz file: File is not a zip file"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_archives(case, tmp_path):
    content, says = ARCHIVES[case]
    (tmp_path / "a.npz").write_bytes(content())
    assert refusal(tmp_path / "a.npz").startswith(says)


def test_a_bomb_of_gigabytes(tmp_path):
    """A few megabytes that say they are two gibibytes, by entries that each are within the limits."""
    packed, size = zeros_packed(2**25), 2**25
    pad = bytes(size // 1000 - len(packed) + 1) if len(packed) * 1000 < size else b""
    head = npy((2**23,), data=b"")[:-1]
    entries = [(f"{n}.npy", head + packed + pad) for n in range(65)]
    (tmp_path / "a.npz").write_bytes(archive(*entries, method=zipfile.ZIP_DEFLATED, size=size))
    assert refusal(tmp_path / "a.npz") == f"arrays of {65 * size} bytes; an .npz file has up to 2147483648 in all"


def test_names_are_only_names(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    names = ["../../x", "/etc/passwd", "a/../b", "C:\\x", "..", "a b\nc"]
    (inside / "a.npz").write_bytes(archive(*[(f"{name}.npy", ARRAY) for name in names]))
    assert list(read_arrays(inside / "a.npz")) == names
    assert [path.name for path in tmp_path.rglob("*")] == ["inside", "a.npz"]
    message = refusal(inside / "a.npz", lambda path: load_model("lenet300", path))
    assert message.startswith("tensor '../../x' belongs to no layer of lenet300; it has: fc1.weight, fc1.bias, ")


# .safetensors


def stored(header: object, content: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + content


def tensor(kind: str = "F32", shape: tuple[int, ...] = (1,), start: int = 0, stop: int = 4) -> dict[str, object]:
    return {"dtype": kind, "shape": shape, "data_offsets": [start, stop]}


DAMAGED = "is damaged, or no .safetensors file: "
SAFETENSORS = {
    "nothing": (b"", DAMAGED),
    "a huge header": (stored({}, length=2**63), "a header of 9223372036854775808 bytes; up to 83886080 are accepted"),
    "a large header": (stored({}, length=83886081), "a header of 83886081 bytes; up to 83886080 are accepted"),
    "a header beyond the end": (stored({}, length=3), DAMAGED),
    "overlapping": (stored({"a": tensor(), "b": tensor(start=2, stop=6)}, bytes(6)), DAMAGED),
    "the same place": (stored({"a": tensor(), "b": tensor()}, bytes(4)), DAMAGED),
    "a hole": (stored({"a": tensor(start=4, stop=8)}, bytes(8)), DAMAGED),
    "an end before its beginning": (stored({"a": tensor(start=4, stop=0)}, bytes(4)), DAMAGED),
    "beyond the end": (stored({"a": tensor()}, bytes(3)), DAMAGED),
    "something after it": (stored({"a": tensor()}, bytes(5)), DAMAGED),
    "a wrong size": (stored({"a": tensor(shape=(2,))}, bytes(4)), DAMAGED),
    "too many elements": (stored({"a": tensor(shape=(2**62, 8))}, bytes(4)), DAMAGED),
    "nothing, at length": (
        stored({"a": tensor(shape=(0, 2**62, 2**62), stop=0)}),
        "tensor 'a': has the shape (0, 4611686018427387904, 4611686018427387904), which is too large",
    ),
    "negative": (stored({"a": tensor(shape=(-1,))}, bytes(4)), DAMAGED),
    "deep": (stored(b'{"a":' + b"[" * 10**5 + b"]" * 10**5 + b"}"), DAMAGED),
    "no JSON": (stored(b"{'a': 1}"), DAMAGED),
    "an unknown type": (stored({"a": tensor(kind="F99\n" * 10**4)}, bytes(4)), DAMAGED),
    "integers": (
        stored({"fc1.n": tensor(kind="I32")}, bytes(4)),
        "tensor 'fc1.n': holds I32; floating point numbers are accepted: F64, F32, F16, BF16",
    ),
    "complex": (stored({"a": tensor(kind="C64", stop=8)}, bytes(8)), "tensor 'a': holds C64; floating"),
    "text as metadata": (stored({"__metadata__": "x"}), DAMAGED),
    "numbers in the metadata": (stored({"__metadata__": {"ppsim": 3}}), DAMAGED),
    "no document": (
        stored({"__metadata__": {"ppsim": "}"}}),
        "its document: is not valid JSON: Expecting value: line 1 column 1 (char 0)",
    ),
    "a document that opens a file": (
        stored({"__metadata__": {"ppsim": json.dumps({"format": "ppsim-partitioned/1", "name": "n", "parts": 1,
                                                      "layers": {}, "workload": "../net.yaml"})}}),
        "workload: '../net.yaml' is not shipped; a document in a file opens no other",
    ),
    "a pickle": (pickle.dumps(Harm()), "a header of"),
}  # fmt: skip


@pytest.mark.parametrize("case", SAFETENSORS)
def test_safetensors(case, tmp_path):
    content, says = SAFETENSORS[case]
    (tmp_path / "a.safetensors").write_bytes(content)
    assert refusal(tmp_path / "a.safetensors").startswith(says)


# Both


@pytest.fixture(params=[".npz", ".safetensors"])
def path(request, tmp_path):
    return tmp_path / f"net{request.param}"


def test_what_is_no_file(path, monkeypatch):
    assert refusal(path) == "cannot be read: No such file or directory"
    path.mkdir()
    assert refusal(path) == "is a folder; give the name of a file"
    path.rmdir()
    os.mkfifo(path)
    assert refusal(path) == "is no ordinary file; give the name of a file"
    path.unlink()
    with pytest.raises(InputError, match=r"^'a\\x00b.*': cannot be read: embedded null byte$"):
        read_model_file(f"a\0b{path.suffix}")
    save_model(MODEL, path)
    module = npz if path.suffix == ".npz" else safetensors
    monkeypatch.setattr(module, "MAX_FILE", 100)
    assert refusal(path) == f"{path.stat().st_size} bytes; {path.suffix} files go up to 100"


def save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        import safetensors.numpy

        safetensors.numpy.save_file(arrays, path)


def named() -> dict[str, np.ndarray]:
    return {
        f"{layer}.{name}": array.copy() for layer, tensors in MODEL.tensors.items() for name, array in tensors.items()
    }


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers(path, number, tmp_path):
    arrays = named()
    arrays["fc2.weight"][1, 2] = number
    document = tmp_path / "net.yaml"
    document.write_text(
        "format: ppsim-workload/1\nname: net\ninput: [4]\nlayers:\n- {name: fc1, type: linear, out_features: 3}\n"
        "- {name: fc2, type: linear, out_features: 2}\n"
    )

    def read(path):
        return load_model(document, path)

    save(path, arrays)
    says = "net: tensor 'fc2.weight': holds NaN or infinite numbers; trained weights are finite"
    assert refusal(path, read) == says
    save(path, named() | {"fc2.weight": np.full((2, 3), 1e300)})
    assert refusal(path, read) == says
    save(path, named() | {"fc2.weight": np.ones((3, 2), np.float32)})
    assert refusal(path, read) == "net: tensor 'fc2.weight': has the shape (3, 2), and the layer needs (2, 3)"
    save(path, named() | {"fc2.weight": np.ones((2, 3), np.int32)})
    assert refusal(path, read).startswith("tensor 'fc2.weight': holds ")
    save(path, named() | {"fc2.scale": np.ones(2, np.float32)})
    assert refusal(path, read) == (
        "tensor 'fc2.scale' belongs to no layer of net; it has: fc1.weight, fc1.bias, fc2.weight, fc2.bias"
    )
    arrays = named()
    del arrays["fc1.bias"]
    save(path, arrays)
    assert refusal(path, read) == "net: tensor 'fc1.bias': is missing; it has the shape (3,)"


@st.composite
def damages(draw: st.DrawFn) -> list[tuple[float, str, int]]:
    """Where in a file, how, and with what number."""
    kinds = st.sampled_from(["flip", "set", "cut", "drop", "insert", "large"])
    place = st.one_of(st.floats(0, 1, exclude_max=True), st.floats(0.9, 1, exclude_max=True), st.floats(0, 0.1))
    return draw(st.lists(st.tuples(place, kinds, st.integers(0, 255)), min_size=1, max_size=4))


def damaged(content: bytes, damage: list[tuple[float, str, int]]) -> bytes:
    changed = bytearray(content)
    for where, kind, number in damage:
        at = int(where * len(changed))
        if not changed:
            break
        if kind == "flip":
            changed[at] ^= 1 << number % 8
        elif kind == "set":
            changed[at] = number
        elif kind == "cut":
            del changed[at:]
        elif kind == "drop":
            del changed[at : at + 1 + number % 8]
        elif kind == "insert":
            changed[at:at] = bytes([number]) * (1 + number % 8)
        else:
            width = 2 << number % 3
            changed[at : at + width] = (2 ** (8 * width - number % 2) - 1).to_bytes(width, "little")
    return bytes(changed)


def complaint(path: Path, read: Callable) -> str:
    """What is wrong with a file by one way of reading it; "" for nothing."""
    try:
        read(path)
    except InputError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module", params=[".npz", ".safetensors"])
def whole(request, tmp_path_factory) -> tuple[Path, bytes]:
    """A place for damaged files, and a file that is not."""
    path = tmp_path_factory.mktemp("damaged") / f"net{request.param}"
    save_model(MODEL, path)
    return path, path.read_bytes()


@settings(max_examples=300)
@given(damages())
def test_damaged_files(whole, damage):
    """Read as if nothing were wrong (numbers have no checksum in one of the formats), or refused in a line."""
    path, content = whole
    path.write_bytes(damaged(content, damage))
    for read in (load_model, read_model_file, *([read_arrays] if path.suffix == ".npz" else [])):
        message = complaint(path, read)
        assert not message or message.startswith(f"{path}: ")
        assert "\n" not in message
        assert len(message) < 700
