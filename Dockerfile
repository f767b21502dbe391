# NIJA in a container: the program in /opt/nija, your files in the volume /var/lib/nija (docs/server.md).
FROM python:3.12-slim

RUN useradd --system --uid 10001 --home-dir /var/lib/nija --create-home nija
WORKDIR /opt/nija
COPY start.sh requirements.txt ./
COPY requirements requirements
COPY scripts scripts
COPY examples examples
COPY bot bot
RUN ./start.sh setup

ENV PATH=/opt/nija/.venv/bin:$PATH HOME=/var/lib/nija NIJA_HOME=/var/lib/nija
USER nija
VOLUME /var/lib/nija
HEALTHCHECK --interval=60s --timeout=20s --start-period=180s --retries=3 CMD ["python", "scripts/check_alive.py"]
ENTRYPOINT ["./start.sh"]
