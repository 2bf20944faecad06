//! The protocols that can carry a push.

use std::fmt;
use std::str::FromStr;

use crate::error::GrpcError;

/// What our pushes to a party travel in. The port of a [`GrpcNode`](crate::GrpcNode) takes all of them at any
/// time, so the two directions between two parties may differ.
///
/// Written and read by the names that SecretFlow's parties use for `brpc_channel_protocol`; each name shows below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum CarrierKind {
    /// gRPC over HTTP/2: `grpc` or `h2:grpc`.
    #[default]
    Grpc,
    /// brpc's own framing over TCP: `baidu_std` or `baidu-std`. What SecretFlow's parties speak unless configured.
    BaiduStd,
    /// A plain `POST` over HTTP/1.1: `http` or `http:json` with a JSON body, `http:proto` with protobuf.
    Http {
        /// JSON, which takes a third more bytes, or else protobuf.
        json: bool,
    },
    /// A plain `POST` over HTTP/2: `h2` or `h2:proto` with protobuf, `h2:json` with a JSON body.
    Http2 {
        /// JSON, which takes a third more bytes, or else protobuf.
        json: bool,
    },
}

impl CarrierKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Grpc,
        Self::BaiduStd,
        Self::Http { json: true },
        Self::Http { json: false },
        Self::Http2 { json: false },
        Self::Http2 { json: true },
    ];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grpc => "h2:grpc",
            Self::BaiduStd => "baidu_std",
            Self::Http { json: true } => "http",
            Self::Http { json: false } => "http:proto",
            Self::Http2 { json: false } => "h2",
            Self::Http2 { json: true } => "h2:json",
        }
    }
}

impl fmt::Display for CarrierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for CarrierKind {
    type Err = GrpcError;

    fn from_str(name: &str) -> Result<Self, GrpcError> {
        Ok(match name {
            "grpc" | "h2:grpc" => Self::Grpc,
            "baidu_std" | "baidu-std" => Self::BaiduStd,
            "http" | "http:json" => Self::Http { json: true },
            "http:proto" => Self::Http { json: false },
            "h2" | "h2:proto" => Self::Http2 { json: false },
            "h2:json" => Self::Http2 { json: true },
            other => {
                return Err(GrpcError::Config(format!(
                    "unknown carrier {other:?}; known are grpc, baidu_std, http, http:proto, h2 and h2:json"
                )));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for kind in CarrierKind::ALL {
            assert_eq!(kind.to_string().parse::<CarrierKind>().unwrap(), kind);
        }
        assert!("smoke".parse::<CarrierKind>().unwrap_err().to_string().contains("smoke"));
    }
}
