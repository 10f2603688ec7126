"""Estimators for scikit-learn: its own checks, its own models as oracles, and real data."""

import functools
import pickle
import signal
import subprocess
import sys

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, QuantileRegressor
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import symgrad
from symgrad import losses, optim
from symgrad.sklearn import SymgradClassifier, SymgradRegressor
from symgrad.sklearn.base import Network

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore::sklearn.exceptions.SkipTestWarning",
)

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)


def standard(X):
    return StandardScaler().fit_transform(X)


# --- losses that users write ----------------------------------------------------------------------


def log_cosh(y_hat, y, weights):
    r = np.abs(y_hat - y)
    terms = r + np.log1p(np.exp(-2 * r))
    return np.mean(weights @ terms) / np.sum(weights)


def smoothed(scores, y, weights):
    """Cross-entropy with a tenth of each label spread over all classes."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    terms = -0.9 * log_p[np.arange(len(y)), y] - 0.1 * log_p.mean(axis=1)
    return weights @ terms / np.sum(weights)


def unweighted(y_hat, y):
    return np.mean((y_hat - y) ** 2)


# --- scikit-learn's own checks --------------------------------------------------------------------

CHECKED = [
    SymgradClassifier(),
    SymgradClassifier("focal"),
    SymgradClassifier("multiclass_hinge"),
    SymgradClassifier("binary_cross_entropy"),
    SymgradClassifier("hinge"),
    SymgradClassifier("squared"),
    SymgradClassifier("mean((y_hat - y)**2)"),
    SymgradClassifier(smoothed),
    SymgradClassifier(log_cosh, labels="one_hot"),
    SymgradClassifier(hidden=(), batch_size=None, class_weight="balanced"),
    SymgradClassifier(hidden=(8, 9), activation="tanh"),
    SymgradRegressor(),
    SymgradRegressor("huber"),
    SymgradRegressor({"name": "quantile", "tau": 0.4}),
    SymgradRegressor("poisson"),
    SymgradRegressor("gaussian_nll"),
    SymgradRegressor("sum(weights @ (y_hat - y)**2) / sum(weights)"),
    SymgradRegressor(log_cosh),
    SymgradRegressor(optimizer="adamw", schedule={"name": "cosine", "steps": 200}),
]


@parametrize_with_checks(CHECKED)
def test_scikit_learn_finds_nothing_wrong(estimator, check):
    check(estimator)


WEIGHTS = "check_sample_weight_equivalence_on_dense_data"
IN_PARTS = [
    SymgradClassifier(early_stopping=True, n_iter_no_change=5),
    SymgradClassifier(batch_size=10, max_iter=60),
    SymgradRegressor(early_stopping=True),
    SymgradRegressor(batch_size=10, max_iter=60),
]


@pytest.mark.skipif(not hasattr(estimator_checks, WEIGHTS), reason="older checks draw otherwise")
@parametrize_with_checks(IN_PARTS)
def test_only_a_drawing_of_rows_tells_weight_two_from_the_example_twice(estimator, check):
    """Minibatches and held out rows are drawn, so there a repeated row is not a weight."""
    if check.func.__name__ == WEIGHTS:
        with pytest.raises(AssertionError, match="not equivalent"):
            check(estimator)
    else:
        check(estimator)


# --- scikit-learn's models as oracles -------------------------------------------------------------

LONG = dict(hidden=(), batch_size=None, n_iter_no_change=None, max_iter=3000, random_state=0)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_no_hidden_layer_and_cross_entropy_are_logistic_regression(class_weight):
    X, y = standard(CANCER[0]), CANCER[1]
    theirs = LogisticRegression(C=1.0, class_weight=class_weight, tol=1e-10, max_iter=1000)
    mine = SymgradClassifier(
        "binary_cross_entropy", l2=1 / (2 * len(y)), class_weight=class_weight,
        learning_rate=0.05, **LONG,
    )  # fmt: skip
    expected = theirs.fit(X, y).predict_proba(X)
    assert np.abs(mine.fit(X, y).predict_proba(X) - expected).max() < 1e-5
    assert np.abs(mine.params_["w"] - theirs.coef_[0]).max() < 1e-4


def test_weights_of_examples_are_those_of_logistic_regression():
    X, y = standard(CANCER[0]), CANCER[1]
    weights = np.random.default_rng(0).integers(0, 4, len(y)).astype(float)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(X, y, weights)
    mine = SymgradClassifier(l2=1 / (4 * weights.sum()), learning_rate=0.05, **LONG)
    # two columns of weights for two classes: each is half of the difference
    mine.set_params(l2=1 / weights.sum()).fit(X, y, weights)
    W = mine.params_["W"]
    assert np.abs(W[:, 1] - W[:, 0] - theirs.coef_[0]).max() < 1e-4


@pytest.mark.parametrize("columns", [1, 2])
def test_no_hidden_layer_and_squared_errors_are_linear_regression(columns):
    X, y = standard(DIABETES[0]), DIABETES[1] / 100
    y = y if columns == 1 else np.stack([y, y**2], axis=1)
    mine = SymgradRegressor(learning_rate=0.1, **{**LONG, "max_iter": 5000}).fit(X, y)
    assert np.abs(mine.predict(X) - LinearRegression().fit(X, y).predict(X)).max() < 1e-3


def test_a_quantile_is_that_of_quantile_regression():
    X, y = standard(DIABETES[0]), DIABETES[1] / 100
    theirs = QuantileRegressor(alpha=0, quantile=0.9).fit(X, y)
    falling = {"name": "cosine", "steps": 3000}
    mine = SymgradRegressor(
        {"name": "quantile", "tau": 0.9}, learning_rate=0.1, schedule=falling, **LONG
    )
    assert np.abs(mine.fit(X, y).predict(X) - theirs.predict(X)).max() < 0.05


def test_gaussian_nll_predicts_the_spread_too():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (2000, 1))
    y = 3 * X[:, 0] + rng.normal(0, np.where(X[:, 0] > 0, 1.0, 0.2))
    model = SymgradRegressor("gaussian_nll", hidden=(16,), random_state=0).fit(X, y)
    mean, deviation = model.predict(np.array([[-0.6], [0.6]]), return_std=True)
    assert np.allclose(mean, [-1.8, 1.8], atol=0.2)
    assert np.allclose(deviation, [0.2, 1.0], atol=0.15)
    with pytest.raises(symgrad.SpecError, match="return_std=True is for loss='gaussian_nll'"):
        SymgradRegressor(max_iter=2).fit(X, y).predict(X, return_std=True)


# --- real data ------------------------------------------------------------------------------------


def test_iris_is_told_apart():
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    model = SymgradClassifier(hidden=(8, 9), activation="relu", random_state=0)
    assert cross_val_score(model, *IRIS, cv=folds).mean() >= 0.95


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "hinge", "focal", "squared"])
def test_breast_cancer_is_told_apart(loss):
    model = make_pipeline(StandardScaler(), SymgradClassifier(loss, hidden=(16,), random_state=0))
    assert cross_val_score(model, *CANCER, cv=5).mean() >= 0.95


def test_diabetes_is_predicted():
    network = SymgradRegressor(hidden=(16,), learning_rate=0.1, l2=0.1, random_state=0)
    assert cross_val_score(make_pipeline(StandardScaler(), network), *DIABETES, cv=5).mean() >= 0.4


def test_digits_are_told_apart_from_a_spec_with_dropout():
    X, y = load_digits(return_X_y=True)
    spec = {
        "layers": [
            {"units": 64, "activation": "relu"}, {"kind": "dropout", "rate": 0.2}, {"units": 10},
        ],
        "loss": "softmax_cross_entropy", "optimizer": {"name": "adam", "lr": 0.01},
        "batch_size": 100, "epochs": 40,
    }  # fmt: skip
    model = SymgradClassifier(spec=spec).fit(X[300:] / 16, y[300:])
    assert model.n_iter_ == 40
    assert model.score(X[:300] / 16, y[:300]) > 0.93


# --- where scikit-learn's tools go ----------------------------------------------------------------


def test_a_grid_search_chooses_among_losses_and_layers():
    model = make_pipeline(StandardScaler(), SymgradClassifier(random_state=0, max_iter=60))
    grid = {
        "symgradclassifier__loss": ["focal", "squared", smoothed],
        "symgradclassifier__hidden": [(), (np.int64(6),)],
        "symgradclassifier__l2": [None, np.float64(1e-3)],
    }
    found = GridSearchCV(model, grid, cv=3, error_score="raise").fit(*IRIS)
    assert found.best_score_ > 0.9
    assert len(found.cv_results_["params"]) == 12


def test_a_search_in_several_processes_is_the_same():
    model = SymgradClassifier(random_state=0, max_iter=20)
    grid = {"hidden": [(4,), (5,)], "loss": ["focal", losses.multiclass_hinge]}
    one, two = (GridSearchCV(model, grid, cv=3, n_jobs=jobs).fit(*IRIS) for jobs in (1, 2))
    assert np.array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])


@pytest.mark.parametrize(
    "model",
    [
        SymgradClassifier(max_iter=5),
        SymgradClassifier(smoothed, max_iter=5),
        SymgradClassifier(spec="examples/iris.toml", max_iter=5),
        SymgradClassifier(early_stopping=True, max_iter=5),
    ],
    ids=repr,
)
def test_what_was_dumped_predicts_and_goes_on_in_another_process(model, tmp_path):
    model.fit(*IRIS)
    joblib.dump((model, IRIS), tmp_path / "model.joblib")
    program = """
