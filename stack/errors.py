"""Errors that end a start; each message says what a person can do about it."""


class StackError(Exception):
    """The stack cannot go on. The message is meant for the person at the terminal, without a traceback."""


class PortTaken(StackError):
    """A port that a process needs is used by another program."""


class ProcessDied(StackError):
    """A process ended before it was ready; the message holds its exit status and its last log lines."""


def first_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first leaf of a tree of errors that started in parallel, a `StackError` if there is one."""
    leaves: list[BaseException] = []
    pending: list[BaseException] = [group]
    while pending:
        current = pending.pop(0)
        if isinstance(current, BaseExceptionGroup):
            pending.extend(current.exceptions)
        else:
            leaves.append(current)
    return next((leaf for leaf in leaves if isinstance(leaf, StackError)), leaves[0])
