//! Nothing: the package names the crates whose C sources `cargo xtask c-programs` compiles.
