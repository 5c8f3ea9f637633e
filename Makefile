# Everything a person or CI does with the project. `make` alone lists it.

SWIFT ?= swift
PREFIX ?= /usr/local
RELEASE := -c release --static-swift-stdlib
BINARY = .build/release/tocsin

.DEFAULT_GOAL := help
.PHONY: help setup build test demo bench crash golden format format-check picture install clean

help: ## list what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: ## install with apt what building and testing need
	@sh scripts/setup build

setup-test:
	@sh scripts/setup test

setup-bench:
	@sh scripts/setup bench

build: setup ## build the program (release) as .build/release/tocsin
	$(SWIFT) build $(RELEASE) --product tocsin

test: setup-test ## build and run every test
	$(SWIFT) build --build-tests
	sh scripts/test

demo: build ## open the dashboard on the bundled service
	@$(BINARY) demo

bench: setup-bench build ## measure against the budgets, beside the peers
	$(SWIFT) build $(RELEASE) --product JournalForBench
	scripts/bench

crash: build ## kill the engine and its runners at every point of a rollback (an hour)
	scripts/crash

golden: setup ## rewrite the golden screens, then look at the difference
	UPDATE_GOLDENS=1 $(SWIFT) test --filter 'DashboardTests|ScreenTests'

picture: setup ## draw the README's picture of the dashboard
	UPDATE_PICTURE=1 $(SWIFT) test --filter PictureTests

format: ## format every Swift file
	$(SWIFT) format format --in-place --parallel --recursive Package.swift Sources Tests

format-check: ## say which files are not formatted
	$(SWIFT) format lint --strict --parallel --recursive Package.swift Sources Tests

install: build ## install under PREFIX (default /usr/local)
	install -D -m 755 -s $(BINARY) $(DESTDIR)$(PREFIX)/bin/tocsin
	mkdir -p $(DESTDIR)$(PREFIX)/share/tocsin
	cp -R Examples themes $(DESTDIR)$(PREFIX)/share/tocsin/

clean: ## remove everything that was built
	rm -rf .build
