"""Questions to a saved result in the shell."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from example_results import posterior

import pyrocausal.cli.main as cli


@pytest.fixture(scope="module")
def result():
    """States 0, 1, ... and numbers; unlike a fit, its edges are in doubt."""
    return posterior("mixed", draws=12)


@pytest.fixture(scope="module")
def folder(result, tmp_path_factory):
    path = tmp_path_factory.mktemp("results")
    result.save(path / "result.zip")
    return path


def ask(folder, *more) -> int:
    return cli.main(["effect", str(folder), "--draws", "6", "--seed", "3", *more])


def one_line(capsys) -> str:
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("pyrocausal: error: ") and err.count("\n") == 1
    return err


def test_an_answer_in_words(result, folder, capsys):
    """Every state with its interval, and edges that are in doubt, as the library has them."""
    assert ask(folder, "--on", "X2", "--do", "X0=1", "--versus", "X0=0") == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert not err and lines[0] == "What happens to X2 if X0 = 1 is set, compared with X0 = 0:"
    answer = result.effect("X2", do={"X0": 1}, versus={"X0": 0}, draws=6, seed=3)
    for line, state in zip(lines[1:], answer.state.values, strict=False):
        values = answer.sel(state=state).values
        low, high = np.quantile(values, [0.05, 0.95])
        assert line == f"  P(X2={state})  changes by {values.mean():+z.3f}  ({low:+z.3f} to {high:+z.3f})"
    assert "means of 12 draws of graph and mechanisms" in out
    table = result.by_edge(answer)
    told = re.findall(r"^  (\S+) -> (\S+) +(\d+)%  P\(X2=(.*)\) changes by (\S+) with it, (\S+) without$", out, re.M)
    assert len(told) == len(table) > 1
    for line, row in zip(told, table.to_dict("records"), strict=True):
        share, answers = f"{100 * row['share']:.0f}", (f"{row[k]:+z.3f}" for k in ("with", "without"))
        assert line == (row["cause"], row["effect"], share, str(row["state"]), *answers)


def test_a_mean_with_something_observed(result, folder, capsys):
    value = float(result.data.decode(result.data.observational)["X1"].median())
    assert ask(folder / "result.zip", "--on", "X1", "--do", "X0=1.0", "--given", "X2=0") == 0
    out = capsys.readouterr().out
    assert out.startswith("What happens to X1 if X0 = 1 is set, compared with nothing being done, where X2 = 0 is then")
    assert re.search(r"^  its mean  changes by [+-]\S+  \([+-]\S+ to [+-]\S+\)$", out, re.M)
    assert ask(folder, "--on", "X0", "--do", f"X1={value}") == 0
    assert f"if X1 = {value:g} is set" in capsys.readouterr().out


@pytest.mark.parametrize(
    "more, message",
    [
        (["--do", "X0=1"], "the following arguments are required: --on"),
        (["--on", "X1"], "the following arguments are required: --do"),
        (["--on", "Y", "--do", "X0=1"], "--on: 'Y' is no variable; variables: X0, X1, X2, X3"),
        (["--on", "X2", "--do", "X0"], "argument --do: expected VARIABLE=VALUE, got 'X0'"),
        (["--on", "X2", "--do", "Y=1"], "--do: 'Y' is no variable"),
        (["--on", "X2", "--do", "X0=high"], "--do: 'X0' has the states 0, 1"),
        (["--on", "X2", "--do", "X1=high"], "--do: 'X1' is a number, got 'high'"),
        (["--on", "X2", "--do", "X1=nan"], "--do: 'X1' is a number, got 'nan'"),
        (["--on", "X2", "--do", "X1=1e6"], "--do: 'X1' "),
        (["--on", "X2", "--do", "X0=1", "--do", "X0=0"], "--do: 'X0' is named twice; drop one"),
        (["--on", "X2", "--do", "X0=1", "--versus", "X1=x"], "--versus: 'X1' is a number, got 'x'"),
        (["--on", "X2", "--do", "X2=1"], "--do: 'X2' is what is asked about; name another one"),
        (["--on", "X2", "--do", "X0=1", "--given", "X0=1"], "--given: 'X0' is set, and cannot be observed as well"),
        (["--on", "X2", "--do", "X0=1", "--draws", "0"], "argument --draws: expected a whole number of at least 1"),
    ],
)
def test_bad_questions_are_told_in_one_line(folder, capsys, more, message):
    assert ask(folder, *more) == 2
    assert message in one_line(capsys)


def test_results_that_are_not_there(folder, tmp_path, capsys):
    question = ["--on", "X2", "--do", "X0=1"]
    assert ask(tmp_path, *question) == 2
    assert f"RESULT: the folder {tmp_path} holds no result.zip; name one that fit --out wrote" in one_line(capsys)
    assert ask(tmp_path / "nothing", *question) == 2
    assert "no such file" in one_line(capsys)
    (tmp_path / "page.zip").write_text("no result")
    assert ask(tmp_path / "page.zip", *question) == 2
    assert "is not a file written by CausalPosterior.save" in one_line(capsys)


def test_a_fit_that_has_not_settled_is_answered_with_a_warning(result, tmp_path, capsys):
    chains = (replace(result.chains[0], settled=False), result.chains[1])
    replace(result, chains=chains).save(tmp_path / "result.zip")
    assert ask(tmp_path, "--on", "X2", "--do", "X0=1") == 0
    assert "pyrocausal: warning: 1 of 2 chains have not settled" in capsys.readouterr().err


def test_help(capsys):
    for argv, text in ((["--help"], "pyrocausal effect results --on Erk"), (["effect", "--help"], "--do PKA=high")):
        with pytest.raises(SystemExit):
            cli.main(argv)
        assert text in capsys.readouterr().out
