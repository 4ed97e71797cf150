"""Systems of points that are made from one another are those that are made by themselves."""

import json
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from ppsim.errors import InputError
from ppsim.explore.setups import system_of
from ppsim.explore.sweep.point import _system
from ppsim.hardware.system import System

FIELDS = {
    "array.rows": [8, 14, 0, 8.5],
    "array.dataflow": ["ws", "os", "none"],
    "array": [{"rows": 3, "cols": 5}],
    "buffer.kib": [8, 133.5, -1],
    "buffer.tiles": ["largest", "smallest"],
    "vector.enabled": [True, False, 1],
    "dram.sharing": ["private", "shared", 2, "none"],
    "dram.bandwidth_gb_s": [2, 7.3, 0, "8"],
    "dram.memory": [None, "hbm2-fgdram"],
    "dram.unknown": [1],
    "interconnect.topology": ["ring", "mesh", "edges"],
    "interconnect.shape": [None, [2, 2], [1, 1]],
    "interconnect.switching": ["store-and-forward"],
    "interconnect.chunks": [1, 3],
    "interconnect.pj_per_bit": [None, 0.5],
    "clock_mhz": [333],
    "energy": ["eyeriss-65nm"],
    "energy.mac_pj": [2.5],
    "energy.dram_pj_per_bit": [3],
}
names = st.sampled_from(["tetris", "shared-dram", "chiplets", "tpu-v4", "edge"])
chosen = st.lists(st.sampled_from(sorted(FIELDS)), max_size=5, unique=True)


@settings(max_examples=300)
@given(
    st.sampled_from(["tetris", "shared-dram", "chiplets", "tpu-v4", "edge"]),
    st.sampled_from([None, 1, 4]),
    chosen,
    st.data(),
)
def test_a_system_is_that_of_its_settings(name, accelerators, paths, data):
    values = {path: data.draw(st.sampled_from(FIELDS[path])) for path in paths}
    expected = outcome(lambda: system_of(name, accelerators, 2, values))
    assert outcome(lambda: _system(name, accelerators, 2, json.dumps(values), ())) == expected


def outcome(make: Callable[[], System]) -> str:
    """All of a system, with the types of its numbers, or what is wrong."""
    try:
        return repr(make())
    except InputError as error:
        return str(error)
