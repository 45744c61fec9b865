"""Jobs of a chain run side by side: in their order, each with one thread, stopped together, and to the same bits."""

import threading
import time

import numpy as np
import pandas as pd
import pytest
import torch

import pyrocausal as pc
from pyrocausal.runtime.interruption import Interrupted, checkpoint, interruptible
from pyrocausal.runtime.side_by_side import cores_of_a_chain, side_by_side


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_results_come_in_the_order_of_jobs(cores):
    with cores_of_a_chain(cores):
        assert side_by_side([lambda k=k: time.sleep(0.01 * (5 - k)) or k for k in range(5)]) == [*range(5)]


def test_two_cores_run_two_jobs_at_a_time():
    meeting = threading.Barrier(2, timeout=10)  # one alone would wait in vain
    with cores_of_a_chain(2):
        side_by_side([meeting.wait, meeting.wait])
    assert side_by_side([threading.current_thread] * 2) == [threading.current_thread()] * 2


def test_each_job_computes_with_one_thread():
    with cores_of_a_chain(2):
        assert side_by_side([torch.get_num_threads] * 4) == [1] * 4


def test_jobs_may_have_jobs():
    with cores_of_a_chain(2):
        found = side_by_side([lambda k=k: side_by_side([lambda k=k: k, lambda k=k: -k]) for k in range(4)])
        assert found == [[k, -k] for k in range(4)]
        assert side_by_side([lambda: 1, lambda: 2]) == [1, 2]


def test_what_a_job_raises_is_raised():
    def fails():
        raise ZeroDivisionError("here")

    with cores_of_a_chain(2), pytest.raises(ZeroDivisionError, match="here"):
        side_by_side([fails, lambda: 1])


def test_all_jobs_stop_when_asked_to():
    asked, begun = threading.Event(), threading.Barrier(3, timeout=10)

    def works():
        begun.wait()
        while True:
            checkpoint()

    def ask():
        begun.wait()
        asked.set()

    threading.Thread(target=ask).start()
    with interruptible(asked.is_set) as work, cores_of_a_chain(2), pytest.raises(Interrupted):
        side_by_side([works, works])
    assert work.stopped


def test_a_chain_comes_to_the_same_bits_on_any_number_of_cores():
    rng = np.random.default_rng(0)

    def rows(n, hit=None):
        a = rng.normal(2 if hit == "a" else 0, 1, n)
        b = rng.normal(2, 1, n) if hit == "b" else np.tanh(2 * a) + 0.3 * rng.normal(size=n)
        c = rng.normal(2, 1, n) if hit == "c" else np.sin(2 * a) + b**2 + 0.3 * np.exp(0.5 * a) * rng.normal(size=n)
        return pd.DataFrame({"a": a, "b": b, "c": c})

    data = pc.InterventionalData.from_frames(rows(300), {f"r{hit}": rows(80, hit) for hit in "abc"})
    how = {"chains": 1, "seed": 0, "progress": False, "settling": pc.Settling(final_steps=5)}
    one, two = (pc.discover(data, cores=cores, **how).chains[0] for cores in (1, 2))
    assert one.predictive
    assert one.evidence == two.evidence
    assert torch.equal(one.edge_probability, two.edge_probability)
    assert torch.equal(one.target_probability, two.target_probability)
