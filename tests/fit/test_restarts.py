"""Chains are the same wherever joblib runs them, and Ctrl-C gives back what there is of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import joblib
import pytest
import torch
from example_chains import ALGORITHM, ALONE, SETTLING, UNSETTLED, assert_same, quick, settled, small

from pyrocausal.checks.held_out import held_out_rows
from pyrocausal.checks.stability import stability
from pyrocausal.data.knowledge import Knowledge
from pyrocausal.fit import one_restart, restarts
from pyrocausal.fit.channel import Channel
from pyrocausal.fit.discover import discover
from pyrocausal.fit.one_restart import Restart
from pyrocausal.fit.restarts import run_restarts
from pyrocausal.fit.signals import stopping_signals
from pyrocausal.model.neural_mechanisms import NeuralMechanisms
from pyrocausal.report.write import write_report
from pyrocausal.runtime.interruption import Interrupted, interruptible
from pyrocausal.sdi.settings import Stopping
from pyrocausal.search import graph_kernel, orders
from pyrocausal.search import rounds as rounds_of_settling
from pyrocausal.search.graph_kernel import Sampling
from pyrocausal.search.moves import closure
from pyrocausal.search.settling import settle

ENDLESS = replace(ALGORITHM, stopping=Stopping(tolerance=1e-9, max_steps=20_000))  # a minute, should nothing stop it
CTRL_C = "ignore:Ctrl-C:RuntimeWarning"


@pytest.fixture
def data():
    return small()


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as workers,
        distributed.Client(workers),
    ):
        yield


@pytest.fixture
def backend(request):
    """joblib's settings for two chains at a time; Dask's need a cluster."""
    if request.param == "dask":
        request.getfixturevalue("cluster")
    with joblib.parallel_config(backend=request.param, n_jobs=2):
        yield request.param


everywhere = pytest.mark.parametrize("backend", ["loky", "threading", "dask"], indirect=True)


# ------------------------------------------------------------------ where chains run
@everywhere
@pytest.mark.filterwarnings(UNSETTLED)
def test_chains_have_the_same_bits_wherever_they_run(data, backend, tmp_path):
    def mechanisms(kinds):
        (tmp_path / f"{os.getpid()} {threading.get_ident()}").touch()
        return NeuralMechanisms(kinds, hidden=4)

    seen = replace(ALGORITHM, mechanisms=mechanisms)
    found = discover(data, chains=2, seed=5, algorithm=seen, settling=SETTLING, progress=False)
    ran = {path.name.split()[0] for path in tmp_path.iterdir()}
    assert (str(os.getpid()) in ran) == (backend == "threading")
    assert f"{os.getpid()} {threading.get_ident()}" not in {path.name for path in tmp_path.iterdir()}
    assert_same(found, quick(data, chains=2, seed=5, settling=SETTLING))


@pytest.mark.filterwarnings(UNSETTLED)
def test_chains_in_threads_of_one_worker_take_turns(data):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as workers,
        distributed.Client(workers),
        joblib.parallel_config(backend="dask"),
    ):
        found = discover(data, chains=2, seed=5, algorithm=ALGORITHM, settling=ALONE, progress=False)
    assert_same(found, quick(data, chains=2, seed=5))


def test_dask_sees_how_large_a_table_is(data):
    # joblib sends what is large to a worker once. As a part of every task Dask warns of it.
    restart = Restart(ALGORITHM, ALONE, None, data, Knowledge(), None)
    rows = [data.observational, *(regime.rows for regime in data.regimes)]
    assert sys.getsizeof(restart) >= sum(map(len, rows)) * data.d * 4


@pytest.mark.filterwarnings(UNSETTLED)
def test_a_chain_does_not_depend_on_how_many_there_are(data):
    two, four = (quick(data, chains=chains, seed=5, settling=SETTLING) for chains in (2, 4))
    assert_same(two, replace(four, chains=four.chains[:2]))
    assert len({chain.seed for chain in four.chains}) == 4


def test_as_many_processes_as_joblib_is_told(monkeypatch):
    every = joblib.effective_n_jobs(-1)
    assert restarts._processes(None, 1000) == min(every, 1000)
    assert restarts._processes(3, 1000) == 3
    assert restarts._processes(3, 2) == 2
    with joblib.parallel_config(n_jobs=5):
        assert restarts._processes(None, 1000) == 5
        assert restarts._processes(2, 1000) == 2
    with joblib.parallel_config(backend="threading"):  # which says nothing of a number
        assert restarts._processes(None, 1000) == min(every, 1000)


# ------------------------------------------------------------------ Ctrl-C
def press(number=signal.SIGINT):
    signal.raise_signal(number)


def pressed_when(monkeypatch, owner, name, call, number=signal.SIGINT):
    """Press Ctrl-C, or send another signal, when something is called for the n-th time."""
    original, calls = getattr(owner, name), iter(range(1, 10**9))

    def wrapped(*args, **options):
        if next(calls) == call:
            press(number)
        return original(*args, **options)

    monkeypatch.setattr(owner, name, wrapped)


def test_ctrl_c_keeps_the_chains_that_are_done_and_the_last_step_of_the_next(data, monkeypatch):
    pressed_when(monkeypatch, Channel, "report", 7)  # the second chain says that it has made its second step
    with pytest.warns(RuntimeWarning) as caught:
        result = quick(data, chains=3, seed=5)
    said = "Ctrl-C: chain 1 was cut short after step 2, chain 2 had not made a step; 2 of 3 chains are kept"
    assert [str(warning.message) for warning in caught] == [result.stopped] == [said]
    assert os.path.samefile(caught[0].filename, __file__)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*have not settled", RuntimeWarning)
        whole, brief = quick(data, chains=2, seed=5), quick(data, chains=2, seed=5, max_steps=2)
    assert_same(result, replace(whole, chains=(whole.chains[0], brief.chains[1])))
    assert not result.settled
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.filterwarnings(CTRL_C)
def test_ctrl_c_while_settling_keeps_the_last_round(data, monkeypatch):
    unfitted = replace(ALGORITHM, fitting=replace(ALGORITHM.fitting, warm_up=0, steps=0))  # targets change in round 1
    unknown = replace(data, regimes=tuple(replace(regime, targets=None) for regime in data.regimes))
    run = partial(quick, unknown, chains=2, seed=0, algorithm=unfitted, settling=replace(SETTLING, closed_form=False))
    whole = run()
    assert len(whole.chains[1].rounds) > 1
    climbs = len(whole.chains[0].rounds)
    for rounds in (0, 1):
        with monkeypatch.context() as patch:
            pressed_when(patch, rounds_of_settling, "climb", climbs + rounds + 1)
            result = run()
        first, cut = result.chains
        assert first.settled and not cut.settled
        assert cut.rounds.values.tolist() == whole.chains[1].rounds.iloc[:rounds].values.tolist()
        assert torch.equal(cut.beliefs, whole.chains[1].beliefs)
        if rounds:
            assert cut.evidence == cut.rounds.evidence.iloc[-1] and int(cut.dag.sum()) == cut.rounds.edges.iloc[-1]
            assert "chain 1 was cut short after step 4 and round 1 of settling;" in result.stopped
        else:
            assert torch.isnan(torch.tensor(cut.evidence)) and torch.equal(cut.edge_probability, cut.beliefs)
            assert "chain 1 was cut short after step 4;" in result.stopped
            assert result.best is first
            stability(result)


@pytest.mark.filterwarnings(CTRL_C)
def test_ctrl_c_while_networks_are_asked_keeps_what_closed_forms_found(data, monkeypatch):
    whole = settled(data, chains=2, seed=0)
    pressed_when(monkeypatch, rounds_of_settling.Rounds, "_asked_networks", 2)
    result = settled(data, chains=2, seed=0)
    first, cut = result.chains
    assert first.settled and not cut.settled
    assert cut.rounds.values.tolist() == whole.chains[1].rounds.iloc[:1].values.tolist()
    assert torch.equal(cut.dag, whole.chains[1].dag) and torch.equal(cut.drift, whole.chains[1].drift)
    assert "chain 1 was cut short after step 4 and round 1 of settling;" in result.stopped


@pytest.mark.filterwarnings(CTRL_C)
def test_ctrl_c_while_graphs_are_drawn_keeps_the_settled_one(data, monkeypatch, tmp_path):
    draws = Sampling(draws=10, warm_up=2)
    whole = settled(data, chains=2, seed=0, sampling=draws)
    pressed_when(monkeypatch, graph_kernel.GraphKernel, "sample", 12 + 5)
    result = settled(data, chains=2, seed=0, sampling=draws)
    first, cut = result.chains
    assert torch.equal(first.graphs, whole.chains[0].graphs)
    assert cut.graphs is None and not cut.settled and torch.equal(cut.dag, whole.chains[1].dag)
    assert "edge" not in result.to_arviz()["posterior"]
    assert result.stopped in write_report(result, tmp_path).read_text(encoding="utf-8")


def test_ctrl_c_with_nothing_to_show_raises(data, monkeypatch):
    pressed_when(monkeypatch, one_restart, "impute", 1)
    with pytest.raises(KeyboardInterrupt):
        quick(data, chains=2)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("presses", [1, 2])
def test_a_second_ctrl_c_aborts(data, monkeypatch, presses):
    for _ in range(presses):
        pressed_when(monkeypatch, Channel, "report", 3)
    if presses == 2:
        with pytest.raises(KeyboardInterrupt):
            quick(data, chains=1)
    else:
        with pytest.warns(RuntimeWarning, match="chain 0 was cut short after step 3"):
            quick(data, chains=1)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.filterwarnings(CTRL_C)
def test_ctrl_c_after_the_last_chain_is_told_too(data, monkeypatch):
    pressed_when(monkeypatch, Channel, "report", 4)
    assert quick(data, chains=1, seed=0).stopped == "Ctrl-C: all chains had ended; 1 of 1 chains are kept"


@pytest.mark.filterwarnings(UNSETTLED)
def test_ctrl_c_is_left_alone_where_it_means_something_else(data, monkeypatch):
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append("mine"))
    try:
        pressed_when(monkeypatch, Channel, "report", 1)
        result = quick(data, chains=1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == ["mine"] and result.stopped is None
    found = []
    thread = threading.Thread(target=lambda: found.append(quick(data, chains=1)))
    thread.start()
    thread.join()
    assert found[0].stopped is None


@pytest.mark.filterwarnings(CTRL_C)
def test_checks_do_not_take_what_is_left_of_a_fit(data, monkeypatch):
    pressed_when(monkeypatch, Channel, "report", 2)
    with pytest.raises(KeyboardInterrupt):
        held_out_rows(data, algorithm=ALGORITHM, settling=SETTLING, cores=1)


@pytest.mark.parametrize("backend", ["sequential", "loky", "threading", "dask"], indirect=True)
def test_chains_that_would_not_end_stop_wherever_they_run(data, backend):
    at_a_time = 1 if backend in ("sequential", "threading") else 2
    under_way = set()

    def show(report):
        if report.done and len(under_way) < at_a_time:  # has made a step
            under_way.add(report.chain)
            if len(under_way) == at_a_time:
                press()

    restart = Restart(ENDLESS, ALONE, None, data, Knowledge(), None)
    chains, stopped, _ = run_restarts(restart, [1, 2], None, show)
    assert len(chains) == at_a_time and stopped.startswith("Ctrl-C: chain 0 was cut short after step ")
    for chain in chains:
        assert not chain.settled and len(chain.trace) >= 1
        assert torch.equal(chain.model.beliefs.edge_probability, chain.beliefs)


SCRIPT = """
import json, os, sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, {tests!r})
import pyrocausal as pc
from example_chains import ALGORITHM, ALONE, small

