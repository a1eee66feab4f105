# The targets for developers and CI. On a fresh Debian or Ubuntu, `make verify` and `make test` install everything they need.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help verify fuzz test test-all measured-test test-only test-list test-programs tested-programs tests-alone \
	cluster-test-programs cluster-tests-alone sandbox-parts \
	machine-parts cluster-programs cluster-test cluster cluster-shell cluster-parts cluster-bench lint \
	scale-parts scale-bench scale-check simulated-pairs simulated-mutations mutants bench build controller-static dist probe probe-by-source generated schemas reports-test pictures clean

TRIPLE := $(shell uname -m)-unknown-linux-musl
export CARGO_TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
TARGET := $(CARGO_TARGET_DIR)
PROBE := $(TARGET)/$(TRIPLE)/probe/probe
CONTROLLER := $(TARGET)/release/controller
# The profile of the static controller: `release`, or `dev`, which compiles in a third of the time.
STATIC_PROFILE ?= release
STATIC := $(TARGET)/$(TRIPLE)/$(STATIC_PROFILE:dev=debug)/controller
# Cargo's variable for the program that runs the tests.
AS_ROOT := CARGO_TARGET_$(shell rustc -vV | sed -n 's/^host: //p' | tr a-z- A-Z_)_RUNNER
# The tests that need more than Rust. Every call of tests chooses the whole workspace, so that each dependency is compiled once.
WHOLE := --workspace --features tests/sandbox,tests/cluster,tests/policies
# The simulated tests compute more than they compile, so that they run in the release's code.
SIMULATED := PODPROOF_PROBE="$(PROBE)" cargo test --release --package simulated
# The tests' controller shares the crates of the simulated tests, so that these are compiled once.
test-all test-programs tested-programs cluster-test-programs cluster-test measured-test reports-test scale-check: BESIDE := --package simulated
# The tests that need nothing but Rust and a controller.
PLAIN := --workspace --lib --bins --test hermetic --test house
# A variable's value as one word of the shell, with every `$` and quote kept.
quoted = '$(subst ','\'',$(value $(1)))'
# The folder of foreign programs that were fetched or built for the tests; the folder outlives a checkout.
export PODPROOF_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/podproof

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

verify: build ## build the controller, start a real gVisor sandbox and judge it
	@.ci/need runsc=runsc
	@.ci/as-root "$(CONTROLLER)" verify --local

test: $(if $(value ONLY),test-only,test-all) ## every test but the cluster's; ONLY=NAME: every test whose name contains NAME, the cluster's too

test-all: build sandbox-parts
	PODPROOF_CONTROLLER="$(CONTROLLER)" cargo test $(PLAIN)
	PAIRS="$${PAIRS:-1000}" $(SIMULATED)
	@$(MAKE) --no-print-directory machine-parts
	PODPROOF_CONTROLLER="$(CONTROLLER)" PODPROOF_STATIC_PROBE="$(PROBE)" $(AS_ROOT)=.ci/as-root \
		cargo test $(WHOLE) --test sandbox

# The rows of the sandbox's tests that need idle processors.
measured-test: build sandbox-parts
	PODPROOF_CONTROLLER="$(CONTROLLER)" PODPROOF_STATIC_PROBE="$(PROBE)" $(AS_ROOT)=.ci/as-root \
		cargo test $(WHOLE) --test sandbox -- 'that is not applied, measured'

test-only:
	@.ci/need cc=gcc ld=binutils crt=libc6-dev /usr/include/seccomp.h=libseccomp-dev
	@MAKE="$(MAKE)" WHOLE="$(WHOLE)" RUNNER="$(AS_ROOT)" PODPROOF_CONTROLLER="$(CONTROLLER)" PODPROOF_STATIC_PROBE="$(PROBE)" \
		.ci/test-only $(call quoted,ONLY)

test-list: ## list the names of all tests by suite
	@.ci/need cc=gcc ld=binutils crt=libc6-dev /usr/include/seccomp.h=libseccomp-dev
	@WHOLE="$(WHOLE)" .ci/test-only --list

# A build has phases of one processor, so that two that share nothing run beside each other.
test-programs: sandbox-parts cluster-parts ## build all that the tests need but the emulated machine, and run none
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target tested-programs tests-alone

tested-programs: build
	@$(MAKE) --no-print-directory cluster-programs

tests-alone:
	cargo test $(PLAIN) --no-run
	cargo test $(WHOLE) --test sandbox --test cluster --test policies --bench scale --no-run

# The cluster's tests take the longest, and wait more than they compute, so that CI builds the others beside them.
cluster-test-programs: cluster-parts
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target tested-programs cluster-tests-alone

cluster-tests-alone:
	cargo test $(WHOLE) --test cluster --test policies --no-run

