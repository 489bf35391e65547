"""The scripted server that users have too."""

from __future__ import annotations

from httpconn.testing import (
    Answer,
    Close,
    Drip,
    Forever,
    Pause,
    Received,
    Reset,
    Script,
    ScriptedServer,
    Stall,
    Until,
    chunked,
    cut,
    in_turn,
    redirect,
    response,
)

__all__ = [
    "Answer",
    "Close",
    "Drip",
    "Forever",
    "Pause",
    "Received",
    "Reset",
    "Script",
    "ScriptedServer",
    "Stall",
    "Until",
    "chunked",
    "cut",
    "in_turn",
    "redirect",
    "response",
]
