# SPDX-License-Identifier: BSD-2-Clause
"""Tracing probes in a running Python program.

    import usdt

    provider = usdt.Provider("myapp")
    request = provider.probe("request-start", "int", "char *")
    provider.enable()

    if request:                         # somebody traces it
        request.fire(200, "/index")

bpftrace, perf, DTrace and `usdt watch` then see the probe as if it had been
compiled in.
"""

from .provider import (Backend, Error, Probe, Provider, Status, load_error)

# usdt.logs needs logging, so it is not imported here.
__all__ = ["Backend", "Error", "Probe", "Provider", "Status", "load_error"]
