# What people do with this repository. Each recipe is a script of Tools/ or a line of Swift.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo build test chaos lint format generate clean

help: ## Show this list
	@printf 'Martlet: streaming speech recognition over gRPC, with encoders on Triton\n\n'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18
	@printf '\nmake demo takes MODEL=DIR (a streaming transducer in ONNX) and AUDIO=FILE (a WAV file).\n'

demo: ## Install, build and start everything, and transcribe a recording as it is spoken
	@Tools/demo

build: ## Build the martlet command, in release mode
	@Tools/setup packages
	swift build -c release --product martlet

test: ## Build and run every test
	@Tools/test

chaos: ## Hurt Tritons under live streams for long; `make test` does it shortly
	@Tools/chaos

lint: ## Check formatting and the generated code
	@Tools/lint

format: ## Format all sources in place
	@Tools/lint --fix

generate: ## Generate Sources/Wire from Protos
	@Tools/generate-protos

clean: ## Remove what was built; .build/triton, what was installed, stays
	swift package clean
	rm -rf .build/demo .build/export .build-*
