"""What a spec may say: one declaration, published as JSON Schema and read by `validation`.

Invariant: nothing about the keys of a spec is written anywhere else; a default stands here too.
What one key means for another (sizes that must agree, say) is the subject of `consistency`.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

MOST_UNITS = 10_000_000
MOST_REPEATS = 10_000
COLUMN = r"^[^\x00-\x1f]{1,200}$"
TITLE = r"^[^\x00-\x1f\x7f\"'\\]{1,80}$"  # it is printed in a docstring
FILE = r"^[^\x00-\x1f]{1,1000}$"
FUNCTION = r"^[^\x00-\x1f:]{1,1000}\.py:[^\W\d]\w*$"
IDENTIFIER = r"^[^\W\d]\w{0,59}$"

# --- words for the declaration --------------------------------------------------------------------


def text(description: str, pattern: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, "pattern": pattern, **more}


def choice(description: str, names: list[str], **more: Any) -> Schema:
    return {"type": "string", "description": description, "enum": names, **more}


def number(description: str, **limits: Any) -> Schema:
    return {"type": "number", "description": description, **limits}


def count(description: str, least: int = 1, most: int = MOST_UNITS, **more: Any) -> Schema:
    return {
        "type": "integer", "description": description, "minimum": least, "maximum": most, **more,
    }  # fmt: skip


def flag(description: str, default: bool) -> Schema:
    return {"type": "boolean", "description": description, "default": default}


def listed(description: str, items: Schema, least: int = 1, **more: Any) -> Schema:
    return {"type": "array", "description": description, "items": items, "minItems": least, **more}


def table(title: str, required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    """Return the schema of a table that has these keys and no others."""
    found = {
        "type": "object",
        "title": title,
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return found if required else {k: v for k, v in found.items() if k != "required"}


def one_of(description: str, *schemas: Schema, **more: Any) -> Schema:
    return {"description": description, "anyOf": list(schemas), **more}


def named(
    word: str, name: str, title: str, required: tuple[str, ...] = (), /, **properties: Schema
) -> Schema:
    """Return the schema of a table that says in the key ``word`` which kind it is."""
    return table(title, (word, *required), **{word: {"const": name}, **properties})


def ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


# --- layers ---------------------------------------------------------------------------------------

ACTIVATIONS = [
    "identity", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid", "tanh",
    "softmax",
]  # fmt: skip
INITS = ["glorot", "he", "normal", "zeros", "torch"]

STRENGTH = {"minimum": 0, "maximum": 1_000_000}
ACTIVATION = choice("what follows, element by element", ACTIVATIONS, default="identity")
INIT = one_of(
    "the first weights: Glorot's, He's or PyTorch's rule for nn.Linear, normal numbers, zeros",
    choice("the rule", INITS),
    named(
        "name", "normal", "normal numbers",
        scale=number("their deviation", exclusiveMinimum=0, maximum=1_000_000, default=0.01),
    ),
)  # fmt: skip
PENALTIES: dict[str, Schema] = {
    "l1": number("times the sum of abs(W)", **STRENGTH),
    "l2": number("times the sum of W**2", **STRENGTH),
    "elastic_net": table(
        "elastic net", ("strength",),
        strength=number("times ratio * sum(abs(W)) + (1 - ratio) / 2 * sum(W**2)", **STRENGTH),
        ratio=number("the share of L1", minimum=0, maximum=1, default=0.5),
    ),
}  # fmt: skip
NORM: dict[str, Schema] = {
    "activation": ACTIVATION,
    "eps": number("added to the variance", exclusiveMinimum=0, maximum=1, default=1e-5),
}

LAYERS: dict[str, Schema] = {
    "dense": table(
        "a dense layer", ("units",),
        kind={"const": "dense", "default": "dense"},
        units=count("how many outputs it has"), activation=ACTIVATION,
        bias=flag("whether something is added to each output", True), init=INIT, **PENALTIES,
    ),
    "dropout": named(
        "kind", "dropout", "a dropout layer", ("rate",),
        rate=number("the share that is dropped", minimum=0, exclusiveMaximum=1),
    ),
    "batch_norm": named("kind", "batch_norm", "a batch_norm layer", **NORM),
    "layer_norm": named("kind", "layer_norm", "a layer_norm layer", **NORM),
    "embedding": named(
        "kind", "embedding", "an embedding layer", ("size", "width"),
        size=count("how many rows there are to choose from"),
        width=count("how many numbers stand for one of them"), init=INIT, **PENALTIES,
    ),
    "repeat": named(
        "kind", "repeat", "a repeat layer", ("times", "layers"),
        times=count("how often", most=MOST_REPEATS),
        layers=listed("what is repeated, each time with parameters of its own", ref("layer")),
    ),
}  # fmt: skip

# --- losses, steps, data --------------------------------------------------------------------------

LOSSES: dict[str, dict[str, Schema]] = {
    "softmax_cross_entropy": {
        "labels": choice("how y says the class", ["integer", "one_hot", "soft"], default="integer"),
    },
    "binary_cross_entropy": {},
    "squared": {},
    "absolute": {},
    "huber": {"delta": number("where it turns straight", exclusiveMinimum=0, default=1.0)},
    "hinge": {},
    "multiclass_hinge": {
        "margin": number("by how much to win", exclusiveMinimum=0, default=1.0),
    },
    "poisson": {},
    "quantile": {
        "tau": number("which quantile", exclusiveMinimum=0, exclusiveMaximum=1, default=0.5),
    },
    "focal": {"gamma": number("how little the easy count", minimum=0, default=2.0)},
    "gaussian_nll": {},
}  # fmt: skip

RATE = number(
    "the learning rate; without it 0.01 of adagrad and rmsprop, 0.001 of the others",
    exclusiveMinimum=0, maximum=1_000_000,
)  # fmt: skip
SHARE = {"minimum": 0, "exclusiveMaximum": 1}
EPS = number("added to the root", minimum=0)
DECAY = number("weight decay", minimum=0)
CLIPS: dict[str, Schema] = {
    "clip_norm": number("the longest gradient", exclusiveMinimum=0),
    "clip_value": number("the largest entry of the gradient", exclusiveMinimum=0),
}
BETAS: dict[str, Schema] = {
    "beta1": number("of the mean", **SHARE),
    "beta2": number("of the mean square", **SHARE),
}
MOMENTUM = number("how much of the last step is kept", minimum=0)
DAMPENING = number("how much less of each new gradient is taken")
OPTIMIZERS: dict[str, dict[str, Schema]] = {
    "sgd": {
        "momentum": MOMENTUM, "dampening": DAMPENING, "weight_decay": DECAY,
        "nesterov": flag("whether to look ahead", False),
    },
    "momentum": {"momentum": MOMENTUM, "dampening": DAMPENING, "weight_decay": DECAY},
    "nesterov": {
        "momentum": number("how much of the last step is kept", exclusiveMinimum=0),
        "weight_decay": DECAY,
    },
    "adagrad": {
        "lr_decay": number("how the rate shrinks", minimum=0),
        "initial": number("the first sum of squares", minimum=0),
        "eps": EPS, "weight_decay": DECAY,
    },
    "rmsprop": {
        "alpha": number("of the mean square", **SHARE), "momentum": MOMENTUM,
        "centered": flag("whether to take off the mean", False),
        "eps": EPS, "weight_decay": DECAY,
    },
    "adam": {**BETAS, "eps": EPS, "weight_decay": DECAY},
    "adamw": {**BETAS, "eps": EPS, "weight_decay": DECAY},
}  # fmt: skip
STEPS = count("over how many steps, each of one batch", most=10**12)
SCHEDULES: dict[str, tuple[tuple[str, ...], dict[str, Schema]]] = {
    "constant": ((), {}),
    "step": (
        ("every",),
        {
            "every": count("after how many steps, each of one batch", most=10**12),
            "factor": number("times what", minimum=0, default=0.1),
        },
    ),
    "cosine": (("steps",), {"steps": STEPS, "end": number("the last rate", minimum=0)}),
    "warm_up": (
        ("steps",),
        {"steps": STEPS, "start": number("the first rate", minimum=0), "then": ref("schedule")},
    ),
    "one_cycle": (
        ("steps",),
        {
            "steps": STEPS,
            "up": number("the share that rises", exclusiveMinimum=0, exclusiveMaximum=1),
            "first": number("begin at lr / first", exclusiveMinimum=0),
            "last": number("end at lr / first / last", exclusiveMinimum=0),
        },
    ),
}
METRICS = ["accuracy", "precision", "recall", "f1", "auc", "mae", "rmse", "r2"]
ENCODINGS = ["one_hot", "drop_first", "integer"]

FEATURE = one_of(
    "a column of numbers by its name, or a table that says what the column holds",
    text("the column's name", COLUMN),
    table(
        "a feature", ("column",),
        column=text("the column's name", COLUMN),
        categories=listed("its values, in order", one_of(
            "a value", text("a word", COLUMN), {"type": "integer", "description": "a number"},
        ), least=2, uniqueItems=True),
        encode=choice("0 and 1 for each category, or its position", ENCODINGS, default="one_hot"),
    ),
)  # fmt: skip
DATA = table(
    "data", ("target",),
    file=text("a CSV (also .gz), NPZ or NPY file; relative to the spec's folder", FILE),
    target=one_of(
        "the column, or the columns, of y",
        text("a column", COLUMN), listed("columns", text("a column", COLUMN), uniqueItems=True),
    ),
    features=listed("the columns of X, in order; without it all but target and weights", FEATURE),
    classes=listed(
        "the classes as they stand in the target's column, in the order 0, 1, ...",
        one_of("a class", text("a word", COLUMN), {"type": "integer", "description": "a number"}),
        least=2, uniqueItems=True,
    ),
    weights=text("a column with the weight of each example", COLUMN),
    standardise=flag("bring each column of numbers to mean 0 and deviation 1", False),
    missing=choice(
        "what to do about missing values",
        ["refuse", "drop", "mean", "median", "most_frequent"], default="refuse",
    ),
    missing_values=listed(
        "what stands for a missing value", {"type": "string", "description": "a word"},
        default=["", "NA", "NaN", "nan", "?"],
    ),
)  # fmt: skip


def _by_name(title: str, rows: dict[str, dict[str, Schema]], **common: Schema) -> list[Schema]:
    return [
        named("name", name, f"the {title} {name}", **{**common, **properties})
        for name, properties in rows.items()
    ]


def _loss() -> Schema:
    formula = (
        "a loss by name, or a formula of y_hat, y, X, weights and the parameters, such as "
        "mean((y_hat - y)**2)"
    )
    return one_of(
        "what is made small",
        {"type": "string", "description": formula, "minLength": 1, "maxLength": 2000},
        *_by_name("loss", LOSSES), discriminator={"propertyName": "name"},
    )  # fmt: skip


def _optimizer() -> Schema:
    return one_of(
        "how the parameters go down",
        choice("by name, with the usual settings", list(OPTIMIZERS)),
        *_by_name("optimizer", OPTIMIZERS, lr=RATE, **CLIPS),
        discriminator={"propertyName": "name"}, default="adam",
    )  # fmt: skip


SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "description": "A symgrad model: layers, loss and training, as TOML, JSON or a dict.",
    **table(
        "a spec", ("loss",),
        **{"$schema": {"type": "string", "description": "where editors find the schema"}},
        name=text("what the model is called: at most 80 characters, no quotes", TITLE),
        seed=count("of every random number", least=0, most=2**32 - 1, default=0),
        inputs=one_of(
            "how many columns X has, or the sizes of one example",
            count("columns"), listed("sizes", count("a size")),
        ),
        layers=listed("the network, from X to the scores", ref("layer")),
        model=text("FILE.py:FUNCTION, of the parameters and X, instead of layers", FUNCTION),
        parameters={
            "type": "object", "title": "parameters",
            "description": "the parameters of `model`, by name", "minProperties": 1,
            "propertyNames": {"pattern": IDENTIFIER},
            "additionalProperties": table(
                "a parameter", ("shape",),
                shape=listed("its sizes", count("a size"), least=0), init=INIT,
            ),
        },
        init={**INIT, "default": "glorot"},
        loss=_loss(),
        class_weights=listed(
            "one for each class, in the order of `data.classes`",
            number("a weight", minimum=0), least=2,
        ),
        sample_weights=flag("whether each example has a weight", False),
        regularisers=table("regularisers", **PENALTIES),
        optimizer=_optimizer(),
        schedule=ref("schedule"),
        epochs=count("how often to go through the data", most=10**9, default=100),
        batch_size=count("examples in a step; without it all of them"),
        shuffle=flag("whether batches are drawn anew in each epoch", True),
        validation=table(
            "validation",
            share=number(
                "the part that is held out", exclusiveMinimum=0, exclusiveMaximum=1, default=0.2,
            ),
            seed=count("of the split; without it the spec's", least=0, most=2**32 - 1),
        ),
        early_stopping=table(
            "early stopping", ("patience",),
            patience=count("epochs without an improvement"),
            least=number("what counts as an improvement", minimum=0, default=0.0),
        ),
        metrics=listed("what to tell besides the loss", choice("a metric", METRICS),
                       least=0, uniqueItems=True, default=[]),
        data=DATA,
    ),
    "$defs": {
        "layer": one_of(
            "a layer; of kind dense unless it says another", *LAYERS.values(),
            discriminator={"propertyName": "kind", "default": "dense"},
        ),
        "schedule": one_of(
            "how the learning rate changes from step to step",
            *(named("name", name, f"the schedule {name}", required, **properties)
              for name, (required, properties) in SCHEDULES.items()),
            discriminator={"propertyName": "name"},
        ),
    },
}  # fmt: skip
