r"""Which name of the function a letter with its hats, subscripts and layers stands for.

Given a `Spelled` letter, `Names.find` returns the one known name that it spells.  Invariant: two
known names for one spelling are an error; a name that nobody knows stays as it is, for the judge
to refuse.
"""

from __future__ import annotations

import keyword
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from symgrad.study.judge.latex.dialect import COMMANDS, Kind
from symgrad.study.judge.latex.tokens import Source, Token

_LETTERS = frozenset(name for name, row in COMMANDS.items() if row.kind is Kind.LETTER)


@dataclass(frozen=True, slots=True)
class Spelled:
    """A letter or word as it is written: its spellings in Python, best first, and its marks."""

    bases: tuple[str, ...]
    place: Token
    accents: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def candidates(self) -> Iterator[str]:
        """Yield every Python name that may be meant."""
        for base in self.bases:
            for tail in self._tails():
                if not self.accents:
                    if base + tail not in _LETTERS or not tail:  # x_i is never the letter xi
                        yield base + tail
                    continue
                for joint in ("_", ""):
                    marks = "".join(joint + accent for accent in self.accents)
                    yield base + marks + tail
                    yield base + tail + marks

    def _tails(self) -> Iterator[str]:
        yield "".join(f"_{label}" for label in self.labels)
        if self.labels:
            yield "".join(self.labels)
            yield "_" + "".join(self.labels)


class Names:
    """The names of the function and those that the claim defines."""

    def __init__(self, names: Collection[str], source: Source) -> None:
        self._known = set(names)
        self._starts = {name[:size] for name in names for size in range(1, len(name) + 1)}
        self._source = source

    def define(self, name: str) -> None:
        self._known.add(name)
        self._starts.update(name[:size] for size in range(1, len(name) + 1))

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def begins(self, start: str) -> bool:
        """Return whether some known name, or the gradient by one, begins like this."""
        return start in self._starts or (start[:1] == "d" and start[1:] in self._starts)

    def find(self, spelled: Spelled) -> str | None:
        """Return the known name, or the gradient by one (`dW`), that this spells."""
        found = self._among(spelled)
        if spelled.accents or not all(len(b) > 1 and b[0] == "d" for b in spelled.bases):
            return found
        primal = self._among(replace(spelled, bases=tuple(b[1:] for b in spelled.bases)))
        if found and primal and found != f"d{primal}":
            raise self._ambiguous(spelled, [found, f"d{primal}"])
        if found and primal:
            raise self._source.refusal(
                spelled.place,
                f"`{found}` is a name of the function and the gradient by `{primal}`: "
                f"write \\frac{{\\partial L}}{{\\partial {primal}}} for the gradient, and name "
                "the other differently.",
            )
        return f"d{primal}" if primal else found

    def _among(self, spelled: Spelled) -> str | None:
        found = sorted(set(spelled.candidates()) & self._known)
        if len(found) > 1:
            raise self._ambiguous(spelled, found)
        return found[0] if found else None

    def _ambiguous(self, spelled: Spelled, found: list[str]) -> Exception:
        exact = " or ".join(f"\\text{{{name}}}".replace("_", "\\_") for name in found)
        both = " or ".join(f"`{name}`" for name in found)
        return self._source.refusal(spelled.place, f"this may be {both}: write {exact}.")

    def name_of(self, spelled: Spelled) -> str:
        """Return the known name, or the plainest spelling of an unknown one."""
        return self.find(spelled) or plainest(spelled)

    def primal_of(self, spelled: Spelled) -> str:
        """Return the name as it is, never as the gradient by another."""
        return self._among(spelled) or plainest(spelled)


def plainest(spelled: Spelled) -> str:
    name = next(spelled.candidates(), "_".join((*spelled.bases[:1], *spelled.labels)))
    return f"{name}_" if keyword.iskeyword(name) else name