sandbox-parts:
	@.ci/need runsc=runsc runc=runc crun=crun bwrap=bubblewrap ip=iproute2 strace=strace perl=perl-base \
		nft=nftables nsenter=util-linux /usr/include/seccomp.h=libseccomp-dev \
		docker-registry=docker-registry skopeo=skopeo openssl=openssl setpriv=util-linux
	@tests/stage/runsc-of-trixie >/dev/null || [ -z "$$CI" ]
	@tests/cluster/parts/build gvisor >/dev/null || [ -z "$$CI" ]

machine-parts:
	@{ .ci/need cc=gcc ld=binutils crt=libc6-dev qemu-system-aarch64=qemu-system-arm setpriv=util-linux && \
		tests/stage/machine/parts >/dev/null && .ci/machine-programs "$(TARGET)"; } || [ -z "$$CI" ]

cluster-test: build cluster-parts cluster-programs ## every test in a real Kubernetes cluster; the first run builds the cluster's programs
	PODPROOF_CONTROLLER="$(CONTROLLER)" PODPROOF_STATIC_PROBE="$(PROBE)" $(AS_ROOT)=.ci/as-root \
		cargo test $(WHOLE) --test cluster
	cargo test $(WHOLE) --test policies

cluster: build cluster-parts ## start the tests' cluster with a workload, print commands to try, and keep the cluster until Ctrl-C
	cargo build --quiet --package tests --features cluster --bin cluster
	@PODPROOF_CONTROLLER="$(CONTROLLER)" .ci/as-root "$(TARGET)/debug/cluster" up --showcase

cluster-shell: ## open a shell in the cluster's network; CMD='COMMAND' runs a command there instead
	@[ -x "$(TARGET)/debug/cluster" ] || { echo 'no cluster runs: start one with `make cluster` in another terminal' >&2; exit 1; }
	@PODPROOF_CONTROLLER="$(CONTROLLER)" .ci/as-root "$(TARGET)/debug/cluster" shell $(if $(value CMD),$(call quoted,CMD))

cluster-parts:
	@.ci/need etcd=etcd-server runc=runc /usr/lib/cni/bridge=containernetworking-plugins ip=iproute2 \
		nft=nftables iptables=iptables ipset=ipset conntrack=conntrack openssl=openssl /usr/bin/busybox=busybox-static \
		docker-registry=docker-registry skopeo=skopeo /usr/lib/llvm-19/bin/clang=clang-19 \
		/usr/include/seccomp.h=libseccomp-dev
	@tests/cluster/parts/build kubernetes gvisor containerd cilium kube-router cyclonus specs standards >/dev/null

cluster-programs:
	@.ci/cluster-programs "$(TARGET)" || [ -z "$$CI" ]

fuzz: ## fuzz the borders by libFuzzer; ONLY=TARGET: one of tests/fuzz/targets; RUNS=NUMBER: inputs for each
	@.ci/need cc=gcc ld=binutils crt=libc6-dev g++=g++
	@RUNS=$(call quoted,RUNS) .ci/fuzz $(call quoted,ONLY)

lint: ## formatting, clippy, rules of the house, documentation, licences and sources of dependencies
	@.ci/need cc=gcc ld=binutils crt=libc6-dev
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	cargo test --quiet --workspace --test house
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items
	@.ci/deny

bench: build ## measure the cost of a run; prints ratios and sizes
	@.ci/need runsc=runsc runc=runc cc=gcc strace=strace /usr/include/seccomp.h=libseccomp-dev ip=iproute2 \
		nft=nftables nsenter=util-linux
	PODPROOF_CONTROLLER="$(CONTROLLER)" PODPROOF_STATIC_PROBE="$(PROBE)" $(AS_ROOT)=.ci/as-root \
		cargo bench --quiet --package tests --features sandbox

cluster-bench: build cluster-parts ## measure the cost of a run in a real Kubernetes cluster
	PODPROOF_CONTROLLER="$(CONTROLLER)" PODPROOF_STATIC_PROBE="$(PROBE)" $(AS_ROOT)=.ci/as-root \
		cargo bench --quiet --package tests --features cluster --bench cluster-cost

simulated-pairs: probe ## meet the simulated API server with PAIRS=NUMBER pairs of faults, or 20,000
	@.ci/need cc=gcc ld=binutils crt=libc6-dev
	PAIRS="$${PAIRS:-20000}" $(SIMULATED) pairs

simulated-mutations: ## break the product in each way of tests/simulated/mutations, and see the simulated tests fail; ONLY='NAME…'
	@.ci/need cc=gcc ld=binutils crt=libc6-dev patch=patch
	@tests/simulated/mutations/run $(value ONLY)