import joblib, sys
model, (X, y) = joblib.load(sys.argv[1])
before = model.decision_function(X)
model.set_params(early_stopping=False).partial_fit(X, y)
joblib.dump((before, model.decision_function(X), model.source_), sys.argv[1])
"""
    command = [sys.executable, "-c", program, str(tmp_path / "model.joblib")]
    paths = {"PYTHONPATH": ":".join([*sys.path, "tests"]), "PATH": ""}
    subprocess.run(command, check=True, env=paths)
    before, after, source = joblib.load(tmp_path / "model.joblib")
    assert np.allclose(before, model.decision_function(IRIS[0]), rtol=1e-12)
    model.set_params(early_stopping=False).partial_fit(*IRIS)
    assert np.allclose(after, model.decision_function(IRIS[0]), rtol=1e-12)
    assert source == model.source_


def test_a_copy_has_the_settings_and_nothing_learned():
    model = SymgradClassifier(smoothed, hidden=(4,), spec=None, l2=0.1).fit(*IRIS)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(IRIS[0])


def test_columns_of_a_frame_are_known_by_name():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(IRIS[0], columns=["a", "b", "c", "d"])
    model = SymgradClassifier(max_iter=5).fit(frame, pandas.Series(IRIS[1], dtype="category"))
    assert list(model.feature_names_in_) == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a", "c", "d"]])


# --- what a fit leaves ----------------------------------------------------------------------------


def test_a_fitted_estimator_shows_its_parameters_and_its_texts():
    model = SymgradClassifier("focal", hidden=(8, 9), max_iter=7).fit(*IRIS)
    shapes = {name: array.shape for name, array in model.params_.items()}
    assert shapes == {
        "W1": (4, 8), "b1": (8,), "W2": (8, 9), "b2": (9,), "W3": (9, 3), "b3": (3,),
    }  # fmt: skip
    assert "def value_and_grad(W1, b1, W2, b2, W3, b3, X, y):" in model.source_
    assert "def network(W1, b1, W2, b2, W3, b3, X):" in model.model_.source
    assert model.n_iter_ == len(model.loss_curve_) == 7
    assert model.best_loss_ == min(model.loss_curve_)
    assert model.classes_.tolist() == [0, 1, 2]


def test_the_text_of_the_gradient_is_a_module_of_its_own(tmp_path):
    model = SymgradRegressor(log_cosh, hidden=(3,), max_iter=7).fit(*DIABETES)
    scope = symgrad.spec.models.load(model.source_, "shown")
    weights = np.ones(len(DIABETES[1]))
    value, _ = scope.value_and_grad(*model.params_.values(), *DIABETES, weights)
    assert np.isclose(value, log_cosh(model.predict(DIABETES[0]), DIABETES[1], weights))


def test_words_are_labels_and_come_back():
    names = load_iris().target_names[IRIS[1]]
    model = SymgradClassifier(random_state=0).fit(IRIS[0], names)
    assert set(model.predict(IRIS[0])) == {"setosa", "versicolor", "virginica"}
    assert model.score(IRIS[0], names) > 0.95


@pytest.mark.parametrize(
    "loss", ["softmax_cross_entropy", "binary_cross_entropy", "hinge", "squared"]
)
def test_two_classes_have_one_score_that_is_positive_for_the_second(loss):
    X, y = standard(CANCER[0]), np.where(CANCER[1], "benign", "ill")
    model = SymgradClassifier(loss, random_state=0).fit(X, y)
    scores = model.decision_function(X)
    assert scores.shape == (len(y),)
    assert ((scores > 0) == (model.predict(X) == "ill")).all()
    assert hasattr(model, "predict_proba") == loss.endswith("entropy")


def test_probabilities_are_the_softmax_of_the_scores():
    model = SymgradClassifier(max_iter=20).fit(*IRIS)
    scores, p = model.decision_function(IRIS[0]), model.predict_proba(IRIS[0])
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    assert np.allclose(p, e / e.sum(axis=1, keepdims=True))
    assert np.allclose(model.predict_log_proba(IRIS[0]), np.log(p))


# --- fits that go on ------------------------------------------------------------------------------


def test_a_part_after_another_is_the_fit_of_as_many_epochs():
    """A full batch has no order, and the optimizer's moments go on."""
    settings = dict(hidden=(5,), batch_size=None, random_state=3, n_iter_no_change=None)
    whole = SymgradClassifier(max_iter=10, **settings).fit(*IRIS)
    parts = SymgradClassifier(**settings)
    for _ in range(10):
        parts.partial_fit(*IRIS, classes=[0, 1, 2])
    assert parts.loss_curve_ == whole.loss_curve_
    assert all((parts.params_[k] == whole.params_[k]).all() for k in whole.params_)


