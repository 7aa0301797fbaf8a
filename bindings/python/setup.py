# SPDX-License-Identifier: BSD-2-Clause
"""How is the extension built?  The rest is in pyproject.toml."""

import os
import platform
import sys
import sysconfig

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:
    try:
        from wheel.bdist_wheel import bdist_wheel
    except ImportError:  # needed for wheels only
        bdist_wheel = None

# What libusdt calls systems and processors.
SYSTEMS = {"linux": "linux", "freebsd": "freebsd", "sunos": "illumos",
           "darwin": "macos"}
PROCESSORS = {"amd64": "x86_64", "arm64": "aarch64", "sparcv9": "sparc64",
              "arm": "armhf", "powerpc64le": "ppc64le",
              "powerpc64": "ppc64", "powerpc": "ppc",
              "Power Macintosh": "ppc"}

# Distributions link the library that they have installed.
INSTALLED = os.environ.get("USDT_LIBRARY") == "installed"

# Free-threaded Pythons before 3.15 have no stable ABI.
STABLE = not sysconfig.get_config_var("Py_GIL_DISABLED")


def target():
    """The compiler's system and processor: not the kernel's, which may be
    wider."""
    system = next((ours for theirs, ours in SYSTEMS.items()
                   if sys.platform.startswith(theirs)), "other")
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    cpu = multiarch.split("-")[0] or platform.machine().lower()
    if system == "macos":
        cpu = platform.machine()
    cpu = PROCESSORS.get(cpu, cpu)
    if cpu[0] == "i" and cpu[2:] == "86" or \
            cpu == "x86_64" and sys.maxsize < 2**32:
        cpu = "i386"
    if cpu == "ppc" and sys.maxsize > 2**32:
        cpu = "ppc64"
    return system, cpu


def sources():
    """The library's files for this target, which `make stage` listed."""
    if INSTALLED:
        return []
    try:
        with open(os.path.join("libusdt", "sources.txt")) as lines:
            rows = {tuple(words[:2]): words[2:]
                    for words in map(str.split, lines)}
    except FileNotFoundError:
        sys.exit("setup.py: libusdt/ is not here: `make stage` copies it")
    system, cpu = target()
    files = rows.get((system, cpu)) or rows.get((system, "other")) or \
        rows[("freebsd", "other")]
    return ["libusdt/" + file for file in files]


class BuildExt(build_ext):
    """Compilers of C take assembly, too."""

    def build_extensions(self):
        if ".s" not in self.compiler.src_extensions:
            self.compiler.src_extensions.append(".s")
        super().build_extensions()


def commands():
    classes = {"build_ext": BuildExt}
    if bdist_wheel is not None and STABLE:
        class BdistWheel(bdist_wheel):
            """One wheel for each Python from 3.10 on."""

            def finalize_options(self):
                self.py_limited_api = "cp310"
                super().finalize_options()

        classes["bdist_wheel"] = BdistWheel
    return classes


if target()[0] == "macos":
    HIDE = ["-Wl,-exported_symbol,_PyInit__native"]
else:
    HIDE = ["-Wl,--version-script=src/native.map"]

setup(
    cmdclass=commands(),
    ext_modules=[Extension(
        "usdt._native",
        ["src/native.c"] + sources(),
        include_dirs=[".."] if INSTALLED else ["libusdt"],
        libraries=["usdt"] if INSTALLED else [],
        depends=["src/native.map"] + ([] if INSTALLED else
                                      ["libusdt/usdt.h", "libusdt/sources.txt"]),
        define_macros=[("Py_LIMITED_API", "0x030a0000")] if STABLE else [],
        extra_compile_args=["-std=gnu99", "-fvisibility=hidden"],
        extra_link_args=HIDE + ["-pthread"],
        py_limited_api=STABLE,
        # Without a compiler the package is a stub that says so.
        optional=True,
    )],
)
