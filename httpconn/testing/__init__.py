"""Tools for tests of code that uses httpconn: scripted servers on loopback and a closed network.

httpconn itself does not import this package. The fixtures for pytest are in :mod:`httpconn.testing.plugin`.
"""

from .network import NetworkRefused, no_network
from .responses import Received, chunked, redirect, response
from .server import Handler, Script, ScriptedResponse, ScriptedServer, in_turn
from .steps import Action, Close, Drip, Forever, Pause, Reset, Stall, Step, Until, cut

__all__ = [
    "Action",
    "Close",
    "Drip",
    "Forever",
    "Handler",
    "NetworkRefused",
    "Pause",
    "Received",
    "Reset",
    "Script",
    "ScriptedResponse",
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
