"""One element of each row is chosen before it is calculated with: the same bits, fewer of them."""

import numpy as np
import pytest

import symgrad

N, K = 5, 4


def one_a_row(A, b, y):
    return np.sum(np.tanh(2 * A - b[:, None])[np.arange(len(y)), y])


def a_constant_column(A, b, y):
    return np.sum((A / (1 + b[:, None] ** 2))[np.arange(A.shape[0]), 2])


def twice(A, b, y):
    rows = np.arange(len(y))
    return np.sum(np.exp(A)[rows, y]) + np.sum(np.sqrt(1 + A**2)[rows, y])


def a_name_is_kept(A, b, y):
    scaled = A * 3
    return np.sum(scaled[np.arange(len(y)), y])


def read_twice(A, b, y):
    return np.sum(np.exp(A)[np.arange(len(y)), y]) + np.sum(np.exp(A))


def a_column_of_another_step(A, b, y):
    return np.sum((A * np.exp(b[:, None]))[np.arange(len(y)), y])


def a_row_along_columns_stays(A, b, y):
    return np.sum((A * np.arange(4.0))[np.arange(len(y)), y])


def other_rows_stay(A, b, y):
    return np.sum(np.exp(A)[y[::-1] % 2, y])


# Each line: a function, and whether the calculation moves behind the choice.
FUNCTIONS = [
    (one_a_row, "A[rows, y]"),
    (a_constant_column, "A[rows, 2]"),
    (twice, "np.exp(A_rows_y)"),
    (a_column_of_another_step, "A[rows, y] @ exp_b"),
    (a_name_is_kept, None),
    (read_twice, None),
    (a_row_along_columns_stays, None),
    (other_rows_stay, None),
]


def arguments(n=N):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, K)), rng.normal(size=n), rng.integers(0, K, n)


@pytest.mark.parametrize(("function", "moved"), FUNCTIONS, ids=lambda f: getattr(f, "__name__", ""))
@pytest.mark.parametrize("n", [N, 1])
def test_the_value_has_the_same_bits(function, moved, n):
    compiled = symgrad.compile(function, without=["sum(x y) = x . y"])
    compiled.value_and_grad(*arguments())
    assert compiled.value_and_grad(*arguments(n))[0] == function(*arguments(n))


@pytest.mark.parametrize(("function", "moved"), FUNCTIONS, ids=lambda f: getattr(f, "__name__", ""))
def test_only_what_nobody_else_reads_moves(function, moved):
    compiled = symgrad.compile(function)
    compiled.value_and_grad(*arguments())
    text = compiled.source.replace("np.arange(n)", "rows")
    if moved:
        assert moved in text
    else:
        assert " A[rows, y]" not in text and "(A[rows, y]" not in text


def test_with_exact_the_users_steps_stay():
    compiled = symgrad.compile(one_a_row, exact=True)
    compiled.forward(*arguments())
    assert "A[" not in compiled.source


def test_an_index_out_of_range_is_still_refused():
    compiled = symgrad.compile(one_a_row)
    A, b, y = arguments()
    compiled.value_and_grad(A, b, y)
    with pytest.raises(IndexError):
        compiled.value_and_grad(A, b, y + K)
