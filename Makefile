# What there is to do here. `make` alone lists it.

.PHONY: help run test lint install bench bench-augment bench-train bench-whole bench-distil round-trip libtorch

help: ## list these
	@sed -n 's/^\([a-z-]*\):[^#]*## /    make \1\t/p' Makefile | expand -t 20

run: libtorch ## build everything and run the example experiment
	cargo build --release --workspace
	target/release/pipeline run experiments/distill_vs_full.toml

test: libtorch ## run all tests
	cargo build --workspace
	cargo test --workspace --lib --test '*'
	@# libtorch has one random generator a process: tests that draw from it take turns.
	cargo test --workspace --bin pipeline-worker -- --test-threads=1

lint: libtorch ## check formatting and lints, as CI does
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

bench: libtorch ## time orchestration beside Snakemake, DVC and ninja; what is absent is said and left out
	cargo build --release --workspace
	python3 benches/orchestration.py

bench-augment: ## time augmentations, decoding and the whole stage beside OpenCV, albumentations and Pillow
	cargo build --release -p pipeline --bin pipeline --example bench-augment
	@# Peers are Python's: theirs comes first, if it is there.
	@python=target/peers/bin/python; [ -x $$python ] || python=python3; $$python benches/augment.py

bench-train: libtorch ## time training steps beside PyTorch eager; without PyTorch it says what brings it
	cargo build --release --workspace
	@python=target/peers/bin/python; [ -x $$python ] || python=python3; $$python benches/training.py

round-trip: libtorch ## show that weights go to torchvision and timm, and back
	cargo build --release --workspace
	@python=target/peers/bin/python; [ -x $$python ] || python=python3; $$python benches/round_trip.py

bench-whole: libtorch ## time an experiment from photographs to accuracies, and a worker's start, beside PyTorch
	cargo build --release --workspace
	@python=target/peers/bin/python; [ -x $$python ] || python=python3; $$python benches/whole.py && $$python benches/start.py

bench-distil: libtorch ## time iterations of distillation beside plain PyTorch; without it it says what brings it
	cargo build --release --workspace
	@python=target/peers/bin/python; [ -x $$python ] || python=python3; $$python benches/distillation.py

install: libtorch ## install `pipeline` and `pipeline-worker` into Cargo's bin folder
	cargo install --path . --locked
	cargo install --path worker --locked

libtorch: ## fetch libtorch into .libtorch/ unless it is there or LIBTORCH names another
	@scripts/setup-libtorch
