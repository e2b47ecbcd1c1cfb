# The two commands of the README, and what they need. Beside rustup's own folder and the project's target
# folder, only `tools` installs anything: Debian packages that the tests need and do not find.
.PHONY: demo test release bench peers toolchain tools

toolchain:
	rustup toolchain install

tools:
	bash tests/tools.sh

demo: toolchain
	cargo run --locked --package fillsync -- demo

test: toolchain tools
	cargo fmt --all --check
	cargo fmt --manifest-path plugins/Cargo.toml --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	CARGO_TARGET_DIR=target/plugins cargo clippy --locked --manifest-path plugins/Cargo.toml --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
	cargo test --locked --workspace
	CARGO_TARGET_DIR=target/plugins cargo test --locked --manifest-path plugins/Cargo.toml --workspace

release: toolchain
	cargo build --locked --release --package fillsync

bench: toolchain
	cargo bench --locked --package fillsync-tests

# A strategy here and in its peers, which bring engines of their own: a workspace of its own.
peers: toolchain
	cargo bench --locked --manifest-path tests/peers/Cargo.toml
