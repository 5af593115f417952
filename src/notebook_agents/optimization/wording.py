"""Changes in words: what to do, what to expect, how to see that it worked, how to go back."""

from __future__ import annotations

from dataclasses import dataclass

from notebook_agents.optimization.candidates import PRECISION_CHANGES, TYPE_CHANGES, Change
from notebook_agents.optimization.catalogue import Catalogue
from notebook_agents.optimization.options import Option
from notebook_agents.optimization.pools import Pool


@dataclass(frozen=True, slots=True)
class Steps:
    """How a change is made."""

    step: str
    verify: str
    rollback: str
    risk: str


STEPS: dict[Change, Steps] = {
    "gpu_type": Steps(
        "Start the same image on the new GPUs beside the old ones and move a tenth of the work.",
        "Compare p95 latency or duration and the bill of a day with the figures above.",
        "Send the work back to the old GPUs, which stay until the comparison is done.",
        "Peak figures promise more than a program reaches; kernels may not be tuned for the GPU.",
    ),
    "gpu_count": Steps(
        "Give GPUs back one at a time, at a quiet hour first.",
        "Watch p95 latency and utilisation for a full day, the busiest hour above all.",
        "Start the GPUs again; keep the autoscaler's upper bound at the old number meanwhile.",
        "Bursts above the busiest measured hour find fewer GPUs.",
    ),
    "batch_size": Steps(
        "Raise the batch size in the server's or job's configuration.",
        "Compare tokens per second, peak memory and p95 latency on a sample of real requests.",
        "Set the old batch size again.",
        "Requests may wait for a batch to fill, and memory peaks rise.",
    ),
    "precision": Steps(
        "Serve the model at the lower precision, quantized with data of yours for calibration.",
        "Score both on your own evaluation set before any traffic moves, then compare latency.",
        "Serve the old weights, which stay where they are.",
        "Answers change a little; the data do not say whether their quality is still enough.",
    ),
    "gpu_type_and_precision": Steps(
        "Start the model at the lower precision on the new GPUs beside the old ones and move a"
        " tenth of the work.",
        "Score both on your own evaluation set before any traffic moves, then compare p95 latency"
        " or duration and the bill of a day with the figures above.",
        "Send the work back to the old GPUs with the old weights, which stay meanwhile.",
        "Answers change a little, and peak figures promise more than a program reaches; the data"
        " do not say whether quality is still enough.",
    ),
    "model_size": Steps(
        "Serve a model of about half the size to a tenth of the requests.",
        "Score both on your own evaluation set and let people compare answers.",
        "Route all requests to the present model.",
        "Answers change; the data do not say whether their quality is still enough.",
    ),
    "schedule": Steps(
        "Start the jobs in the cheaper hours.",
        "Check that every job still ends before its deadline, and the price on the bill.",
        "Start the jobs at the old hours.",
        "Results are there later in the day.",
    ),
    "spot": Steps(
        "Write checkpoints at least hourly and request spot capacity, with on demand as fallback.",
        "Count interruptions and repeated hours for a week.",
        "Request on-demand capacity only.",
        "Capacity can be taken away at short notice and may be scarce.",
    ),
    "caching": Steps(
        "Keep answers by a hash of prompt, model and settings, with a time to live.",
        "Measure the hit rate for a week; below the repeated share it saves less.",
        "Switch the cache off.",
        "Answers may be out of date, and equal prompts get equal answers.",
    ),
}


