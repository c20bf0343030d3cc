# One image, two stages: wheels are built where a compiler is, and run where none is.
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /source
RUN python -m venv /opt/sessionkeeper
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN /opt/sessionkeeper/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY agent agent
COPY jobs jobs
RUN /opt/build/bin/python -m build --wheel --no-isolation --outdir /dist \
    && /opt/sessionkeeper/bin/pip install --no-cache-dir --no-index --no-deps /dist/*.whl

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="sessionkeeper" \
      org.opencontainers.image.description="Automation agent for smart accounts" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 sessionkeeper \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/sessionkeeper --shell /usr/sbin/nologin sessionkeeper \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/sessionkeeper
COPY --from=build /opt/sessionkeeper /opt/sessionkeeper
# The root file system may be mounted read-only: nothing is written outside the volume.
ENV PATH=/opt/sessionkeeper/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SESSIONKEEPER_STORE_URL=sqlite:////var/lib/sessionkeeper/journal.db \
    SESSIONKEEPER_WEB_ALLOW_REMOTE=true \
    SESSIONKEEPER_WEB_HOST=0.0.0.0 \
    SESSIONKEEPER_WEB_PORT=9464
USER 10001:10001
WORKDIR /var/lib/sessionkeeper
VOLUME ["/var/lib/sessionkeeper"]
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9464/readyz', timeout=4)"]
ENTRYPOINT ["sessionkeeper"]
CMD ["run", "--config", "/etc/sessionkeeper/sessionkeeper.yaml"]
