//! The node as a transport of alloy's: requests are answered in this process.

use core::task::{Context, Poll};

use alloy::rpc::client::RpcClient;
use alloy::rpc::json_rpc::{
    ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest,
};
use alloy::transports::{TransportError, TransportErrorKind, TransportFut};
use serde_json::Value;
use serde_json::value::RawValue;

use super::EmbeddedNode;
use super::rpc::RpcError;

/// Carries a provider's requests to a node of this process.
#[derive(Clone, Debug)]
struct Transport(EmbeddedNode);

impl EmbeddedNode {
    /// A client of this node: what a provider is made of.
    pub fn client(&self) -> RpcClient {
        RpcClient::new(Transport(self.clone()), true)
    }
}

impl Transport {
    fn answer(&self, request: &SerializedRequest) -> Result<Response, TransportError> {
        let params = request.params().map_or("[]", |params| params.get());
        let params: Value = serde_json::from_str(params).map_err(TransportError::ser_err)?;
        let payload = match self.0.answer(request.method(), &params) {
            Ok(value) => ResponsePayload::Success(raw(&value)?),
            Err(RpcError { code, message, data }) => {
                let data = data.map(|data| raw(&data)).transpose()?;
                ResponsePayload::Failure(ErrorPayload { code, message, data })
            }
        };
        Ok(Response { id: request.id().clone(), payload })
    }
}

fn raw(value: &impl serde::Serialize) -> Result<Box<RawValue>, TransportError> {
    serde_json::value::to_raw_value(value).map_err(TransportError::ser_err)
}

impl tower::Service<RequestPacket> for Transport {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let transport = self.clone();
        Box::pin(async move {
            // Proofs take milliseconds to check: not on the threads that everybody waits on.
            let answered = tokio::task::spawn_blocking(move || match packet {
                RequestPacket::Single(request) => {
                    transport.answer(&request).map(ResponsePacket::Single)
                }
                RequestPacket::Batch(requests) => requests
                    .iter()
                    .map(|request| transport.answer(request))
                    .collect::<Result<Vec<_>, _>>()
                    .map(ResponsePacket::Batch),
            });
            answered.await.map_err(TransportErrorKind::custom)?
        })
    }
}
