"""An os array whose sums spill shifts them out after every piece of k, not after the last one alone."""

from test_nests import HUGE, walk

from ppsim.hardware.array import ArraySpec
from ppsim.mapping.nests import gemm_nest
from ppsim.mapping.tiling import Problem, Tiling


def test_spilled_sums_shift_out_every_time():
    problem = Problem(
        m=4,
        k=8,
        n=4,
        bits=16,
        window=None,
        input_channels=8,
        input_on_chip=True,
        output_on_chip=True,
        staged_bits=0,
        vector_operations_per_output=0,
        space=10**6,
        burst=1,
        array=ArraySpec(2, 2, dataflow="os"),
        sram_bytes_per_cycle=HUGE,
        lanes=0,
    )
    tiling = Tiling(rows=4, images=1, k=4, n=4, m_outer=True)  # four folds, each in two pieces of k
    nest, walked = gemm_nest(problem, tiling), walk(problem, tiling)
    macs, shifts = 4 * 8 * 4, 2 * (1 + 2) * 4  # 4 columns of two folds of two rows
    assert nest.activity.pe_hop_bits == 2 * macs * 16 + 2 * shifts * 32
    assert nest.activity.pe_hop_bits == sum(w.activity.pe_hop_bits for w in walked)
