"""Runs token requests as separate tasks: cancelling one waiter does not cancel the request that others wait for.

A task holds the lock of a token store. The next one that waits for this lock gives up tasks that can never end, of any
client.
"""

import asyncio
from typing import Any

from callmark.client.flow import Flow
from callmark.client.forks import keep_to_one_process

_OF_PARENT: list[object] = []
"""What a child that was forked must not collect: a flow that is collected gives a lock back, which is its parent's."""


class TokenTasks:
    """Those of this process. The event loop alone would let them be collected."""

    def __init__(self) -> None:
        self._flows: dict[asyncio.Task[Any], Flow[Any]] = {}
        keep_to_one_process(self)

    def keep(self, task: asyncio.Task[Any], flow: Flow[Any]) -> None:
        """Keeps the task until it ends; then its flow is closed, of which a cancelled task may have run nothing."""
        self._flows[task] = flow
        task.add_done_callback(self._give_up)

    def give_up_unfinished(self) -> None:
        """Ends those whose loop was closed over them. From any thread."""
        for task in list(self._flows):
            if task.get_loop().is_closed():
                self._give_up(task)

    def leave_to_parent(self) -> None:
        """In a child that was forked."""
        _OF_PARENT.append(self._flows)
        self._flows = {}

    def _give_up(self, task: asyncio.Task[Any]) -> None:
        if flow := self._flows.pop(task, None):
            flow.close()


TOKEN_TASKS = TokenTasks()