def test_parts_may_lack_classes_that_come_later():
    model = SymgradClassifier(random_state=0)
    model.partial_fit(IRIS[0][:50], IRIS[1][:50], classes=[0, 1, 2])
    for _ in range(80):
        for rows in (slice(0, 100), slice(50, 150)):
            model.partial_fit(IRIS[0][rows], IRIS[1][rows])
    assert model.score(*IRIS) > 0.6
    with pytest.raises(ValueError, match="holds 7, which is none of classes_"):
        model.partial_fit(IRIS[0][:2], [7, 1])


def test_weights_may_come_with_a_later_part():
    model = SymgradClassifier(max_iter=5).fit(*IRIS)
    before = model.params_
    model.partial_fit(*IRIS, sample_weight=np.linspace(0, 1, 150))
    assert len(model.loss_curve_) == 6
    assert model.params_.keys() == before.keys()


def test_a_warm_start_goes_on_with_the_settings_of_now():
    model = SymgradRegressor(hidden=(4,), max_iter=5, warm_start=True, random_state=0)
    model.fit(*DIABETES)
    model.set_params(optimizer=optim.SGD(lr=0.0), loss="absolute")
    before = model.params_
    model.fit(*DIABETES)
    assert all((model.params_[k] == before[k]).all() for k in before)
    assert len(model.loss_curve_) == 10
    assert model.loss_curve_[-1] == pytest.approx(
        np.abs(model.predict(DIABETES[0]) - DIABETES[1]).mean()
    )
    with pytest.raises(symgrad.SpecError, match="another network"):
        model.set_params(hidden=(7,)).fit(*DIABETES)


