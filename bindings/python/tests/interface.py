# SPDX-License-Identifier: BSD-2-Clause
"""What the package does that needs no tracer.  Prints TAP."""

import copy
import ctypes
import gc
import logging
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import tracemalloc
import unittest
from itertools import repeat

import stapsdt
import usdt
import usdt.logs

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(HERE)


def python(program, path=PACKAGE, **environment):
    """What a new Python prints, and what it says on stderr."""
    return subprocess.run(
        [sys.executable, "-c", program], check=True, text=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, **environment}).stdout


def writable():
    """The bytes of all writable mappings.  Resident memory would be the
    emulator's too, if one runs this process, and emulators keep the code that
    they have translated."""
    size = 0
    with open("/proc/self/maps") as maps:
        for line in maps:
            begin, end, mode = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            if "w" in mode:
                size += int(end, 16) - int(begin, 16)
    return size


class Interface(unittest.TestCase):
    def live(self, *types):
        provider = usdt.Provider("pylive")
        probe = provider.probe("p1", *types)
        provider.enable()
        return provider, probe

    def test_the_extension_is_loaded(self):
        self.assertIsNone(usdt.load_error())

    def test_a_probe_knows_what_it_is(self):
        provider = usdt.Provider("pyprov")
        probe = provider.probe("p-1", "int", "json", "double")
        self.assertEqual((probe.name, probe.function, probe.types),
                         ("p-1", "p-1", ("int", "json", "double")))
        self.assertEqual(provider.probe("p2", function="f").function, "f")
        self.assertEqual((provider.name, provider.module),
                         ("pyprov", "python"))
        self.assertEqual(repr(probe), "<usdt.Probe pyprov:python:p-1:p-1>")
        self.assertEqual(repr(provider), "<usdt.Provider pyprov:python>")

    def test_arguments_have_names(self):
        provider = usdt.Provider("pynames")
        types = ("int id", " char  *url", "json body", "double took",
                 "struct request *request", "uint64_t", "char *const")
        probe = provider.probe("p1", *types)
        self.assertEqual(probe.types, types)
        provider.enable()
        with open(provider.status().sdt.path, "rb") as image:
            self.assertIn(b"void p1(int id, char  *url, char *body, "
                          b"char *took, struct request *request, "
                          b"uint64_t arg5, char *const arg6);", image.read())
        with self.assertRaisesRegex(usdt.Error, "name that another"):
            provider.probe("p2", "int id", "char *id")
        with self.assertRaisesRegex(usdt.Error, "a word of C's"):
            provider.probe("p2", "json int")
        self.assertEqual(provider.status().probes, 1)

    def test_structs(self):
        class Peer(ctypes.Structure):
            _fields_ = [("host", ctypes.c_char * 16),
                        ("port", ctypes.c_uint16)]

        class Base(ctypes.Structure):
            _fields_ = [("id", ctypes.c_int), ("url", ctypes.c_char_p)]

        class Request(Base):
            pass

        Request._fields_ = [
            ("took", ctypes.c_double), ("peer", Peer), ("more", Peer * 2),
            ("next", ctypes.POINTER(Request)), ("ok", ctypes.c_bool),
            ("other", ctypes.POINTER(Base)), ("bytes", ctypes.c_size_t),
            ("text", ctypes.POINTER(ctypes.c_char)), ("any", ctypes.c_void_p),
            ("call", ctypes.CFUNCTYPE(None)), ("small", ctypes.c_int8 * 3)]
        provider = usdt.Provider("pystructs")
        with self.assertRaisesRegex(usdt.Error, "needs struct Peer, which"):
            provider.struct(Request)
        provider.struct(Peer, "my_peer")
        provider.struct(Request)
        provider.struct(Request)
        provider.probe("p1", "struct Request *request")
        provider.enable()
        with open(provider.status().sdt.path, "rb") as image:
            self.assertIn(
                b"struct my_peer { char host[16]; uint16_t port; };\n"
                b"struct Request { int32_t id; char *url; double took; "
                b"struct my_peer peer; struct my_peer more[2]; "
                b"struct Request *next; bool ok; void *other; "
                b"uint%d_t bytes; char *text; void *any; void *call; "
                b"int8_t small[3]; };\n"
                b"void p1(struct Request *request);"
                % (8 * ctypes.sizeof(ctypes.c_size_t)), image.read())

    def test_structs_that_are_refused(self):
        class Bits(ctypes.Structure):
            _fields_ = [("a", ctypes.c_int, 3)]

        class Grid(ctypes.Structure):
            _fields_ = [("a", ctypes.c_int * 2 * 3)]

        class Either(ctypes.Union):
            _fields_ = [("a", ctypes.c_int)]

        class Has(ctypes.Structure):
            _fields_ = [("a", Either)]

        class Swapped(ctypes.BigEndianStructure if sys.byteorder == "little"
                      else ctypes.LittleEndianStructure):
            _fields_ = [("a", ctypes.c_int)]

        class Empty(ctypes.Structure):
            pass

        provider = usdt.Provider("pystructs")
        for structure, error, why in (
                (Bits, usdt.Error, "bit fields"),
                (Grid, usdt.Error, "2 dimensions"),
                (Has, usdt.Error, "type of unknown size"),
                (Swapped, TypeError, "order"), (Empty, usdt.Error, "0 fields"),
                (Either, TypeError, "ctypes.Structure"),
                (1, TypeError, "ctypes.Structure")):
            with self.assertRaisesRegex(error, why):
                provider.struct(structure)
        Empty._fields_ = [("a", ctypes.c_int)]
        with self.assertRaisesRegex(usdt.Error, "a word of C's"):
            provider.struct(Empty, "while")
        with self.assertRaises(TypeError):
            provider.struct(Empty, 1)
        provider.struct(Empty)

    def test_untraced(self):
        _, probe = self.live("int")
        self.assertFalse(probe)
        self.assertIs(probe.enabled, False)
        self.assertIs(probe.fire(1), False)
        self.assertIs(probe.lazy(lambda: self.fail("called")), False)

    def test_nothing_is_converted_when_untraced(self):
        class Value:
            def __str__(self):
                raise AssertionError("converted")

            __index__ = __str__

        _, probe = self.live("int", "char *", "json")
        self.assertIs(probe.fire(Value(), Value(), Value()), False)

    def test_a_value_without_json_says_why(self):
        class Silent(Exception):
            def __str__(self):
                raise ValueError("of its own code")

        class Broken(dict):
            def items(self):
                raise Silent

        to_json = usdt.provider.to_json
        self.assertEqual(to_json({"a": 1}), '{"a":1}')
        self.assertIn("TypeError: ", to_json(object()))
        self.assertEqual(to_json(Broken(a=1)), '{"error":"Silent"}')

    def test_nothing_is_allocated_when_untraced(self):
        _, probe = self.live("int", "char *")

        def loop():
            for _ in repeat(None, 1000):
                if probe:
                    self.fail("traced")
                probe.fire(1, "text")

        tracemalloc.start()
        loop()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[1]
        kept = bytearray(100000)  # what would be seen
        seen = tracemalloc.get_traced_memory()[1] - before
        del kept
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[1]
        loop()
        peak = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
        self.assertGreaterEqual(seen, 100000)
        # The iterator and the frame of the loop, and not 1000 of anything.
        self.assertLess(peak, 1000)

    def test_status(self):
        provider, _ = self.live("int")
        status = provider.status()
        self.assertIs(status.enabled, True)
        self.assertEqual((status.probes, status.waiting, status.images),
                         (1, 0, 1))
        self.assertTrue(status.sdt.taken)
        self.assertTrue(os.path.exists(status.sdt.path))
        self.assertIs(status.dof.taken, False)
        self.assertNotEqual(status.dof.reason, "")
        provider.disable()
        self.assertIs(provider.status().enabled, False)

    def test_a_context_manager(self):
        provider = usdt.Provider("pyprov")
        provider.probe("p1")
        with provider as same:
            self.assertIs(same, provider)
            self.assertTrue(provider.status().enabled)
        self.assertFalse(provider.status().enabled)

    def test_errors_name_what_is_wrong(self):
        provider = usdt.Provider("pyprov")
        for call, kind, text in [
                (lambda: usdt.Provider("a b"), usdt.Error, "provider"),
                (lambda: usdt.Provider(""), usdt.Error, "provider"),
                (lambda: usdt.Provider("ok", "a/b"), usdt.Error, "module"),
                (lambda: usdt.Provider(None), TypeError, "provider"),
                (lambda: usdt.Provider("a\0b"), ValueError, "NUL"),
                (lambda: provider.probe("a:b"), usdt.Error, "name"),
                (lambda: provider.probe(1), TypeError, "probe"),
                (lambda: provider.probe("p", 1), TypeError, "type"),
                (lambda: provider.probe("p", int), TypeError, "type"),
                (lambda: provider.probe("p", "in\0t"), ValueError, "NUL"),
                (lambda: provider.probe("p", ""), usdt.Error, "type"),
                (lambda: provider.probe("p", *["int"] * 33), usdt.Error,
                 "32"),
                (provider.enable, usdt.Error, "no probes defined"),
                (lambda: provider.remove("p"), TypeError, "Probe"),
                (lambda: provider.probe("p", "int").lazy(), TypeError,
                 "function"),
                (lambda: provider.probe("p", "int"), usdt.Error, "exists"),
                (lambda: usdt.Probe(), TypeError, "Probe"),
                (lambda: copy.copy(provider.probe("c")), TypeError, "Probe"),
                (lambda: pickle.dumps(provider.probe("d")), TypeError,
                 "Probe"),
        ]:
            with self.assertRaisesRegex(kind, text):
                call()

    def test_a_refused_probe_is_not_added(self):
        provider, _ = self.live("int")
        with self.assertRaises(usdt.Error):
            provider.probe("p1", "int")
        self.assertEqual(provider.status().probes, 1)
        self.assertEqual(provider.status().waiting, 0)

    def test_a_removed_probe_leaves_its_name(self):
        provider, probe = self.live("int")
        other = usdt.Provider("pyother")
        with self.assertRaises(usdt.Error):
            other.remove(probe)
        provider.remove(probe)
        again = provider.probe("p1", "int")
        self.assertEqual(provider.status().probes, 1)
        self.assertFalse(again)

    def test_cycles_are_collected(self):
        class Owner(usdt.Provider):
            pass

        owner = Owner("pycycle")
        owner.p1 = owner.probe("p1")
        owner.itself = owner
        owner.enable()
        path = owner.status().sdt.path

        def mapped():
            with open("/proc/self/maps") as maps:
                return path in maps.read()

        self.assertTrue(mapped())
        del owner
        gc.collect()
        self.assertFalse(mapped())

    def test_many_lives_take_no_memory(self):
        def lives(count, names):
            for i in range(count):
                provider = usdt.Provider(f"pylife{i % names}x")
                probe = provider.probe("p1", "int", "char *")
                provider.enable()
                probe.fire(i, "text")

        lives(300, 30)
        before = writable()
        lives(3000, 30)
        self.assertLess(writable() - before, 1 << 20)
        with open("/proc/self/maps") as maps:
            self.assertEqual(maps.read().count("pylife"), 0)

    def test_disabled_by_the_environment(self):
        print_it = ("import usdt; p = usdt.Provider('pyoff'); "
                    "q = p.probe('p1', 'int'); p.enable(); "
                    "print(bool(q), q.fire(1), p.status().sdt.path)")
        self.assertEqual(python(print_it, USDT_DISABLE="1"), "False False \n")

    def test_a_child_is_not_held_up_by_a_thread_of_its_parent(self):
        """One that is in a call when the process forks."""
        provider, _ = self.live("int")
        over = threading.Event()

        def work():
            while not over.is_set():
                provider.disable()
                provider.enable()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            for _ in range(100):
                pid = os.fork()
                if pid == 0:
                    signal.alarm(300)  # what hangs
                    provider.disable()
                    provider.enable()
                    os._exit(0 if provider.status().enabled else 1)
                self.assertEqual(os.waitpid(pid, 0)[1], 0)
        finally:
            over.set()
            thread.join()

    def test_the_stub(self):
        program = """if True:
            import usdt, stapsdt
            print(type(usdt.load_error()).__name__)
            with usdt.Provider("a b") as provider:
                probe = provider.probe("p1", "int", "json")
                print(bool(probe), probe.fire(1), probe.lazy(exit),
                      probe.enabled, probe.name, probe.types)
            provider.remove(probe)
            print(provider.status().enabled, provider.status().note)
            old = stapsdt.Provider("old")
            probe = old.add_probe("p", stapsdt.ArgTypes.int32)
            print(old.load(), probe.fire(1), probe.is_enabled, old.unload())
        """
        with tempfile.TemporaryDirectory() as copied:
            for name in "usdt", "stapsdt":
                shutil.copytree(
                    os.path.join(PACKAGE, name), os.path.join(copied, name),
                    ignore=shutil.ignore_patterns("*.so", "__pycache__"))
            self.assertEqual(python(program, copied).splitlines(), [
                "ImportError",
                "False False False False p1 ('int', 'json')",
                "False the extension is not loaded: see usdt.load_error()",
                "False False False False",
            ])

    def test_spans_of_what_has_no_end_are_refused(self):
        provider = usdt.Provider("pyspan")
        span = provider.span("work")

        def generator():
            yield 1

        with self.assertRaisesRegex(TypeError, "generator"):
            span(generator)
        self.assertEqual(list(generator()), [1])

    def test_a_span_has_both_probes_or_none(self):
        provider = usdt.Provider("pyspan")
        provider.probe("work-done")
        with self.assertRaisesRegex(usdt.Error, "exists"):
            provider.span("work")
        provider.probe("work-start")

    def test_an_untraced_span_changes_nothing(self):
        provider = usdt.Provider("pyspan")
        span = provider.span("work", "int",
                             arguments=lambda *_: self.fail("called"))
        self.assertEqual(span(lambda a, b: a + b)(1, b=2), 3)

    def test_an_untraced_handler_formats_nothing(self):
        handler = usdt.logs.Handler(usdt.Provider("pylog"))
        logger = logging.getLogger("interface")
        logger.propagate = False
        logger.addHandler(handler)
        handler.setFormatter(None)
        handler.format = lambda record: self.fail("formatted")
        logger.error("%s")

    def test_the_module_stapsdt(self):
        provider = stapsdt.Provider("pystap")
        probe = provider.add_probe("p1", stapsdt.ArgTypes.uint64,
                                   stapsdt.ArgTypes.int32)
        self.assertIs(provider.load(), False)
        self.assertIs(probe.is_enabled, False)
        self.assertIs(probe.fire(1, 2), False)
        self.assertIs(provider.unload(), False)
        self.assertEqual([(a.name, a.value) for a in stapsdt.ArgTypes], [
            ("noarg", 0), ("uint8", 1), ("int8", -1), ("uint16", 2),
            ("int16", -2), ("uint32", 4), ("int32", -4), ("uint64", 8),
            ("int64", -8)])
        self.assertIs(stapsdt.Provider("pyempty").load(), True)


class Tap(unittest.TestResult):
    def stopTest(self, test):
        name = test.id().rpartition(".test_")[2].replace("_", " ")
        bad = [text for case, text in self.failures + self.errors
               if case is test]
        print("not ok" if bad else "ok", self.testsRun, "-", name)
        print("".join(bad), file=sys.stderr, end="")


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(
        sys.modules["__main__"])
    result = Tap()
    suite.run(result)
    print(f"1..{result.testsRun}")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
