"""Where a server listens, and whether strangers could reach it there."""

from dataclasses import dataclass
from ipaddress import ip_address

from sluice.errors import ConfigError

TOKENS = "SLUICE_TOKENS"
"""Variable that names the file of tokens to the workers of a server that asks for them."""


@dataclass(frozen=True)
class Address:
    """An IP address and a port."""

    host: str
    port: int

    def __post_init__(self) -> None:
        """Refuse what is no IP address.

        Raises:
            ConfigError: a name, for instance, which may mean another address tomorrow.
        """
        try:
            ip_address(self.host)
        except ValueError as error:
            raise ConfigError(
                "the host to listen on must be an IP address, such as 127.0.0.1 or 0.0.0.0"
            ) from error

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return ip_address(self.host).is_loopback

    @property
    def url(self) -> str:
        return self._url(self.host)

    @property
    def local_url(self) -> str:
        """Where this machine itself asks; an address that stands for all is none to connect to."""
        every = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here
        return self._url(every.get(self.host, self.host))

    def _url(self, host: str) -> str:
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self.port}"