def action(option: Option, pool: Pool) -> str:
    """One sentence that says what to do."""
    before, after = option.before_setup, option.after_setup
    jobs = subject(pool)
    fewer = f" on {gpus(after.n_gpus, after.gpu_type)} each" * (after.n_gpus != before.n_gpus)
    return {
        "gpu_type": f"Switch {jobs} from {before.n_gpus} x {before.gpu_type} to"
        f" {after.n_gpus} x {after.gpu_type} GPUs",
        "gpu_count": f"Run {jobs} on {after.n_gpus} instead of {before.n_gpus} x"
        f" {before.gpu_type} GPUs",
        "batch_size": f"Raise the batch size of {jobs} from {before.batch_size} to"
        f" {after.batch_size}{fewer}",
        "precision": f"Run {jobs} at {after.precision} instead of {before.precision}{fewer}",
        "gpu_type_and_precision": f"Switch {jobs} from {before.n_gpus} x {before.gpu_type} at"
        f" {before.precision} to {after.n_gpus} x {after.gpu_type} GPUs at {after.precision}",
        "model_size": f"Serve {jobs} with a model of half the size{fewer}",
        "schedule": f"Move {jobs} to the cheaper hours",
        "spot": f"Move {jobs} to spot {before.gpu_type} GPUs",
        "caching": f"Keep answers to repeated prompts of {jobs}{fewer}",
    }[option.change]


def subject(pool: Pool) -> str:
    """The jobs of a pool: ``30 inference jobs of llama-3-8b``."""
    jobs = "job" if pool.rows.n == 1 else "jobs"
    model = f" of {pool.setup.model}" if pool.setup.model else ""
    return f"{pool.rows.n} {pool.kind} {jobs}{model}"


def gpus(n: int, name: str) -> str:
    """``2 x L4``."""
    return f"{n} x {name}"


def impact(option: Option) -> str:
    """``30% performance improvement``: how much more is done in the same time."""
    gain = (1 / option.time_ratio - 1) * 100
    if abs(gain) < 0.5:
        return "no change in performance"
    return f"{abs(gain):.0f}% performance {'improvement' if gain > 0 else 'reduction'}"


def percent(ratio: float) -> str:
    """A change in percent with its sign: ``+15%``, ``-0.4%``, ``0%``."""
    change = (ratio - 1) * 100
    if abs(change) < 0.05:
        return "0%"
    return f"{change:+.0f}%" if abs(change) >= 0.95 else f"{change:+.1f}%"


def formula(option: Option, currency: str) -> str:
    """How the cost follows from the rows, with the numbers in it; of the period of the data."""
    before, after = option.before, option.after
    n_before, n_after = option.before_setup.n_gpus, option.after_setup.n_gpus
    return (
        f"cost = GPUs x hours x price per GPU and hour: {n_before} x {before.hours:.2f} x"
        f" {before.price:.4f} = {before.cost:.2f} {currency} before,"
        f" {n_after} x {after.hours:.2f} x {after.price:.4f} = {after.cost:.2f} {currency} after;"
        f" time x {option.time_ratio:.3f}"
    )


def assumptions(option: Option, pool: Pool, catalogue: Catalogue) -> list[str]:
    """What must be true for the figures to hold."""
    found = list(pool.assumptions)
    if option.after.price != option.before.price:
        found.append(
            f"Prices are the catalogue's of {catalogue.priced_on} ({catalogue.origin})."
            f" {catalogue.note}".strip()
        )
    found += _of_speed(option, pool)
    if option.change == "spot":
        found.append(f"{catalogue.spot_rework:.0%} of the work is done again after interruptions.")
    if option.change == "caching":
        found.append(
            f"{pool.repeated_share or 0:.0%} of the prompts repeat, as in the rows, and their"
            " answers may be kept."
        )
    if option.change == "schedule":
        found.append("Jobs without a deadline may end a day later.")
    return found


def _of_speed(option: Option, pool: Pool) -> list[str]:
    found = []
    if option.change in TYPE_CHANGES | PRECISION_CHANGES | {"batch_size", "model_size"}:
        found.append("The same share of the peak speed is reached before and after.")
        if pool.kind != "training" and not pool.n_tokens:
            found.append("Tokens are not in the data: the slower of computing and reading counts.")
    if pool.kind == "inference":
        found.append("Requests arrive at random (M/M/c); a factor of the mean holds for p95 too.")
    elif pool.utilisation is None:
        found.append("Utilisation is not in the data: the GPUs are taken as always busy.")
    if pool.memory_gib is None and pool.params_b is not None and pool.kind != "training":
        found.append(
            f"Memory is estimated from {pool.params_b:g} billion parameters and"
            f" {pool.context_tokens} tokens per request."
        )
    return found