folder, cores = Path({folder!r}), {cores}

def estimator(graphs, scores, probability):  # so a chain that is here ends its first step, come what may
    (folder / str(os.getpid())).touch()
    return pc.credit.conditional_difference(graphs, scores, probability)

endless = replace(
    ALGORITHM,
    credit=pc.CreditAssignment(estimator=estimator),
    stopping=replace(ALGORITHM.stopping, tolerance=1e-9, max_steps=10**9),
)
result = pc.discover(small(), chains=3, cores=cores, seed=0, algorithm=endless, settling=ALONE, progress=False)
print(json.dumps([result.stopped, [chain.settled for chain in result.chains]]))
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal to a group of processes")
@pytest.mark.parametrize("sent, cores", [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGTERM, 2)])
def test_ctrl_c_in_a_terminal_and_sigterm_of_a_scheduler(tmp_path, sent, cores):
    folder = tmp_path / "steps"
    folder.mkdir()
    script = SCRIPT.format(tests=str(Path(__file__).parents[1]), folder=str(folder), cores=cores)
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 120
        while len(list(folder.iterdir())) < cores and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(process.pid, sent)  # a terminal's goes to the whole group, and so does that of `timeout`
        if sent == signal.SIGTERM:
            process.send_signal(sent)  # which sends it to the process too
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 0, err
    stopped, ended = json.loads(out)
    assert ended == [False] * cores
    name = "Ctrl-C" if sent == signal.SIGINT else "SIGTERM"
    assert stopped.startswith(f"{name}: chain 0 was cut short after step ") and "chain 2 had not made a step" in stopped
    assert err.count(f"RuntimeWarning: {name}") == 1 and "Traceback" not in err


