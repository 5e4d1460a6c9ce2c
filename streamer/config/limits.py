"""Limits of settings: names, shares, places and times."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

NAME_PATTERN = r"^\w[\w.-]{0,63}$"  # not `..`: a browser would take it for the folder above
ZONE_NAME_PATTERN = r"^[\w .-]{1,64}$"
Share = Annotated[float, Field(ge=0, le=1)]
Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]  # pixels
DAY_S, YEAR_S = 86_400.0, 31_536_000.0
