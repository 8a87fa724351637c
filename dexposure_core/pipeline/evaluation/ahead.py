"""The parts of an evaluation finished ahead, several at a time in processes of their own.

Every part is kept on disk (`parts`), so putting the evaluation together afterwards only reads them: the document is the
one that doing one part after the other gives. A part that cannot be kept is simply made then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from dexposure_core import settings
from dexposure_core.pipeline.apart import apart
from dexposure_core.pipeline.evaluation.job import Job
from dexposure_core.progress import Progress, silent

Section = Callable[[Job], Mapping[str, Any]]
"""A section of an evaluation: what it adds to the document, basis by basis; can be pickled."""
WORTH_IT: Final = 20_000  # exposures to forecast from: below, one after the other is done before a process has started


def finish_ahead(sections: Sequence[Section], job: Job) -> Job:
    """Finish the parts of `sections` side by side where that is quicker, and return the job that finds them.

    Args:
        sections: the longest first, so that no process waits for another at the end.
        job: on all bases.

    Raises:
        WorkerLost: a process was killed; what is finished is found by the next run.
    """
    if job.parts.folder is None or settings.processors() < 2 or _exposures(job) < WORTH_IT:
        return job
    bare = replace(job, progress=silent, histories={}, fits={})  # what a process reads for itself
    pieces = [(section, replace(bare, bases=(basis,))) for section in sections for basis in job.bases]
    apart(_finish, pieces, settings.processors(), job.progress)
    return replace(job, parts=replace(job.parts, fresh=False))


def _finish(piece: tuple[Section, Job], progress: Progress) -> None:
    section, job = piece
    section(replace(job, progress=progress))


def _exposures(job: Job) -> int:
    """Return how many exposures the origins hold, about; the last network is the largest."""
    history = job.history(job.bases[0])
    return len(history) // 8 * len(history[-1].exposure_usd)
