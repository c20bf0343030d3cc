"""The worker's HTTP side: metrics and probes."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent.telemetry.health import Health, Verdict
from agent.telemetry.metrics import CONTENT_TYPE, Metrics


def create_app(metrics: Metrics, health: Health) -> Starlette:
    """Return the application: /metrics, /healthz and /readyz."""

    async def scrape(_request: Request) -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE)

    async def live(_request: Request) -> Response:
        return _answer(health, health.liveness())

    async def ready(_request: Request) -> Response:
        return _answer(health, health.readiness())

    return Starlette(
        routes=[Route("/metrics", scrape), Route("/healthz", live), Route("/readyz", ready)],
    )


def _answer(health: Health, verdict: Verdict) -> Response:
    document = {"ok": verdict.ok, "checks": verdict.checks, "stopped": list(health.stops)}
    return JSONResponse(document, 200 if verdict.ok else 503)
