"""How many accelerators are worth it: the answer to a sweep that varies them, for each case, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ppsim.analysis.quantities import si, times, typeset
from ppsim.analysis.report.naming import case_told, count_told, field, listed, setting_told
from ppsim.analysis.report.study import Measured, Setting, Study
from ppsim.analysis.report.worth import Efficiency, EnergyDelay, Rule
from ppsim.errors import InputError

#: ratios this close to one are none
ALIKE = 0.005
#: cases that the sentence at the top has room for
MOST_SENTENCES = 4


@dataclass(frozen=True)
class Answer:
    """The answer for a case.

    `curve` has the best point for each count, ascending; `chosen` is the one up to which more is worth it, if any is.
    `held` are the counts that the rule gives when each setting of the other axes is held fixed: those of all settings
    that were simulated at every count of the curve.
    """

    case: Setting
    curve: tuple[Measured, ...]
    chosen: Measured | None
    held: tuple[int | None, ...]

    @property
    def next(self) -> Measured | None:
        """The point with the next count that was simulated."""
        if self.chosen is None:
            return None
        return next((point for point in self.curve if point.count > self.chosen.count), None)

    @property
    def agreeing(self) -> int:
        """How many settings give the same count when held fixed."""
        return sum(count == (self.chosen.count if self.chosen else None) for count in self.held)


def answers(study: Study, rule: Rule) -> tuple[Answer, ...]:
    """An answer for each case with points that ran; none where no count varies.

    Raises InputError for a rule that compares energies where points count them in different units.
    """
    if study.counted is None:
        return ()
    if study.unit is None and study.points and rule.name == EnergyDelay.name:
        raise InputError(
            f"points count energy in pJ and in MACs; the rule {rule.name} would compare them, others do not"
        )
    return tuple(_answer(case, points, rule) for case, points in study.cases.items())


def _answer(case: Setting, points: Sequence[Measured], rule: Rule) -> Answer:
    curve = _curve(points, rule)
    counts = [point.count for point in curve]
    settings: dict[Setting, list[Measured]] = {}
    for point in points:
        settings.setdefault(point.setting, []).append(point)
    held = []
    for same in settings.values():
        own = _curve(same, rule)
        if len(settings) > 1 and [point.count for point in own] == counts:
            found = rule.enough(own)
            held.append(found.count if found else None)
    return Answer(case, curve, rule.enough(curve), tuple(held))


def _curve(points: Iterable[Measured], rule: Rule) -> tuple[Measured, ...]:
    best: dict[int, Measured] = {}
    for point in sorted(points, key=rule.key):
        best.setdefault(point.count, point)
    return tuple(best[count] for count in sorted(best))


def headline(study: Study, found: Sequence[Answer], rule: Rule) -> str:
    """The answer of a report in a sentence for each case, as long as they are few; or what the fastest point is."""
    if not study.points:
        return f"None of {len(study.failed)} points could be simulated; their errors are below."
    if not found or all(len(answer.curve) < 2 for answer in found):
        return _fastest(study)
    told = [sentence(study, answer, rule, first=number == 0) for number, answer in enumerate(found[:MOST_SENTENCES])]
    if len(found) > MOST_SENTENCES:
        told.append(f"The table of answers has all {len(found)} cases.")
    return " ".join(told)


def sentence(study: Study, answer: Answer, rule: Rule, first: bool = True) -> str:
    """The answer for a case. Only the `first` one says what the numbers are against."""
    noun = study.counted or "accelerators"
    case, chosen = f"with {case_told(answer.case)}", answer.chosen
    if chosen is None:
        fastest = min(answer.curve, key=lambda point: point.seconds)
        return f"{_capital(case)}, no number of {noun} is worth it; the fastest is {count_told(fastest.count, noun)}."
    number = count_told(chosen.count, noun) if first else f"{chosen.count:,}"
    against = _against(study, answer) if first else ""
    gained = gained_told(chosen.speedup, chosen.energy_reduction, against, _shares(answer))
    if len(answer.curve) == 1:
        return f"{_capital(case)}, only {number} could be simulated: {gained}."
    after = _after(study, answer, rule)
    if chosen.count == answer.curve[0].count:
        if chosen.count == 1:
            return f"{_capital(case)}, one {noun.removesuffix('s')} is enough: {after}."
        return f"{_capital(case)}, {number}, the fewest simulated, are enough, {gained}: {after}."
    verdict, end = f"{number} {'is' if chosen.count == 1 else 'are'} worth it", ""
    if answer.next is None:
        verdict, end = f"at least {verdict}", ", and no more were simulated"
    opening = f"{_capital(verdict)} {case}" if first else f"{_capital(case)}, {verdict}"
    return f"{opening}{end}: {gained}{f'; {after}' if after else ''}."


def _against(study: Study, answer: Answer) -> str:
    scope = study.only("scope") or dict(answer.case).get("scope")
    layers = "layers" if scope == "pruned-layers" else "network"
    return f"the {'unpruned' if study.pruned else 'same'} {layers} on one accelerator"


def prunes_more(answer: Answer) -> bool:
    """Whether more accelerators come with fewer weights, as where each has a part."""
    kept = [float(point.row["keep"]) for point in answer.curve]
    return max(kept) > (1 + ALIKE) * min(kept)


def _shares(answer: Answer) -> str:
    """What pruning brings of the speedup, and what accelerators do, where both grow."""
    if answer.chosen is None or not prunes_more(answer):
        return ""
    pruning = float(answer.chosen.row["pruning"])
    rest = answer.chosen.speedup / pruning
    return f" ({typeset(times(pruning))} by pruning, {typeset(times(rest))} by the accelerators)"


def gained_told(speedup: float, reduction: float, against: str = "", shares: str = "") -> str:
    """Such as "63.9x faster and 5.1x less energy than the unpruned network on one"."""
    than = f" than {against}" if against else ""
    faster = _ratio(speedup, "faster", "slower", "no faster") + shares
    if abs(reduction - 1) <= ALIKE:
        return f"{faster}{than}, for as much energy"
    return f"{faster} and {_ratio(reduction, *_ENERGY)}{than}"


_ENERGY = ("less energy", "more energy", "as much energy")


def _ratio(ratio: float, more: str, less: str, alike: str) -> str:
    if abs(ratio - 1) <= ALIKE:
        return alike
    return f"{typeset(times(ratio if ratio > 1 else 1 / ratio))} {more if ratio > 1 else less}"


def _after(study: Study, answer: Answer, rule: Rule) -> str:
    """What the next count would change: "16 would be only 1.31x faster than 8, with 1.2x more energy"."""
    chosen, later = answer.chosen, answer.next
    if chosen is None or later is None:
        return ""
    gain, energy = chosen.seconds / later.seconds, chosen.energy_pj / later.energy_pj
    needed = rule.needed(chosen, later)
    only = "" if needed is None else "only "
    if abs(gain - 1) <= ALIKE:
        change = "would be no faster"
    elif gain > 1:
        change = f"would be {only}{typeset(_apart(gain, needed))} faster again"
    else:
        change = f"would be {typeset(times(1 / gain))} slower"
    if study.unit and abs(energy - 1) > 0.05:
        change += f", with {_ratio(energy, *_ENERGY)}"
    if rule.name == Efficiency.name:
        change += f", at {100 * (1 - later.loss):.4g} % of what pruning and accelerators would give"
    return f"{later.count:,} {change}"


def _apart(ratio: float, needed: float | None) -> str:
    """A ratio with as many digits as it takes to see that it is not the one that was needed."""
    if needed is None or times(ratio) != times(needed):
        return times(ratio)
    for digits in (4, 5, 6):
        if f"{ratio:.{digits}g}" != f"{needed:.{digits}g}":
            return f"{ratio:.{digits}g}x"
    return times(ratio)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _fastest(study: Study) -> str:
    best = min(study.points, key=lambda point: (point.seconds, point.number))
    setting = setting_told((*best.case, *best.setting))
    if len(study.points) == 1:
        start = f"The one point that ran takes {typeset(si(best.seconds, 's'))}"
    else:
        start = f"The fastest of {len(study.points):,} points is point {best.number}, {typeset(si(best.seconds, 's'))}"
    against = _against(study, Answer(best.case, (best,), best, ()))
    return f"{start} ({setting}): {gained_told(best.speedup, best.energy_reduction, against)}."


def explanation(study: Study, found: Sequence[Answer]) -> tuple[str, ...]:
    """How other axes entered an answer, a line for each case where they did."""
    lines = []
    noun = study.counted or ""
    for answer in found[:MOST_SENTENCES]:
        chosen = answer.chosen
        if not study.others or chosen is None or len(answer.curve) < 2:
            continue
        best = f"the best setting at {count_told(chosen.count, noun)} is {setting_told(chosen.setting)}"
        lines.append(f"{_capital(case_told(answer.case))}: {best} (point {chosen.number}). {_agreement(answer, noun)}")
    if any(prunes_more(answer) for answer in found):
        lines.append(
            "More accelerators come with more pruning here, as each has a part. To ask about accelerators alone, sweep "
            "accelerators at one number of parts."
        )
    if study.others and lines:
        axes = listed([field(path)[0] for path in study.others])
        lines.insert(0, f"At each number of {noun} the best setting of the other axes counts ({axes}).")
    return tuple(lines)


def _agreement(answer: Answer, noun: str) -> str:
    held = answer.held
    if not held:
        return f"No setting was simulated at every number of {noun}, so none can be held fixed."
    own = answer.chosen.count if answer.chosen else None
    others = Counter(count for count in held if count != own)
    if not others:
        return f"Held fixed, all {len(held):,} settings give the same answer."
    counted = sorted(others.items(), key=lambda item: item[0] or 0)
    told = listed([f"{often:,} {_give(often)} {'none' if count is None else f'{count:,}'}" for count, often in counted])
    of = f"of {len(held):,} settings"
    agree = f"{answer.agreeing:,} {of} {_give(answer.agreeing)}" if answer.agreeing else f"none {of} gives"
    return f"Held fixed, {agree} the same answer; {told}."


def _give(often: int) -> str:
    return "gives" if often == 1 else "give"
