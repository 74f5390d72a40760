# Targets: the server (the last, so the default), and `demo`: the server with a cluster to try it on.
# One base image for all stages: an environment that is built in one runs on the interpreter of another.
# Pin it by digest for a build that can be repeated: --build-arg BASE_IMAGE=python:3.13-slim-trixie@sha256:...
ARG BASE_IMAGE=python:3.13-slim-trixie

FROM ${BASE_IMAGE} AS build
ARG UV_VERSION=0.13.9
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PROJECT_ENVIRONMENT=/app \
    UV_PYTHON_PREFERENCE=only-system
WORKDIR /src
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir "uv==${UV_VERSION}"
# The dependencies change less often than the code: a layer of their own, from wheels alone, so that no compiler is needed.
COPY pyproject.toml uv.lock ./
RUN /opt/uv/bin/uv sync --locked --extra replicas --extra postgres --extra guests --extra notify --no-build --no-install-project
COPY . .
RUN /opt/uv/bin/uv sync --locked --extra replicas --extra postgres --extra guests --extra notify --no-editable

FROM build AS build-demo
RUN /opt/uv/bin/uv sync --locked --extra replicas --extra postgres --extra guests --extra notify --extra demo --no-editable

FROM ${BASE_IMAGE} AS runtime
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="proxmox-mcp" \
      org.opencontainers.image.description="A few MCP tools over the whole Proxmox VE API" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN install --directory --owner=10001 --group=10001 --mode=0700 /data
# The user has a number and no name; HOME is where it may write.
ENV PATH=/app/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    MCP_HOST=0.0.0.0 \
    MCP_PORT=8000 \
    MCP_CACHE_DIR=/data/cache \
    MCP_STATE_DIR=/data/state \
    MCP_AUDIT_FILE=/data/audit.jsonl
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["sh", "-c", "exec python3 -m proxmox_mcp.health $MCP_PORT"]
ENTRYPOINT ["proxmox-mcp"]

# docker run --rm --publish 127.0.0.1:8000:8000 proxmox-mcp:demo
FROM runtime AS demo
# fakepve, the cluster of the demo, is under the AGPL.
LABEL org.opencontainers.image.title="proxmox-mcp demo" \
      org.opencontainers.image.licenses="MIT AND AGPL-3.0-or-later"
COPY --from=build-demo /app /app
# Reached through the published port, the demo has to listen on all addresses of its container.
ENV DEMO_HOST=0.0.0.0
CMD ["demo"]

FROM runtime AS server
COPY --from=build /app /app
CMD ["serve"]
