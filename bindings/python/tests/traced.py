# SPDX-License-Identifier: BSD-2-Clause
"""Programs for tests to trace: they act and judge nothing.

    traced.py NAME[,NAME...] PREFIX

Each has a provider named PREFIX_NAME.  They print "site PATH PROVIDER PROBE"
for what a tracer can attach to, and "say NAME TEXT" for what else a test may
want to know.  test/lib/Usdt/BindingCases.pm has the expected results.
"""

import asyncio
import ctypes
import gc
import logging
import multiprocessing
import os
import socket
import sys
import threading
import time

import stapsdt
import usdt
import usdt.logs

lines = []
case = ""
prefix = ""


def say(*words):
    lines.append(" ".join(map(str, ("say", case) + words)))


def wait(found):
    """DTrace finds probes some time after they appear: $USDT_TEST_AWAIT is how
    many seconds to wait for it."""
    end = time.monotonic() + int(os.environ.get("USDT_TEST_AWAIT", 0))
    while not found() and time.monotonic() < end:
        time.sleep(0.02)


def site(provider, *probes):
    """Where are the probes of the newest image?"""
    for probe in probes:
        wait(lambda: probe)
        lines.append(f"site {provider.status().sdt.path} {provider.name} "
                     + probe.name.replace("-", "__"))


def named():
    return f"{prefix}_{case}"


def live(*types, name="p1"):
    """A provider with one probe, enabled."""
    provider = usdt.Provider(named())
    probe = provider.probe(name, *types)
    provider.enable()
    site(provider, probe)
    return provider, probe


def attempt(action):
    try:
        say("gives", action())
    except Exception as error:
        say("raises", type(error).__name__, error)


def child(act):
    """A forked child that does nothing but ACT; its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return pid


class Raises:
    def __str__(self):
        raise ValueError("no text")

    __index__ = __str__


def basic():
    _, probe = live("int", "char *", name="request-start")
    probe.fire(1, "two")
    probe.fire(-3, "four")


def ints():
    _, probe = live(*["int"] * 32)
    for count in range(1, 33):
        probe.fire(*range(1, count + 1))


def texts():
    _, probe = live(*["char *"] * 32)
    probe.fire(*(f"text{i}" for i in range(32)))


def grow():
    """1 + (1 + 2 + ... + 9) = 46 fires."""
    provider, first = live("int", name="p0")
    probes = [first]
    first.fire(0)
    for i in range(1, 10):
        provider.disable()
        probes.append(provider.probe(f"p{i}", "int"))
        provider.enable()
        site(provider, probes[-1])
        for probe in probes[1:]:
            probe.fire(i)


def added():
    """A probe that comes to an enabled provider is visible at once."""
    provider, first = live("int")
    second = provider.probe("p2", "int")
    site(provider, second)
    first.fire(1)
    second.fire(2)


def ten():
    providers = []
    for i in range(10):
        providers.append(live("int"))
        providers[-1][1].fire(i)


def modules():
    for module in "one", "two":
        provider = usdt.Provider(named(), module)
        probe = provider.probe("p1", "char *")
        provider.enable()
        site(provider, probe)
        probe.fire(module)


def cycles():
    provider, probe = live("int")
    for i in range(11):
        provider.enable()
        probe.fire(i)
        provider.disable()
        probe.fire(100)


def twice():
    provider, probe = live("int")
    probe.fire(1)
    provider.enable()
    probe.fire(2)


def fewer():
    _, probe = live("int", "int", "char *", "json")
    probe.fire(5)


def more():
    _, probe = live("int")
    probe.fire(5, 6, "seven", Raises())


def json():
    _, probe = live("json", "json")
    probe.fire({"a": 1, "b": [True, None, "ü"]}, "text")


def circular():
    _, probe = live("json")
    value = {}
    value["self"] = value
    probe.fire(value)
    probe.fire({1, 2}.pop)


def collected():
    """The program keeps only the provider, then only the probe."""
    provider, probe = live("int")
    del probe
    gc.collect()
    say("probes", provider.status().probes)
    other, probe = live("int")
    del other
    gc.collect()
    probe.fire(7)


def gone():
    """The program keeps neither: both are freed."""
    provider, probe = live("int")
    del provider, probe
    gc.collect()
    with open("/proc/self/maps") as maps:
        say("mapped", sum(named() in line for line in maps))


def disabled():
    provider = usdt.Provider(named())
    probe = provider.probe("p1", "int")
    attempt(lambda: probe.fire(Raises()))
    attempt(lambda: probe.lazy(say, "called"))


def removed():
    provider = usdt.Provider(named())
    probe, other = provider.probe("p1", "int"), provider.probe("p2", "int")
    provider.enable()
    site(provider, probe, other)
    probe.fire(1)
    provider.remove(probe)
    probe.fire(2)
    other.fire(3)
    attempt(lambda: provider.remove(probe))


def lazy():
    _, probe = live("int", "char *")
    attempt(lambda: probe.lazy(lambda: (1, "tuple")))
    attempt(lambda: probe.lazy(lambda a, b: [a, b], 2, "list"))
    attempt(lambda: probe.lazy(lambda: 3))


def throwing():
    _, probe = live("int")

    def fails():
        raise KeyError("mine")

    attempt(lambda: probe.lazy(fails))
    attempt(lambda: probe.fire(4))


def integers():
    _, probe = live("int64_t", "uint64_t")
    for value in (-1, 2**63, 2**64 - 1, 2**70 + 7, -2**63, True, 2.9, 1e300):
        probe.fire(value, value)


def narrow():
    _, probe = live("int8_t", "uint8_t", "int16_t", "uint16_t", "int32_t",
                    "uint32_t")
    probe.fire(*[-1] * 6)
    probe.fire(*[2**31 + 1] * 6)


def wrong():
    _, probe = live("int", "int", "int", "int", "char *", "char *")
    probe.fire("1", None, Raises(), float("nan"), Raises(), None)


def utf8():
    _, probe = live("char *")
    for value in ("grüße €", b"\xff\xfe", bytearray(b"array"),
                  "raw \udcff", "lone \ud800", "cut\0here", 404, 1.5,
                  memoryview(b"view")):
        probe.fire(value)


def floats():
    _, probe = live("double", "float")
    probe.fire(0.5, 3)


def names():
    """Values are converted by the types without the names."""
    _, probe = live("int id", "const char *url", "json body", "double took",
                    "uint8_t verb")
    probe.fire(-1, "/", {"a": 1}, 0.5, 257)


def structs():
    class Request(ctypes.Structure):
        _fields_ = [("id", ctypes.c_int), ("path", ctypes.c_char * 12)]

    provider = usdt.Provider(named())
    provider.struct(Request)
    probe = provider.probe("p1", "struct Request *request", "int n")
    provider.enable()
    site(provider, probe)
    request = Request(-8, b"/address")
    probe.fire(bytes(Request(-7, b"/bytes")), 1)
    probe.fire(ctypes.addressof(request), 2)


def memory():
    """What has bytes."""
    provider, probe = live("void *", "char **")
    probe.fire(ctypes.create_string_buffer(b"ctypes"), bytearray(b"array"))
    probe.fire(memoryview(b"a-b-c")[::2], Raises())
    probe.fire("text", [1])


def threads():
    _, probe = live("int")

    def work(number):
        for i in range(25):
            probe.fire(100 * number + i)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def forked():
    """Child, parent, and a child's provider of its own."""
    provider, probe = live("char *")
    say(child(lambda: probe.fire("child")))
    probe.fire("parent")

    def renewed():
        provider.disable()
        provider.enable()
        probe.fire("again")

    say(child(renewed))
    say(os.getpid())


