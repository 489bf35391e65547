"""For tests of code that uses httpconn: servers on loopback that do as they are told, and a network that is shut.

Nothing here is imported by httpconn itself. The fixtures for pytest are in :mod:`httpconn.testing.plugin`.
"""

from .network import NetworkRefused, no_network
from .responses import Received, chunked, redirect, response
from .server import Answer, Handler, Script, ScriptedServer, in_turn
from .steps import Action, Close, Drip, Forever, Pause, Reset, Stall, Step, Until, cut

__all__ = [
    "Action",
    "Answer",
    "Close",
    "Drip",
    "Forever",
    "Handler",
    "NetworkRefused",
    "Pause",
    "Received",
    "Reset",
    "Script",
    "ScriptedServer",
    "Stall",
    "Step",
    "Until",
    "chunked",
    "cut",
    "in_turn",
    "no_network",
    "redirect",
    "response",
]
