"""Arguments of the command line: one line for a mistake, numbers with bounds, and values that begin with a minus."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from streamer.errors import UsageError

NEGATIVE = re.compile(r"-[\d.]")  # how a value that is no option may begin
OPTION = re.compile(r"--[a-z][\w-]*")


class Parser(argparse.ArgumentParser):
    """Says a mistake in one line, with the command whose help says more."""

    def error(self, message: str) -> NoReturn:
        command = self.prog.removeprefix("streamer").strip()
        prefix = f"{command}: " if command else ""
        raise UsageError(f"{prefix}{message:.300}; `{self.prog} --help` lists the arguments")

    def parse_args(  # type: ignore[override] # without the overload for other namespaces
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Also of `--box -1:3,4`, which argparse takes for two options."""
        words = joined(sys.argv[1:] if args is None else args)
        for word in words:
            if OPTION.match(word) and word.endswith("=--"):  # argparse makes an empty list of it
                self.error(f"argument {word.removesuffix('=--')}: expected one argument")
        return super().parse_args(words, namespace)


def joined(words: Sequence[str]) -> list[str]:
    """The words, with each value that begins with a minus and a digit joined to its option, as `--box=-1:3,4`."""
    answer: list[str] = []
    for word in words:
        if answer and NEGATIVE.match(word) and OPTION.fullmatch(answer[-1]):
            answer[-1] += f"={word}"
        else:
            answer.append(word)
    return answer


def number(
    *, above: float = -math.inf, at_least: float = -math.inf, at_most: float = math.inf
) -> Callable[[str], float]:
    """A type for argparse: a finite number within bounds."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise argparse.ArgumentTypeError(f"{text!r:.40} is no number")
        if value <= above:
            raise argparse.ArgumentTypeError(f"{text:.40} must be more than {above:g}")
        if not at_least <= value <= at_most:
            limit = f"at least {at_least:g}" if value < at_least else f"at most {at_most:g}"
            raise argparse.ArgumentTypeError(f"{text:.40} must be {limit}")
        return value

    return parse


def count(at_least: int = 1, at_most: int = 10**9) -> Callable[[str], int]:
    """A type for argparse: a whole number within bounds."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            raise argparse.ArgumentTypeError(f"{text!r:.40} is no whole number")
        if not at_least <= int(text) <= at_most:
            limit = f"at least {at_least}" if int(text) < at_least else f"at most {at_most}"
            raise argparse.ArgumentTypeError(f"{text:.40} must be {limit}")
        return int(text)

    return parse


SECONDS = number(above=0, at_most=31_536_000)  # up to a year
MILLISECONDS = number(at_least=0, at_most=1e6)
SHARE = number(at_least=0, at_most=1)
SIDE = count(64, 2048)  # of a model's square input, in pixels
FPS = number(at_least=0.01, at_most=1000)
