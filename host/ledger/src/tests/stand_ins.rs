//! Orders that filled more than rows show: what stands in for the rest, and how it gives way.
