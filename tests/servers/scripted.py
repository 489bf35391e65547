"""The scripted server that users have too."""

from __future__ import annotations

from httpconn.testing import (
    Close,
    Drip,
    Forever,
    Pause,
    Received,
    Reset,
    Script,
    ScriptedResponse,
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
    "Close",
    "Drip",
    "Forever",
    "Pause",
    "Received",
    "Reset",
    "Script",
    "ScriptedResponse",
    "ScriptedServer",
    "Stall",
    "Until",
    "chunked",
    "cut",
    "in_turn",
    "redirect",
    "response",
]
