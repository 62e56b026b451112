"""Looking at a machine may block, and for ever on a broken disk: each look has a thread that may be left behind."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def look(call: Callable[[], T], *, timeout: float) -> T:
    """What `call` returns, from a thread of its own. Raises what it raises, and `TimeoutError` when it takes longer.

    The thread is a daemon: unlike one of an executor, it does not hold up the end of the program.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(value)  # type: ignore[arg-type]  # without an error there is a value

    def run() -> None:
        value: T | None = None
        caught: BaseException | None = None
        try:
            value = call()
        except BaseException as error:
            caught = error  # raised where it is waited for
        try:
            loop.call_soon_threadsafe(settle, value, caught)
        except RuntimeError:  # the loop has ended meanwhile: nobody waits any more
            return

    threading.Thread(target=run, daemon=True, name=getattr(call, "__name__", "look")).start()
    return await asyncio.wait_for(done, timeout)