@pytest.mark.filterwarnings("ignore:SIGTERM:RuntimeWarning")
def test_sigterm_in_the_middle_of_the_search_keeps_the_best_graph_so_far(data, monkeypatch):
    whole = settled(data, chains=1, seed=0)
    pressed_when(monkeypatch, orders._Walk, "offer", 3, signal.SIGTERM)
    result = settled(data, chains=1, seed=0)
    (cut,) = result.chains
    assert result.stopped == (
        "SIGTERM: chain 0 was cut short after step 4 and in round 1 of settling; 1 of 1 chains are kept"
    )
    assert not cut.settled and not len(cut.rounds)
    assert torch.equal(cut.dag, whole.chains[0].dag)  # A -> B, which the walk meets at once
    assert torch.equal(cut.edge_probability > 0.5, cut.dag) and cut.evidence > -torch.inf
    assert len(result.edges()) == 1 and result.edges().strength.notna().all()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.filterwarnings("ignore:SIGTERM:RuntimeWarning")
@pytest.mark.parametrize("seconds", [60.0, 0.0])
def test_sigterm_that_comes_twice_at_once_is_one(data, monkeypatch, seconds):
    monkeypatch.setattr("pyrocausal.fit.signals.SAME", seconds)
    for _ in range(2):
        pressed_when(monkeypatch, Channel, "report", 3, signal.SIGTERM)
    with nullcontext() if seconds else pytest.raises(KeyboardInterrupt):
        assert quick(data, chains=1).stopped.startswith("SIGTERM: chain 0 was cut short after step 3")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.filterwarnings(UNSETTLED)
