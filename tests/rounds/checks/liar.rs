//! A node that tells something else than the chain: between it and its clients, one word is
//! replaced by another in all events.

use alloy::primitives::B256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use zktrain_chain::protocol::Client;
use zktrain_chain::{Chain, Outbox, Sender};
use zktrain_devnet::{EmbeddedNode, serve as serve_node};

/// Serves a node that says `lie` for `truth`; its URL.
pub async fn serve(node: EmbeddedNode, truth: B256, lie: B256) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let honest = listener.local_addr().unwrap();
    tokio::spawn(serve_node(node, listener));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let words = [truth, lie].map(alloy::hex::encode);
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let node = TcpStream::connect(honest).await.unwrap();
            tokio::spawn(exchange(client, node, words.clone()));
        }
    });
    url
}

/// Reads a request: its head is over at an empty line, and its body is as long as that says.
async fn request(client: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        let mut part = [0; 4096];
        let read = client.read(&mut part).await.unwrap();
        if read == 0 {
            return text;
        }
        text.push_str(std::str::from_utf8(&part[..read]).unwrap());
    }
}

async fn exchange(mut client: TcpStream, mut node: TcpStream, [truth, lie]: [String; 2]) {
    let request = request(&mut client).await;
    let events = request.contains("eth_getLogs");
    // One connection a request, so that the answer ends with it.
    let request = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    node.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    node.read_to_string(&mut answer).await.unwrap();
    if events {
        answer = answer.replace(&truth, &lie);
    }
    client.write_all(answer.as_bytes()).await.unwrap();
}

/// An account that asks this node.
pub async fn client(url: &str, account: &Client) -> Client {
    let chain = Chain::http(url).await.unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let outbox = Outbox::new(folder.path(), chain.id(), account.address()).unwrap();
    let sender = Sender::new(chain, account.sender().signer().clone(), outbox);
    Client::new(sender, account.at().clone(), "").unwrap()
}
