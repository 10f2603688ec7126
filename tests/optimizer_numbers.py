"""What PyTorch's optimizers and schedules give, kept in ``optimizer_numbers.txt``.

``python -m tests.optimizer_numbers`` writes the numbers anew where PyTorch is installed.  A row is
one optimizer by symgrad's name and settings beside PyTorch's; its gradients pull each parameter
towards 0 and shake it, by formulas that need no random numbers.
"""

# ruff: noqa: E501 (a row is one line)

import warnings
from pathlib import Path

import numpy as np

KEPT = Path(__file__).with_suffix(".txt")
STEPS = 100
SHOWN = (1, 10, STEPS)
DTYPES = ("float64", "float32")

# title, symgrad's name, its settings, PyTorch's name, its settings
OPTIMIZERS = [
    ("sgd", "SGD", {"lr": 0.1}, "SGD", {"lr": 0.1}),
    ("sgd, decay", "SGD", {"lr": 0.1, "weight_decay": 0.2}, "SGD", {"lr": 0.1, "weight_decay": 0.2}),
    ("momentum", "Momentum", {"lr": 0.05}, "SGD", {"lr": 0.05, "momentum": 0.9}),
    ("momentum, dampening, decay", "SGD", {"lr": 0.05, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1},
     "SGD", {"lr": 0.05, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1}),
    ("nesterov", "Nesterov", {"lr": 0.05}, "SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("nesterov, decay", "Nesterov", {"lr": 0.05, "momentum": 0.7, "weight_decay": 0.1},
     "SGD", {"lr": 0.05, "momentum": 0.7, "nesterov": True, "weight_decay": 0.1}),
    ("adagrad", "AdaGrad", {"lr": 0.1}, "Adagrad", {"lr": 0.1}),
    ("adagrad, all", "AdaGrad", {"lr": 0.1, "lr_decay": 0.03, "weight_decay": 0.1, "initial": 0.5, "eps": 1e-3},
     "Adagrad", {"lr": 0.1, "lr_decay": 0.03, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3}),
    ("rmsprop", "RMSProp", {"lr": 0.01}, "RMSprop", {"lr": 0.01}),
    ("rmsprop, alpha, eps, decay", "RMSProp", {"alpha": 0.9, "eps": 1e-2, "weight_decay": 0.1},
     "RMSprop", {"alpha": 0.9, "eps": 1e-2, "weight_decay": 0.1}),
    ("rmsprop, centered", "RMSProp", {"centered": True}, "RMSprop", {"centered": True}),
    ("rmsprop, momentum", "RMSProp", {"momentum": 0.9, "lr": 3e-3}, "RMSprop", {"momentum": 0.9, "lr": 3e-3}),
    ("rmsprop, centered, momentum", "RMSProp", {"momentum": 0.5, "centered": True},
     "RMSprop", {"momentum": 0.5, "centered": True}),
    ("adam", "Adam", {}, "Adam", {}),
    ("adam, betas, eps", "Adam", {"lr": 0.1, "beta1": 0.8, "beta2": 0.99, "eps": 0.1},
     "Adam", {"lr": 0.1, "betas": (0.8, 0.99), "eps": 0.1}),
    ("adam, decay", "Adam", {"lr": 0.05, "weight_decay": 0.3}, "Adam", {"lr": 0.05, "weight_decay": 0.3}),
    ("adamw", "AdamW", {"lr": 0.05}, "AdamW", {"lr": 0.05}),
    ("adamw, decay", "AdamW", {"lr": 0.05, "weight_decay": 0.3}, "AdamW", {"lr": 0.05, "weight_decay": 0.3}),
    ("sgd, clip_norm", "SGD", {"lr": 0.1, "clip_norm": 0.7}, "SGD", {"lr": 0.1}),
    ("adam, clip_value", "Adam", {"lr": 0.05, "clip_value": 0.3}, "Adam", {"lr": 0.05}),
]  # fmt: skip