def test_early_stopping_keeps_the_best_epoch_by_what_was_held_out():
    X, y = standard(CANCER[0]), CANCER[1]
    model = SymgradClassifier(
        hidden=(64,), learning_rate=0.05, early_stopping=True, n_iter_no_change=4, random_state=1
    ).fit(X, y)
    curve = model.validation_loss_curve_
    assert model.n_iter_ == len(curve) < 200
    assert model.best_loss_ == min(curve)
    assert np.argmin(curve) < len(curve) - 1
    assert not hasattr(model, "partial_fit")


def test_training_ends_when_the_loss_stops_falling():
    model = SymgradRegressor(hidden=(), tol=1e9, n_iter_no_change=3, max_iter=500).fit(*DIABETES)
    assert model.n_iter_ == 4


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_that_had_too_few_epochs_says_so():
    with pytest.warns(ConvergenceWarning, match="3 epochs .max_iter. are over"):
        SymgradClassifier(max_iter=3).fit(*IRIS)


def test_a_fit_of_all_epochs_by_wish_says_nothing(recwarn):
    SymgradClassifier(max_iter=3, n_iter_no_change=None).fit(*IRIS)
    assert not list(recwarn)


def test_ctrl_c_ends_a_fit_and_keeps_what_it_learned():
    whole = SymgradClassifier(max_iter=50, random_state=0, n_iter_no_change=None)
    model = clone(whole).set_params(optimizer=Impatient(lr=0.01))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # as at a terminal
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(*IRIS)
    signal.signal(signal.SIGINT, before)
    assert model.n_iter_ == 7
    assert model.loss_curve_ == whole.fit(*IRIS).loss_curve_[:7]


class Impatient(optim.Adam):
    """Presses Ctrl-C in the seventh step."""

    def update(self, grads, state):
        super().update(grads, state)
        if state.step == 7:
            signal.raise_signal(signal.SIGINT)


