"""Ids of objects."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from streamer.errors import CommandError

MAX_OBJECT_ID = 2**31 - 1


def checked_id(object_id: int) -> int:
    """The id as a Python int; raises CommandError unless it is a whole number from 1 to MAX_OBJECT_ID."""
    number = object_id.item() if isinstance(object_id, np.integer) else object_id
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MAX_OBJECT_ID:
        raise CommandError(f"an object's id is a whole number from 1 to {MAX_OBJECT_ID}, not {object_id!r}")
    return number


def allocate_id(used: Collection[int], highest: int) -> int:
    """The id of a new object: above every id so far, `highest`; once those are used up, the lowest that is free."""
    if highest < MAX_OBJECT_ID:
        return highest + 1
    return next(number for number in range(1, MAX_OBJECT_ID + 1) if number not in used)
