"""The netrc file, which is read only if a caller asks for it."""

import logging
import netrc
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..core.auth import Credentials, credentials_of
from ..core.hostpatterns import HostTable, pattern_of
from ..errors import InvalidRequest

logger: logging.Logger = logging.getLogger("httpconn.netrc")


def read_netrc(environ: Mapping[str, str]) -> HostTable[Credentials]:
    """Return the credentials of the machines in the file that NETRC names, by default ``~/.netrc``."""
    # The entry ``default`` is ignored, because it would send a password to any host. Errors do not quote the file.
    path = Path(environ.get("NETRC") or Path.home() / ".netrc")
    try:
        machines = netrc.netrc(path).hosts
    except OSError as error:
        raise InvalidRequest(f"auth: the netrc file {path} cannot be read: {error.strerror}") from None
    except netrc.NetrcParseError as error:  # its text can contain a password
        raise InvalidRequest(f"auth: the netrc file {path} is not valid in line {error.lineno}") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"auth: the netrc file {path} is not UTF-8") from None
    return HostTable(dict(_usable(machines)))


def _usable(machines: Mapping[str, tuple[str | None, str | None, str | None]]) -> Iterator[tuple[str, Credentials]]:
    """Yield the host and the credentials of each machine, without entries that other programs wrote for other uses."""
    hosts: set[str] = {"default"}
    for machine, (user, _, password) in machines.items():
        try:
            host = pattern_of(machine, "machine")
            credentials = credentials_of((user or "", password or ""))
        except InvalidRequest as error:
            logger.info("The netrc file has an entry that cannot be used: %s", error.message)
            continue
        if host not in hosts and not host.startswith("*"):
            hosts.add(host)
            yield host, credentials
