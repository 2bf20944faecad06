//! The suite as a dealer of SPU's kind, in both forms on one port.

use std::io::{BufRead as _, BufReader, Result, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prost::Message as _;

use super::messages::{Adjust, Adjusted};
use super::wire::{Meta, ResponseMeta, read_frame, read_http, write_frame};

/// Answers a call of a method.
pub type Handler = dyn Fn(&str, std::result::Result<Adjust, String>) -> Adjusted + Send + Sync;

/// A listening dealer, until it is dropped.
pub struct Server {
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Listens and answers on threads of its own.
    ///
    /// # Errors
    /// An address that cannot be listened on.
    pub fn start(address: SocketAddr, handler: Arc<Handler>) -> std::result::Result<Self, String> {
        let failed = |error: std::io::Error| format!("{address}: {error}");
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let Ok((stream, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                };
                let handler = handler.clone();
                // A caller that breaks off is no matter of the dealer's.
                std::thread::spawn(move || drop(serve(stream, handler.as_ref())));
            }
        });
        Ok(Self { stop })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Call after call of one connection.
fn serve(stream: TcpStream, handler: &Handler) -> Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    if input.fill_buf()?.first() == Some(&b'P') && input.buffer().get(1) == Some(&b'R') {
        while let Some((meta, body)) = read_frame(&mut input)? {
            let method = meta.request.unwrap_or_default().method_name;
            let answer = handler(&method, Adjust::from_protobuf(&method, &body)).encode_to_vec();
            let response = Some(ResponseMeta::default());
            let meta = Meta { response, correlation_id: meta.correlation_id, ..Meta::default() };
            write_frame(&mut out, &meta, &answer)?;
        }
        return Ok(());
    }
    while let Some((line, body)) = read_http(&mut input)? {
        let path = line.split(' ').nth(1).unwrap_or_default();
        let method = path.rsplit('/').next().unwrap_or_default();
        let answer = framed(&handler(method, Adjust::from_json(&body)));
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        out.write_all(&[head.as_bytes(), &answer].concat())?;
    }
    Ok(())
}

/// An answer as a frame.
fn framed(answer: &Adjusted) -> Vec<u8> {
    let content = match answer.code {
        0 => answer.adjust_outputs.concat(),
        _ => answer.message.clone().into_bytes(),
    };
    let flag = u8::try_from(answer.code).unwrap_or(u8::MAX);
    [&[flag], (content.len() as u64).to_le_bytes().as_slice(), &content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::spu::{Answer, Client, Form};

    #[test]
    fn the_suites_two_sides_understand_each_other() {
        let address: SocketAddr = crate::suite::ports::free().unwrap().parse().unwrap();
        let _server = Server::start(
            address,
            Arc::new(|method, adjust| match adjust {
                Ok(adjust) if method == "AdjustDot" => {
                    Adjusted { adjust_outputs: vec![vec![adjust.field_size as u8; 3]], ..Adjusted::default() }
                }
                _ => Adjusted { code: 1, message: format!("no {method}"), ..Adjusted::default() },
            }),
        )
        .unwrap();
        for form in [Form::Http, Form::Unary] {
            let client = Client::new(&address.to_string(), form, Arc::default()).unwrap();
            let adjust = Adjust { field_size: 8, ..Adjust::default() };
            assert_eq!(client.call("AdjustDot", &adjust).unwrap(), Answer::Corrections(vec![8; 3]));
            let refused = Answer::Refused { code: 1, text: "no AdjustMul".into() };
            assert_eq!(client.call("AdjustMul", &adjust).unwrap(), refused);
        }
    }
}
