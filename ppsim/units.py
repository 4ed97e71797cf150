"""Time as integer femtoseconds, and the conversions into it.

A duration is rounded up once per task, ``ceil(amount * 1e15 / rate)``: multiplying a rounded period by a count
would let long runs drift. Integers keep runs bit-identical and never overflow.
"""

FS_PER_S = 10**15
FS_PER_NS = 10**6


def ceil_div(numerator: int, denominator: int) -> int:
    """Smallest integer not below numerator / denominator (denominator > 0)."""
    return -(-numerator // denominator)


def duration_fs(amount: int, rate_per_s: int) -> int:
    """Femtoseconds that `amount` (cycles, bytes) takes at `rate_per_s` (Hz, bytes/s), rounded up."""
    return -(-amount * FS_PER_S // rate_per_s)


def cycles_in(time_fs: int, clock_hz: int) -> int:
    """Clock cycles begun within `time_fs` femtoseconds, rounded up."""
    return -(-time_fs * clock_hz // FS_PER_S)


def per_second(giga: float) -> int:
    """Integer bytes/s or Hz from GB/s or GHz (10^9, not 2^30)."""
    return round(giga * 1e9)


def latency_fs(nanoseconds: float) -> int:
    """Integer femtoseconds from nanoseconds."""
    return round(nanoseconds * FS_PER_NS)
