"""Chooses the order in which one machine does its jobs."""


def schedule(jobs: list[dict[str, int]]) -> list[int]:
    """Return the indices of the jobs in the order of work; a job has `hours` and `due`."""
    return sorted(range(len(jobs)), key=lambda index: (jobs[index]["due"], jobs[index]["hours"]))
