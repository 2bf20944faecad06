// @generated from proto/ by `cargo xtask codegen`.
//! The messages of `proto/`, one module for each package.
pub mod google {
    pub mod protobuf {
        include!("google.protobuf.rs");
    }
}
pub mod org {
    pub mod interconnection {
        include!("org.interconnection.rs");
        pub mod link {
            include!("org.interconnection.link.rs");
        }
        pub mod v2 {
            include!("org.interconnection.v2.rs");
            pub mod algos {
                include!("org.interconnection.v2.algos.rs");
            }
            pub mod op {
                include!("org.interconnection.v2.op.rs");
            }
            pub mod protocol {
                include!("org.interconnection.v2.protocol.rs");
            }
            pub mod runtime {
                include!("org.interconnection.v2.runtime.rs");
            }
            pub mod service {
                include!("org.interconnection.v2.service.rs");
            }
        }
    }
}
pub mod symbolon {
    pub mod v1 {
        include!("symbolon.v1.rs");
    }
}
