# SPDX-License-Identifier: BSD-2-Clause
"""Code that mypy must accept.  It also checks that each line with "type: ignore"
has an error."""

import ctypes
from typing import Awaitable, Callable, List, Optional

import stapsdt
import usdt
import usdt.logs

provider: usdt.Provider = usdt.Provider("typed", module="module")
probe: usdt.Probe = provider.probe("p", "int", "char *", function="f")
enabled: bool = probe.enabled or probe.fire(1, "two", None) or bool(probe)
lazy: bool = probe.lazy(lambda a: (a, "two"), 1)
path: str = provider.status().sdt.path
why: Optional[ImportError] = usdt.load_error()
handler = usdt.logs.Handler(provider, level=30)


class Pair(ctypes.Structure):
    _fields_ = [("a", ctypes.c_int)]


@provider.span("call", "int")
def twice(number: int) -> List[int]:
    return [number, number]


@provider.span("wait")
async def wait(number: int) -> int:
    return number


kept: Callable[[int], List[int]] = twice
waits: Callable[[int], Awaitable[int]] = wait
with usdt.Provider("block") as block:
    same: usdt.Provider = block

usdt.Provider(1)  # type: ignore[arg-type]
usdt.Provider()  # type: ignore[call-arg]
provider.struct(Pair, name="pair")
provider.struct(int)  # type: ignore[arg-type]
provider.probe("p", int)  # type: ignore[arg-type]
probe.lazy(1)  # type: ignore[arg-type]
probe.fires(1)  # type: ignore[attr-defined]
probe.name = "other"  # type: ignore[misc]
twice("text")  # type: ignore[arg-type]
number: int = provider.status().sdt.path  # type: ignore[assignment]

old = stapsdt.Provider("old").add_probe("p", stapsdt.ArgTypes.int32)
fired: bool = old.fire(1) and old.is_enabled
stapsdt.Provider("old").add_probe("p", 4)  # type: ignore[arg-type]
