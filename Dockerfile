# loadkit as an image: docker build -t loadkit .    (docs/containers.md)
#
# The tag says which Python and which Debian, the ones that the install step is tested with. A digest pins every byte:
#   docker build -t loadkit --build-arg BASE=python@sha256:... .    (docker buildx imagetools inspect says which)
ARG BASE=python:3.11.13-slim-bookworm

FROM ${BASE} AS built
# of pyproject.toml; all that has no Java in it
ARG EXTRAS=aws,history,search
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY loadkit loadkit
COPY terraform/fleet/install.sh ./
RUN PIP_NO_CACHE_DIR=1 ./install.sh ".[${EXTRAS}]"

FROM ${BASE}
LABEL org.opencontainers.image.title="loadkit" \
      org.opencontainers.image.description="Open-loop load testing for clusters that speak the Kafka protocol" \
      org.opencontainers.image.source="https://github.com/loadkit/loadkit" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 loadkit && \
    useradd --uid 10001 --gid loadkit --create-home --home-dir /work loadkit && \
    install -d -o loadkit -g loadkit /work/reports
COPY --from=built /opt/loadkit /opt/loadkit
ENV PATH=/opt/loadkit/bin:$PATH PYTHONUNBUFFERED=1
# by number, so that a cluster which refuses root can see that it is none
USER 10001:10001
WORKDIR /work
ENTRYPOINT ["loadkit"]
CMD ["--help"]
