//! The descriptors compiled from `proto/`, held against `vectors/wire/schema.json`.
