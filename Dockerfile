# The product: API, worker, migrations and doctor, one image. Dependencies come from the hashed list and nowhere else.
FROM python:3.13.12-slim-trixie AS dependencies
COPY requirements/product.txt /requirements.txt
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary=:all: -r /requirements.txt

FROM python:3.13.12-slim-trixie
# The font that return slips are set in.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends fonts-ipaexfont-gothic \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tetsuzuki
COPY --from=dependencies /venv /venv
WORKDIR /app
COPY . .
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
RUN python -m compileall -q /app /venv
USER 10001
ENTRYPOINT ["python", "/app/cli.py"]
CMD ["--help"]
