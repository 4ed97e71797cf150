"""Convolutions with wide padding: the strips offered are those whose halos a nest counts right."""

import pytest
from problems import in_order, problem_of_conv, walk

from ppsim.hardware.array import ArraySpec
from ppsim.mapping.nests import gemm_nest
from ppsim.mapping.tiling import Tiling, candidates
from ppsim.workload.layers import Conv


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (5, 1, 2), (7, 2, 3), (7, 1, 3), (9, 1, 4)])
def test_halos_of_large_kernels(kernel, stride, padding):
    conv = Conv(name="c", out_channels=4, kernel=(kernel,) * 2, stride=(stride,) * 2, padding=(padding,) * 2)
    problem = problem_of_conv(conv, (3, 16, 16), 1, ArraySpec(4, 4, dataflow="ws"))
    heights = {tiling.rows for tiling in candidates(problem).tilings}
    assert len(heights) > 2
    for rows in heights:
        tiling = Tiling(rows=rows, images=1, k=problem.k, n=problem.n, m_outer=True)
        nest, walked = gemm_nest(problem, tiling), walk(problem, tiling)
        assert nest.activity.input_bits == sum(w.activity.input_bits for w in walked)
        assert [t.input_bytes for t in in_order(nest)] == [w.tile.input_bytes for w in walked]
