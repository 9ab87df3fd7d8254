# One image for web server, workers and migrations; compose.yaml says which process runs.
FROM python:3.13-slim

# The index of PyTorch's CPU builds makes the image several gigabytes smaller where there is no GPU.
ARG PIP_EXTRA_INDEX_URL=""

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app
COPY pyproject.toml constraints.txt README.md ./
COPY embedhub embedhub
COPY workers workers
COPY migrations migrations
RUN pip install --constraint constraints.txt '.[local,openvino,redis,s3]' \
    && useradd --create-home --uid 10001 embedhub \
    && install --directory --owner embedhub /home/embedhub/files

USER embedhub
# Not /app: what runs is the installed package, not a second copy of it.
WORKDIR /home/embedhub
EXPOSE 8000
CMD ["python", "-m", "embedhub.local.web", "--host", "0.0.0.0", "--port", "8000"]
