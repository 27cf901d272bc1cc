# docker build -t cairn . && docker run --rm --shm-size=1g --security-opt seccomp=unconfined cairn
#
# Chromium keeps its own sandbox on, for which it makes user namespaces; Docker's default seccomp
# profile refuses those to ordinary users. A narrower profile that allows clone, setns and unshare
# does as well.
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        bubblewrap chromium-headless-shell fonts-dejavu-core util-linux \
    && rm -rf /var/lib/apt/lists/*

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONUNBUFFERED=1 \
    CAIRN_CHROMIUM=/usr/lib/chromium/chromium-headless-shell

WORKDIR /opt/cairn

# The dependencies first: they change less often than the code.
COPY constraints.txt ./
RUN version=$(sed -n 's/^torch==//p' constraints.txt) \
    && pip install -c constraints.txt --extra-index-url https://download.pytorch.org/whl/cpu \
        "torch==${version}+cpu"

COPY pyproject.toml README.md LICENSE ./
COPY sandbox sandbox
COPY rewards rewards
COPY envs envs
COPY agents agents
COPY trainers trainers
COPY cairn cairn
COPY configs configs
RUN pip install -c constraints.txt '.[train]'

RUN useradd --create-home agent
USER agent
WORKDIR /home/agent
RUN cp -r /opt/cairn/configs .

ENTRYPOINT ["cairn"]
CMD ["doctor"]
