//! Tests of the cycle fold.
