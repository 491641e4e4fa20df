"""The ways out of one process, each made when it is first needed and kept."""

from functools import cached_property

from app.adapters.http import Outbound
from app.adapters.mail import Mailer, mailer
from app.config import Settings


class Outside:
    """Where mail goes and how HTTP leaves, for any number of threads. Lines are kept open, so close it at the end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def mailer(self) -> Mailer:
        """Where mails go."""
        return mailer(self._settings)

    @cached_property
    def outbound(self) -> Outbound:
        """How requests leave."""
        return Outbound(allowed=self._settings.outbound_allow)

    def close(self) -> None:
        """Give back what was opened."""
        if "mailer" in self.__dict__:
            self.mailer.close()
        if "outbound" in self.__dict__:
            self.outbound.close()
