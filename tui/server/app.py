"""The Assistants v2 HTTP API over any provider, as one ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Router

from tui.core.ports import AssistantStore, Provider
from tui.server.access import AccessGuard
from tui.server.errors import ApiError, answer_api_error, answer_crash, answer_http_error
from tui.server.models import ModelNames
from tui.server.recovery import mark_interrupted
from tui.server.routes.assistants import AssistantRoutes, ModelRoutes
from tui.server.routes.objects import Objects
from tui.server.routes.runs import RunRoutes
from tui.server.routes.threads import MessageRoutes, ThreadRoutes
from tui.server.runs import ActiveRuns
from tui.server.settings import ServerSettings

# OpenAI's own prefix; Azure's today and its classic one, whose api-version query is ignored.
_PREFIXES = ("/v1", "/openai/v1", "/openai")


def create_app(
    *,
    provider: Provider,
    store: AssistantStore,
    api_key: str | None,
    models: Sequence[str],
    settings: ServerSettings | None = None,
) -> Starlette:
    """The server as an application; it begins by marking interrupted runs in ``store`` failed.

    ``models`` are the names that the model list shows while ``provider`` does not tell any; runs
    may name any. The application owns
    ``provider`` and ``store``: it closes both when it stops. ``app.state.runs`` is the
    ActiveRuns; ``app.state.api_key_set`` says whether a key is asked for, not which.
    """
    settings = settings or ServerSettings()
    runs = ActiveRuns(provider, store, settings)
    objects = Objects(store, settings.max_body_bytes)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        mark_interrupted(store)
        yield
        await runs.stop()
        await provider.close()
        store.close()

    app = Starlette(
        routes=_routes(objects, runs, ModelNames(provider, models)),
        middleware=[Middleware(AccessGuard, api_key=api_key)],
        exception_handlers={
            ApiError: answer_api_error,
            HTTPException: answer_http_error,
            Exception: answer_crash,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.runs = runs
    app.state.api_key_set = bool(api_key)
    return app


def _routes(objects: Objects, runs: ActiveRuns, models: ModelNames) -> list[BaseRoute]:
    # Runs come first: "/threads/runs" would otherwise be a thread.
    routes: list[BaseRoute] = [
        *RunRoutes(objects, runs).routes,
        *ThreadRoutes(objects, runs).routes,
        *MessageRoutes(objects, runs).routes,
        *AssistantRoutes(objects).routes,
        *ModelRoutes(models).routes,
    ]
    router = Router(routes, redirect_slashes=False)
    return [Mount(prefix, app=router) for prefix in _PREFIXES]
