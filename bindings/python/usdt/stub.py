# SPDX-License-Identifier: BSD-2-Clause
"""What do providers and probes do where the extension is missing?  Nothing, in
silence; usdt.load_error() says why."""

from typing import Any, Callable, Tuple


class Error(Exception):
    """What the library refuses or can't do: a stub never does."""


class Probe:
    """A probe that nobody can trace."""

    enabled = False

    def __init__(self, name: str, function: str, types: Tuple[Any, ...]
                 ) -> None:
        self.name = name
        self.function = function
        self.types = types

    def __bool__(self) -> bool:
        return False

    def fire(self, *values: object) -> bool:
        return False

    def lazy(self, function: Callable[..., object], *args: Any) -> bool:
        return False


class Provider:
    def __init__(self, name: str, module: str) -> None:
        pass

    def add(self, name: str, function: str, c_types: Tuple[str, ...],
            kinds: str, types: Tuple[Any, ...],
            to_json: Callable[[object], str]) -> Probe:
        return Probe(name, function, types)

    def remove(self, probe: Probe) -> None:
        pass

    def struct(self, name: str, size: int,
               fields: Tuple[Tuple[str, int], ...]) -> None:
        pass

    def enable(self) -> None:
        pass

    def disable(self) -> None:
        pass

    def status(self) -> Tuple[Any, ...]:
        nothing = (False, 0, -1, "", "the extension is not loaded: see "
                   "usdt.load_error()")
        return (False, 0, 0, 0, nothing, nothing, nothing[4], 0)