def test_sigterm_is_left_alone_where_it_means_something_else(data, monkeypatch):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("mine"))
    try:
        pressed_when(monkeypatch, Channel, "report", 1, signal.SIGTERM)
        result = quick(data, chains=1)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == ["mine"] and result.stopped is None


def test_signals_are_left_alone_in_other_threads():
    found = []

    def inside():
        with stopping_signals(threading.Event()):
            found.append((signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert found == [(signal.default_int_handler, signal.SIG_DFL)]


# ------------------------------------------------------------------ stopping at a checkpoint
class Asked:
    """Says yes when it is asked for the n-th time, and ever after."""

    def __init__(self, when):
        self.when, self.times = when, 0

    def __call__(self):
        self.times += 1
        return self.times >= self.when


@pytest.mark.filterwarnings("ignore:the beliefs have not settled:RuntimeWarning")
def test_wherever_the_three_phases_stop_their_state_is_that_of_a_step(data):
    infos = []
    before = torch.get_rng_state()
    ALGORITHM.run(data, seed=3, on_info=infos.append)
    never = Asked(10**9)
    with interruptible(never) as work:
        ALGORITHM.run(data, seed=3)
    assert not work.stopped
    seen = set()
    for when in (1, *range(2, never.times + 1, 2)):
        with interruptible(Asked(when)) as work:
            try:
                state, info = ALGORITHM.run(data, seed=3)
            except Interrupted:
                seen.add(0)
                continue
        assert work.stopped
        seen.add(state.step)
        assert info.step == state.step
        assert torch.equal(info.edge_probability, infos[state.step - 1].edge_probability)
        assert torch.equal(state.model.beliefs.edge_probability, info.edge_probability)
        assert torch.equal(state.target_probability, info.target_probability)
    assert seen == set(range(len(infos)))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.filterwarnings("ignore:the beliefs have not settled:RuntimeWarning")
def test_wherever_settling_stops_it_gives_back_a_round(data):
    rounds, met, never = [], [], Asked(10**9)
    state, _ = ALGORITHM.run(data, seed=3)
    with interruptible(never):
        settle(state, SETTLING, seed=3, on_settled=rounds.append)
    seen = set()
    for when in range(1, never.times + 1, 7):
        state, _ = ALGORITHM.run(data, seed=3)
        with interruptible(Asked(when)):
            try:
                found = settle(state, SETTLING, seed=3)
            except Interrupted:
                seen.add(0)
                continue
        seen.add(found.round)
        if not found.round:  # in the middle of the first one
            assert found.joint.of(found.dag) == pytest.approx(found.evidence)
            assert not closure(found.dag).diagonal().any() and not found.stable
            assert float(found.edge_probability[found.dag].min()) > 0.5
            torch.testing.assert_close(
                state.model.beliefs.edge_probability.detach(), found.edge_probability, atol=1e-4, rtol=0
            )
            met.append(found.evidence)
            continue
        assert found.evidence == rounds[found.round - 1].evidence
        assert torch.equal(found.dag, rounds[found.round - 1].dag)
    assert 0 in seen and met == sorted(met)


# ------------------------------------------------------------------ processes that are killed
@pytest.mark.skipif(os.name != "posix", reason="kills processes")
@pytest.mark.filterwarnings(UNSETTLED)
def test_a_chain_whose_process_is_killed_is_named_and_the_others_are_kept(data):
    whole = quick(data, chains=3, seed=5)
    doomed, here = whole.chains[1].seed, os.getpid()

    def mechanisms(kinds):
        if torch.initial_seed() == doomed and os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return NeuralMechanisms(kinds, hidden=4)

    deadly = replace(ALGORITHM, mechanisms=mechanisms)
    with pytest.warns(RuntimeWarning, match="chain 1 of 3 was killed and is left out, perhaps for want of"):
        found = discover(data, chains=3, cores=2, seed=5, algorithm=deadly, settling=ALONE, progress=False)
    assert_same(found, replace(whole, chains=(whole.chains[0], whole.chains[2])))


@pytest.mark.skipif(os.name != "posix", reason="kills processes")
def test_where_all_are_killed_one_line_says_so(data):
    def mechanisms(kinds):
        os.kill(os.getpid(), signal.SIGKILL)

    deadly = replace(ALGORITHM, mechanisms=mechanisms)
    with pytest.raises(ChildProcessError, match=r"the process of chain \d was killed, perhaps for want of memory"):
        discover(data, chains=2, cores=2, seed=5, algorithm=deadly, settling=ALONE, progress=False)
