"""Serve the application under test as the tile server serves itself: ``ours PORT APP``."""

import argparse

import uvicorn

from tileserver.httpserver import server_config


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("app")
    parser.add_argument("--access-log", action="store_true")
    options = parser.parse_args()
    quiet = "info" if options.access_log else "critical"
    config = server_config(
        options.app, "127.0.0.1", options.port, access_log=options.access_log, log_level=quiet
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