# --- specs ----------------------------------------------------------------------------------------


def test_a_spec_is_trained_as_symgrad_trains_it():
    model = SymgradClassifier(spec="examples/iris.toml").fit(*IRIS)
    made = symgrad.spec.model("examples/iris.toml")
    result = symgrad.train(
        made.compiled, params=made.init(), data=dict(zip("Xy", IRIS, strict=True)),
        optimizer=optim.Adam(lr=0.01), epochs=100, progress=False,
    )  # fmt: skip
    assert model.loss_curve_ == [each["loss"] for each in result.history]


@pytest.mark.parametrize("loss", ["focal", "squared", "multiclass_hinge", smoothed])
def test_the_loss_of_a_spec_is_changed_in_one_word(loss):
    model = SymgradClassifier(loss, spec="examples/iris.toml").fit(*IRIS)
    assert model.score(*IRIS) > 0.94


@pytest.mark.parametrize("norm", ["batch_norm", "layer_norm"])
def test_a_spec_with_norms_stops_as_it_says(norm):
    X, y = standard(CANCER[0]), CANCER[1]
    spec = {
        "layers": [{"units": 8}, {"kind": norm, "activation": "relu"}, {"units": 1}],
        "loss": "binary_cross_entropy", "optimizer": {"name": "adam", "lr": 0.05}, "epochs": 90,
        "early_stopping": {"patience": 3}, "validation": {"share": 0.25},
    }  # fmt: skip
    model = SymgradClassifier(spec=spec).fit(X, y)
    assert len(model.validation_loss_curve_) == model.n_iter_ < 90
    assert model.score(X, y) > 0.95
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict_proba(X) == model.predict_proba(X)).all()


NORMED = {
    "layers": [{"units": 8}, {"kind": "batch_norm", "activation": "relu"},
               {"kind": "dropout", "rate": 0.2}, {"units": 2}],
    "loss": "softmax_cross_entropy", "optimizer": {"name": "adam", "lr": 0.05}, "epochs": 60,
    "early_stopping": {"patience": 5}, "validation": {"share": 0.25}, "seed": 4, "batch_size": 50,
}  # fmt: skip


@pytest.mark.parametrize("loss", [None, smoothed])
def test_what_is_held_out_is_seen_as_predictions_see_it(loss):
    X, y = standard(CANCER[0]), CANCER[1]
    model = SymgradClassifier(loss, spec=NORMED).fit(X, y)
    _, held = symgrad.training.splitting.Part(0.25, 4).split(len(y))
    scores = model._given(X[held])
    if loss is None:
        statistics = model._statistics
        found = model.model_.evaluate(*model.params_.values(), X[held], y[held], *statistics)
        assert found == pytest.approx(losses.softmax_cross_entropy(scores, y[held]))
    else:
        found = loss(scores, y[held], np.ones(len(held)))
    assert model.best_loss_ == pytest.approx(found, rel=1e-12)


def test_what_is_held_out_by_a_spec_is_what_training_holds_out():
    X, y = standard(CANCER[0]), CANCER[1]
    model = SymgradClassifier(spec=NORMED).fit(X, y)
    result = symgrad.train({**NORMED, "inputs": X.shape[1]}, (X, y), progress=False)
    assert model.validation_loss_curve_ == [each["val_loss"] for each in result.history]
    assert (model.predict_proba(X) == result.trained.predict(X)).all()


def test_batch_norm_is_not_learned_in_parts():
    spec = {"layers": [{"kind": "batch_norm"}, {"units": 3}], "loss": "focal"}
    with pytest.raises(symgrad.SpecError, match="partial_fit never sees all of the data"):
        SymgradClassifier(spec=spec).partial_fit(*IRIS, classes=[0, 1, 2])


def test_a_spec_of_a_function_takes_rows_in_its_own_shape(tmp_path):
    (tmp_path / "rows.py").write_text("""import numpy as np

def network(W, b, images):
    return np.maximum(images, 0.2).mean(axis=1) @ W + b
""")
    X, y = load_digits(return_X_y=True)
    spec = {
        "model": f"{tmp_path}/rows.py:network", "inputs": [8, 8], "loss": "softmax_cross_entropy",
        "parameters": {"W": {"shape": [8, 10]}, "b": {"shape": [10]}}, "epochs": 50,
        "optimizer": {"name": "adam", "lr": 0.1},
    }  # fmt: skip
    model = SymgradClassifier(spec=spec).fit(X / 16, y)
    expected = np.maximum(X.reshape(-1, 8, 8) / 16, 0.2).mean(axis=1) @ model.params_["W"]
    assert np.allclose(model.decision_function(X / 16), expected + model.params_["b"])
    assert model.score(X / 16, y) > 0.5
    with pytest.raises(symgrad.SpecError, match=r"gives shape \(1, 10\) for one row of X"):
        SymgradClassifier(spec=spec).fit(X / 16, y % 4)


