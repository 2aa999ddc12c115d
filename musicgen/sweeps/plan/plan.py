"""The plan of a sweep: jobs, trainings, model sizes and estimated time."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from musicgen.pipeline.build_stages import trained_stages
from musicgen.pipeline.reuse.inputs import digest
from musicgen.sweeps.jobs_progress import duration
from musicgen.sweeps.plan.jobs import composed, differing
from musicgen.sweeps.plan.timing import Timed, network_stages
from musicgen.sweeps.plan.works import Work, beside_training, shape_key, to_train
from musicgen.sweeps.resources import jobs_at_once, threads_for
from musicgen.sweeps.resume import unfinished
from musicgen.training.threads import ThreadPolicy, usual_threads

MOST_COMPOSED = 64  # jobs; the rest of a larger sweep is assumed to be alike
MOST_SHAPES = 12
WIDTH = 80  # columns


def plan_text(config: DictConfig, jobs: Sequence[Sequence[str]], *, budget_s: float) -> str:
    """Write the plan of a sweep.

    Args:
        config: The sweep's config, including `hydra`.
        jobs: The overrides of each job.
        budget_s: Most seconds spent on timing updates; 0 estimates no times.
    """
    left = unfinished(jobs, Path(config.hydra.sweep.dir)) if config.get("resume") else list(jobs)
    configs = composed(left[:MOST_COMPOSED])
    works = to_train(configs)
    at_once = jobs_at_once(config.hydra)
    lines = [
        f"{len(jobs)} jobs"
        + (f", {len(jobs) - len(left)} of them done" if len(left) < len(jobs) else "")
        + (f", {at_once} at a time" if at_once > 1 else "")
        + f": {_count_text(works)} to train"
        + (f" (of the first {MOST_COMPOSED} jobs)" if len(left) > MOST_COMPOSED else "")
    ]
    labels = [", ".join(overrides) or "as configured" for overrides in differing(left or jobs)]
    lines += describe_shapes(configs, labels, most=MOST_SHAPES)
    if budget_s > 0 and works:
        policy = ThreadPolicy(asked=config.threads, share=threads_for(config.hydra, usual=usual_threads()))
        timed = Timed(threads=policy.choose().number, budget_s=budget_s)
        works += beside_training(configs)
        lines.append(time_text(works, timed, share=len(left) / len(configs) / at_once))
    return "\n".join(lines)


def describe_shapes(configs: Sequence[DictConfig], labels: Sequence[str], *, most: int) -> list[str]:
    """Write a text per distinct set of networks: sizes and the jobs that train them, in lines that are read.

    Args:
        configs: Configs of the jobs.
        labels: The differing overrides of each job.
        most: Most texts.
    """
    groups: dict[str, list[int]] = {}
    for number, config in enumerate(configs):
        shapes = [shape_key(config, name) for name in trained_stages(config)]
        groups.setdefault(digest(shapes), []).append(number)
    lines = []
    for members in list(groups.values())[:most]:
        stages = network_stages(configs[members[0]])
        jobs_text = labels[members[0]]
        if len(members) > 1:
            jobs_text = f"{len(members)} jobs, such as {jobs_text}"
        text = f"  {'; '.join(f'{_in_text(s.title)} {s.size_text()}' for s in stages)}: {jobs_text}"
        lines.append(textwrap.fill(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False))
    if len(groups) > most:
        lines.append(f"  and {len(groups) - most} more shapes")
    return lines


def time_text(works: Sequence[Work], timed: Timed, *, share: float) -> str:
    """Estimate the time of the whole, and name what is counted.

    Args:
        works: The distinct trainings, and what follows them.
        timed: Times a step of each shape.
        share: Factor on the sum, for jobs that were not composed and jobs that run in parallel.
    """
    took = [(work, timed.step_s(work)) for work in works]
    if any(work.steps is None for work in works):
        first = {_in_text(work.title): step_s for work, step_s in reversed(took) if work.trains and step_s}
        steps = ", ".join(f"{1000 * first[title]:.0f} ms a step of the {title}" for title in reversed(first))
        return f"Time: {steps}; the number of steps is known once the pieces are prepared"
    parts: dict[str, float] = {}
    for work, step_s in took:
        if step_s is None:
            continue
        name = "training" if work.trains else work.title
        parts[name] = parts.get(name, 0.0) + share * (work.steps or 0) * step_s
    counted = ", ".join(f"{name} {duration(seconds)}" for name, seconds in parts.items())
    timed_now = "timed now" if timed.all_timed else "some of it timed"
    text = f"Time: about {duration(sum(parts.values()))} ({counted}; {timed_now})"
    unknown = dict.fromkeys(work.title for work, step_s in took if step_s is None)
    text += "".join(f", without {title}" for title in unknown)
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _count_text(works: Sequence[Work]) -> str:
    titles = list(dict.fromkeys(_in_text(work.title) for work in works))
    counts = {title: sum(_in_text(work.title) == title for work in works) for title in titles}
    texts = [f"{count} {title}{'' if count == 1 else 's'}" for title, count in counts.items()]
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts) or "nothing"


def _in_text(title: str) -> str:
    """Write a title inside a sentence: transformer, but VQ-VAE."""
    return title.lower() if title.istitle() else title
