//! A web server of one page, on this machine, that stands for the team's notice board.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

/// The notice board: where it is, and what was posted to it.
pub(crate) struct Intranet {
    address: SocketAddr,
    posted: Receiver<String>,
}

impl Intranet {
    /// Serves until the process ends.
    pub(crate) fn serve() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (sender, posted) = channel();
        std::thread::spawn(move || {
            // A request that cannot be read is the client's to notice.
            for body in listener.incoming().flatten().flat_map(answer) {
                if sender.send(body).is_err() {
                    return;
                }
            }
        });
        Ok(Self { address, posted })
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/notices", self.address)
    }

    /// What was posted up to now.
    pub(crate) fn posted(&self) -> Vec<String> {
        self.posted.try_iter().collect()
    }
}

fn answer(mut stream: TcpStream) -> io::Result<String> {
    let mut reader = BufReader::new(stream.try_clone()?.take(64 << 10));
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\npinned")?;
    Ok(body)
}
