//! What `tidegate demo` serves.
