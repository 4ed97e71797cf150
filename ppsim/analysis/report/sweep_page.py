"""The report of a sweep."""

from __future__ import annotations

from collections.abc import Sequence

from ppsim.analysis.figures import TIMES
from ppsim.analysis.report.answer import Answer, answers, explanation, headline
from ppsim.analysis.report.curves import energy_charts, gain_chart, loss_charts
from ppsim.analysis.report.naming import count_told, field, listed, setting_told, shortened
from ppsim.analysis.report.parts import Page, Section
from ppsim.analysis.report.provenance import provenance_section
from ppsim.analysis.report.run import run_of
from ppsim.analysis.report.run_page import run_sections, setup_told
from ppsim.analysis.report.scatter import front_of, pareto_chart
from ppsim.analysis.report.study import Measured, Study, Sweep, study
from ppsim.analysis.report.tables import answer_table, failed_table, point_table
from ppsim.analysis.report.worth import Rule
from ppsim.errors import InputError

LOSSES = (
    f"Speedup = pruning {TIMES} accelerators {TIMES} (1 \N{MINUS SIGN} losses): what pruning gives on one accelerator, "
    "times how many there are, less what is lost to links (gone if they took no time), to shared DRAM (gone with "
    "private channels as well) and to imbalance (the rest)."
)


def sweep_page(sweep: Sweep, rule: Rule, point: int | None = None) -> Page:
    """A page on a sweep: the answer, curves, the point of the answer (or another `point`) in full, and all points.

    Raises InputError for a point that is none of the sweep's, or has no numbers.
    """
    found = study(sweep)
    answered = answers(found, rule)
    shown = chosen_point(found, answered, rule, point)
    return Page(
        title=shortened(_titled(found), 80),
        subtitle=_subtitle(found),
        answer=headline(found, answered, rule),
        notes=_notes(found, answered, rule),
        sections=(
            *_answer_sections(found, answered),
            *(_point_sections(found, shown) if shown else ()),
            *_all_points(found, answered),
            provenance_section(sweep.provenance),
        ),
    )


def chosen_point(found: Study, answered: Sequence[Answer], rule: Rule, point: int | None) -> Measured | None:
    """The point that is shown in full: the one asked for, or the best of those of the answer, or of all."""
    if point is not None:
        for one in found.points:
            if one.number == point:
                return one
        failed = next((one.error for one in found.failed if one.number == point), None)
        why = f"failed: {failed}" if failed else f"is none of the {len(found.rows):,} that are done"
        raise InputError(f"point {point} {why}")
    chosen = [answer.chosen for answer in answered if answer.chosen] or found.points
    return min(chosen, key=rule.key, default=None)


def _titled(found: Study) -> str:
    return str(found.only("workload") or "Several networks") if found.points else "A sweep"


def _subtitle(found: Study) -> str:
    points = f"{len(found.rows):,} design point{'s' if len(found.rows) != 1 else ''}"
    system = found.only("system") if found.points else None
    on = f" on {shortened(str(system))}" if system else ""
    failed = f", {len(found.failed):,} of which failed," if found.failed else ""
    axes = listed([field(path)[0] for path in found.sweep.axes])
    skipped = f" and {found.skipped:,} skipped ones" if found.skipped else ""
    return f"A sweep of {points}{skipped}{on}{failed} over {axes}"


def _notes(found: Study, answered: Sequence[Answer], rule: Rule) -> tuple[str, ...]:
    if not answered:
        return (
            "No number of accelerators or parts varies in this sweep, so it cannot say how many are worth it.",
        ) * bool(found.points)
    done, every = len(found.rows) + found.skipped, int(found.sweep.provenance.get("points", 0))
    unfinished = (
        f"The sweep is not finished: {done:,} of {every:,} points are done, and the answer may change. The same ppsim "
        "sweep with --resume does the rest."
    )
    screened = (
        f"The sweep was screened: {found.skipped:,} points were skipped, since other points beat what they could be at "
        "best in latency, energy and area together. The front is that of all points; the best point of a count or a "
        "case may be among those skipped."
    )
    return (
        *([unfinished] if done < every else []),
        *([screened] if found.skipped else []),
        f"The rule ({rule.name}): {rule.told(found.counted or '')}",
        *explanation(found, answered),
    )


def _answer_sections(found: Study, answered: Sequence[Answer]) -> tuple[Section, ...]:
    if not answered:
        return ()
    noun = found.counted or ""
    stacks = energy_charts(found, answered)
    return (
        Section(
            "answers",
            f"How many {noun} are worth it",
            charts=(gain_chart(found, answered, "speedup"), gain_chart(found, answered, "energy_reduction")),
            tables=(answer_table(found, answered),),
        ),
        Section("losses", "What speedup is lost to", (LOSSES,), charts=loss_charts(found, answered)),
        *([Section("energy", "What energy is spent on", charts=stacks)] if stacks else []),
    )


def _point_sections(found: Study, point: Measured) -> tuple[Section, ...]:
    run = run_of(found.sweep.simulated(point.number).comparison)
    setting = setting_told(point.setting)
    first, *others = run_sections(run, f": point {point.number}")
    introduced = Section(
        first.name,
        f"Point {point.number} in full",
        (f"{shortened(run.workload, 80)}, {setup_told(run)}{f'; {setting}' if setting else ''}.",),
        tiles=first.tiles,
    )
    return (introduced, *others)


def _all_points(found: Study, answered: Sequence[Answer]) -> tuple[Section, ...]:
    sections = []
    if found.points:
        front = front_of(found)
        chosen = frozenset(answer.chosen.number for answer in answered if answer.chosen)
        chart = pareto_chart(found, front)
        sections.append(
            Section(
                "points",
                "All points",
                charts=(chart,) if chart else (),
                tables=(point_table(found, front, chosen),),
            )
        )
    if found.failed:
        heading = f"{count_told(len(found.failed), 'points')} that failed"
        sections.append(Section("failed", heading, tables=(failed_table(found.failed),)))
    return tuple(sections)
