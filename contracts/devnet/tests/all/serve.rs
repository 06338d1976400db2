//! What the served node refuses.

use alloy::providers::Provider;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use zktrain_devnet::{EmbeddedNode, serve};
use zktrain_testchains::Backend;

#[tokio::test]
async fn pages_of_browsers_and_large_bodies_are_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(EmbeddedNode::in_memory(zktrain_testchains::genesis()).unwrap(), listener));
    let ask = async |head: &str, body: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let length = body.len();
        let request = format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        // The answer may come before everything is written.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    };
    let status = |answer: String| answer.split(' ').nth(1).unwrap_or_default().to_owned();
    let json = "Content-Type: application/json\r\n";
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let post = |host: &str, kind: &str| format!("POST / HTTP/1.1\r\nHost: {host}\r\n{kind}");
    let answer = ask(&post("localhost:1", json), request).await;
    assert!(answer.contains("200 OK") && answer.ends_with(r#""result":"0x7a69"}"#), "{answer}");
    assert_eq!(status(ask(&post("evil.example", json), request).await), "403");
    let plain = "Content-Type: text/plain\r\n";
    assert_eq!(status(ask(&post("localhost", plain), request).await), "415");
    let get = "GET / HTTP/1.1\r\nHost: localhost\r\n";
    assert_eq!(status(ask(get, "").await), "405");
    // Without saying so in advance.
    let chunks = format!("{}Transfer-Encoding: chunked\r\n\r\n", post("localhost", json));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 3 << 20, "1".repeat(3 << 20));
    stream.write_all(chunks.as_bytes()).await.unwrap();
    let _ = stream.write_all(chunk.as_bytes()).await;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{}Content-Length: 1000000000\r\n\r\n", post("localhost", json));
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn batches_of_a_provider_are_answered() {
    let backend = Backend::served().await;
    let mut batch = alloy::rpc::client::BatchRequest::new(backend.chain.provider().client());
    let id = batch.add_call::<_, String>("eth_chainId", &()).unwrap();
    let version = batch.add_call::<_, String>("web3_clientVersion", &()).unwrap();
    batch.send().await.unwrap();
    assert_eq!(id.await.unwrap(), "0x7a69");
    assert!(version.await.unwrap().starts_with("zktrain/"));
}
