use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

async fn server(limits: HealthLimits) -> (HealthServer, Arc<ProcessMetrics>, Arc<Readiness>) {
    let metrics = Arc::new(ProcessMetrics::new());
    let readiness = Arc::new(Readiness::new(Duration::from_secs(60)));
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let server =
        HealthServer::start(any, metrics.clone(), readiness.clone(), limits).await.unwrap();
    (server, metrics, readiness)
}

/// Sends this and reads until the other side closes.
async fn talk(server: &HealthServer, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn ask(server: &HealthServer, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    talk(server, request.as_bytes()).await
}

#[tokio::test]
async fn metrics_come_as_openmetrics() {
    let (server, metrics, _) = server(HealthLimits::default()).await;
    metrics.set_connections(17);
    let answer = ask(&server, "/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
    assert!(answer.contains(kind), "{answer}");
    assert!(answer.contains("\nzktrain_connections 17\n"), "{answer}");
    assert!(answer.ends_with("# EOF\n"), "{answer}");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn it_lives_before_it_is_ready_and_says_what_is_missing() {
    let (server, _, readiness) = server(HealthLimits::default()).await;
    for path in ["/livez", "/healthz"] {
        assert!(ask(&server, path).await.starts_with("HTTP/1.1 200"));
    }
    let answer = ask(&server, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["parts"]["store"]["reason"], "not started");
    for part in [Component::Store, Component::Chain, Component::Driver] {
        readiness.works(part);
    }
    let answer = ask(&server, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\"ready\":true"), "{answer}");
    readiness.fails(Component::Chain, "the node does not answer");
    let answer = ask(&server, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("the node does not answer"), "{answer}");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn other_requests_are_refused() {
    let (server, ..) = server(HealthLimits::default()).await;
    assert!(ask(&server, "/").await.starts_with("HTTP/1.1 404"));
    let post =
        b"POST /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert!(talk(&server, post).await.starts_with("HTTP/1.1 405"));
    assert!(
        talk(&server, b"\x16\x03\x01\x02\x00garbage\r\n\r\n").await.starts_with("HTTP/1.1 400")
    );
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20));
    let answer = talk(&server, long.as_bytes()).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(ask(&server, "/healthz").await.starts_with("HTTP/1.1 200"), "it still lives");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn who_sends_nothing_makes_room_in_time() {
    let lifetime = Duration::from_millis(300);
    let (server, ..) = server(HealthLimits { connections: 2, lifetime }).await;
    let mut silent = Vec::new();
    for _ in 0..2 {
        silent.push(TcpStream::connect(server.address()).await.unwrap());
    }
    let mut slow = TcpStream::connect(server.address()).await.unwrap();
    slow.write_all(b"GET /healthz HT").await.unwrap();
    let started = Instant::now();
    let answer = tokio::time::timeout(Duration::from_secs(10), ask(&server, "/healthz")).await;
    assert!(answer.unwrap().starts_with("HTTP/1.1 200"));
    assert!(started.elapsed() >= Duration::from_millis(200), "there was no room before");
    for mut stream in silent {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest));
        assert!(ended.await.is_ok(), "it was closed");
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn it_stops_in_time_whatever_peers_do() {
    let limits = HealthLimits { connections: 4, lifetime: Duration::from_millis(300) };
    let (server, ..) = server(limits).await;
    let address = server.address();
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    tokio::time::timeout(Duration::from_secs(5), server.stop()).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
}
