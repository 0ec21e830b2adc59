"""Runs the HTTP server in one process or several."""

import json
import logging
import os
import socket
import sys

import uvicorn
from uvicorn.supervisors import Multiprocess

from tileserver.app import create_app
from tileserver.commands.memory import give_back_memory
from tileserver.httpserver import server_config
from tileserver.settings import Settings

log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """Says where it serves, once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening."""
        await super().startup(sockets)
        if self.started and self.servers:
            _announce(self.servers[0].sockets[0])


def _announce(listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    sys.stdout.write(f"serving on http://{shown}:{port}/\n")
    sys.stdout.flush()


def serve(settings: Settings) -> int:
    """Serve until stopped; return the exit status.

    Worker processes read the settings from the environment, so whatever the command line changed
    must be there too; `environment` writes it.
    """
    give_back_memory()
    log_level = settings.log_level
    if settings.workers > 1:
        os.environ.update(environment(settings))
        config = server_config(
            "tileserver.app:create_app",
            settings.host,
            settings.port,
            factory=True,
            workers=settings.workers,
            log_level=log_level,
        )
        listening = config.bind_socket()
        _announce(listening)  # connections wait in its queue until the workers are ready
        Multiprocess(config, sockets=[listening]).run()
        return 0
    config = server_config(create_app(settings), settings.host, settings.port, log_level=log_level)
    server = _Server(config)
    server.run()
    return 0 if server.started else 3


def environment(settings: Settings) -> dict[str, str]:
    """Return environment variables from which `load_settings` reads the same settings.

    Secrets are not written there: they come to the workers as they came to this process.
    """
    data = settings.model_dump(
        mode="json", exclude_defaults=True, exclude={"admin_token", "stores"}
    )
    return {
        f"TILESERVER_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in data.items()
    }
