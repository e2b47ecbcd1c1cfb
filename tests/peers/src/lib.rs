//! Nothing: a package must have a target, and this one's is its bench, `benches/peers.rs`.
