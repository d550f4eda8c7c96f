# Names for the commands that are run often. Every recipe is a plain command that can be typed as well.
#
# GATEWRIGHT_TOOLS          where `make tools` puts programs that tests run (default: .tools)
# GATEWRIGHT_NOTEBOOK_CRD   Kubeflow's Notebook CRD, a file (default: fixtures/crds stands in)
# GATEWRIGHT_KUBE_RBAC_PROXY  a kube-rbac-proxy, a file: our proxy is compared with it beside its recorded answers (default: none)
# FUZZ_SECONDS              how long `make fuzz` runs each target (default: 600)
# PROPTEST_CASES            how many cases `make soak` tries of each property (default: 20000; of packets five times as many)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

FUZZ_SECONDS ?= 600
PROPTEST_CASES ?= 20000

# The four ways to build: the generator alone, with the reporter, with the proxy, with both.
FEATURE_SETS := "" "reporter" "proxy" "reporter,proxy"

.PHONY: help test tools fmt fmt-check lint unit doc tree deny snap docs schemas examples pictures bench fuzz soak

help: ## Say what there is
	@sed -n 's/^\([a-z -]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

test: tools fmt-check lint unit doc tree deny ## Everything that must pass; ends red on any failure

tools: ## Build the pinned programs that tests run, and fetch their CRDs (cached)
	tests/parts/install "$${GATEWRIGHT_TOOLS:-.tools}"

fmt: ## Format
	cargo fmt

fmt-check:
	cargo fmt --check

lint: ## Clippy with warnings as errors, for each feature set
	for features in $(FEATURE_SETS); do \
	  echo "clippy, features: [$$features]"; \
	  cargo clippy --locked --all-targets --no-default-features --features "$$features" -- -D warnings || exit 1; \
	done

# Generated files are compared with what the program prints by tests/it/documents.rs.
unit:
	GATEWRIGHT_REQUIRE_TOOLS=1 INSTA_UPDATE=no cargo test --locked
	INSTA_UPDATE=no cargo test --locked --lib --no-default-features

doc:
	RUSTDOCFLAGS=-Dwarnings cargo doc --locked --no-deps --document-private-items

# The generator alone has no async runtime, no TLS and no C compiler in it.
tree:
	names=$$(cargo tree --locked --no-default-features -e normal --prefix none); \
	if grep -E '^(tokio|rustls|hyper|ring|aws-lc)([-_][^ ]*)? v' <<<"$$names"; then \
	  echo "these must not be in the generator" >&2; exit 1; \
	fi

deny: tools ## Licences, sources and duplicate or banned crates
	"$${GATEWRIGHT_TOOLS:-.tools}/bin/cargo-deny" --locked check bans licenses sources

snap: ## Run the tests and take their new snapshots; look at them with git diff
	INSTA_UPDATE=always cargo test --locked

FUNCTION := krm-functions/gatewright

# Writes what a command prints to a file, once it has printed all of it.
write = new=$$(mktemp) && trap 'rm -f "$$new"' EXIT && $(1) >"$$new" && cat "$$new" >$(2)

docs schemas: ## Write what is generated from the code: definition, schema, CRDs, README's table of defaults
	cargo build --locked
	$(call write,cargo run --quiet --locked -- schema function,$(FUNCTION)/definition.yaml)
	$(call write,cargo run --quiet --locked -- schema platform,$(FUNCTION)/platform.schema.json)
	$(call write,cargo run --quiet --locked -- crds,$(FUNCTION)/crds.yaml)
	$(call write,cargo run --quiet --locked -- schema kustomize-names,$(FUNCTION)/kustomize-names.yaml)
	$(call write,cargo run --quiet --locked -- schema kustomize-openapi,$(FUNCTION)/kustomize-openapi.json)
	cp $(FUNCTION)/kustomize-names.yaml $(FUNCTION)/kustomize-openapi.json examples/overlay/production/
	for marker in '<!-- defaults -->' '<!-- /defaults -->'; do \
	  grep -qxF -- "$$marker" README.md || { echo "README.md has no line $$marker" >&2; exit 1; }; \
	done
	export TABLE; TABLE=$$(cargo run --quiet --locked -- schema defaults); \
	$(call write,awk '$$0 == "<!-- /defaults -->" { skip = 0 } !skip { print } $$0 == "<!-- defaults -->" { print ENVIRON["TABLE"]; skip = 1 }' README.md,README.md)

EXAMPLES := notebooks $(patsubst examples/%/,%,$(wildcard examples/platform/*/))

examples: ## Write what the examples render to: examples/.expected
	cargo build --locked
	for example in $(EXAMPLES); do \
	  $(call write,cargo run --quiet --locked -- render "examples/$$example",examples/.expected/$${example//\//-}.yaml) || exit 1; \
	done

PICTURES := examples/.pictures

pictures: ## Draw what the examples render to: examples/.pictures
	cargo build --locked
	for example in $(EXAMPLES); do \
	  name=$${example//\//-}; \
	  cargo run --quiet --locked -- graph "examples/.expected/$$name.yaml" -o "$(PICTURES)/$$name.svg" || exit 1; \
	done
	cargo run --quiet --locked -- graph examples/.expected/notebooks.yaml --for User:dana -o $(PICTURES)/notebooks-for-dana.svg

bench: tools ## Ratios to yamlpeer, kubectl and cat: benches/README.md
	cargo build --release --locked
	benches/run --tools "$${GATEWRIGHT_TOOLS:-.tools}"

fuzz: ## All fuzz targets, FUZZ_SECONDS each (needs a C++ compiler)
	fuzz/run yaml $(FUZZ_SECONDS)
	fuzz/run fn $(FUZZ_SECONDS)
	fuzz/run verify $(FUZZ_SECONDS)
	fuzz/run proxy_head $(FUZZ_SECONDS)
	fuzz/run proxy_config $(FUZZ_SECONDS)
	fuzz/run proxy_authorization $(FUZZ_SECONDS)
	fuzz/run proxy_decision $(FUZZ_SECONDS)

# Packets are cheap, and 100,000 clusters are what they are meant for: five times as many of them, at the usual number.
soak: ## The properties with many more cases than `make test` tries, and inputs of 100 MB
	PROPTEST_CASES=$(PROPTEST_CASES) cargo test --locked --release --test it -- properties:: graphs:: scale:: cli::large
	PROPTEST_CASES=$$((5 * $(PROPTEST_CASES))) cargo test --locked --release --test it -- packets::