def test_the_rows_of_an_embedding_are_integers():
    spec = {"layers": [{"kind": "embedding", "size": 5, "width": 2}, {"units": 2}], "loss": "focal"}
    X = np.random.default_rng(0).integers(0, 5, (80, 3))
    y = X[:, 0] > 2
    model = SymgradClassifier(spec={**spec, "optimizer": {"name": "adam", "lr": 0.1}}).fit(X, y)
    assert model.score(X, y) > 0.95
    with pytest.raises(ValueError, match="the rows of the embedding are 0 to 4"):
        model.predict(X + 0.5)


def test_class_weights_of_a_spec_go_to_the_classes_it_names():
    layers = [{"units": 1}]
    spec = {
        "layers": layers, "loss": "binary_cross_entropy", "class_weights": [9.0, 1.0],
        "data": {"target": "y", "classes": ["yes", "no"]}, "epochs": 50,
    }  # fmt: skip
    y = np.where(CANCER[1], "yes", "no")
    model = SymgradClassifier(spec=spec).fit(standard(CANCER[0]), y)
    assert "class_weights = np.array([1.0, 9.0])" in model.model_.source  # no, yes


# --- one compiled loss for one structure ----------------------------------------------------------


def compiled(model):
    return model._compiled[0]


def test_networks_of_one_structure_are_compiled_once():
    X, y = IRIS
    first = SymgradClassifier("focal", hidden=(3, 4), max_iter=2).fit(X, y)
    others = [
        SymgradClassifier("focal", hidden=(3, 4), max_iter=2, learning_rate=0.5).fit(X, y),
        SymgradClassifier("focal", hidden=(30, 1), max_iter=2).fit(X, y),
        SymgradClassifier("focal", hidden=(3, 4), max_iter=2).fit(X[:, :1], y > 0),
        SymgradClassifier("focal", hidden=(3, 4), max_iter=2, batch_size=7).fit(X, y),
    ]
    assert all(compiled(each) is compiled(first) for each in others)
    assert all(each.source_ == first.source_ for each in others)
    assert len(compiled(first).sources) == 1
    assert compiled(SymgradClassifier("focal", max_iter=2).fit(X, y)) is not compiled(first)


def test_copies_of_a_function_are_compiled_once():
    wide = functools.partial(losses.huber, delta=3.0)
    one, two = (clone(SymgradRegressor(wide, max_iter=2)).fit(*DIABETES) for _ in range(2))
    assert compiled(one) is compiled(two)
    narrow = functools.partial(losses.huber, delta=0.5)
    assert compiled(SymgradRegressor(narrow, max_iter=2).fit(*DIABETES)) is not compiled(one)


SHIFT = np.zeros(2000)


def shifted(y_hat, y, shift=None):
    return np.mean((y_hat - y - np.sum(SHIFT if shift is None else shift)) ** 2)


@pytest.mark.parametrize("early", [False, True])
def test_penalties_are_added_to_a_function_as_to_a_loss_by_name(early):
    X, y = standard(DIABETES[0]), DIABETES[1] / 100
    settings = dict(hidden=(4,), l1=0.02, l2=0.1, max_iter=20, random_state=0, early_stopping=early)
    mine, theirs = (SymgradRegressor(x, **settings).fit(X, y) for x in (unweighted, "squared"))
    for curve in ("loss_curve_", "validation_loss_curve_"):
        assert getattr(mine, curve) == pytest.approx(getattr(theirs, curve), rel=1e-12)
    plain = SymgradRegressor(unweighted, **{**settings, "l1": None, "l2": None}).fit(X, y)
    assert plain.loss_curve_[0] < mine.loss_curve_[0]


def offset_of(loss):
    """Return by how much a loss moves a line away from its points."""
    X = np.linspace(-1, 1, 20)[:, None]
    model = SymgradRegressor(
        loss, hidden=(), max_iter=400, batch_size=None, learning_rate=0.1, n_iter_no_change=None
    )
    return round(float(model.fit(X, X[:, 0]).params_["b"]), 3)


