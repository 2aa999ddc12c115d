"""How the codes of a piece are drawn from a run: plainly, the best of several draws, or in sections."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from musicgen.generation.asking.asked import Asked
from musicgen.generation.opened_run import OpenedRun
from musicgen.generation.sampling import Drawing, Sampling

if TYPE_CHECKING:
    from musicgen.generation.asking.key_target import KeyTarget


def candidates_for(
    run: OpenedRun, asked: Asked, *, best_of: int | None = None, critic: str | Path | None = None
) -> int:
    """Count the draws of each stretch that there are to choose from.

    Args:
        run: Whose prior draws.
        asked: What is asked of the pieces.
        best_of: As asked for; None makes it four if attributes, mood or a key are asked for, or a composer,
            era or blend and there is a classifier, else one.
        critic: Folder of the classifier; None takes the run's own.
    """
    is_named, is_measured = asked.composer or asked.era or asked.blend, _is_measured(run, asked)
    if best_of is not None or not (is_named or is_measured):
        return 1 if best_of is None else best_of
    from musicgen.generation.asking.likeness import CANDIDATES, has_critic

    return CANDIDATES if is_measured or has_critic(critic or run.folder) else 1


def drawing_of(
    run: OpenedRun,
    asked: Asked,
    sampling: Sampling | None = None,
    *,
    best_of: int | None = None,
    critic: str | Path | None = None,
    form: str | None = None,
) -> Drawing:
    """Return how codes are drawn.

    Args:
        run: Whose prior draws.
        asked: What candidates are chosen by.
        sampling: How each candidate is drawn; None takes the defaults of `Sampling`.
        best_of: Draws of each stretch, see `candidates_for`; 1 leaves no choice.
        critic: Folder of the classifier that chooses; None takes the run's own. Without one, names are left
            to the prior where something else is asked for that can be measured.
        form: Letters of equal sections, such as `AABA`; None for one.

    Raises:
        FileNotFoundError: There is no classifier.
        ValueError: A number is below 1, nothing is asked for to choose by, or it is unknown.
    """
    if form is not None:
        from musicgen.generation.form import Form

        if any(np.size(values) > 1 for values in (*asked.attributes.values(), *asked.mood.values())):
            raise ValueError(
                f"form={form} brings music back unchanged, and several values of a wish change along "
                "the piece; use one value of each attribute and mood"
            )
        return Form(drawing_of(run, asked, sampling, best_of=best_of, critic=critic), form)
    plain, candidates = sampling or Sampling(), candidates_for(run, asked, best_of=best_of, critic=critic)
    if candidates == 1:
        return plain
    from musicgen.generation.asking.likeness import Likeness, has_critic, load_critic
    from musicgen.generation.best_of import BestOf

    folder, is_named = critic or run.folder, asked.composer or asked.era or asked.blend
    needs_critic = is_named and (critic is not None or has_critic(folder) or not _is_measured(run, asked))
    classifier = load_critic(folder) if needs_critic else None
    likeness = Likeness.of(
        asked, classifier=classifier, ranges=run.can.attributes, key=_key_target(run, asked)
    )
    return BestOf(plain, run.autoencoder, likeness, candidates=candidates)


def _is_measured(run: OpenedRun, asked: Asked) -> bool:
    """Whether something is asked for that candidates can be chosen by without a classifier."""
    return bool(asked.attributes or asked.mood) or _key_target(run, asked) is not None


def _key_target(run: OpenedRun, asked: Asked) -> "KeyTarget | None":
    """Find in which keys the run writes what will be in the key that is asked for; None for any."""
    if asked.key is None:
        return None
    from musicgen.generation.asking.key_target import KeyTarget

    return KeyTarget.of(asked.key, in_one_key=run.can.one_key, is_told="key" in run.can.labels)
