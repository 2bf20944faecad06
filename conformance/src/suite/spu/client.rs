//! Calls to a dealer under test.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;

use super::messages::{Adjust, Adjusted};
use super::wire::{Meta, RequestMeta, read_frame, read_http, write_frame};
use super::{Form, SERVICE};
use crate::suite::transcript::{Log, What};
use crate::suite::verdict::{Finding, Outcome};

/// What a dealer answers to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Its corrections, one after the other.
    Corrections(Vec<u8>),
    /// A refusal of the service.
    Refused {
        /// The service's code.
        code: i32,
        /// The reason in words.
        text: String,
    },
    /// A refusal of the carrier: HTTP's status, brpc's error.
    NotServed(String),
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Corrections(bytes) => write!(f, "corrections of {} bytes", bytes.len()),
            Self::Refused { code, text } => write!(f, "code {code}: {text:?}"),
            Self::NotServed(text) => write!(f, "the call failed: {text}"),
        }
    }
}

/// A client without state: one connection for each call.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    form: Form,
    log: Arc<Log>,
}

impl Client {
    /// A client of the dealer at `address`.
    ///
    /// # Errors
    /// Something else than an IP address and a port.
    pub fn new(address: &str, form: Form, log: Arc<Log>) -> Outcome<Self> {
        let address = address
            .parse()
            .map_err(|_| Finding::Error(format!("{address:?} is no address of the form 127.0.0.1:9540")))?;
        Ok(Self { address, form, log })
    }

    /// Calls a method.
    ///
    /// # Errors
    /// A deviation if there is no answer.
    pub fn call(&self, method: &str, adjust: &Adjust) -> Outcome<Answer> {
        let body = match self.form {
            Form::Http => adjust.to_json().to_string().into_bytes(),
            Form::Unary => adjust.to_protobuf(method),
        };
        self.call_raw(method, &body)
    }

    /// Calls a method with any body.
    ///
    /// # Errors
    /// A deviation if there is no answer.
    pub fn call_raw(&self, method: &str, body: &[u8]) -> Outcome<Answer> {
        let answer = match self.form {
            Form::Http => self.post(method, body),
            Form::Unary => self.unary(method, body),
        };
        let told = answer.as_ref().map_or_else(ToString::to_string, ToString::to_string);
        let call = format!("{method} {}", String::from_utf8_lossy(body).escape_debug());
        self.log.add(What::Dealer { call, answer: told });
        answer.map_err(|error| Finding::fail("an answer of the dealer", format!("{method}: {error}")))
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let limit = Duration::from_secs(15);
        let stream = TcpStream::connect_timeout(&self.address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        Ok(stream)
    }

    fn post(&self, method: &str, body: &[u8]) -> std::io::Result<Answer> {
        let mut stream = self.connect()?;
        let head = format!(
            "POST /{SERVICE}/{method} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat())?;
        let Some((line, body)) = read_http(&mut BufReader::new(stream))? else {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        };
        if !line.contains(" 200") {
            return Ok(Answer::NotServed(format!("{line}: {}", String::from_utf8_lossy(&body))));
        }
        unframed(&body)
    }

    fn unary(&self, method: &str, body: &[u8]) -> std::io::Result<Answer> {
        let mut stream = self.connect()?;
        let request = RequestMeta { service_name: SERVICE.into(), method_name: method.into() };
        let meta = Meta { request: Some(request), correlation_id: Some(1), ..Meta::default() };
        write_frame(&mut stream, &meta, body)?;
        let Some((meta, body)) = read_frame(&mut BufReader::new(stream))? else {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        };
        let response = meta.response.unwrap_or_default();
        if let Some(code) = response.error_code.filter(|code| *code != 0) {
            return Ok(Answer::NotServed(format!("brpc error {code}: {}", response.error_text())));
        }
        let Adjusted { code, message, adjust_outputs } = Adjusted::decode(body.as_slice())
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error.to_string()))?;
        Ok(match code {
            0 => Answer::Corrections(adjust_outputs.concat()),
            code => Answer::Refused { code, text: message },
        })
    }
}

/// Frames of a flag, a length (8 bytes, little-endian) and as many bytes; a flag that is not 0 is a refusal.
fn unframed(mut body: &[u8]) -> std::io::Result<Answer> {
    let wrong = || std::io::Error::new(std::io::ErrorKind::InvalidData, "an answer that is no frames");
    let mut corrections = Vec::new();
    while let Some((head, rest)) = body.split_first_chunk::<9>() {
        let [flag, length @ ..] = *head;
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(|_| wrong())?;
        let (content, rest) = rest.split_at_checked(length).ok_or_else(wrong)?;
        if flag != 0 {
            let text = String::from_utf8_lossy(content).into_owned();
            return Ok(Answer::Refused { code: flag.into(), text });
        }
        corrections.extend_from_slice(content);
        body = rest;
    }
    if body.is_empty() { Ok(Answer::Corrections(corrections)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_joined_and_refusals_told() {
        let frame = |flag: u8, content: &[u8]| {
            [&[flag], (content.len() as u64).to_le_bytes().as_slice(), content].concat()
        };
        let two = [frame(0, b"ab"), frame(0, b"c")].concat();
        assert_eq!(unframed(&two).unwrap(), Answer::Corrections(b"abc".to_vec()));
        let refusal = Answer::Refused { code: 2, text: "no".into() };
        assert_eq!(unframed(&[frame(0, b"ab"), frame(2, b"no")].concat()).unwrap(), refusal);
        assert!(unframed(&two[..two.len() - 1]).is_err());
    }
}
