"""The netrc file, which is read only if a caller asks for it."""

import netrc
from collections.abc import Mapping
from pathlib import Path

from ..core.auth import Credentials, credentials_of
from ..core.hostpatterns import HostTable
from ..errors import InvalidRequest


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
    named = {host: entry for host, entry in machines.items() if host != "default"}
    return HostTable(
        {host: credentials_of((user or "", password or "")) for host, (user, _, password) in named.items()}
    )
