//! The node for other processes: JSON-RPC over HTTP.

use core::convert::Infallible;
use core::net::IpAddr;
use core::time::Duration;
use std::sync::Arc;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::EmbeddedNode;

/// Bytes of a request at most: some transactions of the largest size.
const BODY: usize = 2 << 20;
/// Requests in a batch at most.
const BATCH: usize = 256;
/// Connections at a time.
const CONNECTIONS: usize = 256;
/// For a request's head, and for its body.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers all connections, until it is dropped. Browsers' pages are kept out: requests have to
/// be JSON, and addressed to an IP address or to `localhost`.
pub async fn serve(node: EmbeddedNode, listener: TcpListener) -> Infallible {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // Dropped with this future, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let place = Arc::clone(&places).acquire_owned().await;
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, or the client is gone: neither lasts.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let node = node.clone();
        connections.spawn(async move {
            let _place = place;
            let service = service_fn(|request| {
                let node = node.clone();
                async move { Ok::<_, Infallible>(respond(node, request).await) }
            });
            // A client that breaks off hears nothing more.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn respond(node: EmbeddedNode, request: Request<Incoming>) -> Response<Full<Bytes>> {
    match handle(node, request).await {
        Ok(body) => {
            let mut response = Response::new(Full::new(body));
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
            response
        }
        Err(status) => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = status;
            response
        }
    }
}

async fn handle(node: EmbeddedNode, request: Request<Incoming>) -> Result<Bytes, StatusCode> {
    if request.method() != Method::POST {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    if !request.headers().get(HOST).is_none_or(ours) {
        return Err(StatusCode::FORBIDDEN);
    }
    if !request.headers().get(CONTENT_TYPE).is_some_and(is_json) {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    // Said in advance: nothing of it is read.
    if request.body().size_hint().lower() > BODY as u64 {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let body = tokio::time::timeout(PATIENCE, Limited::new(request.into_body(), BODY).collect());
    let body = match body.await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Ok(Err(_)) => return Err(StatusCode::BAD_REQUEST),
        Err(_) => return Err(StatusCode::REQUEST_TIMEOUT),
    };
    // Proofs take milliseconds to check: not on the threads that everybody waits on.
    let answered = tokio::task::spawn_blocking(move || answer(&node, &body));
    answered.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

fn is_json(value: &HeaderValue) -> bool {
    let text = value.to_str().unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// Whether a name is one that no page of somebody else's can have: names can be made to point
/// here, addresses cannot.
fn ours(host: &HeaderValue) -> bool {
    let text = host.to_str().unwrap_or_default();
    let name = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => text.rsplit_once(':').map_or(text, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// Answers a request or a batch; nothing to requests that want no answer.
fn answer(node: &EmbeddedNode, body: &[u8]) -> Bytes {
    let answered = match serde_json::from_slice(body) {
        Err(_) => Some(failure(&Value::Null, -32700, "not JSON")),
        Ok(Value::Array(batch)) if batch.is_empty() || batch.len() > BATCH => {
            Some(failure(&Value::Null, -32600, "a batch has 1 to 256 requests"))
        }
        Ok(Value::Array(batch)) => {
            let answers: Vec<Value> = batch.iter().filter_map(|one| single(node, one)).collect();
            (!answers.is_empty()).then(|| answers.into())
        }
        Ok(request) => single(node, &request),
    };
    answered.map(|answer| answer.to_string().into()).unwrap_or_default()
}

fn failure(id: &Value, code: i64, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

fn single(node: &EmbeddedNode, request: &Value) -> Option<Value> {
    let Some(method) = request.get("method").and_then(Value::as_str) else {
        return Some(failure(&Value::Null, -32600, "not a request"));
    };
    let none = Value::Array(Vec::new());
    let params = request.get("params").unwrap_or(&none);
    let answered = node.answer(method, params);
    let id = request.get("id")?;
    Some(match answered {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => {
            let mut failure = failure(id, error.code, &error.message);
            if let Some(data) = error.data {
                failure["error"]["data"] = json!(data);
            }
            failure
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Genesis;

    fn ask(body: &str) -> Value {
        let node = EmbeddedNode::in_memory(Genesis { chain_id: 5, funded: Vec::new() }).unwrap();
        serde_json::from_slice(&answer(&node, body.as_bytes())).unwrap_or_default()
    }

    #[test]
    fn requests_batches_and_what_is_neither() {
        let id = r#"{"jsonrpc":"2.0","id":"a","method":"eth_chainId"}"#;
        assert_eq!(ask(id), json!({ "jsonrpc": "2.0", "id": "a", "result": "0x5" }));
        let silent = r#"{"jsonrpc":"2.0","method":"eth_chainId"}"#;
        assert_eq!(ask(silent), Value::Null);
        assert_eq!(ask(&format!("[{silent}]")), Value::Null);
        assert_eq!(ask(&format!("[{id},{silent},{id}]")).as_array().unwrap().len(), 2);
        let code = |body: &str| ask(body)["error"]["code"].as_i64().unwrap();
        assert_eq!(code("{"), -32700);
        assert_eq!(code("[]"), -32600);
        assert_eq!(code("7"), -32600);
        assert_eq!(code(&format!("[{}]", [id; BATCH + 1].join(","))), -32600);
        assert_eq!(code(r#"{"id":1,"method":"eth_sign","params":{}}"#), -32601);
        assert_eq!(code(r#"{"id":1,"method":"eth_getCode","params":{}}"#), -32602);
    }

    #[test]
    fn names_of_others_are_not_answered() {
        let host = |name: &'static str| ours(&HeaderValue::from_static(name));
        for name in ["localhost", "localhost:8545", "127.0.0.1:1", "[::1]:8545", "10.0.0.1"] {
            assert!(host(name), "{name}");
        }
        for name in ["", "evil.example", "evil.example:8545", "localhost.evil.example", "[x]:1"] {
            assert!(!host(name), "{name}");
        }
        assert!(is_json(&HeaderValue::from_static("application/json; charset=utf-8")));
        assert!(!is_json(&HeaderValue::from_static("text/plain")));
    }
}
