# SPDX-License-Identifier: BSD-2-Clause
"""How does a function get a probe at its start and one at its end?"""

import functools
import inspect
from time import perf_counter_ns
from typing import Any, Callable, Optional, Tuple, TypeVar, cast

from .provider import Probe, Provider

Function = TypeVar("Function", bound=Callable[..., Any])


class Span:
    """A decorator of functions and coroutine functions; Provider.span makes
    it.  One may decorate several functions."""

    def __init__(self, provider: Provider, name: str, types: Tuple[str, ...],
                 arguments: Optional[Callable[..., object]]) -> None:
        self.start: Probe = provider.probe(name + "-start", *types)
        try:
            self.done: Probe = provider.probe(name + "-done", "uint64_t",
                                              "char *")
        except BaseException:
            provider.remove(self.start)
            raise
        self._arguments = arguments

    def _begin(self, args: Tuple[Any, ...], keywords: Any) -> int:
        if self._arguments is None:
            self.start.fire(*args)
        else:
            self.start.lazy(functools.partial(self._arguments, *args,
                                              **keywords))
        return perf_counter_ns()

    def _end(self, begin: int, error: Optional[BaseException] = None) -> None:
        self.done.fire(perf_counter_ns() - begin,
                       None if error is None else type(error).__qualname__)

    def __call__(self, function: Function) -> Function:
        if inspect.isgeneratorfunction(function) or \
                inspect.isasyncgenfunction(function):
            raise TypeError("a span is of a function or coroutine function, "
                            f"and {function.__qualname__} is a generator")
        start, done = self.start, self.done
        wrapper: Callable[..., Any]

        if inspect.iscoroutinefunction(function):
            @functools.wraps(function)
            async def wrapper(*args: Any, **keywords: Any) -> Any:
                if not start and not done:
                    return await function(*args, **keywords)
                begin = self._begin(args, keywords)
                try:
                    result = await function(*args, **keywords)
                except BaseException as error:
                    self._end(begin, error)
                    raise
                self._end(begin)
                return result
        else:
            @functools.wraps(function)
            def wrapper(*args: Any, **keywords: Any) -> Any:
                if not start and not done:
                    return function(*args, **keywords)
                begin = self._begin(args, keywords)
                try:
                    result = function(*args, **keywords)
                except BaseException as error:
                    self._end(begin, error)
                    raise
                self._end(begin)
                return result

        return cast(Function, wrapper)
