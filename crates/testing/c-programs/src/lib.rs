//! Nothing: the package names the crates whose C sources `xtask/tests/c_programs.rs` compiles.
