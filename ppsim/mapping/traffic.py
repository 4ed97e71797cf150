"""What is read back and sent after each step: activations to those that need them, results to the root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ppsim.errors import InputError
from ppsim.hardware.interconnect import Link
from ppsim.hardware.system import System
from ppsim.mapping.columns import Lists
from ppsim.mapping.communication import exchange, reduction
from ppsim.mapping.exchanges.contract import Sends
from ppsim.mapping.layout import Intervals, merged
from ppsim.mapping.messages import Message, Messages
from ppsim.mapping.residency import Residency
from ppsim.mapping.routing import Router
from ppsim.mapping.steps import Step, readers_of
from ppsim.units import ceil_div

#: the accelerator where the network's results and sums of partial sums end
ROOT = 0


@dataclass(frozen=True, eq=False)
class Traffic:
    """By step: the bytes each accelerator reads back before it can send, and the messages; `links` by number."""

    reads: tuple[tuple[int, ...], ...]
    messages: tuple[Messages, ...]
    links: tuple[Link, ...]

    @property
    def bytes(self) -> int:
        """Memory that it takes, roughly."""
        different = {id(one): one for one in self.messages}.values()
        sent = sum([one.nbytes + 300 * min(len(one), 4096) for one in different])
        return sent + sum([8 * len(reads) + 200 for reads in self.reads])


def traffic_of(steps: Sequence[Step], stays: Residency, system: System, batch: int, bits: int) -> Traffic:
    """The traffic of steps for a batch of words of `bits` bits, once it is decided what stays on chip.

    Of the system, sharing of channels, bursts, topology and algorithms count, and bits of partial sums; no speeds.
    Raises InputError when a step sends too much.
    """
    planner = _Planner(steps, stays, system, batch, bits)
    found = [planner.exchange(index) for index in range(len(steps))]
    reads, messages = zip(*found, strict=True)
    return Traffic(reads, messages, tuple(planner.router.links))


def output_on_chip(step: Step, index: int, a: int, stays: Residency, channel_of: Sequence[int]) -> bool:
    """Whether an output needs no store: it stays, or is added up elsewhere, or is a result that waits to be sent.

    Results of the network, which end in the root's DRAM, are sent right from the scratchpad of those behind another
    channel, where it holds them.
    """
    if stays.kept[index] or step.partial_on:
        return True
    return stays.held[index] and channel_of[a] != channel_of[ROOT]


class _Planner:
    """Plans the traffic of one placement, step by step."""

    def __init__(self, steps: Sequence[Step], stays: Residency, system: System, batch: int, bits: int) -> None:
        self.steps, self.stays, self.system, self.batch, self.bits = steps, stays, system, batch, bits
        sum_bits = system.accelerator(ROOT).array.accumulator_bits
        self.router = Router(system.interconnect, system.accelerators, batch, bits, sum_bits)
        self.channel = system.channel_of_each
        self.readers = readers_of(steps)

    def exchange(self, index: int) -> tuple[tuple[int, ...], Messages]:
        """What is read back and sent after a step."""
        step, accelerators = self.steps[index], self.system.accelerators
        in_dram, is_result = not self.stays.kept[index], not self.readers[index]
        if is_result:
            needs: tuple[Intervals, ...] = (((0, step.features),), *((),) * (accelerators - 1))
        else:
            reads = [read for r in self.readers[index] for read in self.steps[r].reads if read.step == index]
            needs = _union([read.needs for read in reads])
        if step.partial_on:
            return (0,) * accelerators, self._reduced(index, needs, in_dram)
        plan = exchange(step.makes, needs, self._found_in(index) if in_dram else None, self.system.interconnect)
        read_back = [0] * accelerators
        for a, features in enumerate(plan.reads):
            if features and in_dram and not (is_result and self._output_on_chip(index, a)):
                read_back[a] = self.system.dram.rounded(self._bytes(features))
        return tuple(read_back), self._messages(index, plan.sends, in_dram)

    def _output_on_chip(self, index: int, a: int) -> bool:
        return output_on_chip(self.steps[index], index, a, self.stays, self.channel)

    def _found_in(self, index: int) -> tuple[int, ...]:
        """By accelerator: where what it stored is found; those that hold a result stored nothing."""
        if not self.stays.held[index]:
            return self.channel
        away = self.system.channels
        return tuple(c if c == self.channel[ROOT] else away + a for a, c in enumerate(self.channel))

    def _reduced(self, index: int, needs: tuple[Intervals, ...], in_dram: bool) -> Messages:
        """Partial sums to the root, which stores their sum unless it stays on chip, and sends it to who needs it."""
        step, links = self.steps[index], self.system.interconnect
        sums = reduction(ROOT, [a for a in step.partial_on if a != ROOT], step.features, links)
        messages = [self._messages(index, sums, False)]
        added = stored = tuple(np.flatnonzero(sums.destination == ROOT).tolist())
        if in_dram:
            stored = (len(sums),)
            messages.append(Messages.of([Message(ROOT, ROOT, self._bytes(step.features), (), True, added)]))
        sends = exchange(step.makes, needs, self.channel if in_dram else None, links).sends
        # data is sent from the scratchpad; those behind the root's channel wait until it is in DRAM
        first = Lists.of([added, stored])
        after = sends.after.shifted(sum(map(len, messages))).or_else(first, np.where(sends.features > 0, 0, 1))
        messages.append(self._messages(index, sends.waiting(after), in_dram))
        return Messages.joined(messages)

    def _bytes(self, features: int) -> int:
        return ceil_div(features * self.batch * self.bits, 8)

    def _messages(self, index: int, sends: Sends, written: bool) -> Messages:
        """Sends in bytes: of words, or of partial sums that are added on arrival."""
        try:
            return self.router.messages(sends, written)
        except InputError as error:
            raise InputError(f"{self.system.name}: layer {self.steps[index].name!r}: {error}") from None


def _union(needs: list[tuple[Intervals, ...]]) -> tuple[Intervals, ...]:
    if len(needs) == 1:
        return needs[0]
    columns = zip(*needs, strict=True)
    return tuple(merged([interval for intervals in column for interval in intervals]) for column in columns)
