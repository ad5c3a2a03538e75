//! HTTP server of `watch --prometheus`: the latest metrics, on this machine's loopback address.
//!
//! A scrape is one short request, so this is a page of the standard library and no crate.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use esp_heap::error::Error;

/// Longer requests are no scrapes.
const LONGEST_REQUEST: u64 = 8 << 10;
/// A client that is silent for so long is left alone.
const PATIENCE: Duration = Duration::from_secs(2);

/// Serves texts over HTTP.
pub(crate) struct Server {
    text: Arc<Mutex<String>>,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Listens on this port of the loopback address; 0: on any that is free.
    pub(crate) fn listen(port: u16) -> Result<Server, Error> {
        let unable = |cause| Error::Failed(format!("port {port} cannot be listened on: {cause}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(unable)?;
        let address = listener.local_addr().map_err(unable)?;
        let text = Arc::new(Mutex::new(String::new()));
        let served = Arc::clone(&text);
        // Ends with the program.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let latest = served
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone();
                let _ = answer(&client, &latest); // a client that went away is no trouble of ours
            }
        });
        Ok(Server { text, address })
    }

    /// What is served from now on.
    pub(crate) fn serve(&self, text: String) {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }
}

fn answer(client: &TcpStream, metrics: &str) -> std::io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut request = String::new();
    let mut lines = BufReader::new(client.take(LONGEST_REQUEST));
    lines.read_line(&mut request)?;
    let mut header = String::new();
    let is_request = !request.trim().is_empty();
    while is_request && lines.read_line(&mut header)? > 2 {
        header.clear();
    }
    let mut words = request.split_whitespace();
    let (status, body) = match (words.next(), words.next()) {
        (Some("GET"), Some("/metrics" | "/")) => ("200 OK", metrics),
        (Some("GET"), Some(_)) => ("404 Not Found", "the metrics are at /metrics\n"),
        _ => ("405 Method Not Allowed", "GET /metrics\n"),
    };
    let mut client = client;
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::Server;
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    fn asked(server: &Server, request: &str) -> String {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn a_scrape_gets_the_latest_metrics_and_nothing_else_is_served() {
        let server = Server::listen(0).unwrap();
        server.serve("heap_free_bytes 1\n".to_owned());
        server.serve("heap_free_bytes 2\n".to_owned());
        let answer = asked(&server, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nheap_free_bytes 2\n"), "{answer}");
        let elsewhere = asked(&server, "GET /../secret HTTP/1.1\r\n\r\n");
        assert!(elsewhere.starts_with("HTTP/1.1 404 "), "{elsewhere}");
        assert!(asked(&server, "POST / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        assert!(asked(&server, "\r\n").starts_with("HTTP/1.1 405 "));
    }

    #[test]
    fn a_port_that_is_taken_is_reported() {
        let server = Server::listen(0).unwrap();
        let error = Server::listen(server.address.port()).err().unwrap();
        assert!(
            error.to_string().contains("cannot be listened on"),
            "{error}"
        );
    }
}
