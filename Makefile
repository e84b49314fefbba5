# `make` alone says what there is.

SHELL := /bin/bash
BINARY := .build/debug/sluice
# One set of flags for every debug build, so that none of them builds again what another built. (scripts/boundaries has
# it too.) Nobody steps through BoringSSL: its debug information would take a fifth of its time.
CHECKED := --explicit-target-dependency-import-check error -Xcxx -g0
SWIFT_FILES := Sources Tests Package.swift
# The tests of the binary wait more than they compute, so three processes share two cores. A file stays in one process:
# its tests share servers and browsers.
WORKERS ?= 3
PYTEST = .venv/bin/python -m pytest Tests/Integration -n $(WORKERS) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo test test-unit test-integration test-conformance build format lint boundaries bench conformance faults
.PHONY: fuzz simulate sanitize clean certificates reference package package-check install uninstall

help:
	@echo "make demo              build and run everything on this machine: echo and chat behind the gateway"
	@echo "make build             build the release binary, .build/release/sluice"
	@echo "make install           build the binary, and install it under PREFIX (/usr/local); make uninstall removes it"
	@echo "make package           build a Debian package and a tarball for machines without Swift, in dist/"
	@echo "make package-check     try both, make install and the image's files on machines without Swift; needs root"
	@echo "make test              run everything from lint to test-conformance"
	@echo "make lint              check the formatting rules"
	@echo "make boundaries        check which target uses which, which C file calls which, and compiler warnings"
	@echo "make test-unit         run the Swift tests"
	@echo "make test-integration  run the binary against real peers (pytest); ARGS='-k drain' selects, WORKERS=0 runs one by one"
	@echo "make test-conformance  run a minute of the Autobahn TestSuite; skipped without Python 2.7"
	@echo "make format            rewrite the sources to the formatting rules"
	@echo "make reference         rewrite the tables of docs/configuration.md, and the JSON Schema of the configuration"
	@echo "make bench             compare with other proxies, show the goals; ARGS='--quick' shortens"
	@echo "make conformance       run the Autobahn TestSuite through the gateway, in every mode and from both sides"
	@echo "make faults            kill and cut off servers, fill caps, reload, restart, under load; ARGS=--quick shortens"
	@echo "make fuzz              look for inputs that break an invariant; ARGS='--target session --seconds 600'"
	@echo "make simulate          run a million random sessions; SLUICE_SIMULATION_RUNS and _SEED choose others"
	@echo "make sanitize          run test-integration with ThreadSanitizer, then with AddressSanitizer"
	@echo "make certificates      make the certificates that conf/*.yaml and conf/examples name, for development"
	@echo "make clean             remove everything that make has built"

demo: build
	.build/release/sluice demo $(ARGS)

build:
	@scripts/prerequisites build
	scripts/build-release

test:
	@scripts/prerequisites test
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory boundaries
	@$(MAKE) --no-print-directory test-unit
	@$(MAKE) --no-print-directory test-integration
	@$(MAKE) --no-print-directory test-conformance

lint:
	swift format lint --strict --parallel -r $(SWIFT_FILES)

boundaries:
	@scripts/boundaries --self-test
	scripts/boundaries

test-unit:
	swift test $(CHECKED) $(ARGS)

test-integration:
	@scripts/python-environment
	swift build $(CHECKED) --product sluice
	SLUICE_BINARY="$${SLUICE_BINARY:-$(CURDIR)/$(BINARY)}" $(PYTEST) $(ARGS)

test-conformance:
	@[ -n "$$SLUICE_BINARY" ] || swift build $(CHECKED) --product sluice
	SLUICE_BINARY="$${SLUICE_BINARY:-$(CURDIR)/$(BINARY)}" Tests/Conformance/quick $(ARGS)

format:
	swift format -i --parallel -r $(SWIFT_FILES)

reference:
	[ -n "$$SLUICE_BINARY" ] || swift build $(CHECKED) --product sluice
	scripts/reference "$${SLUICE_BINARY:-$(BINARY)}"

bench:
	@scripts/prerequisites bench
	[ -n "$$SLUICE_BINARY" ] || scripts/build-release
	Benchmarks/run $(ARGS)

conformance:
	@scripts/prerequisites build conformance
	@Tests/Conformance/prepare
	[ -n "$$SLUICE_BINARY" ] || scripts/build-release
	Tests/Conformance/run $(ARGS)

faults:
	@scripts/prerequisites build faults
	@scripts/python-environment
	[ -n "$$SLUICE_BINARY" ] || scripts/build-release
	.venv/bin/python Tests/Faults/run $(ARGS)

fuzz:
	@scripts/prerequisites build
	Tests/Fuzz/run $(ARGS)

simulate:
	@scripts/prerequisites build
	SLUICE_SIMULATION_RUNS="$${SLUICE_SIMULATION_RUNS:-1000000}" \
	    swift test -c release -Xswiftc -enable-testing --scratch-path .build-simulation --filter SimulationTests

# Each sanitizer needs a build of everything. Leaks are left to the tests of memory: what a process still has when it
# ends, in singletons above all, is no leak. ThreadSanitizer does not sleep for a second at each exit.
sanitize: sanitize-thread sanitize-address

sanitize-%:
	@scripts/prerequisites test
	@scripts/python-environment
	swift build --sanitize=$* --product sluice --scratch-path .build-$*
	TSAN_OPTIONS="suppressions=$(CURDIR)/Tests/Integration/thread-sanitizer.supp atexit_sleep_ms=0" \
	ASAN_OPTIONS=detect_leaks=0 \
	SLUICE_BINARY="$(CURDIR)/.build-$*/debug/sluice" SLUICE_SANITIZER=$* \
	    $(PYTEST) $(ARGS)

certificates:
	@scripts/certificates

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
export PREFIX SYSCONFDIR DESTDIR
install:
	@scripts/prerequisites build package
	scripts/package --install

uninstall:
	scripts/package --uninstall

package:
	scripts/package

package-check:
	scripts/package-check

clean:
	rm -rf .build .build-* .fuzz .venv .conformance Benchmarks/build dist
