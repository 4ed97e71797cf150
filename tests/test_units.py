"""Time as integer femtoseconds: rounded up once for each task, exact however large."""

from fractions import Fraction
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.units import ceil_div, cycles_in, duration_fs, latency_fs, per_second

amounts = st.integers(0, 10**15)
rates = st.integers(1, 10**13)


@given(amounts, rates)
def test_rounding_is_up_and_exact(amount, rate):
    assert ceil_div(amount, rate) == ceil(Fraction(amount, rate))
    assert duration_fs(amount, rate) == ceil(Fraction(amount * 10**15, rate))
    assert cycles_in(amount, rate) == ceil(Fraction(amount * rate, 10**15))


@given(st.integers(0, 10**9), st.sampled_from((100, 333, 500, 700, 1050.5)))
def test_cycles_are_not_multiples_of_a_rounded_period(cycles, mhz):
    system = ppsim.load_system("tetris", set={"clock_mhz": mhz})
    assert system.accelerator(0).cycles_fs(cycles) == ceil(Fraction(cycles * 10**15, round(mhz * 10**6)))


def test_giga_is_ten_to_the_ninth():
    assert per_second(8) == 8_000_000_000
    assert per_second(0.1) == 100_000_000
    assert latency_fs(43) == 43_000_000
    assert latency_fs(0.1) == 100_000