# --- what only Python has --------------------------------------------------


def spans():
    provider = usdt.Provider(named())

    @provider.span("sync", "int", "char *")
    def handle(number, text, *, fail=False):
        """Documented."""
        if fail:
            raise LookupError(text)
        return number

    @provider.span("async", "char *",
                   arguments=lambda who, *, loud: who.upper() if loud else who)
    async def greet(who, *, loud):
        await asyncio.sleep(0)
        if who == "nobody":
            raise asyncio.CancelledError
        return who

    provider.enable()
    for span in "sync", "async":
        for end in "start", "done":
            lines.append(f"site {provider.status().sdt.path} {named()} "
                         f"{span}__{end}")
    attempt(lambda: handle(1, "one"))
    attempt(lambda: handle(2, "two", fail=True))
    attempt(lambda: asyncio.run(greet("you", loud=True)))
    try:
        asyncio.run(greet("nobody", loud=False))
    except asyncio.CancelledError:
        say("cancelled")
    say(handle.__name__, handle.__doc__,
        asyncio.iscoroutinefunction(greet))


def logged():
    provider = usdt.Provider(named())
    handler = usdt.logs.Handler(provider)
    provider.enable()
    site(provider, handler.probe)
    logger = logging.getLogger("traced.part")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)

    class Argument:
        def __str__(self):
            say("formatted")
            return "text"

    logger.debug("not %s", Argument())
    logger.warning("some %s", Argument())


def old():
    """The interface of stapsdt: a value goes by what it is."""
    provider = stapsdt.Provider(named())
    probe = provider.add_probe("p1", stapsdt.ArgTypes.uint64,
                               stapsdt.ArgTypes.int32,
                               stapsdt.ArgTypes.int64)
    attempt(provider.load)
    wait(lambda: probe.is_enabled)
    lines.append(f"site {provider._provider.status().sdt.path} {named()} p1")
    attempt(lambda: probe.fire("grüße", -1, 2**40))
    provider.unload()
    attempt(lambda: probe.fire("unloaded", 1, 2))


_processes = None


def _work(number):
    _processes.fire(os.getpid(), number)
    return os.getpid()


def processes():
    """A pool of multiprocessing, forked."""
    global _processes
    _, _processes = live("int", "int")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for number, pid in enumerate(pool.map(_work, range(6), 1)):
            say(pid, number)


def prefork():
    """A server that forks its workers one after another, as gunicorn does.  It
    is its own client, and replaces a worker that ended."""
    _, probe = live("int", "char *")
    listener = socket.create_server(("127.0.0.1", 0))

    def worker():
        connection, _ = listener.accept()
        with connection:
            request = connection.makefile().readline().strip()
            probe.fire(os.getpid(), request)
            connection.sendall(b"done\n")

    for path in "/one", "/two", "/three":
        pid = os.fork()
        if pid == 0:
            try:
                worker()
            finally:
                os._exit(0)
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(path.encode() + b"\n")
            client.makefile().readline()
        os.waitpid(pid, 0)
        say(pid, path)
    listener.close()


def main():
    global case, prefix
    prefix = sys.argv[2]
    for case in sys.argv[1].split(","):
        globals()[case]()
    print("\n".join(lines))


sys.exit(main())
