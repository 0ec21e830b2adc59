"""What protocols need of the application."""

from typing import Protocol, cast

from fastapi import Request

from renderers.stores import StoreRegistry
from tileserver.adhoc.sources import Sources
from tileserver.catalogue.combined import CombinedCatalogue
from tileserver.descriptors import SldDocuments
from tileserver.jobs import Jobs
from tileserver.legends import Legends
from tileserver.ownstyles import OwnStyles
from tileserver.pipeline import Pipeline
from tileserver.settings import Settings


class Services(Protocol):
    """What `create_app` keeps for protocols at `app.state.services`."""

    @property
    def settings(self) -> Settings:
        """Everything an operator can set."""

    @property
    def pipeline(self) -> Pipeline:
        """The way to pictures, and to what there is."""

    @property
    def legends(self) -> Legends:
        """Draws legends."""

    @property
    def own_styles(self) -> OwnStyles:
        """Styles that were sent to the server."""

    @property
    def documents(self) -> SldDocuments:
        """Styled Layer Descriptors by their addresses."""

    @property
    def catalogue(self) -> CombinedCatalogue:
        """What is there, for those who may change it."""

    @property
    def stores(self) -> StoreRegistry:
        """Which addresses may be read."""

    @property
    def jobs(self) -> Jobs:
        """Work that goes on behind the answers."""

    @property
    def adhoc(self) -> Sources:
        """The way to files that clients name by their address."""


def services(request: Request) -> Services:
    """Return what the application keeps for protocols."""
    return cast(Services, request.app.state.services)