mutants: ## break the judges and the plans in small ways, and see the unit tests fail; ONLY='judge/exit.rs …': some files; SHARD=2/20: a part
	@.ci/need cc=gcc ld=binutils crt=libc6-dev
	@SHARD=$(call quoted,SHARD) .ci/mutants $(value ONLY)

scale-parts:
	@.ci/need ip=iproute2 openssl=openssl nsenter=util-linux setpriv=util-linux /usr/include/seccomp.h=libseccomp-dev
	@tests/cluster/parts/build kubernetes etcd kwok >/dev/null

scale-bench: build scale-parts ## measure runs on simulated nodes; SIZES='100 300': these numbers of nodes; BIG=1: 5,000 too; ROWS=WORD: some rows
	PODPROOF_CONTROLLER="$(CONTROLLER)" PODPROOF_STATIC_PROBE="$(PROBE)" SIZES=$(call quoted,SIZES) ROWS=$(call quoted,ROWS) \
		$(if $(value BIG),BIG=1) $(AS_ROOT)=.ci/as-root cargo bench --quiet --package tests --features cluster --bench scale

scale-check: build scale-parts ## the requests and the memory of runs on 100 simulated nodes, which have bounds
	PODPROOF_CONTROLLER="$(CONTROLLER)" PODPROOF_STATIC_PROBE="$(PROBE)" $(AS_ROOT)=.ci/as-root \
		cargo test --quiet $(WHOLE) --bench scale -- --check

build: probe ## build the controller with the static probe inside
	PODPROOF_PROBE="$(PROBE)" cargo build --release --package controller $(BESIDE)

controller-static: probe ## build the controller as a static binary, for any Linux and for `image --of controller`
	@.ci/need musl-gcc=musl-tools
	@PODPROOF_PROBE="$(PROBE)" CARGO_PROFILE_DEV_DEBUG=none .ci/build-static controller $(STATIC_PROFILE) $(TRIPLE) "$(TARGET)"
	@"$(STATIC)" image "$(STATIC).tar" --of controller
	@echo "$(STATIC): $$(stat -c %s "$(STATIC)") bytes"

dist: ## build probe and controller as static binaries for x86-64 and AArch64, each controller with the probes of both
	@.ci/need cc=gcc ld=binutils crt=libc6-dev
	@.ci/dist "$(TARGET)"

probe: ## build the static probe
	@.ci/need cc=gcc ld=binutils crt=libc6-dev
	@.ci/build-static probe probe $(TRIPLE) "$(TARGET)"

probe-by-source: ## build the static probe with a standard library built from source, as on machines without rustup's
	@STATIC_STD=source .ci/build-static probe probe $(TRIPLE) "$(TARGET)/by-source"
	@"$(TARGET)/by-source/$(TRIPLE)/probe/probe" --version

generated: ## write proto/src/generated from proto/schema
	cargo run --quiet --package generate

reports-test: build ## the reports and attestations, by the programs that read them: xmllint, Chromium, axe-core, cosign
	@.ci/need xmllint=libxml2-utils prove=perl chromium=chromium pip3=python3-pip unshare=util-linux npm=npm
	@mkdir -p "$(TARGET)/pages"
	@PODPROOF_LARGE_PAGES="$(TARGET)/pages" cargo test --quiet --workspace --lib of_a_thousand_sandboxes
	@PODPROOF_WATCH_METRICS="$(TARGET)/pages/watch.prom" cargo test --quiet --workspace --lib the_metrics_after_a_run
	@CONTROLLER="$(CONTROLLER)" .ci/as-root .ci/validate-reports "$(TARGET)/pages" "$(TARGET)/pages/watch.prom"
	@rm -rf "$(TARGET)/changed-bundles"
	@PODPROOF_CHANGED_BUNDLES="$(TARGET)/changed-bundles" cargo test --quiet --workspace --lib each_of_a_thousand_changes
	@CONTROLLER="$(CONTROLLER)" .ci/as-root .ci/validate-attestations "$(TARGET)/changed-bundles"

pictures: build ## the README's pictures, from saved evidence
	@.ci/need chromium=chromium aha=aha script=bsdutils unshare=util-linux
	@CONTROLLER="$(CONTROLLER)" .ci/as-root .ci/pictures

schemas: ## write deploy/schema from the types of the public documents
	cargo run --quiet --package controller -- schema report >deploy/schema/report.schema.json
	cargo run --quiet --package controller -- schema policy >deploy/schema/policy.schema.json
	cargo run --quiet --package controller -- schema verification >deploy/schema/verification.schema.json
	cargo run --quiet --package controller -- schema diff >deploy/schema/diff.schema.json

clean: ## remove the build's output
	cargo clean
