//! demo
mod tables;