# title, symgrad's name, its settings, what makes PyTorch's of its module and an optimizer
SCHEDULES = [
    ("constant", "Constant", {"lr": 0.3}, lambda m, o: m.ConstantLR(o, factor=1.0)),
    ("step", "Step", {"lr": 0.3, "every": 4}, lambda m, o: m.StepLR(o, 4)),
    ("step, factor", "Step", {"lr": 0.3, "every": 3, "factor": 0.5}, lambda m, o: m.StepLR(o, 3, 0.5)),
    ("cosine", "Cosine", {"lr": 0.3, "steps": 20}, lambda m, o: m.CosineAnnealingLR(o, 20)),
    ("cosine, end", "Cosine", {"lr": 0.3, "steps": 20, "end": 0.1}, lambda m, o: m.CosineAnnealingLR(o, 20, 0.1)),
    ("warm-up", "WarmUp", {"lr": 0.3, "steps": 5, "start": 0.075}, lambda m, o: m.LinearLR(o, 0.25, 1.0, 5)),
    ("one cycle", "OneCycle", {"lr": 0.3, "steps": 20},
     lambda m, o: m.OneCycleLR(o, 0.3, 20, cycle_momentum=False)),
    ("one cycle, all", "OneCycle", {"lr": 0.3, "steps": 20, "up": 0.5, "first": 5.0, "last": 10.0},
     lambda m, o: m.OneCycleLR(o, 0.3, 20, pct_start=0.5, div_factor=5.0, final_div_factor=10.0, cycle_momentum=False)),
]  # fmt: skip
LAST = 20  # steps of a schedule that are compared, from 0


def start(dtype):
    return {
        "W": np.array([[1.0, -2.0], [0.25, 3.0]], dtype),
        "b": np.array([-0.5, 0.0], dtype),
    }


def gradient(step, params):
    """Return the gradients after ``step`` steps, in the dtype of the parameters."""
    found = {}
    for k, (name, w) in enumerate(params.items()):
        numbers = np.arange(w.size).reshape(w.shape)
        shaken = np.sin(3.0 * step + numbers + 10 * k).astype(w.dtype)
        found[name] = w * (0.5 + numbers / 4).astype(w.dtype) + shaken
    return found


def flat(params):
    return [float(x) for w in params.values() for x in np.ravel(w)]


def by_torch(row, dtype):
    """Return all parameters after each of `SHOWN` steps of PyTorch's."""
    import torch

    _, _, ours, name, settings = row
    params = {k: torch.tensor(v, requires_grad=True) for k, v in start(dtype).items()}
    optimizer = getattr(torch.optim, name)(list(params.values()), foreach=False, **settings)
    found = {}
    for step in range(STEPS):
        now = {k: p.detach().numpy() for k, p in params.items()}
        for k, g in gradient(step, now).items():
            params[k].grad = torch.tensor(g)
        if "clip_norm" in ours:
            torch.nn.utils.clip_grad_norm_(params.values(), ours["clip_norm"])
        if "clip_value" in ours:
            torch.nn.utils.clip_grad_value_(params.values(), ours["clip_value"])
        optimizer.step()
        if step + 1 in SHOWN:
            found[step + 1] = flat({k: p.detach().numpy() for k, p in params.items()})
    return found


def rates_by_torch(row):
    """Return PyTorch's learning rate at each of the first `LAST` steps."""
    import torch

    _, _, settings, make = row
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=settings["lr"])
    schedule = make(torch.optim.lr_scheduler, optimizer)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the order of its steps, of which there are none here
        for _ in range(LAST):
            found.append(optimizer.param_groups[0]["lr"])
            schedule.step()
    return found


def kept():
    """Return the numbers of the file by what stands before the colon."""
    lines = KEPT.read_text(encoding="utf-8").splitlines()
    pairs = [line.split(": ") for line in lines if line and not line.startswith("#")]
    return {title: [float(word) for word in numbers.split()] for title, numbers in pairs}


def main():
    import torch

    lines = [
        f"# Made with PyTorch {torch.__version__.split('+')[0]} by python -m tests.optimizer_numbers:",
        "# the parameters (W, then b) after so many steps, then learning rates from step 0 on.",
    ]
    for row in OPTIMIZERS:
        for dtype in DTYPES:
            for step, numbers in by_torch(row, dtype).items():
                lines.append(f"{row[0]}, {dtype}, {step}: {' '.join(map(repr, numbers))}")
    lines += [f"{row[0]}: {' '.join(map(repr, rates_by_torch(row)))}" for row in SCHEDULES]
    KEPT.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