def test_functions_of_arrays_that_look_alike_are_not_taken_for_one_another():
    one, two = np.zeros(2000), np.zeros(2000)
    two[1000] = 5.0
    assert repr(one) == repr(two)
    assert [offset_of(functools.partial(shifted, shift=shift)) for shift in (one, two)] == [0, 5]
    assert offset_of(functools.partial(shifted, shift=True)) == 1
    assert offset_of(functools.partial(shifted, shift=2.0)) == 2


def test_what_a_function_reads_besides_is_read_again_in_each_fit():
    inside = np.zeros(3)

    def closed(y_hat, y):
        return np.mean((y_hat - y - np.sum(inside)) ** 2)

    given = np.zeros(3)
    partial = functools.partial(shifted, shift=given)
    assert [offset_of(each) for each in (shifted, closed, partial)] == [0, 0, 0]
    SHIFT[1000], inside[1], given[1] = 2.0, 3.0, 4.0
    assert [offset_of(each) for each in (shifted, closed, partial)] == [2, 3, 4]
    SHIFT[1000], inside = 0.0, np.full(4, 0.25)
    assert [offset_of(each) for each in (shifted, closed)] == [0, 1]


@pytest.mark.parametrize("name", ["huber", "absolute", "squared", "poisson"])
def test_a_function_of_the_library_is_its_name(name):
    X, y = DIABETES
    models = [
        SymgradRegressor(each, max_iter=3, random_state=0) for each in (name, getattr(losses, name))
    ]
    one, two = (model.fit(X, y / 100) for model in models)
    assert one.loss_curve_ == two.loss_curve_


# --- formulas and weights -------------------------------------------------------------------------

FORMULAS = [
    ("mean((y_hat - y)**2)", "squared"),
    ("np.mean(abs(y_hat - y))", "absolute"),
    ("0.5 * mean(2 * (y_hat - y)**2)", "squared"),
    ("-mean(-square(y_hat - y))", "squared"),
    ("mean(maximum(0.5 * (y - y_hat), -0.5 * (y - y_hat)))", "quantile"),
    ("sum(weights * abs(y_hat - y)) / sum(weights)", "absolute"),
]


@pytest.mark.parametrize(("formula", "name"), FORMULAS)
@pytest.mark.parametrize("weights", [None, np.arange(442) % 5])
def test_a_formula_is_weighed_as_the_loss_it_spells(formula, name, weights):
    X, y = standard(DIABETES[0]), DIABETES[1] / 100
    settings = dict(hidden=(5,), max_iter=20, random_state=0)
    one = SymgradRegressor(formula, **settings).fit(X, y, weights)
    two = SymgradRegressor(name, **settings).fit(X, y, weights)
    assert np.allclose(one.loss_curve_, two.loss_curve_, rtol=1e-9)


def test_a_formula_of_rows_is_weighed_by_rows():
    formula = "-mean(sum(y * log_softmax(y_hat), axis=1))"
    weights = np.arange(150) % 4
    settings = dict(max_iter=20, random_state=0)
    one = SymgradClassifier(formula, **settings).fit(*IRIS, weights)
    two = SymgradClassifier(**settings).fit(*IRIS, weights)
    assert np.allclose(one.loss_curve_, two.loss_curve_, rtol=1e-9)


UNWEIGHTED = [
    "sum((y_hat - y)**2)",
    "mean((y_hat - mean(y_hat) - y)**2)",
    "mean((y_hat - y)**2) + 0.1 * mean(W1**2)",
    "mean((y_hat - y)**2, axis=0)",
    "mean(cumsum(y_hat - y)**2)",
    "mean((y_hat[::-1] - y)**2)",
    "sqrt(mean((y_hat - y)**2))",
    unweighted,
]


@pytest.mark.parametrize("loss", UNWEIGHTED)
def test_a_loss_whose_weights_are_not_plain_takes_none(loss):
    with pytest.raises(symgrad.SpecError, match="does not count examples by weights"):
        SymgradRegressor(loss).fit(*DIABETES, sample_weight=np.ones(442))


# --- mistakes -------------------------------------------------------------------------------------

