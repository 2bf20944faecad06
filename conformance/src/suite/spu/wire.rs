//! HTTP/1.1 and baidu_std (brpc documentation: `baidu_std`), as far as calls of the service need them.

use std::io::{BufRead, Error, ErrorKind, Read, Result, Write};

use prost::Message;

/// More is no message of a case.
const MOST: usize = 256 << 20;

/// `RpcMeta` of brpc.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Meta {
    #[prost(message, optional, tag = "1")]
    pub(super) request: Option<RequestMeta>,
    #[prost(message, optional, tag = "2")]
    pub(super) response: Option<ResponseMeta>,
    #[prost(int64, optional, tag = "4")]
    pub(super) correlation_id: Option<i64>,
}

/// Which method a call is for.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RequestMeta {
    #[prost(string, tag = "1")]
    pub(super) service_name: String,
    #[prost(string, tag = "2")]
    pub(super) method_name: String,
}

/// How a call ended.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ResponseMeta {
    #[prost(int32, optional, tag = "1")]
    pub(super) error_code: Option<i32>,
    #[prost(string, optional, tag = "2")]
    pub(super) error_text: Option<String>,
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidData, what.into())
}

/// `PRPC`, the sizes of what follows and of the meta (4 bytes, big-endian), the meta, the message.
pub(super) fn write_frame(out: &mut impl Write, meta: &Meta, message: &[u8]) -> Result<()> {
    let meta = meta.encode_to_vec();
    let size = |bytes: usize| u32::try_from(bytes).map(u32::to_be_bytes).map_err(|_| wrong("too long"));
    let (all, head) = (size(meta.len() + message.len())?, size(meta.len())?);
    out.write_all(&[b"PRPC", all.as_slice(), &head, &meta, message].concat())
}

/// A frame's meta and message; `None` at the end of the connection.
pub(super) fn read_frame(input: &mut impl BufRead) -> Result<Option<(Meta, Vec<u8>)>> {
    if input.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut head = [0; 12];
    input.read_exact(&mut head)?;
    let [magic, all, meta] = [0, 4, 8].map(|at| [head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let [all, meta] = [all, meta].map(|size| u32::from_be_bytes(size) as usize);
    if magic != *b"PRPC" || meta > all || all > MOST {
        return Err(wrong("this is no frame of baidu_std"));
    }
    let mut body = vec![0; all];
    input.read_exact(&mut body)?;
    let message = body.split_off(meta);
    let meta = Meta::decode(body.as_slice()).map_err(|error| wrong(error.to_string()))?;
    Ok(Some((meta, message)))
}

/// The first line of an HTTP message, and its body; `None` at the end of the connection.
pub(super) fn read_http(input: &mut impl BufRead) -> Result<Option<(String, Vec<u8>)>> {
    let mut first = String::new();
    if input.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut header = String::new();
        input.read_line(&mut header)?;
        let header = header.trim_end().to_ascii_lowercase();
        match header.split_once(':').map(|(name, value)| (name, value.trim())) {
            Some(("content-length", value)) => {
                length = value.parse().map_err(|_| wrong("a length that is none"))?;
            }
            Some(("transfer-encoding", value)) => chunked = value == "chunked",
            Some(_) => {}
            None if header.is_empty() => break,
            None => return Err(wrong(format!("a header without a colon: {header:?}"))),
        }
    }
    let body = if chunked { read_chunks(input)? } else { read_bytes(input, length)? };
    Ok(Some((first.trim_end().to_owned(), body)))
}

fn read_bytes(input: &mut impl BufRead, length: usize) -> Result<Vec<u8>> {
    if length > MOST {
        return Err(wrong(format!("a body of {length} bytes")));
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(body)
}

fn read_chunks(input: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let digits = line.trim_end().split(';').next().unwrap_or_default();
        let length = usize::from_str_radix(digits, 16).map_err(|_| wrong("a chunk without a length"))?;
        if length > MOST - body.len() {
            return Err(wrong(format!("a chunk of {length} bytes")));
        }
        input.by_ref().take(length as u64).read_to_end(&mut body)?;
        let mut end = String::new();
        input.read_line(&mut end)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_written() {
        let meta = Meta { correlation_id: Some(7), ..Meta::default() };
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &meta, b"message").unwrap();
        assert_eq!(bytes[..12], *b"PRPC\0\0\0\x09\0\0\0\x02");
        assert_eq!(read_frame(&mut bytes.as_slice()).unwrap(), Some((meta, b"message".to_vec())));
        assert_eq!(read_frame(&mut b"".as_slice()).unwrap(), None);
        assert!(read_frame(&mut b"GET / HTTP/1.1\r\n".as_slice()).is_err());
    }

    #[test]
    fn bodies_come_whole_or_in_chunks() {
        let whole = b"POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(
            read_http(&mut whole.as_slice()).unwrap(),
            Some(("POST /x HTTP/1.1".into(), b"hello".to_vec()))
        );
        let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
        assert_eq!(
            read_http(&mut chunks.as_slice()).unwrap(),
            Some(("HTTP/1.1 200 OK".into(), b"hello".to_vec()))
        );
        assert!(read_http(&mut b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe".as_slice()).is_err());
    }
}
