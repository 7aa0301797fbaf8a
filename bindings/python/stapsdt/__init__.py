# SPDX-License-Identifier: BSD-2-Clause
"""The interface of the package stapsdt 0.1.1, on libusdt.

As there, load() and unload() return False when they succeed.  Integers have
their 64 bits, and bpftrace sees the probes again.
"""

from enum import Enum

import usdt

__all__ = ["ArgTypes", "Probe", "Provider"]


class ArgTypes(Enum):
    noarg = 0
    uint8 = 1
    int8 = -1
    uint16 = 2
    int16 = -2
    uint32 = 4
    int32 = -4
    uint64 = 8
    int64 = -8


class Probe:
    def __init__(self, probe: usdt.Probe) -> None:
        self._probe = probe

    def fire(self, *args: object) -> bool:
        """True if somebody traces the probe.  A text is sent as its address,
        whatever type was declared."""
        return self._probe.fire(*args)

    @property
    def is_enabled(self) -> bool:
        return self._probe.enabled


class Provider:
    def __init__(self, name: str) -> None:
        self._provider = usdt.Provider(name, "stapsdt")

    def add_probe(self, name: str, *args: ArgTypes) -> Probe:
        """A probe that the next load() shows."""
        sizes = [ArgTypes(arg) for arg in args]
        types = tuple(f"{size.name}_t" for size in sizes
                      if size is not ArgTypes.noarg)
        return Probe(self._provider._add(name, None, types, types,
                                         "v" * len(types), deliver=False))

    def load(self) -> bool:
        try:
            self._provider.enable()
        except usdt.Error:
            return True
        return False

    def unload(self) -> bool:
        try:
            self._provider.disable()
        except usdt.Error:
            return True
        return False
