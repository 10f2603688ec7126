"""What mathematicians make of a programmer's name: a letter with an accent and indices.

Given an identifier, return its parts.  Invariant: two identifiers have equal parts only if they
are equal but for underscores, so that nothing on a page stands for two things.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν",
    "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ",
    "Omega": "Ω",
}  # fmt: skip
LETTERS = {letter: word for word, letter in GREEK.items()}
SPOKEN = {"lam": "lambda", "lambda_": "lambda", "eps": "epsilon", "sig": "sigma"}
ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307"}
LONGEST_INDEX = 4
FUNCTIONS = frozenset({"log", "exp", "sin", "cos", "tanh", "max", "min", "sum", "mean", "d"})


@dataclass(frozen=True, slots=True)
class Parts:
    """``y_hat_0`` is the letter y with a hat and the index 0; ``dW1`` is W with an index and a d.

    A letter or an index may be a word, or Greek: then it is spelled out (``lambda``).
    """

    letter: str
    accent: str = ""
    indices: tuple[str, ...] = ()
    is_differential: bool = False


def parts_of(name: str) -> Parts:
    """Return the parts of an identifier; words joined by underscores stay one word."""
    word, *rest = name.strip("_").split("_") if name.strip("_") else [name]
    known = GREEK.keys() | ACCENTS.keys()
    if any(len(part) > LONGEST_INDEX and part not in known for part in rest) or not word:
        return Parts(name)
    accents = [part for part in rest if part in ACCENTS]
    below = [part for part in rest if part not in ACCENTS]
    if len(accents) > 1:
        return Parts(name)
    if word in FUNCTIONS and rest:  # `log_p` is a value of its own, not log with an index
        return Parts(name)
    if numbered := re.fullmatch(r"(.*?[^\d])(\d+)", word):
        word, below = numbered[1], [numbered[2], *below]
    is_differential = bool(re.fullmatch(r"d[A-Za-z]", word))
    word = word[1:] if is_differential else word
    letter = SPOKEN.get(word, LETTERS.get(word, word))
    return Parts(letter, accents[0] if accents else "", tuple(below), is_differential)


def has_index(name: str) -> bool:
    return bool(parts_of(name).indices)


def is_word(name: str) -> bool:
    """Return whether a name is a word, which runs into its neighbours without a space."""
    letter = parts_of(name).letter
    return len(letter) > 1 and letter not in GREEK
