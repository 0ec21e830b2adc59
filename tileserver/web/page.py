"""The browser page and the OpenAPI page: static files, each with its own strict policy."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from tileserver.settings import Settings

#: Where the page's build goes; see frontend/vite.config.ts.
PAGE_DIR = Path(__file__).parent.parent / "static" / "page"

_NOT_BUILT = (
    "<!doctype html><html lang=en><title>tileserver</title><p>The page is not built: run "
    "<code>scripts/serve</code>, or <code>npm run build</code> in <code>frontend</code>. "
    "The services are there all the same, see <a href=docs>docs</a>.</html>"
)

_DOCS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: API</title>
<link rel="stylesheet" href="{root}/docs-ui/swagger-ui.css">
</head>
<body>
<div id="ui" data-spec="{root}/openapi.json"></div>
<script src="{root}/docs-ui/swagger-ui-bundle.js"></script>
<script src="{root}/docs-ui/init.js"></script>
</body>
</html>
"""


def page_policy(settings: Settings) -> str:
    """Return the page's Content-Security-Policy: its own files, nothing inline, no one else."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data: blob:; font-src 'self'; manifest-src 'self'; base-uri 'none'; "
        f"form-action 'none'; frame-ancestors {settings.frame_ancestors}"
    )


#: Swagger UI writes style elements; nothing else is looser than the page.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def router(settings: Settings, page: Path = PAGE_DIR) -> APIRouter:
    """Return the routes of `/` and `/docs`.

    Args:
        settings: For the title and the policy.
        page: Folder of the built page.
    """
    routes = APIRouter(include_in_schema=False)
    index = page / "index.html"
    policy = {"Content-Security-Policy": page_policy(settings), "Cache-Control": "no-cache"}

    @routes.api_route("/", methods=["GET", "HEAD"])
    async def root() -> Response:
        """Answer the page."""
        if not index.is_file():
            return HTMLResponse(_NOT_BUILT, 503, headers={"Cache-Control": "no-store"})
        return FileResponse(index, headers=policy)

    @routes.api_route("/docs", methods=["GET", "HEAD"])
    async def docs(request: Request) -> Response:
        """Answer the OpenAPI page."""
        base = str(request.scope.get("root_path", "")).rstrip("/")
        text = _DOCS.format(title="tileserver", root=base)
        return HTMLResponse(text, headers={"Content-Security-Policy": DOCS_POLICY})

    if index.is_file():
        for folder in sorted(p for p in page.iterdir() if p.is_dir()):
            routes.mount(f"/{folder.name}", _Immutable(directory=folder), name=folder.name)
        for file in sorted(p for p in page.iterdir() if p.is_file() and p != index):
            _add_file(routes, file)
    return routes


def _add_file(routes: APIRouter, file: Path) -> None:
    @routes.api_route(f"/{file.name}", methods=["GET", "HEAD"])
    async def serve() -> Response:
        """Answer one file beside the page."""
        return FileResponse(file, headers={"Cache-Control": "public, max-age=3600"})


class _Immutable(StaticFiles):
    """Files whose names carry a digest of their content."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """Answer a file; clients may keep `assets` for ever."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        if Path(str(self.directory)).name == "assets":
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
