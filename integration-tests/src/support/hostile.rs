//! A server that answers each connection with bytes of its own choosing, at its own pace.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bailiwick::tool::http::{Http, HttpBuilder, Vet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a server does once it has read the head of a request.
#[derive(Clone)]
pub enum Act {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends bytes over and over, as fast as they are taken.
    Endless(Vec<u8>),
    /// Sends bytes over and over, one a turn, and slowly.
    Drip(Vec<u8>),
    /// Waits a little.
    Wait,
    /// Says nothing more, and keeps the connection open.
    Hold,
}

pub fn send(text: impl AsRef<[u8]>) -> Act {
    Act::Send(text.as_ref().to_vec())
}

pub struct Hostile {
    pub port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    sent: Arc<AtomicUsize>,
}

impl Hostile {
    /// Answers the path of each request with what `acts` says, on a connection that stays open.
    pub async fn start(acts: impl Fn(&str) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            heads: Arc::default(),
            connections: Arc::default(),
            sent: Arc::default(),
        };
        let (heads, connections) = (server.heads.clone(), server.connections.clone());
        let (sent, acts) = (server.sent.clone(), Arc::new(acts));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (heads, sent, acts) = (heads.clone(), sent.clone(), acts.clone());
                tokio::spawn(async move { serve(stream, heads, sent, acts).await });
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The bytes that the server was sent, up to the end of each head, and the bytes that came with it.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How many bytes were taken from the server, by the other side or on the way there.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut stream: TcpStream,
    heads: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicUsize>,
    acts: Arc<impl Fn(&str) -> Vec<Act>>,
) {
    loop {
        let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
        while !head.windows(4).any(|four| four == b"\r\n\r\n") {
            match stream.read(&mut buffer).await {
                Ok(read) if read > 0 => head.extend_from_slice(&buffer[..read]),
                _ => return,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
        heads.lock().unwrap().push(head);
        for act in acts(&path) {
            let mut put = async |bytes: &[u8]| {
                let done = stream.write_all(bytes).await.is_ok();
                sent.fetch_add(bytes.len(), Ordering::SeqCst);
                done
            };
            match act {
                Act::Send(bytes) => {
                    put(&bytes).await;
                }
                Act::Endless(bytes) => while put(&bytes).await {},
                Act::Drip(bytes) => {
                    for byte in bytes.iter().cycle() {
                        if !put(&[*byte]).await {
                            break;
                        }
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                }
                Act::Wait => tokio::time::sleep(Duration::from_millis(50)).await,
                Act::Hold => std::future::pending().await,
            }
        }
    }
}

/// Any URL, and this machine.
pub struct Anywhere;

impl Vet for Anywhere {
    fn url(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn address(&self, _: &str, address: IpAddr) -> bool {
        address.is_loopback()
    }
}

/// A door that gives up soon.
pub fn hasty() -> HttpBuilder {
    Http::builder()
        .max_bytes(100_000)
        .timeout(Duration::from_millis(400))
}

/// A door that has time enough for anything but what never ends.
pub fn patient() -> HttpBuilder {
    Http::builder()
        .max_bytes(100_000)
        .timeout(Duration::from_secs(120))
}
