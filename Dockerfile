# An image of the program, for CPUs or, with --build-arg LOCK=cuda, for NVIDIA GPUs
# (docker run --gpus all).
#
#     docker build -t lightman_jax .
#     docker run -v "$PWD/runs:/work/runs" lightman_jax \
#         train --config=synthetic:debug --workdir=/work/runs/first
#
# Not built by us, for want of Docker: checked with hadolint.
FROM python:3.11-slim-bookworm

ARG LOCK=cpu
WORKDIR /app
COPY locks/ locks/
RUN pip install --no-cache-dir --require-hashes -r "locks/${LOCK}.txt"
COPY setup.cfg pyproject.toml README.md LICENSE NOTICE ./
COPY lightman_jax/ lightman_jax/
RUN pip install --no-cache-dir --no-deps .

# Any user: what it keeps goes below /work, which a volume may take the place of.
ENV XDG_CACHE_HOME=/work/cache XDG_DATA_HOME=/work/share \
    TFDS_DATA_DIR=/work/tensorflow_datasets
RUN useradd --create-home --uid 1000 lightman && install -d -o lightman /work
USER 1000
WORKDIR /work
ENTRYPOINT ["python", "-m", "lightman_jax"]
CMD ["--help"]
