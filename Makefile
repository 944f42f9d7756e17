# The short way: `make run` analyses the sample conversation, `make test` runs every check.
# Both install what is missing (tools/setup.sh) and need nothing else.
JOBS ?= $(shell nproc)
export CTEST_OUTPUT_ON_FAILURE = 1

.PHONY: all run test test-llm quick asan tsan lint bench install clean setup models

all: build/undertone

setup:
	@tools/setup.sh

build/undertone: setup
	@cmake --preset release >build-configure.log 2>&1 || { cat build-configure.log; exit 1; }
	@rm -f build-configure.log
	@cmake --build --preset release -j $(JOBS)

models: build/undertone
	@build/undertone models pull standard || \
		echo "make: no source of the standard models answered; going on with what is bundled"

run: models
	build/undertone run --audio_dir data/raw/ --output_dir results/ \
		--ground_truth data/ground_truth.json --evaluation_output eval/results.json

# Lint, unit, golden, fuzz and end-to-end tests in the release build, then the sanitizers.
test: models
	@tools/setup.sh test
	@tools/test.sh

# A real small language model behind a real local server; builds the server the first time.
test-llm: build/undertone
	@tests/llm/run.sh

quick: build/undertone
	@ctest --test-dir build -L 'unit|golden' -j $(JOBS)

lint: setup
	@tools/lint/lint.sh

asan tsan: setup
	@tools/test.sh $@

bench: build/undertone
	@bench/run.sh

install: build/undertone
	@cmake --install build --prefix $(or $(PREFIX),/usr/local)

clean:
	rm -rf build build-*
