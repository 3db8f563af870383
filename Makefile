# A thin front: meson and ninja build, this only names the ways in. `make help` lists them.
BUILD ?= build
PREFIX ?= /usr/local
SHELL = /bin/sh

.PHONY: all help setup demo test unit stories check format bench bench-call bench-codec soak interop install clean

all: setup $(BUILD)/build.ninja ## build everything
	@ninja -C $(BUILD)

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup:
	@tools/setup build

$(BUILD)/build.ninja:
	@meson setup $(BUILD) --prefix $(PREFIX) >/dev/null || { cat $(BUILD)/meson-logs/meson-log.txt; exit 1; }

demo: all ## build, then run the example shop in the background and show it serving
	@tools/demo $(BUILD)

test: ## everything that must hold before a change lands (what CI runs)
	@tools/setup test
	@tools/test-all

unit: all ## unit tests only
	@meson test -C $(BUILD) --suite unit --print-errorlogs

stories: all ## whole-system tests only
	@meson test -C $(BUILD) --suite stories --print-errorlogs

check: ## format, layers, banned calls, lint
	@tools/setup test
	@tools/format.sh
	@/usr/bin/python3 tools/layers.py .
	@$(MAKE) --no-print-directory all
	@tools/banned.sh $(BUILD)
	@tools/tidy.sh

format: ## put every C file in form
	@tools/format.sh --fix

bench: ## the figures: lines `bar NAME VALUE UNIT LIMIT ok|short`
	@tools/setup bench
	@$(MAKE) --no-print-directory all
	@bench/run $(BUILD)

bench-call: ## the figures of a call, beside raw cells and peers; CALL_QUICK=1 takes two minutes
	@tools/setup bench
	@$(MAKE) --no-print-directory all
	@bench/run $(BUILD) call

bench-codec: ## the codec's figures alone
	@tools/setup bench
	@$(MAKE) --no-print-directory all
	@bench/run $(BUILD) codec

soak: ## the long forms: bare Debian, kills for minutes, long fuzzing
	@tools/setup interop
	@tools/soak

interop: ## foreign clients and servers from packages
	@tools/setup interop
	@tools/interop

install: all ## install below PREFIX (DESTDIR is honoured)
	@meson configure $(BUILD) --prefix $(PREFIX) && meson install -C $(BUILD)

clean: ## remove the build folders
	@rm -rf build build-*