C, R = SymgradClassifier, SymgradRegressor
MISTAKES = [
    (C("softmax_crossentropy"), "did you mean `softmax_cross_entropy`"),
    (C({"name": "focal", "gama": 1}), "did you mean `gamma`"),
    (C(3), "`loss` is 3"),
    (C("examples/iris.toml"), "is a whole spec: give it as spec="),
    (C({"layers": [{"units": 3}], "loss": "focal"}), "is a whole spec: give it as spec="),
    (C("poisson"), "the loss poisson is for numbers: take SymgradRegressor"),
    (C("hinge"), "Only binary classification is supported by the loss hinge"),
    (R("focal"), "tells classes apart: take SymgradClassifier"),
    (C(losses.weighted_mean), "weighted_mean is no loss"),
    (C(np.hypot), "takes what the network gives and the targets|has no signature"),
    (C(lambda scores: scores.sum()), "a function takes what the network gives and the targets"),
    (C(max), "has no signature"),
    (C(unweighted), "sizes k = 3 and n = 150 disagree"),
    (R(lambda y_hat, y: y_hat - y), "not one number: reduce it"),
    (C(unweighted, labels="ints"), "labels='ints' must be"),
    (C(hidden=(8, 0)), "units` is 0"),
    (C(hidden=3.5), "units` is 3.5"),
    (C(activation="rellu"), "did you mean `relu`"),
    (C(init="xavier"), "one of glorot, he"),
    (C(l2=-1), "`regularisers.l2` is -1"),
    (C(optimizer="adm"), "did you mean `adam`"),
    (C(optimizer=3), "optimizer=3 is none"),
    (C(optimizer=optim.Adam), "is none"),
    (C(optimizer=optim.Adam(), learning_rate=0.1), "has its own lr"),
    (C(learning_rate="adaptive"), '`optimizer.lr` is "adaptive"'),
    (C(schedule={"name": "cosine"}), "`schedule.steps` is missing"),
    (C(batch_size=0), "batch_size=0 must be a whole number"),
    (C(batch_size="all"), "batch_size='all' must be a whole number"),
    (C(max_iter=2.5), "max_iter=2.5 must be a whole number"),
    (C(n_iter_no_change=True), "n_iter_no_change=True must be a whole number"),
    (C(tol=-1), "tol=-1 must be"),
    (C(early_stopping=3), "early_stopping=3 must be"),
    (C(early_stopping=True, validation_fraction=1.0), "validation_fraction=1.0 must be"),
    (C(spec="nowhere.toml"), "there is no such file"),
    (C(spec=[1, 2]), "a spec is a file's name or a dict"),
    (C(spec="examples/digits.toml"), "X has 4 features, and the spec's inputs come to 64"),
    (C(spec={"layers": [{"units": 2}], "loss": "focal"}), "has 2 units, .* asks for 3"),
    (C(class_weight={7: 1.0}), "class_weight"),
    (C(random_state="a"), "cannot be used to seed"),
]


@pytest.mark.parametrize(("model", "message"), MISTAKES, ids=[m for _, m in MISTAKES])
def test_a_mistake_is_a_value_error_with_a_cure(model, message):
    with pytest.raises(ValueError, match=message):
        model.fit(*IRIS)


def test_settings_that_make_no_sense_can_be_shown_and_copied():
    for model, _ in MISTAKES:
        assert repr(clone(model))
        assert isinstance(hasattr(model, "predict_proba"), bool)


def test_counts_are_not_negative():
    with pytest.raises(ValueError, match="negative"):
        R("poisson").fit(IRIS[0], IRIS[1] - 1.0)


def test_a_fit_that_diverges_names_the_epoch():
    model = R(hidden=(), optimizer="sgd", learning_rate=1e3, n_iter_no_change=None)
    with pytest.raises(symgrad.DivergenceError, match="epoch"):
        model.fit(*DIABETES)


# --- the extra ------------------------------------------------------------------------------------


def run(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_scikit_learn_is_imported_when_it_is_asked_for():
    program = "import sys, symgrad; assert 'sklearn' not in sys.modules; symgrad.sklearn"
    assert run(program).returncode == 0
    assert "sklearn" not in symgrad.__all__  # `from symgrad import *` would hide scikit-learn


def test_without_scikit_learn_the_extra_is_named():
    done = run("import sys; sys.modules['sklearn'] = None; import symgrad; symgrad.sklearn")
    assert "ExtraError" in done.stderr
    assert "symgrad[train]" in done.stderr


def test_both_estimators_have_the_same_settings():
    mine = set(C().get_params()) - set(R().get_params())
    assert mine == {"labels", "class_weight"}
    assert issubclass(C, Network) and issubclass(R, Network)
