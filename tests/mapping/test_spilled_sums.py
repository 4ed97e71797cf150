"""An os array whose sums spill shifts them out after every piece of k, not after the last one alone."""

from problems import problem_of, walk

from ppsim.hardware.array import ArraySpec
from ppsim.mapping.nests import gemm_nest
from ppsim.mapping.tiling import Tiling


def test_spilled_sums_shift_out_every_time():
    problem = problem_of(4, 8, 4, ArraySpec(2, 2, dataflow="os"))
    tiling = Tiling(rows=4, images=1, k=4, n=4, m_outer=True)  # four folds, each in two pieces of k
    nest, walked = gemm_nest(problem, tiling), walk(problem, tiling)
    macs, shifts = 4 * 8 * 4, 2 * (1 + 2) * 4  # 4 columns of two folds of two rows
    assert nest.activity.pe_hop_bits == 2 * macs * 16 + 2 * shifts * 32
    assert nest.activity.pe_hop_bits == sum(w.activity.pe_hop_bits for w in walked)
