// @generated from proto/ by `cargo xtask codegen`.
//! The services of `proto/`, one module for each package.
pub mod org {
    pub mod interconnection {
        pub mod link {
            include!("org.interconnection.link.rs");
        }
        pub mod v2 {
            pub mod service {
                include!("org.interconnection.v2.service.rs");
            }
        }
    }
}
