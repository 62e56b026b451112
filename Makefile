# The only task runner. Everything it makes lies in .venv/, gen/ and .state/, all ignored by git.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PY := .venv/bin/python
STATE ?= .state
STACK_ARGS ?=
T ?=
UV := uv==0.13.9

# A stamp without the folder it stands for is worthless.
ifeq ($(wildcard $(PY)),)
.PHONY: .state/venv
endif
ifeq ($(wildcard gen/itsm),)
.PHONY: .state/protos
endif
ifeq ($(wildcard web/node_modules),)
.PHONY: .state/node
endif
ifeq ($(wildcard web/dist/index.html),)
.PHONY: .state/web
endif

.PHONY: help up down demo demo-remove test lint bench soak docs protos web lock tools images e2e-k8s release

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: .state/protos ## start the whole platform, print addresses and sign-ins; Ctrl-C stops it (STACK_ARGS="--fresh")
	@$(MAKE) --no-print-directory .state/web || echo "The console could not be built; the platform starts without it." >&2
	@exec $(PY) -m stack --state $(STATE) up $(STACK_ARGS)

down: .state/venv ## stop the platform that `make up` started
	@$(PY) -m stack --state $(STATE) down

demo: .state/venv ## make the company to look around in anew, in the platform that runs (ARGS="--scale 0.1")
	@$(PY) -m stack --state $(STATE) demo make $(ARGS)

demo-remove: .state/venv ## take it away, for good
	@$(PY) -m stack --state $(STATE) demo remove

ifeq ($(T),)
test: checks ## what CI runs: lint, types, contracts, all tests; T=path narrows to one folder or file of tests
	$(PY) -m stack.web test
	$(PY) -m tests
else
test: .state/protos
	$(PY) -m pytest $(T)
endif

# The programs that check the charts are compiled beside lint and types, and are there before any test looks at a clock.
.PHONY: checks
checks:
	@$(MAKE) --no-print-directory -j2 lint tools

lint: .state/protos .state/web ## format, lint, types, import layers, proto style
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-cache
	.venv/bin/buf lint gen/itsm/descriptors.binpb --config protos/buf.yaml
	$(PY) -m stack.web lint types

bench: .state/protos ## measure load and cost against a stack of its own; results as JSON (ARGS=...)
	$(PY) -m bench $(ARGS)

soak: .state/protos ## the stated durations and counts; writes a dated JSON report (ARGS=...)
	$(PY) -m bench.soak $(ARGS)

docs: .state/protos ## generate the pages that follow from the code: docs/reference, docs/coverage.md
	$(PY) -m docs.generate

protos: .state/protos ## generate gen/ from protos/

web: .state/web ## build the console, which the gateway serves, into web/dist

e2e-k8s: .state/protos ## install the chart on the cluster of KUBECONFIG and try it in every way; writes a JSON report (ARGS=...)
	$(PY) -m tests.k8s $(ARGS)

tools: .state/venv ## fetch and build the programs that only tests need, once a version: helm 3 and 4, helm-unittest, kube-score, a generator
	@$(PY) -m deploy.tools >/dev/null
	@$(PY) -m tests.support.generating

images: .state/protos .state/web ## build all container images without a daemon, as root on Debian (ARGS=...)
	deploy/image/build $(ARGS)

release: checks ## chart, list of images, bills of materials, checksums, signatures of this commit (ARGS="--key FILE --images CACHE")
	$(PY) -m pytest tests/contract/chart/test_golden.py tests/contract/chart/test_releases.py
	$(PY) -m deploy.release make $(ARGS)

lock: .state/venv ## resolve the pins of pyproject.toml again, into requirements/*.txt with hashes: development, each image
	rm -rf .state/lock && python3 -m venv .state/lock && .state/lock/bin/pip install --quiet $(UV)
	$(PY) -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['build-system']['requires'], sep='\n')" \
	  | .state/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-annotate --extra dev pyproject.toml - --output-file requirements/dev.txt
	for service in asset incident monitor auth analytics gateway; do \
	  .state/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --extra $$service --constraint requirements/dev.txt pyproject.toml --output-file requirements/$$service.txt; done
	.state/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --no-deps requirements/clients.in --output-file requirements/clients.txt
	rm -rf .state/lock

.state/venv: requirements/dev.txt pyproject.toml
	mkdir -p .state
	if [ ! -x $(PY) ]; then bash stack/venv.sh .venv; fi
	$(PY) -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.state/protos: .state/venv protos/generate.py $(shell find protos -name '*.proto')
	$(PY) protos/generate.py
	touch $@

.state/node: .state/venv web/package.json web/package-lock.json
	$(PY) -m stack.web install
	touch $@

# An edit of a test or of this machine's files is no reason to build again.
.state/web: .state/protos .state/node web/index.html web/vite.config.ts web/tsconfig.json services/gateway/openapi/*.py \
  $(shell find web/src web/docs web/public web/scripts -type f ! -name schema.d.ts)
	$(PY) -m stack.web generate build
	touch $@
